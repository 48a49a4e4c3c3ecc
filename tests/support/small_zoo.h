#pragma once

#include <array>

namespace thimble::test {

/// Every architecture of the zoo, in a size that a test can run on an emulator; zoo_test.cpp sees to it that
/// none is forgotten.
inline constexpr std::array kSmallZoo = {
    "ds-cnn",
    "har-cnn",
    "har-resnet",
    "har-separable",
    "lenet",
    "mnist-cnn",
    "mobilenet-v2,width=0.25,input=16x16x3",
    "resnet18,width=0.125,input=16x16x3",
    "resnet20,width=0.5,input=16x16x3",
    "resnet8",
    "resnet9,width=0.125,input=16x16x3",
};

}  // namespace thimble::test
