#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "pipeline/optimize.h"
#include "study/run_study.h"

namespace thimble::study {

/// Carries out trials by pipeline::optimize, each in the folder RUNS/trial-ID, where an interrupted one goes
/// on; what several have in common is done once, in RUNS/shared. Where a recipe profiles, the final network
/// is profiled on the study's other devices, too.
RunTrial trial_runner(const std::filesystem::path& runs, std::vector<std::string> devices,
                      pipeline::LoadModel load_model, pipeline::OptimizeOptions options);

/// Study::inputs: of each device, data set and model file, teachers among them. Throws Error naming the first
/// cell that cannot be: a network that is not made for its data, an unknown device, what its emulator needs,
/// data that are not there. Looks at each network, device and data set once.
std::map<std::string, std::string> inputs_of(const Study& study, const pipeline::LoadModel& load_model);

}  // namespace thimble::study
