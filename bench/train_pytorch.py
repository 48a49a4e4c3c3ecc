#!/usr/bin/env python3
"""Speed of a plain PyTorch training loop: the other side of bench/train.sh.

usage: train_pytorch.py NETWORK THREADS IMAGES [FORMAT]
NETWORK is resnet8 or ds-cnn; FORMAT is contiguous, channels_last or best (the default: a short trial of both
decides). Prints images/s and images per CPU second. The loop has no more than it needs: no augmentation, no metrics, floats that
lie in memory in the layout that the network wants, the fused ("foreach") optimizer where it is faster.
"""
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

BATCH = 128


class Same(nn.Module):
    """Zeros around an image as TensorFlow's SAME puts them where the sides differ."""

    def __init__(self, top, bottom, left, right):
        super().__init__()
        self.sides = (left, right, top, bottom)

    def forward(self, x):
        return F.pad(x, self.sides)


def conv(inputs, filters, stride=1):
    if stride == 1:
        return [nn.Conv2d(inputs, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters)]
    return [Same(0, 1, 0, 1), nn.Conv2d(inputs, filters, 3, stride, bias=False), nn.BatchNorm2d(filters)]


class Stack(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.long = nn.Sequential(*conv(inputs, filters, stride), nn.ReLU(inplace=True), *conv(filters, filters))
        self.short = nn.Identity() if stride == 1 else nn.Conv2d(inputs, filters, 1, stride)

    def forward(self, x):
        return F.relu(self.short(x) + self.long(x), inplace=True)


def resnet8():
    return nn.Sequential(
        *conv(3, 16), nn.ReLU(inplace=True), Stack(16, 16, 1), Stack(16, 32, 2), Stack(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)), (3, 32, 32), 10


def ds_cnn():
    layers = [Same(4, 5, 1, 1), nn.Conv2d(1, 64, (10, 4), 2, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    for _ in range(4):
        layers += [nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
                   nn.Conv2d(64, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 12)), (1, 49, 10), 12


class Loop:
    def __init__(self, network, images, memory_format, foreach):
        torch.manual_seed(1)
        model, shape, classes = {"resnet8": resnet8, "ds-cnn": ds_cnn}[network]()
        self.model = model.train().to(memory_format=memory_format)
        self.images = torch.rand(images, *shape).to(memory_format=memory_format)
        self.labels = torch.randint(classes, (images,))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9, nesterov=True,
                                         weight_decay=5e-4, foreach=foreach)

    def epoch(self):
        order = torch.randperm(len(self.images))
        for chosen in order.split(BATCH):
            self.optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(self.model(self.images[chosen]), self.labels[chosen])
            loss.backward()
            self.optimizer.step()

    def measure(self, epochs):
        """Images/s and images per CPU second."""
        started, cpu_started = time.perf_counter(), time.process_time()
        for _ in range(epochs):
            self.epoch()
        images = epochs * len(self.images)
        return images / (time.perf_counter() - started), images / (time.process_time() - cpu_started)


def main():
    network, threads, images = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    choice = sys.argv[4] if len(sys.argv) > 4 else "best"
    torch.set_num_threads(threads)
    formats = {"contiguous": [torch.contiguous_format], "channels_last": [torch.channels_last],
               "best": [torch.contiguous_format, torch.channels_last]}[choice]
    trials = []
    for memory_format in formats:
        for foreach in (False, True):
            loop = Loop(network, 8 * BATCH, memory_format, foreach)
            loop.epoch()
            trials.append((loop.measure(1)[1], loop))
    best = max(trials, key=lambda trial: trial[0])[1]
    print("{:.1f} {:.1f}".format(*best.measure(max(1, images // len(best.images)))))


if __name__ == "__main__":
    main()
