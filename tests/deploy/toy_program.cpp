#include "deploy/toy_program.h"

#include <algorithm>

namespace thimble::test {

std::string identifier(const deploy::Target& target) {
  std::string name = target.core + "_" + target.board;
  std::ranges::replace(name, '-', '_');
  return name;
}

deploy::GeneratedC toy(const std::string& c) {
  deploy::GeneratedC program;
  program.prefix = "toy";
  program.input_bytes = {8};
  program.output_bytes = {8};
  program.files.push_back({"toy.h", R"(
#pragma once
#include <stdint.h>
#define TOY_ARENA_BYTES 64
static inline int8_t *toy_input(void *arena) { return (int8_t *)arena; }
static inline const int8_t *toy_output(const void *arena) { return (const int8_t *)arena + 8; }
void toy_run(void *arena);
)"});
  program.files.push_back({"toy.c", R"(
#include <stddef.h>
#include <string.h>
#include "toy.h"
#define LAYER static __attribute__((noinline)) void
)" + c});
  return program;
}

const char* const kIncrement = R"(
#ifdef THIMBLE_TRACE
void thimble_trace(int node, const void *data, size_t bytes);
#endif
LAYER toy_layer_0_increment(void *arena) {
  int8_t *data = arena;
  for (int i = 0; i < 8; ++i) data[8 + i] = (int8_t)(data[i] + 1);
#ifdef THIMBLE_TRACE
  thimble_trace(0, data + 8, 8);
#endif
}
void toy_run(void *arena) { toy_layer_0_increment(arena); }
)";

Sample sample(int first) {
  Sample bytes(8);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(first + static_cast<int>(i));
  return bytes;
}

}  // namespace thimble::test
