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
# HEADERS_OF names the target whose precompiled headers it shares: by default the one of what most tests include.
#
#   thimble_room_tests(NAME [HEADERS_OF <target>] [USES <room>...] [LIBRARIES <target>...])
function(thimble_room_tests NAME)
  cmake_parse_arguments(ROOM "" "HEADERS_OF" "USES;LIBRARIES" ${ARGN})
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
  thimble_compile_quickly(test_${NAME} "${ROOM_HEADERS_OF}")
  if(THIMBLE_SANITIZE)
    # To start a program under a sanitizer takes longer than most cases do: a few entries share the cases, and their
    # output names those that fail. The release build lists every case.
    foreach(shard RANGE 3)
      add_test(NAME ${NAME}:cases_${shard} COMMAND test_${NAME})
      set_tests_properties(${NAME}:cases_${shard} PROPERTIES TIMEOUT 1800 ENVIRONMENT
                           "GTEST_TOTAL_SHARDS=4;GTEST_SHARD_INDEX=${shard};GTEST_BRIEF=1")
    endforeach()
  else()
    include(GoogleTest)
    gtest_discover_tests(test_${NAME} TEST_PREFIX ${NAME}: DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600)
  endif()
endfunction()

set(THIMBLE_TEST_OPTIMIZATION $<$<CONFIG:Release>:-O1>)
if(THIMBLE_SANITIZE)
  set(THIMBLE_TEST_OPTIMIZATION -O0)
endif()

# For test code, which is compiled more often than it runs: less optimization, and precompiled headers. GCC alone shares
# these between targets whose definitions differ.
function(thimble_compile_quickly TARGET HEADERS_OF)
  if(NOT HEADERS_OF)
    set(HEADERS_OF thimble_test_headers)
    target_compile_options(${TARGET} PRIVATE ${THIMBLE_TEST_OPTIMIZATION})
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_precompile_headers(${TARGET} REUSE_FROM ${HEADERS_OF})
  endif()
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
