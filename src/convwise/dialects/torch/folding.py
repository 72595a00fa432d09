"""Unfold and Fold: windows laid out as columns, and added up again.

Source of the rules: `torch/nn/modules/fold.py` and ATen's `im2col_shape_check.h`, run with torch 2.13.0.
"""

from __future__ import annotations

from convwise.axis import Pads, Window
from convwise.dialects.base import Layer, LayerFlow, known, run_ops
from convwise.dialects.kinds import Arguments, parameters, show
from convwise.dialects.torch.kind import FIRST, Kind, layout_of, split, wrong_rank
from convwise.dialects.torch.values import Words, integers, listed, too_small
from convwise.errors import Refusal, ShapeError
from convwise.ops import Fold, Op, Shape, Unfold, spatial_names
from convwise.ops.shape import LARGEST


def resolve_fold(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    """Fold and Unfold know two spatial axes only."""
    folds = kind.name == "Fold"
    names = (
        ("output_size", "kernel_size", "dilation", "padding", "stride")
        if folds
        else ("kernel_size", "dilation", "padding", "stride")
    )
    words = Words("col2im" if folds else "im2col", {name: place + 2 for place, name in enumerate(names)}, wrapped=True)
    found: dict[str, tuple[int, ...]] = {}
    for name in names:
        value = known(arguments[name], name)
        value = tuple(value) if isinstance(value, str) else value
        items = integers(value, name, words.ints(name, value))
        found[name] = items if isinstance(value, tuple) else items * 2
    for name, items in found.items():
        if len(items) != 2:
            fact = f"{name} is {show(items)}: {len(items)} values where 2 are needed"
            quote = f"It is expected {name} equals to 2, but got size {len(items)}"
            raise Refusal("CW204", fact, received=items, hint=f"write {name}={items[0] if items else 1}", quote=quote)
    for name, word, least in (
        ("kernel_size", "kernel size", 1),
        ("dilation", "dilation", 1),
        ("padding", "padding", 0),
        ("stride", "stride", 1),
    ):
        items = found[name]
        if min(items) < least:
            prefix = {"kernel_size": "kernel", "padding": "pad"}.get(name, name)
            rule = "non-negative" if name == "padding" else "greater than zero"
            quote = f"{word} should be {rule}, but got {prefix}_height: {items[0]} {prefix}_width: {items[1]}"
            raise too_small(name, items[0] if items[0] == items[1] else items, least, quote)
    windows = tuple(
        Window(k, s, d, Pads(p, p))
        for k, s, d, p in zip(found["kernel_size"], found["stride"], found["dilation"], found["padding"], strict=True)
    )
    for window in windows:
        if window.span > LARGEST or max(found["padding"]) > LARGEST // 2:
            raise ShapeError(
                "CW210",
                "the window spans more than 2**63 - 1 cells; PyTorch's 64-bit number wraps around",
                received=window.dilation,
                hint="try dilation=1",
            )
    if not folds:
        return (Unfold(windows),)
    if min(found["output_size"]) < 1:
        raise too_small("output_size", found["output_size"], 1, "Given output_size=")
    return (Fold(found["output_size"], windows),)


def run_unfold(layer: Layer, shape: Shape) -> LayerFlow:
    op = layer.ops[0]
    assert isinstance(op, Unfold)
    rule = "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: "
    if len(shape) not in (3, 4):
        quote = rule + listed(shape) if len(shape) > 2 else "Dimension out of range"
        raise wrong_rank(f"{len(shape)} axes where 3 (C, H, W) or 4 (N, C, H, W) are needed", shape, quote)
    _, channels, spatial = split(2, shape)
    if 0 in (channels, *spatial):
        quote = rule + listed(shape) if None not in shape else ""
        raise ShapeError(
            "CW103",
            "the size is 0",
            axis="channels" if channels == 0 else spatial_names(2)[spatial.index(0)],
            received=0,
            quote=quote,
        )
    try:
        return run_ops(layer, shape, layout_of(2, shape))
    except ShapeError as error:
        if error.code == "CW104" and None not in spatial:
            out = tuple(
                window.over(size).out for window, size in zip(op.windows, spatial, strict=True) if size is not None
            )
            error.quote = f"Given input with spatial size ({spatial[0]}, {spatial[1]}), {_window_words(op.windows)}, calculated shape of the array of sliding blocks as {out}, but its components must be at least one."
        raise


def _window_words(windows: tuple[Window, ...], *, stride: bool = False) -> str:
    first, second = windows
    pads = [window.padding.low if isinstance(window.padding, Pads) else 0 for window in windows]
    text = f"kernel_size=({first.kernel}, {second.kernel}), dilation=({first.dilation}, {second.dilation}), padding=({pads[0]}, {pads[1]})"
    return text + f", stride=({first.stride}, {second.stride})" if stride else text


def run_fold(layer: Layer, shape: Shape) -> LayerFlow:
    op = layer.ops[0]
    assert isinstance(op, Fold)
    rule = "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: "
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        fact = f"{listed(shape)} where C x taps, L or N, C x taps, L is needed"
        raise wrong_rank(fact, shape, rule + listed(shape))
    columns, count = shape[-2:]
    taps = op.windows[0].kernel * op.windows[1].kernel
    if columns is not None and columns % taps:
        place = 1
        quote = f"Expected size of input's dimension {place} to be divisible by the product of kernel_size, but got input.size({place})={columns} and kernel_size=({op.windows[0].kernel}, {op.windows[1].kernel})."
        raise ShapeError(
            "CW105",
            f"{columns} rows are not a multiple of the {taps} taps of a window",
            axis="channels",
            received=columns,
            quote=quote,
        )
    high, wide = (window.over(size).out for window, size in zip(op.windows, op.sizes, strict=True))
    if min(high, wide) < 1 or (count is not None and count != high * wide):
        place = 2
        quote = f"Given output_size={op.sizes}, {_window_words(op.windows, stride=True)}, expected size of input's dimension {place} to match the calculated number of sliding blocks {high} * {wide} = {high * wide}, but got input.size({place})={count}."
        fact = f"{count} columns, but {op.sizes[0]} x {op.sizes[1]} has {high} x {wide} = {high * wide} windows"
        raise ShapeError("CW106", fact, axis="length", received=count, quote=quote if count is not None else "")
    return run_ops(layer, shape, FIRST)


KINDS = (
    Kind(
        "Fold", parameters("output_size kernel_size dilation=1 padding=0 stride=1"), resolve_fold, run=run_fold, rank=2
    ),
    Kind("Unfold", parameters("kernel_size dilation=1 padding=0 stride=1"), resolve_fold, run=run_unfold, rank=2),
)
