#!/usr/bin/env python3
"""Writes the fixtures of tests/formats/pytorch_test.cpp: small networks with random weights, as torch.onnx.export
writes them, each with an input and what PyTorch computes for it.

    apt-get install python3-torch; /usr/bin/python3 make_fixtures.py

For each network NAME.onnx, and NAME.values: the input and then the output, float32, in PyTorch's order (NCHW)."""
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.onnx import TrainingMode

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Function(nn.Module):
    """A network of modules, with its forward pass as a function of them."""

    def __init__(self, forward, **modules):
        super().__init__()
        self.pass_ = forward
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.pass_(self, x)


def conv_norm(inputs, outputs, kernel=3, **options):
    options.setdefault('padding', kernel // 2)
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, bias=False, **options), nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """ResNet's block, with a strided projection."""

    def __init__(self):
        super().__init__()
        self.a = conv_norm(3, 8, stride=2)
        self.b = conv_norm(8, 8)
        self.shortcut = conv_norm(3, 8, 1, stride=2)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        y = F.relu(self.b(F.relu(self.a(x))) + self.shortcut(x))
        y = F.avg_pool2d(y, 6)
        return self.head(y.view(y.size(0), -1))


class Inverted(nn.Module):
    """MobileNetV2's block."""

    def __init__(self):
        super().__init__()
        self.stem = conv_norm(3, 8, stride=2)
        self.expand = conv_norm(8, 16, 1)
        self.depthwise = conv_norm(16, 16, groups=16)
        self.project = conv_norm(16, 8, 1)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(8, 4))

    def forward(self, x):
        x = F.relu6(self.stem(x))
        x = x + self.project(F.relu6(self.depthwise(F.relu6(self.expand(x)))))
        return self.head(x.mean([2, 3]))


class SqueezeExcite(nn.Module):
    """MobileNetV3's block."""

    def __init__(self):
        super().__init__()
        self.stem = conv_norm(3, 8, stride=2)
        self.depthwise = conv_norm(8, 8, 5, groups=8)
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.excite = nn.Conv2d(4, 8, 1)
        self.project = conv_norm(8, 8, 1)
        self.head = nn.Sequential(nn.Linear(8, 6), nn.Hardswish(), nn.Linear(6, 4))

    def forward(self, x):
        x = F.hardswish(self.stem(x))
        y = F.hardswish(self.depthwise(x))
        y = y * F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x + self.project(y), 1), 1))


class Dense(nn.Module):
    """DenseNet's block: batch norms before the convolutions, everything concatenated."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(6 + 4 * i) for i in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(6 + 4 * i, 4, 3, padding=1) for i in range(2))

    def forward(self, x):
        x = self.stem(x)
        for norm, conv in zip(self.norms, self.convs):
            x = torch.cat([x, conv(F.relu(norm(x)))], 1)
        return F.avg_pool2d(F.relu(self.norms[2](x)), 2)


class Shuffle(nn.Module):
    """ShuffleNetV2's block."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.branch = nn.Sequential(conv_norm(4, 4, 1), nn.ReLU(), conv_norm(4, 4, groups=4), conv_norm(4, 4, 1), nn.ReLU())
        self.last = nn.Conv2d(8, 3, 1)

    def forward(self, x):
        a, b = self.stem(x).chunk(2, dim=1)
        y = torch.cat((a, self.branch(b)), dim=1)
        n, c, h, w = y.size()
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return self.last(y)


class Signal(nn.Module):
    """A 1-D network with dilation, as for keyword spotting or activity recognition."""

    def __init__(self):
        super().__init__()
        self.a = nn.Sequential(nn.Conv1d(6, 8, 5, stride=2, padding=2), nn.BatchNorm1d(8), nn.ReLU())
        self.b = nn.Sequential(nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=8), nn.Conv1d(8, 12, 1), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(12, 10), nn.BatchNorm1d(10), nn.ReLU(), nn.Linear(10, 4))

    def forward(self, x):
        x = F.max_pool1d(self.b(self.a(x)), 2)
        return F.softmax(self.head(F.adaptive_avg_pool1d(x, 1).squeeze(-1)), dim=1)


class Sequence(nn.Module):
    """Dense layers on every step of a sequence."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(3, 6, 3, padding=1)
        self.linear = nn.Linear(6, 5)
        self.gate = nn.Linear(6, 5)

    def forward(self, x):
        y = self.conv(x).transpose(1, 2)
        return torch.softmax(torch.tanh(self.linear(y)) * torch.sigmoid(self.gate(y)), dim=-1)[:, -1]


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
                                  nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.PReLU())
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(6, 4, 3, padding=1), nn.LeakyReLU(),
                                nn.Upsample(scale_factor=2), nn.Conv2d(4, 2, 3, padding=1), nn.Tanh())

    def forward(self, x):
        return self.up(self.down(x))


class Matrices(nn.Module):
    """x @ W + b, written out."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(12, 8) / 3)
        self.b = nn.Parameter(torch.randn(8))
        self.v = nn.Parameter(torch.randn(8, 3) / 3)

    def forward(self, x):
        return torch.relu(x @ self.w + self.b) @ self.v


def pads(m, x):
    return m.d(F.pad(m.c(F.pad(x, (0, 1, 2, 0))), (1, 2, 0, 1), value=0.5))


def pools(m, x):
    a = F.avg_pool2d(x, 3, stride=2, padding=1)
    b = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
    c = F.avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=False)
    d = F.max_pool2d(x, 3, stride=2, padding=1)
    return m.c(torch.cat([a, b, c, d], 1))


def ceil_pools(m, x):
    a = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
    b = F.avg_pool2d(x, 2, stride=2, ceil_mode=True)
    return m.c(a + b)


def arithmetic(m, x):
    y = (x - torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1)) / torch.tensor([0.2, 0.25, 0.3]).view(1, 3, 1, 1)
    y = torch.maximum(m.c(y), torch.clamp(m.d(y), -0.5, 0.5))
    return torch.minimum(y, 1 - y) - F.hardtanh(y)


def slices(m, x):
    return m.c(torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1))


def views(m, x):
    y = m.c(x)
    y = y.view(y.shape[0], -1)
    return m.l(y)


def unflatten(m, x):
    return m.c(m.l(x).view(-1, 4, 3, 5))


def maxima(m, x):
    y = m.c(x)
    return m.l(torch.cat([F.adaptive_max_pool2d(y, 1).flatten(1), y.amax(dim=(2, 3))], 1))


def reorders(m, x):
    y = m.c(x.permute(0, 3, 1, 2))
    return F.softmax(y.reshape(y.shape[0], 4, -1).permute(0, 2, 1), dim=2).flatten(1)


def silu(m, x):
    return F.softmax(m.d(F.silu(m.c(x))), dim=1)


IMAGE = (1, 3, 10, 8)
NETWORKS = [
    # name, network, shape of its input, operator sets, further options of the export
    ('residual', Residual, (1, 3, 12, 12), [9, 11, 13, 17], {}),
    ('residual_with_norms', Residual, (1, 3, 12, 12), [13], {'training': TrainingMode.PRESERVE}),
    ('depthwise', Inverted, (1, 3, 12, 12), [9, 13], {}),
    ('mobilenet_v3', SqueezeExcite, (1, 3, 12, 12), [11, 13, 14, 17], {}),
    ('concat', Dense, IMAGE, [13], {}),
    ('grouped', lambda: nn.Sequential(nn.Conv2d(4, 6, 3, groups=2, stride=2), nn.ReLU(), nn.Conv2d(6, 12, 3, padding=1, groups=3)),
     (1, 4, 9, 11), [9, 13], {}),
    ('dilated', lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=2, dilation=2), nn.ReLU6(), nn.Conv2d(4, 4, (1, 3), dilation=(1, 3), groups=4)),
     IMAGE, [13], {}),
    ('asymmetric_padding', lambda: Function(pads, c=nn.Conv2d(3, 4, 3), d=nn.Conv2d(4, 2, 3, stride=2)), IMAGE, [9, 11, 13, 17], {}),
    ('one_dimension', Signal, (1, 6, 32), [9, 13, 17], {}),
    ('one_dimension_with_norms', Signal, (1, 6, 32), [13], {'training': TrainingMode.PRESERVE}),
    ('sequence', Sequence, (1, 3, 16), [11, 17], {}),
    ('matrices', Matrices, (1, 12), [9, 13], {}),
    ('shuffle', Shuffle, (1, 3, 12, 12), [11, 13], {}),
    ('autoencoder', Autoencoder, (1, 2, 12, 8), [9, 11, 13], {}),
    ('pools', lambda: Function(pools, c=nn.Conv2d(12, 4, 1)), (1, 3, 9, 11), [9, 13], {}),
    ('ceil_pools', lambda: Function(ceil_pools, c=nn.Conv2d(3, 4, 1)), (1, 3, 10, 8), [13], {}),
    ('arithmetic', lambda: Function(arithmetic, c=nn.Conv2d(3, 4, 1), d=nn.Conv2d(3, 4, 1)), IMAGE, [11, 13], {}),
    ('slices', lambda: Function(slices, c=nn.Conv2d(12, 4, 3)), IMAGE, [11, 13], {}),
    ('views', lambda: Function(views, c=nn.Conv2d(3, 4, 3), l=nn.Linear(4 * 8 * 6, 5)), IMAGE, [9, 11, 13, 17], {}),
    ('unflatten', lambda: Function(unflatten, c=nn.Conv2d(4, 3, 3), l=nn.Linear(7, 60)), (1, 7), [13], {}),
    ('maxima', lambda: Function(maxima, c=nn.Conv2d(3, 4, 3), l=nn.Linear(8, 5)), IMAGE, [13], {}),
    ('reorders', lambda: Function(reorders, c=nn.Conv2d(3, 4, 3)), (1, 8, 6, 3), [13], {}),
    ('silu', lambda: Function(silu, c=nn.Conv2d(3, 4, 3), d=nn.Conv2d(4, 3, 3)), IMAGE, [13], {}),
]


def randomize(network):
    """Batch norms with statistics, so that leaving one out is seen."""
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)


def main():
    total = 0
    for name, build, shape, opsets, options in NETWORKS:
        torch.manual_seed(sum(map(ord, name)))
        network = build()
        randomize(network)
        network.eval()
        x = torch.rand(shape) * 2 - 1
        with torch.no_grad():
            y = network(x)
        for opset in opsets:
            path = os.path.join(FOLDER, f'{name}_{opset}')
            # An open batch makes the exporter write shapes as computations, as it does in users' scripts.
            torch.onnx.export(network, x, path + '.onnx', opset_version=opset, input_names=['x'], output_names=['y'],
                              dynamic_axes={'x': {0: 'batch'}, 'y': {0: 'batch'}}, **options)
            with open(path + '.values', 'wb') as file:
                file.write(x.numpy().tobytes() + y.numpy().tobytes())
            total += os.path.getsize(path + '.onnx') + os.path.getsize(path + '.values')
    print(f'{total} bytes', file=sys.stderr)


main()
