"""Small helpers that build networks in Python: a builder, and real architectures with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from convwise.axis import Pads, Window
from convwise.graph import Network, Node, Source
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    GlobalPool,
    Norm,
    Pointwise,
    Pool,
)
from convwise.ops.several import Concat, Elementwise, ResizeTo, SizeOf, Slice
from convwise.ops.terms import Arithmetic


def square(
    kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, *, ceil: bool = False
) -> tuple[Window, Window]:
    window = Window(kernel, stride, dilation, Pads(padding, padding), ceil)
    return (window, window)


@dataclass
class Builder:
    """Adds nodes one after the other; every method returns the name of the tensor it makes."""

    title: str = "net"
    declared: tuple[int | str | None, ...] = ("N", 3, None, None)
    nodes: list[Node] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def add(self, kind: str, work: object, *inputs: str, name: str = "") -> str:
        name = name or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(Node(name, kind, work, inputs, (name,)))  # type: ignore[arg-type]
        return name

    def conv(
        self,
        x: str,
        channels: tuple[int, int],
        kernel: int = 3,
        stride: int = 1,
        padding: int = 0,
        *,
        bias: bool = True,
        groups: int = 1,
        dilation: int = 1,
        name: str = "",
    ) -> str:
        op = Conv(square(kernel, stride, padding, dilation), channels[0], channels[1], groups, bias)
        return self.add("Conv", (op,), x, name=name)

    def norm(self, x: str, channels: int) -> str:
        return self.add("BatchNormalization", (Norm("batch", channels, moments=True),), x)

    def relu(self, x: str) -> str:
        return self.add("Relu", (Pointwise("relu"),), x)

    def pool(
        self,
        x: str,
        kernel: int = 2,
        stride: int | None = None,
        padding: int = 0,
        *,
        kind: str = "max",
        ceil: bool = False,
        name: str = "",
    ) -> str:
        return self.add(
            "MaxPool" if kind == "max" else "AveragePool",
            (Pool(kind, square(kernel, stride or kernel, padding, ceil=ceil)),),
            x,
            name=name,
        )

    def up(self, x: str, channels: tuple[int, int], name: str = "") -> str:
        return self.add("ConvTranspose", (ConvTranspose(square(2, 2), channels[0], channels[1]),), x, name=name)

    def concat(self, *inputs: str, name: str = "") -> str:
        return self.add("Concat", Concat(1), *inputs, name=name)

    def plus(self, *inputs: str, name: str = "") -> str:
        return self.add("Add", Elementwise("add"), *inputs, name=name)

    def flatten(self, x: str, name: str = "") -> str:
        return self.add("Flatten", (Flatten(),), x, name=name)

    def dense(self, x: str, features: tuple[int, int], name: str = "") -> str:
        return self.add("Gemm", (Dense(*features),), x, name=name)

    def crop(self, x: str, cells: int) -> str:
        return self.add("Crop", (Crop((Pads(cells, cells),) * 2),), x)

    def crop_like(self, x: str, other: str) -> str:
        """The middle of x, as large as `other`: `x[:, :, d:d + h]` on both axes."""
        for axis in (2, 3):
            here, there = SizeOf(0, axis), SizeOf(1, axis)
            start = Arithmetic("floor_divide", Arithmetic("subtract", here, there), 2)
            x = self.add("Slice", Slice(axis, start, Arithmetic("add", start, there)), x, other)
        return x

    def resize_like(self, x: str, other: str) -> str:
        return self.add("Resize", ResizeTo((2, 3), (SizeOf(1, 2), SizeOf(1, 3))), x, other)

    def network(self, *outputs: str) -> Network:
        source = Source("x", self.declared)
        return Network(self.title, "onnx", (source,), tuple(self.nodes), outputs or (self.nodes[-1].name,))


def alexnet() -> Network:
    b = Builder("alexnet")
    x = b.relu(b.conv("x", (3, 64), 11, 4, 2))
    x = b.pool(x, 3, 2)
    x = b.relu(b.conv(x, (64, 192), 5, 1, 2))
    x = b.pool(x, 3, 2)
    x = b.relu(b.conv(x, (192, 384), 3, 1, 1))
    x = b.relu(b.conv(x, (384, 256), 3, 1, 1))
    x = b.relu(b.conv(x, (256, 256), 3, 1, 1))
    x = b.pool(x, 3, 2, name="pool5")
    x = b.add("AdaptiveAvgPool", (AdaptivePool("average", (6, 6)),), x)
    x = b.flatten(x)
    for features in ((256 * 36, 4096), (4096, 4096), (4096, 1000)):
        x = b.dense(x, features)
    return b.network(x)


VGG = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def vgg(depth: int = 16, *, head: bool = True) -> Network:
    b = Builder(f"vgg{depth}")
    x, channels = "x", 3
    for block, (count, wide) in enumerate(zip(VGG[depth], (64, 128, 256, 512, 512), strict=True), 1):
        for number in range(1, count + 1):
            x = b.relu(b.conv(x, (channels, wide), 3, 1, 1, name=f"conv{block}_{number}"))
            channels = wide
        x = b.pool(x, name=f"pool{block}")
    if head:
        x = b.add("AdaptiveAvgPool", (AdaptivePool("average", (7, 7)),), x)
        x = b.flatten(x)
        for features in ((512 * 49, 4096), (4096, 4096), (4096, 1000)):
            x = b.dense(x, features)
    return b.network(x)


def resnet(kind: str = "18") -> Network:
    """ResNet-18, torchvision's ResNet-50 (stride in the 3 x 3), and "50-original" (stride in the first 1 x 1)."""
    b = Builder(f"resnet{kind}")
    x = b.relu(b.norm(b.conv("x", (3, 64), 7, 2, 3, bias=False), 64))
    x = b.pool(x, 3, 2, 1)
    channels = 64
    blocks = (2, 2, 2, 2) if kind == "18" else (3, 4, 6, 3)
    for stage, count in enumerate(blocks):
        for number in range(count):
            wide, stride = 64 << stage, 2 if stage and not number else 1
            out = wide if kind == "18" else 4 * wide
            y = (
                _basic(b, x, channels, wide, stride)
                if kind == "18"
                else _bottleneck(b, x, channels, wide, stride, first=kind != "50")
            )
            if stride > 1 or channels != out:
                x = b.norm(b.conv(x, (channels, out), 1, stride, bias=False), out)
            x = b.relu(b.plus(y, x, name=f"add{stage + 1}_{number + 1}"))
            channels = out
    x = b.add("GlobalAveragePool", (GlobalPool("average", 2, keep_dims=True),), x)
    x = b.dense(b.flatten(x), (channels, 1000))
    return b.network(x)


def _basic(b: Builder, x: str, channels: int, wide: int, stride: int) -> str:
    y = b.relu(b.norm(b.conv(x, (channels, wide), 3, stride, 1, bias=False), wide))
    return b.norm(b.conv(y, (wide, wide), 3, 1, 1, bias=False), wide)


def _bottleneck(b: Builder, x: str, channels: int, wide: int, stride: int, *, first: bool) -> str:
    y = b.relu(b.norm(b.conv(x, (channels, wide), 1, stride if first else 1, bias=False), wide))
    y = b.relu(b.norm(b.conv(y, (wide, wide), 3, 1 if first else stride, 1, bias=False), wide))
    return b.norm(b.conv(y, (wide, 4 * wide), 1, bias=False), 4 * wide)


def unet(crops: str = "fixed", padding: int = 0, depth: int = 4, base: int = 4) -> Network:
    """The U-Net of 2015, narrow; `crops`: fixed (4, 16, 40, 88), centre (to fit), or none (padded convolutions)."""
    b = Builder(f"unet-{crops}", ("N", 1, None, None))
    x, channels, skips = "x", 1, []
    for level in range(depth):
        wide = base << level
        x = b.conv(b.conv(x, (channels, wide), 3, 1, padding), (wide, wide), 3, 1, padding, name=f"down{level + 1}")
        skips.append(x)
        x, channels = b.pool(x, name=f"pool{level + 1}"), wide
    x = b.conv(
        b.conv(x, (channels, 2 * channels), 3, 1, padding), (2 * channels, 2 * channels), 3, 1, padding, name="bottom"
    )
    for level, cells in zip(range(depth - 1, -1, -1), (4, 16, 40, 88), strict=False):
        wide = base << level
        x = b.up(x, (2 * wide, wide), name=f"up{level + 1}")
        skip = skips[level]
        if crops == "fixed":
            skip = b.crop(skip, cells)
        elif crops == "centre":
            skip = b.crop_like(skip, x)
        x = b.concat(skip, x, name=f"join{level + 1}")
        x = b.conv(b.conv(x, (2 * wide, wide), 3, 1, padding), (wide, wide), 3, 1, padding)
    return b.network(b.conv(x, (base, 2), 1))


def fpn(*, like: bool = False) -> Network:
    """Four levels of strides 4 to 32, joined top down by doubling, or by resizing to the lateral's size."""
    b = Builder("fpn")
    x = b.pool(b.conv("x", (3, 8), 7, 2, 3), 3, 2, 1)
    levels = []
    for level in range(4):
        x = b.conv(x, (8, 8), 3, 2 if level else 1, 1, name=f"c{level + 2}")
        levels.append(b.conv(x, (8, 8), 1, name=f"lateral{level + 2}"))
    top, outputs = levels[-1], [levels[-1]]
    for level in (2, 1, 0):
        larger = b.resize_like(top, levels[level]) if like else b.add("Resize", (doubling(),), top)
        top = b.plus(larger, levels[level], name=f"p{level + 2}")
        outputs.append(b.conv(top, (8, 8), 3, 1, 1))
    return b.network(*outputs)


def doubling() -> object:
    from fractions import Fraction

    from convwise.ops import Resize

    return Resize(scales=(Fraction(2), Fraction(2)))


def inception() -> Network:
    """Branches of 1 x 1, 3 x 3, 5 x 5 and a pool, and a reduction whose branches have different strides' worth of padding."""
    b = Builder("inception")
    x = b.conv("x", (3, 8), 3, 2)
    one = b.conv(x, (8, 4), 1)
    three = b.conv(x, (8, 4), 3, 1, 1)
    five = b.conv(x, (8, 4), 5, 1, 2)
    pooled = b.conv(b.pool(x, 3, 1, 1), (8, 4), 1)
    x = b.concat(one, three, five, pooled, name="mixed")
    left = b.conv(x, (16, 8), 3, 2)
    right = b.pool(x, 3, 2)
    x = b.concat(left, right, name="reduced")
    return b.network(
        b.dense(b.flatten(b.add("GlobalAveragePool", (GlobalPool("average", 2, keep_dims=True),), x)), (24, 10))
    )


def lenet() -> Network:
    b = Builder("lenet", ("N", 1, None, None))
    x = b.pool(b.relu(b.conv("x", (1, 6), 5)))
    x = b.pool(b.relu(b.conv(x, (6, 16), 5)))
    x = b.dense(b.flatten(x), (400, 120), name="fc1")
    return b.network(b.dense(b.dense(x, (120, 84)), (84, 10)))
