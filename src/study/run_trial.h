#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "graph/graph.h"
#include "pipeline/optimize.h"
#include "study/run_study.h"

namespace thimble::study {

/// The network of a recipe, with random weights of the seed where it is one of the zoo.
using LoadModel = std::function<Graph(std::string_view model, uint64_t seed)>;

/// Carries out trials by pipeline::optimize, each in the folder RUNS/trial-ID, where an interrupted one goes
/// on. Where its recipe profiles, the final network is profiled on the study's other devices, too.
RunTrial trial_runner(std::filesystem::path runs, std::vector<std::string> devices, LoadModel load_model,
                      pipeline::OptimizeOptions options);

/// Throws Error naming the first cell that cannot be: a network that is not made for its data, an unknown
/// device, data that are not there. Looks at each network, device and data set once.
void expect_possible(const Study& study, const LoadModel& load_model);

}  // namespace thimble::study
