#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "study/storage.h"

namespace thimble::study {

/// What the figures of a study say, as one document:
/// "trials": {"done", "open", "failed": [{"trial", "error"}]};
/// "cells": a row a technique, network, data set, metric and device: {"values", "mean", "deviation", "low",
/// "high"} with
///   the 95 % interval of the mean, or "why" there is none;
/// "tests": one a network and data set, of its accuracies: "anova" (techniques), "blocked" (techniques and
/// seeds), "welch",
///   "levene", "shapiro_wilk" (of the residuals), "pairs" (Games-Howell where Levene's p is below 0.05, else
///   Tukey's HSD, in blocks of a seed where each seed has every technique) and "effects" (Cohen's d against
///   the baseline). Each holds a "sentence"; what cannot be had holds "why" instead;
/// "across": techniques x networks (Type II) and, of the networks and data sets that have every technique,
/// Friedman with Nemenyi; "objective": J of each technique, network and device against the baseline, of the
/// means;
/// "against": a row a technique, network, data set and device: how many times the baseline's figure of the
/// same seed each figure is, as the mean over the "seeds";
/// "fronts": one a network, data set and device: the techniques that no other beats in error, latency and
///   weights together, and the "hypervolume" that they reach of the box up to twice the baseline's error and
///   its latency and weights;
/// "advice": one sentence a network and data set: what to take, and why.
nlohmann::json analyse(const Study& study, const std::vector<Trial>& trials);

}  // namespace thimble::study
