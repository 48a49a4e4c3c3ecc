# Tests that a source can include what its room may know, and nothing else.

# What each room may know, itself aside: its row of the design's table and what those know.
set(knows_base)
set(knows_statistics base)
set(knows_graph base)
set(knows_formats graph base)
set(knows_data base)
set(knows_zoo graph base)
set(knows_device graph base)
set(knows_deploy device graph base)
set(knows_train data graph base)
set(knows_compress train data deploy device graph base)
set(knows_pipeline compress train data deploy device formats graph base)
set(knows_study pipeline statistics ${knows_pipeline})
set(knows_report study ${knows_study})
set(rooms base statistics graph formats data zoo device deploy train compress pipeline study report)

function(thimble_preprocess_test NAME ROOM SOURCE)
  add_test(NAME ${NAME}
           COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -fsyntax-only
                   "-I$<JOIN:$<TARGET_PROPERTY:thimble_${ROOM},INTERFACE_INCLUDE_DIRECTORIES>,;-I>" ${SOURCE}
           COMMAND_EXPAND_LISTS)
endfunction()

# A source for each room that asks of one header of every other room whether an include would find it.
foreach(room IN LISTS rooms)
  if(NOT TARGET thimble_${room})
    continue()
  endif()
  set(text "")
  foreach(other IN LISTS rooms)
    file(GLOB headers RELATIVE ${PROJECT_SOURCE_DIR}/src CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${other}/*.h)
    if(NOT headers)
      continue()
    endif()
    list(GET headers 0 header)
    if(other STREQUAL room OR other IN_LIST knows_${room})
      string(APPEND text "#if !__has_include(\"${header}\")\n#error ${room} must see ${header}\n#endif\n")
    else()
      string(APPEND text "#if __has_include(\"${header}\")\n#error ${room} must not see ${header}\n#endif\n")
    endif()
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/sees/${room}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
  thimble_preprocess_test(rooms:${room}_sees_what_it_may_know_and_nothing_else ${room} ${source})
endforeach()

# The same without __has_include, once: a real include of a room above, and of a room below.
set(source ${CMAKE_CURRENT_BINARY_DIR}/sees/wrong_include.cpp)
file(CONFIGURE OUTPUT ${source} CONTENT "#include \"deploy/memory_plan.h\"\n" @ONLY)
thimble_preprocess_test(rooms:a_wrong_include_does_not_compile graph ${source})
set_tests_properties(rooms:a_wrong_include_does_not_compile PROPERTIES PASS_REGULAR_EXPRESSION
                     "deploy/memory_plan.h(: No such file|' file not found)")
set(source ${CMAKE_CURRENT_BINARY_DIR}/sees/right_include.cpp)
file(CONFIGURE OUTPUT ${source} CONTENT "#include \"graph/graph.h\"\n" @ONLY)
thimble_preprocess_test(rooms:a_right_include_compiles deploy ${source})

add_test(NAME rooms:no_include_climbs_out_of_its_folder
         COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -P ${CMAKE_CURRENT_SOURCE_DIR}/no_climbing_include.cmake)
