#!/usr/bin/env python3
"""Writes pytorch_outputs.txt: what PyTorch computes for the zoo's architectures.

usage: python3 make_fixtures.py >pytorch_outputs.txt       (Debian: apt-get install python3-torch)

The modules below are written by hand from the papers and know nothing of Thimble's code. Weights and inputs are
not stored: both sides compute them by the formula of `uniform`, exactly (tests/support/zoo_fixture.cpp is the
other side). Constants are numbered in the order in which the modules below are declared; values are laid out as
Thimble's: weights OHWI, images HWC. A line of the output is: the model, the sample's number, the arguments of
the final softmax.
"""
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SAMPLES = 2


def uniform(stream, count):
    """`count` floats in [-1, 1) with 24 bits each: MurmurHash3's finalizer of consecutive numbers."""
    x = np.arange(count, dtype=np.uint32) + np.uint32(stream * 0x9E3779B9 % 2**32)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float32) * np.float32(2**-23) - np.float32(1)


def same(extent, kernel, stride):
    """TensorFlow's SAME: zeros before and after; the odd one goes last."""
    total = max(0, (-(-extent // stride) - 1) * stride + kernel - extent)
    return total // 2, total - total // 2


class Conv(nn.Module):
    def __init__(self, inputs, filters, kernel=3, stride=1, groups=1, bias=False, padding="same"):
        super().__init__()
        self.kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        self.stride = stride if isinstance(stride, tuple) else (stride, stride)
        self.padding = padding
        self.conv = nn.Conv2d(inputs, filters, self.kernel, self.stride, groups=groups, bias=bias)

    def forward(self, x):
        if self.padding == "same":
            rows = same(x.shape[2], self.kernel[0], self.stride[0])
            columns = same(x.shape[3], self.kernel[1], self.stride[1])
            x = F.pad(x, (*columns, *rows))
        return self.conv(x)


class FlattenNhwc(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class Residual(nn.Module):
    def __init__(self, long, short=None, activation=True):
        super().__init__()
        self.long = long
        self.short = short
        self.activation = activation

    def forward(self, x):
        y = self.long(x) + (x if self.short is None else self.short(x))
        return F.relu(y) if self.activation else y


def conv_norm(inputs, filters, **options):
    return [Conv(inputs, filters, **options), nn.BatchNorm2d(filters)]


def conv_norm_relu(inputs, filters, **options):
    return [*conv_norm(inputs, filters, **options), nn.ReLU()]


def head(features, classes):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes)]


def lenet():
    return [Conv(1, 6, kernel=5, bias=True), nn.ReLU(), nn.MaxPool2d(2),
            Conv(6, 16, kernel=5, bias=True, padding="valid"), nn.ReLU(), nn.MaxPool2d(2), FlattenNhwc(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]


def mnist_cnn():
    return [*conv_norm_relu(1, 16, kernel=5, stride=2), *conv_norm_relu(16, 32, stride=2),
            *conv_norm_relu(32, 32), *conv_norm_relu(32, 48), *head(48, 10)]


def resnet8(channels=3, classes=10, width=1.0):
    a, b, c = (int(w * width) for w in (16, 32, 64))

    def stack(inputs, filters, stride):
        long = nn.Sequential(*conv_norm_relu(inputs, filters, stride=stride), *conv_norm(filters, filters))
        short = None if stride == 1 else Conv(inputs, filters, kernel=1, stride=stride, bias=True)
        return Residual(long, short)

    return [*conv_norm_relu(channels, a), stack(a, a, 1), stack(a, b, 2), stack(b, c, 2), *head(c, classes)]


def basic_resnet(widths, blocks):
    layers = conv_norm_relu(3, widths[0])
    inputs = widths[0]
    for stage, filters in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            long = nn.Sequential(*conv_norm_relu(inputs, filters, stride=stride), *conv_norm(filters, filters))
            short = None
            if stride != 1:
                short = nn.Sequential(*conv_norm(inputs, filters, kernel=1, stride=stride))
            layers.append(Residual(long, short))
            inputs = filters
    return [*layers, *head(inputs, 10)]


def resnet9(width):
    a, b, c, d = (int(w * width) for w in (64, 128, 256, 512))

    def residual(filters):
        long = nn.Sequential(*conv_norm_relu(filters, filters), *conv_norm_relu(filters, filters))
        return Residual(long, activation=False)

    return [*conv_norm_relu(3, a), *conv_norm_relu(a, b), nn.MaxPool2d(2), residual(b), *conv_norm_relu(b, c),
            nn.MaxPool2d(2), *conv_norm_relu(c, d), nn.MaxPool2d(2), residual(d), nn.AdaptiveMaxPool2d(1),
            nn.Flatten(), nn.Linear(d, 10)]


def mobilenet_v2(width):
    def divisible(channels):
        nearest = max(8, int(channels + 4) // 8 * 8)
        return nearest + 8 if nearest < 0.9 * channels else nearest

    inputs = divisible(32 * width)
    layers = [*conv_norm(3, inputs), nn.ReLU6()]
    for expansion, channels, blocks, first_stride in [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2),
                                                      (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        filters = divisible(channels * width)
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            hidden = inputs * expansion
            long = []
            if expansion != 1:
                long += [*conv_norm(inputs, hidden, kernel=1), nn.ReLU6()]
            long += [*conv_norm(hidden, hidden, stride=stride, groups=hidden), nn.ReLU6(),
                     *conv_norm(hidden, filters, kernel=1)]
            if stride == 1 and inputs == filters:
                layers.append(Residual(nn.Sequential(*long), activation=False))
            else:
                layers += long
            inputs = filters
    last = divisible(1280 * max(1.0, width))
    return [*layers, *conv_norm(inputs, last, kernel=1), nn.ReLU6(), *head(last, 10)]


def ds_cnn():
    layers = conv_norm_relu(1, 64, kernel=(10, 4), stride=2)
    for _ in range(4):
        layers += [*conv_norm_relu(64, 64, groups=64), *conv_norm_relu(64, 64, kernel=1)]
    return [*layers, *head(64, 12)]


def har_cnn():
    half = nn.MaxPool2d((1, 2))
    return [*conv_norm_relu(9, 40, kernel=(1, 7)), half, *conv_norm_relu(40, 64, kernel=(1, 5)), half,
            *conv_norm_relu(64, 64, kernel=(1, 5)), half, *conv_norm_relu(64, 64, kernel=(1, 3)), *head(64, 6)]


def har_resnet():
    def separable(inputs, filters, stride):
        return [*conv_norm(inputs, inputs, kernel=(1, 7), stride=(1, stride), groups=inputs),
                *conv_norm(inputs, filters, kernel=1)]

    layers = conv_norm_relu(9, 48, kernel=(1, 7), stride=(1, 2))
    inputs = 48
    for filters, first_stride in [(48, 1), (64, 2), (96, 2)]:
        for stride in (first_stride, 1):
            long = nn.Sequential(*separable(inputs, filters, stride), nn.ReLU(), *separable(filters, filters, 1))
            short = None
            if stride != 1:
                short = nn.Sequential(*conv_norm(inputs, filters, kernel=1, stride=(1, stride)))
            layers.append(Residual(long, short))
            inputs = filters
    return [*layers, *head(96, 6)]


MODELS = {
    "ds-cnn": (ds_cnn, (49, 10, 1)),
    "har-cnn": (har_cnn, (1, 128, 9)),
    "har-resnet": (har_resnet, (1, 128, 9)),
    "lenet": (lenet, (28, 28, 1)),
    "mnist-cnn": (mnist_cnn, (28, 28, 1)),
    "mobilenet-v2": (lambda: mobilenet_v2(1.0), (32, 32, 3)),
    "mobilenet-v2,width=0.35,input=16x16x3": (lambda: mobilenet_v2(0.35), (16, 16, 3)),
    "resnet18,width=0.25": (lambda: basic_resnet((16, 32, 64, 128), 2), (32, 32, 3)),
    "resnet20": (lambda: basic_resnet((16, 32, 64), 3), (32, 32, 3)),
    "resnet8": (resnet8, (32, 32, 3)),
    "resnet8,width=0.5,input=40x24x1,classes=3": (lambda: resnet8(1, 3, 0.5), (40, 24, 1)),
    "resnet9,width=0.25": (lambda: resnet9(0.25), (32, 32, 3)),
}


def fill(model):
    stream = 0

    def draw(shape, center, spread):
        nonlocal stream
        stream += 1
        values = np.float32(center) + np.float32(spread) * uniform(stream, math.prod(shape))
        return torch.from_numpy(values.reshape(shape))

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            outputs, inputs, rows, columns = module.weight.shape
            spread = math.sqrt(6 / (inputs * rows * columns))
            if module.groups == 1:
                weight = draw((outputs, rows, columns, inputs), 0, spread).permute(0, 3, 1, 2)
            else:
                weight = draw((1, rows, columns, outputs), 0, spread).permute(3, 0, 1, 2)
            module.weight.data.copy_(weight)
        elif isinstance(module, nn.Linear):
            module.weight.data.copy_(draw(module.weight.shape, 0, math.sqrt(6 / module.in_features)))
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.data.copy_(draw(module.weight.shape, 1, 0.5))
            module.bias.data.copy_(draw(module.bias.shape, 0, 0.2))
            module.running_mean.copy_(draw(module.running_mean.shape, 0, 0.2))
            module.running_var.copy_(draw(module.running_var.shape, 2, 1))
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
            module.bias.data.copy_(draw(module.bias.shape, 0, 0.1))


def main():
    torch.set_num_threads(1)
    for name, (build, shape) in MODELS.items():
        model = nn.Sequential(*build()).eval()
        fill(model)
        for sample in range(SAMPLES):
            image = uniform(1000 + sample, math.prod(shape)).reshape(1, *shape)
            with torch.no_grad():
                scores = model(torch.from_numpy(image).permute(0, 3, 1, 2))
            print(name, sample, *(f"{value:.9g}" for value in scores[0].tolist()))


if __name__ == "__main__":
    main()
