# A room is one folder of src/ and one library, thimble_<room>. Its headers are included as "<room>/<file>.h".
#
# The include path of a room is a folder of the build tree that holds one link, to that room alone. A source can
# therefore include its own room and the rooms that it links, and what those know; any other include is not found.
#
#   thimble_room(NAME [USES <room>...] [PUBLIC_LIBRARIES <target>...] [LIBRARIES <target>...])
function(thimble_room NAME)
  cmake_parse_arguments(ROOM "" "" "USES;PUBLIC_LIBRARIES;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(view ${CMAKE_BINARY_DIR}/rooms/${NAME})
  file(MAKE_DIRECTORY ${view})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${view}/${NAME} SYMBOLIC)

  if(sources)
    add_library(thimble_${NAME} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(thimble_${NAME} PRIVATE ${ROOM_LIBRARIES})
  else()
    add_library(thimble_${NAME} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(thimble_${NAME} ${scope} ${view})
  foreach(used IN LISTS ROOM_USES)
    target_link_libraries(thimble_${NAME} ${scope} thimble_${used})
  endforeach()
  target_link_libraries(thimble_${NAME} ${scope} ${ROOM_PUBLIC_LIBRARIES})
endfunction()

# The tests of a room: every tests/<room>/*_test.cpp in one program, test_<room>, run by ctest case by case.
#
#   thimble_room_tests(NAME [USES <room>...] [LIBRARIES <target>...])
function(thimble_room_tests NAME)
  cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${NAME}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${NAME} ${sources})
  target_include_directories(test_${NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(test_${NAME} PRIVATE ${ROOM_LIBRARIES} GTest::gtest_main rapidcheck)
  foreach(used IN LISTS ROOM_USES)
    target_link_libraries(test_${NAME} PRIVATE thimble_${used})
  endforeach()
  target_compile_definitions(test_${NAME} PRIVATE THIMBLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  include(GoogleTest)
  gtest_discover_tests(test_${NAME} TEST_PREFIX ${NAME}: DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600)
endfunction()

# Compiles files into a room, so that the program needs no folder beside it: defines
#   const std::vector<thimble::EmbeddedFile>& <FUNCTION>();   (base/embedded.h)
# with each file's name relative to BASE and its content. FUNCTION is fully qualified ("thimble::deploy::kernel_files").
#
#   thimble_embed(ROOM FUNCTION BASE <folder> FILES <file>...)
function(thimble_embed ROOM FUNCTION)
  cmake_parse_arguments(EMBED "" "BASE" "FILES" ${ARGN})
  string(MAKE_C_IDENTIFIER "${FUNCTION}" stem)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${stem}.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DFUNCTION=${FUNCTION} -DBASE=${EMBED_BASE} "-DFILES=${EMBED_FILES}"
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${EMBED_FILES} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
  target_sources(thimble_${ROOM} PRIVATE ${output})
endfunction()
