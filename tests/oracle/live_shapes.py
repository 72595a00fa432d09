"""What PyTorch's own run of a module and the network read of it give, as shapes; and a U-Net that fits its skips together in several ways."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from sweep_torchvision import flat
from torch import nn

from convwise.answers.network.flowing import run
from convwise.graph import Network

Shape = tuple[int, ...]


def outputs(module: Any, *shapes: Shape) -> list[Shape]:
    """What PyTorch gives."""
    twin = copy.deepcopy(module)
    with torch.no_grad():
        value = twin(*(torch.empty(shape) for shape in shapes))
    return [tuple(part.shape) for part in flat(value) if isinstance(part, torch.Tensor)]


def ours(network: Network, *shapes: Shape) -> list[Any]:
    given = dict(zip((source.name for source in network.sources), shapes, strict=True))
    found = run(network, given)
    return [found.shapes.get(name) for name in network.outputs]


def double(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
        nn.Conv2d(outside, outside, (3, 1), padding=(1, 0)),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """`way`: how a skip is made to fit."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.down = nn.ModuleList([double(3, 8), double(8, 16), double(16, 32)])
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(
            [nn.ConvTranspose2d(32, 16, 2, stride=2, bias=False), nn.ConvTranspose2d(16, 8, 2, stride=2)]
        )
        self.merge = nn.ModuleList([double(32, 16), double(16, 8)])
        self.head = nn.Conv2d(8, 2, 1)

    def fit(self, x: Any, skip: Any) -> Any:
        if self.way == "pad":
            rows, columns = skip.size()[2] - x.size()[2], skip.size(3) - x.size(-1)
            x = F.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
        elif self.way == "crop":
            skip = skip[:, :, : x.shape[2], : x.shape[3]]
        elif self.way == "resize":
            x = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        elif self.way == "if" and x.shape != skip.shape:
            x = F.interpolate(x, size=skip.shape[2:])
        return torch.cat([skip, x], dim=1)

    def forward(self, x: Any) -> Any:
        skips = []
        for block in self.down[:-1]:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.down[-1](x)
        for up, merge, skip in zip(self.up, self.merge, reversed(skips), strict=True):
            x = merge(self.fit(up(x), skip))
        return self.head(x)
