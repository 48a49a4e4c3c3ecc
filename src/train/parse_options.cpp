#include "train/parse_options.h"

#include <string>
#include <utility>

namespace thimble::train {
namespace {

data::Augmentation parse_augmentation(TomlTable table, data::Augmentation a) {
  a.shift = static_cast<int>(table.integer("shift", 0, 4096, a.shift));
  a.flip = table.flag("flip", a.flip);
  a.cutout = static_cast<int>(table.integer("cutout", 0, 4096, a.cutout));
  a.mixup = table.number("mixup", 0, 10, a.mixup);
  a.jitter = table.number("jitter", 0, 10, a.jitter);
  a.scaling = table.number("scaling", 0, 1, a.scaling);
  a.rotation = table.number("rotation", 0, 180, a.rotation);
  a.time_warp = table.number("time_warp", 0, 0.9, a.time_warp);
  table.expect_no_other_keys();
  return a;
}

}  // namespace

TrainOptions parse_options(TomlTable& table, TrainOptions o) {
  o.epochs = static_cast<int>(table.integer("epochs", 1, 100000, o.epochs));
  o.batch_size = static_cast<int>(table.integer("batch_size", 2, 65536, o.batch_size));
  o.shard_size = static_cast<int>(table.integer("shard_size", 2, 65536, o.shard_size));
  if (table.has("optimizer")) {
    const bool is_sgd = table.choice("optimizer", {"sgd", "adamw"}) == "sgd";
    o.optimizer = is_sgd ? Optimizer::kSgd : Optimizer::kAdamW;
  }
  o.learning_rate = table.number("learning_rate", 1e-9, 100, o.learning_rate);
  if (table.has("schedule")) {
    const std::string schedule = table.choice("schedule", {"constant", "cosine", "one-cycle"});
    o.schedule = schedule == "constant" ? Schedule::kConstant
                 : schedule == "cosine" ? Schedule::kCosine
                                        : Schedule::kOneCycle;
  }
  o.warmup = table.number("warmup", 0, 1, o.warmup);
  o.momentum = table.number("momentum", 0, 0.999, o.momentum);
  o.weight_decay = table.number("weight_decay", 0, 10, o.weight_decay);
  o.label_smoothing = table.number("label_smoothing", 0, 0.99, o.label_smoothing);
  o.gradient_clip = table.number("gradient_clip", 0, 1e9, o.gradient_clip);
  o.group_lasso = table.number("group_lasso", 0, 1e9, o.group_lasso);
  o.norm_slimming = table.number("norm_slimming", 0, 1e9, o.norm_slimming);
  o.ema = table.number("ema", 0, 0.999999, o.ema);
  o.validation = table.number("validation", 0, 0.9, o.validation);
  o.patience = static_cast<int>(table.integer("patience", 0, 100000, o.patience));
  if (table.has("precision")) {
    const bool is_float32 = table.choice("precision", {"float32", "bfloat16"}) == "float32";
    o.precision = is_float32 ? Precision::kFloat32 : Precision::kBfloat16;
  }
  if (auto augment = table.table("augment")) {
    o.augmentation = parse_augmentation(std::move(*augment), o.augmentation);
  }
  return o;
}

Accelerator parse_accelerator(std::string_view name) {
  return name == "cpu" ? Accelerator::kCpu : name == "cuda" ? Accelerator::kCuda : Accelerator::kAuto;
}

}  // namespace thimble::train
