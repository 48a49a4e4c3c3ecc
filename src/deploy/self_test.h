#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "deploy/generated_c.h"
#include "graph/graph.h"

namespace thimble::deploy {

/// Samples and what the network makes of them, by which a board shows that it computes what was measured.
struct SelfTest {
  std::string origin{};                           ///< "10 samples of mnist's test split"
  std::vector<std::vector<std::byte>> inputs{};   ///< a sample: all inputs, one after another
  std::vector<std::vector<std::byte>> outputs{};  ///< a sample: all outputs, one after another
  std::vector<bool> is_float{};                   ///< an output: compared within kFloatTolerance, not by byte
};

/// What the integer reference makes of the samples.
SelfTest self_test_of(const Graph& graph, std::vector<std::vector<std::byte>> samples, std::string origin);

/// PREFIX_self_test.h and .c: the samples, a function that loads one, and one that runs and compares them
/// all.
std::vector<GeneratedFile> self_test_files(const GeneratedC& program, const SelfTest& test);

/// is_near of the self-test, in C: whether floats are equal but for what libraries round differently.
std::string is_near_function();

/// PREFIX_samples.h: the same samples for a program that does not use the generated C.
GeneratedFile self_test_samples(const GeneratedC& program, const SelfTest& test);

}  // namespace thimble::deploy
