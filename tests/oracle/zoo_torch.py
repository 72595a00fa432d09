"""Small networks of the well-known shapes in PyTorch, written for these tests: what the sweep and the tests ask for legal sizes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


def alexnet() -> nn.Module:
    """The plain chain: large windows, three pools of 3 with stride 2, an adaptive pool before the dense layers."""
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(8, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.AdaptiveAvgPool2d((6, 6)), nn.Flatten(), nn.Linear(12 * 36, 10)),
    )


def vgg(size: int | None = None) -> nn.Module:
    """Five blocks, each with a pool of 2; `size`: flattened for this input size alone, else over an adaptive pool."""
    layers: list[nn.Module] = []
    for inside, outside in ((3, 4), (4, 6), (6, 8), (8, 8), (8, 10)):
        layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(), nn.MaxPool2d(2)]
    side = 7 if size is None else size // 32
    pool = [nn.AdaptiveAvgPool2d(7)] if size is None else []
    return nn.Sequential(*layers, *pool, nn.Flatten(), nn.Linear(10 * side * side, 10))


def lenet() -> nn.Module:
    """Its dense layer asks for a product of both sizes: the condition is joint."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 10)),
    )


class Residual(nn.Module):
    """Two windows of 3 beside a 1x1; `pads` of 0 on the first make the sizes of the branches disagree."""

    def __init__(self, inside: int, outside: int, stride: int, pooled: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)),
            *(nn.Conv2d(outside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside)),
        )
        pool: list[nn.Module] = [nn.MaxPool2d(stride)] if pooled else []
        self.side = nn.Sequential(*pool, nn.Conv2d(inside, outside, 1, 1 if pooled else stride))

    def forward(self, x: Any) -> Any:
        return F.relu(self.body(x) + self.side(x))


def resnet(pooled: bool = False) -> nn.Module:
    """`pooled`: the short way shrinks by a pool of 2, which rounds down where the convolution rounds up."""
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 7, 2, 3), nn.MaxPool2d(3, 2, 1)),
        *(Residual(6, 8, 2, pooled), Residual(8, 10, 2, pooled), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(10, 5),
    )


class Inception(nn.Module):
    """Four branches joined; the reduction after it joins an unpadded window with a pool."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), nn.MaxPool2d(3, 2, ceil_mode=True))
        self.one = nn.Conv2d(6, 4, 1)
        self.wide = nn.Sequential(nn.Conv2d(6, 4, (1, 7), padding=(0, 3)), nn.Conv2d(4, 4, (7, 1), padding=(3, 0)))
        self.pool = nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.Conv2d(6, 4, 1))
        self.shrink = nn.Conv2d(12, 8, 3, 2)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        x = torch.cat([self.one(x), self.wide(x), self.pool(x)], 1)
        x = torch.cat([self.shrink(x), F.max_pool2d(x, kernel_size=3, stride=2)], 1)
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


def double(inside: int, outside: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(inside, outside, 3, padding=padding), nn.ReLU()),
        *(nn.Conv2d(outside, outside, 3, padding=padding), nn.ReLU()),
    )


class UNet(nn.Module):
    """Four levels down and up. `way`: "padded" (the skips must fit), "fixed" crops of the paper, or "centred" crops to fit."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        padding = int(way == "padded")
        widths = (3, 4, 6, 8, 10, 12)
        self.down = nn.ModuleList([double(a, b, padding) for a, b in pairwise(widths)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(widths[i + 1], widths[i], 2, 2) for i in range(4, 0, -1)])
        self.merge = nn.ModuleList([double(2 * widths[i], widths[i], padding) for i in range(4, 0, -1)])

    def fit(self, skip: Any, x: Any, level: int) -> Any:
        if self.way == "fixed":
            crop = (88, 40, 16, 4)[level]
            return skip[:, :, crop:-crop, crop:-crop]
        if self.way == "centred":
            top, left = (skip.shape[2] - x.shape[2]) // 2, (skip.shape[3] - x.shape[3]) // 2
            return skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        return skip

    def forward(self, x: Any) -> Any:
        skips = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for level, up, merge in zip((3, 2, 1, 0), self.up, self.merge, strict=True):
            x = up(x)
            x = merge(torch.cat([self.fit(skips[level], x, level), x], 1))
        return x


class FPN(nn.Module):
    """A pyramid; `doubled`: from above by a factor of 2, which must fit, else resized to the lateral's size."""

    def __init__(self, doubled: bool) -> None:
        super().__init__()
        self.doubled = doubled
        widths = (3, 6, 8, 10, 12)
        self.body = nn.ModuleList([nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths)])
        self.side = nn.ModuleList([nn.Conv2d(width, 6, 1) for width in widths[1:]])
        self.out = nn.ModuleList([nn.Conv2d(6, 6, 3, padding=1) for _ in widths[1:]])

    def forward(self, x: Any) -> Any:
        maps = []
        for body, side in zip(self.body, self.side, strict=True):
            x = body(x)
            maps.append(side(x))
        above = maps[-1]
        found = [self.out[3](above)]
        for level in (2, 1, 0):
            size = {"scale_factor": 2} if self.doubled else {"size": maps[level].shape[-2:]}
            above = maps[level] + F.interpolate(above, mode="nearest", **size)
            found.append(self.out[level](above))
        return tuple(found)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "alexnet": alexnet,
    "vgg": vgg,
    "vgg flattened for 96": lambda: vgg(96),
    "lenet": lenet,
    "resnet": resnet,
    "resnet, pools on the short way": lambda: resnet(True),
    "inception": Inception,
    "u-net": lambda: UNet("padded"),
    "u-net, fixed crops": lambda: UNet("fixed"),
    "u-net, centred crops": lambda: UNet("centred"),
    "fpn": lambda: FPN(False),
    "fpn, doubled": lambda: FPN(True),
}
