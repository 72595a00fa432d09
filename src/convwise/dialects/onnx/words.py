"""What onnxruntime 1.31 says, word for word, with the numbers filled in."""

from __future__ import annotations

from convwise.axis import Pads, Window
from convwise.dialects.base import Layer
from convwise.errors import ShapeError
from convwise.ops import Conv, ConvTranspose, Layout, Pad, Pool, Shape

BOTH = "A Conv/ConvTranspose node has both 'auto_pad' and 'pads' attributes"
BOTH_TRANSPOSED = "The pads attribute cannot be used simultaneously with auto_pad attribute"
NO_WORD = "Unknown AutoPadType String"
DILATED_SAME = "Dilation not supported for AutoPadType::SAME_UPPER or AutoPadType::SAME_LOWER."
NEGATIVE = "Calculated output dimension is negative. Check kernel_shape, pads, strides and dilations."
PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
"""ONNX's words for how cells are filled, and ours."""

EMPTY_ROI = "input 1 is marked single but has an empty string in the graph"


def braces(sizes: tuple[int | None, ...]) -> str:
    """Sizes as it prints them.

    >>> braces((1, 2, 9, 3))
    '{1,2,9,3}'
    """
    return f"{{{','.join(map(str, sizes))}}}"


def wrong_length(name: str) -> str:
    """A list attribute with another number of values than there are axes."""
    return f"Attribute {name} has incorrect size"


def not_positive(name: str) -> str:
    """A list attribute with a value below 1."""
    return f"Attribute {name} must only contain positive values"


def wrong_type(name: str, wanted: str, given: object) -> str:
    """An attribute of another type."""
    kinds = {int: "INT", float: "FLOAT", str: "STRING"}
    kind = kinds.get(type(given), "")
    if isinstance(given, tuple) and given:
        kind = f"{kinds.get(type(given[0]), '')}S"
    return f"Mismatched attribute type in ' : {name}'. Expected: '{wanted}', actual: '{kind}'" if kind else ""


def wide_extra(axis: int, more: int, window: Window) -> str:
    """An output_padding of a step or more."""
    most = max(window.stride, window.dilation)
    return f"output_padding[{axis}] ({more}) must be less than max(stride, dilation) ({most}) for spatial dimension {axis}."


def nothing_left(layer: Layer, error: ShapeError, shape: Shape) -> str:
    """A window that finds no place, or a border that is too wide; empty where it has other words."""
    _, _, spatial = Layout().split(shape)
    op = layer.ops[-1]
    if None in spatial:
        return ""
    match op:
        case Conv():
            return f"Invalid input shape: {braces(spatial)}"
        case ConvTranspose():
            return f"Input shape: {braces(spatial)}" if error.code in ("CW103", "CW104") else ""
        case Pool():
            return NEGATIVE
        case Pad() if op.mode == "reflect":
            return _too_wide(op.pads, spatial, shape)
    return ""


def _too_wide(pads: tuple[Pads, ...], spatial: Shape, shape: Shape) -> str:
    for axis, (pad, size) in enumerate(zip(pads, spatial, strict=True), 2):
        cells = size or 0
        if cells < 2 and (pad.low or pad.high):
            return f"Pad reflect requires axis length >= 2 after slicing. Input shape:{braces(shape)}"
        for name, side in (("pre", pad.low), ("post", pad.high)):
            if side >= cells:
                told = f"Pad reflect: {name}-pad ({side}) exceeds maximum allowed ({cells - 1}) for axis {axis}."
                return f"{told} Input shape:{braces(shape)}"
    return ""
