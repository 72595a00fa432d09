"""What a layer is once no framework is left in it, for one, two and three spatial axes.

Every op is a frozen dataclass with `flow(shape, layout) -> Flow`: the output shape, the axes, and exact counts.
Shapes stay in the order of the framework that spoke; the `Layout` says where batch and channels stand.
"""

from __future__ import annotations

from convwise.ops.conv import Conv, ConvTranspose, Fold, Unfold
from convwise.ops.dense import Dense, Gate, Norm, Pointwise
from convwise.ops.pool import AdaptivePool, GlobalPool, Pool
from convwise.ops.rearrange import Flatten, Permute, Reshape, Unflatten
from convwise.ops.shape import AxisFlow, Flow, Layout, Shape, Size, elements, spatial_names
from convwise.ops.space import Crop, Pad, PixelShuffle, Resize

Op = (
    Conv
    | ConvTranspose
    | Pool
    | GlobalPool
    | AdaptivePool
    | Pad
    | Crop
    | Resize
    | PixelShuffle
    | Unfold
    | Fold
    | Flatten
    | Reshape
    | Unflatten
    | Permute
    | Dense
    | Norm
    | Pointwise
    | Gate
)

__all__ = [
    "AdaptivePool",
    "AxisFlow",
    "Conv",
    "ConvTranspose",
    "Crop",
    "Dense",
    "Flatten",
    "Flow",
    "Fold",
    "Gate",
    "GlobalPool",
    "Layout",
    "Norm",
    "Op",
    "Pad",
    "Permute",
    "PixelShuffle",
    "Pointwise",
    "Pool",
    "Reshape",
    "Resize",
    "Shape",
    "Size",
    "Unflatten",
    "Unfold",
    "elements",
    "spatial_names",
]
