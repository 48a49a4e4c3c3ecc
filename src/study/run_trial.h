#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "pipeline/optimize.h"
#include "study/run_study.h"

namespace thimble::study {

/// Carries out trials by pipeline::optimize, each in the folder RUNS/trial-ID, where an interrupted one goes
/// on; what several have in common is done once, in RUNS/shared. Where a recipe profiles, the final network
/// is profiled on all `devices`, asked for as the trial begins: another process may have added one.
RunTrial trial_runner(const std::filesystem::path& runs, std::function<std::vector<std::string>()> devices,
                      pipeline::LoadModel load_model, pipeline::OptimizeOptions options);

/// Throws Error where RUNS holds the run of another recipe for a trial of the study that nobody has begun:
/// those of a study that lay there before, say. `there` is what Storage::add will find.
void expect_own_runs(const std::filesystem::path& runs, const Study& study, const std::vector<Trial>& there);

/// Study::inputs: of each device, data set and model file, teachers among them. Throws Error naming the first
/// cell that cannot be: a network that is not made for its data, an unknown device, what its emulator needs,
/// data that are not there, and what pipeline::expect_possible finds of each technique's recipe.
std::map<std::string, std::string> inputs_of(const Study& study, const pipeline::LoadModel& load_model);

}  // namespace thimble::study
