#pragma once

#include "zoo/zoo.h"

namespace thimble::zoo {

// One function a network, each in a file of its own. Convolutions pad as TensorFlow's SAME unless said
// otherwise; a convolution that a batch norm follows has no bias.

/// LeNet-5 (LeCun et al., Proceedings of the IEEE 1998) as it is drawn today: ReLU and max pooling in place
/// of tanh and trained subsampling. 61,706 parameters for 28x28x1.
Graph lenet(const Settings& settings);

/// A small convolutional network for 28x28x1 images: a 5x5 and three 3x3 convolutions, the first two of
/// stride 2, so that most of it works on 7x7; global average pooling, one dense layer.
Graph mnist_cnn(const Settings& settings);

/// ResNet-8, the image classification network of MLPerf Tiny (Banbury et al., NeurIPS 2021): three residual
/// stacks of 16, 32 and 64 channels.
Graph resnet8(const Settings& settings);

/// ResNet-20 for CIFAR (He et al., CVPR 2016, section 4.2): three stages of three blocks, 16, 32 and 64
/// channels. Where the shape changes the shortcut is a 1x1 convolution with batch norm (their option B).
Graph resnet20(const Settings& settings);

/// ResNet-18 (He et al., CVPR 2016) with the stem for small images: one 3x3 convolution of stride 1 and no
/// pooling; four stages of two blocks, 64 to 512 channels.
Graph resnet18(const Settings& settings);

/// ResNet-9 of the DAWNBench entries that trained CIFAR-10 in the least time (Page, "How to train your
/// ResNet", 2018): convolutions and max pooling, two residual blocks. Channels 64 to 512 at width 1.
Graph resnet9(const Settings& settings);

/// MobileNetV2 (Sandler et al., CVPR 2018) for small images: the stem and the second stage keep the
/// resolution, so that 32x32 ends as 4x4. Channels are rounded as the authors' make_divisible does.
Graph mobilenet_v2(const Settings& settings);

/// DS-CNN, the keyword spotting network of MLPerf Tiny (Zhang et al., "Hello Edge", 2017): one convolution of
/// at most 10x4, stride 2, and four depthwise-separable ones, 64 channels each.
Graph ds_cnn(const Settings& settings);

/// A plain network of one-dimensional convolutions for signals (1, time, channels): four convolutions, the
/// first three with max pooling by two.
Graph har_cnn(const Settings& settings);

/// Three residual stacks of 32, 48 and 64 channels, ResNet-8's form with one-dimensional convolutions of 5
/// taps, for signals (1, time, channels); the first convolution and the later stacks halve the length.
Graph har_resnet(const Settings& settings);

/// Residual blocks of two depthwise-separable one-dimensional convolutions for signals (1, time, channels):
/// three stages of two blocks, each of half the length of the one before.
Graph har_separable(const Settings& settings);

/// `channels` times `width` in multiples of 8, of 4 below 8; `channels` itself for a width of 1.
int32_t scaled(int32_t channels, double width);

}  // namespace thimble::zoo
