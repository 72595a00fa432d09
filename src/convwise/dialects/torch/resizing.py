"""Upsample and its two older forms.

Source of the rules: `torch/nn/modules/upsampling.py` and `F.interpolate`, run with torch 2.13.0.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import isfinite

from convwise.dialects.base import Layer, LayerFlow, Unknown, Value, known, run_ops
from convwise.dialects.kinds import Arguments, parameters, show
from convwise.dialects.torch.kind import FIRST, Kind, wrong_rank
from convwise.dialects.torch.values import integers, listed, too_small, wrong_type
from convwise.errors import Refusal, ShapeError
from convwise.ops import Op, Resize, Shape, spatial_names

LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}
MODES = ("nearest", "nearest-exact", "area", "linear", "bilinear", "trilinear", "bicubic")
NEITHER = "Input Error: Only 3D, 4D and 5D input Tensors supported (got {}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {})"


def resolve_upsample(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    """A single number means every axis: two of them unless the mode says otherwise."""
    fixed: dict[str, tuple[Value, Value]]
    fixed = {"UpsamplingNearest2d": ("nearest", None), "UpsamplingBilinear2d": ("bilinear", True)}
    mode, align = fixed.get(kind.name, (arguments.get("mode"), arguments.get("align_corners")))
    scale = _scale(arguments["scale_factor"])
    size = known(arguments["size"], "size")
    _check_together(known(mode, "mode"), align, size, scale, arguments.get("recompute_scale_factor"))
    rank = LINEAR.get(mode, 2)
    wanted = scale if size is None else _sizes(size, mode)
    if isinstance(wanted, tuple):
        if mode in (*LINEAR, "bicubic") and len(wanted) != rank:
            name = "size" if scale is None else "scale_factor"
            fact = f"{name} has {len(wanted)} values; mode={mode!r} needs {rank}"
            raise Refusal("CW204", fact, received=wanted, hint=f"write {name}={wanted[0] if wanted else 2}")
        items = wanted
    else:
        items = (wanted,) * rank
    plain = "linear" if mode in LINEAR else "cubic" if mode == "bicubic" else mode
    corners = align is True
    if size is not None:
        return (Resize(sizes=items, mode=plain, align_corners=corners),)
    _check_scales(items, mode)
    return (Resize(scales=tuple(Fraction(item) for item in items), mode=plain, align_corners=corners, exact=False),)


def _check_together(mode: Value, align: Value, size: Value, scale: Value, recompute: Value) -> None:
    """What `F.interpolate` refuses before it looks at the numbers, in its own order."""
    corners = isinstance(align, Unknown)
    if mode in ("nearest", "area", "nearest-exact") and align is not None and not corners:
        quote = (
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
        fact = f"align_corners={show(align)} with mode={mode!r}"
        raise Refusal("CW201", fact, received=align, hint="leave align_corners out", quote=quote)
    if size is not None and scale is not None:
        quote = "only one of size or scale_factor should be defined"
        fact = "both size and scale_factor are given"
        raise Refusal("CW201", fact, received=show(size), hint="leave one of them out", quote=quote)
    if size is None and scale is None:
        quote = "either size or scale_factor should be defined"
        raise Refusal("CW201", "neither size nor scale_factor is given", hint="try scale_factor=2", quote=quote)
    if size is not None and recompute is True:
        quote = "recompute_scale_factor is not meaningful with an explicit size."
        fact = "recompute_scale_factor=True with a size"
        raise Refusal("CW201", fact, received=True, hint="leave recompute_scale_factor out", quote=quote)
    if mode not in MODES:
        _, found, modes = NEITHER.partition("for the modes")
        quote = "Lanczos mode requires antialias=True" if mode == "lanczos" else (found + modes).format(mode)
        fact = f"there is no mode {show(mode)}"
        raise Refusal("CW207", fact, received=mode, hint=f"use one of {', '.join(MODES)}", quote=quote)
    if align is not None and not corners and not isinstance(align, bool):
        raise wrong_type("align_corners", align, "True or False", "received an invalid combination of arguments")


def _scale(value: Value) -> Value:
    """`scale_factor` as nn.Upsample turns it into floats; None where it is empty."""
    known(value, "scale_factor")
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, bool) or (isinstance(item, str) and _numeric(item)):
            raise ShapeError(
                "CW210",
                f"scale_factor is {item!r}, which PyTorch would turn into a number",
                received=item,
                hint="write a number",
            )
        if item is not None and not isinstance(item, int | float):
            quote = f"could not convert string to float: {item!r}" if isinstance(item, str) else ""
            raise wrong_type("scale_factor", item, "a number", quote)
        if isinstance(item, int) and abs(item) > 10**300:
            raise Refusal(
                "CW107",
                f"scale_factor is {show(item)}",
                received=None,
                hint="use a smaller scale_factor",
                quote="int too large to convert to float",
            )
    if isinstance(value, tuple):
        if None in value:
            raise wrong_type(
                "scale_factor", value, "a number", "float() argument must be a string or a real number, not 'NoneType'"
            )
        return tuple(float(item) for item in value)
    return float(value) if value else None


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _sizes(value: Value, mode: str) -> int | tuple[int, ...]:
    items = value if isinstance(value, tuple) else (value,)
    for item in items:
        if isinstance(item, bool):
            raise ShapeError(
                "CW210", f"size is {item}, not a number", received=item, hint=f"write size={int(item)} if that is meant"
            )
        if type(item) is not int:
            quote = "received an invalid combination of arguments"
            if isinstance(value, tuple):
                quote = f"expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size with types [{', '.join(str(type(x)) for x in items)}]"
            elif mode == "area":
                quote = ""
            raise wrong_type("size", item, "an integer", quote)
        integers(item, "size")
        if item < 1 and not (mode == "area" and item == 0):
            raise too_small(
                "size", show(value), 1, "Input and output sizes should be greater than 0" if mode != "area" else ""
            )
        if item == 0:
            raise ShapeError("CW210", "size is 0: nothing would be left", received=value, hint="try size=1")
    return value if isinstance(value, tuple) else items[0]


def _check_scales(items: tuple[float, ...], mode: str) -> None:
    for item in items:
        if not isfinite(item):
            quote = (
                "value cannot be converted to type int64_t without overflow"
                if mode != "area"
                else "cannot convert float"
            )
            raise Refusal(
                "CW201", f"scale_factor is {item}", received=str(item), hint="use a finite scale_factor", quote=quote
            )
        if item == 0 and mode == "area":
            # PyTorch gives an empty map here, which no later layer could use.
            raise ShapeError(
                "CW210", "scale_factor is 0: nothing would be left", received=item, hint="try scale_factor=2"
            )
        if item <= 0:
            quote = "Input and output sizes should be greater than 0" if mode != "area" else ""
            raise Refusal(
                "CW201",
                f"scale_factor is {item:g}; it must be greater than 0",
                received=item,
                hint="try scale_factor=2",
                quote=quote,
            )


def run_upsample(layer: Layer, shape: Shape) -> LayerFlow:
    """The number of axes decides how often a single number is used; a batch is always needed."""
    op = layer.ops[0]
    assert isinstance(op, Resize)
    mode = layer.arguments.get("mode", "bilinear" if layer.kind == "UpsamplingBilinear2d" else "nearest")
    rank = len(shape) - 2
    given = layer.arguments["size"] if op.sizes is not None else layer.arguments["scale_factor"]
    single = not isinstance(given, tuple)
    if not single and rank != op.rank:
        raise _other_rank(op, given, shape, rank)
    if rank not in (1, 2, 3):
        quote = NEITHER.format(len(shape), mode)
        raise wrong_rank(
            f"{len(shape)} axes where 3 to 5 are needed, the batch included",
            shape,
            quote,
            "give the batch too: N, C, H, W",
        )
    needed = LINEAR.get(mode, 2 if mode == "bicubic" else rank)
    if rank != needed:
        quote = (
            NEITHER.format(len(shape), mode)
            if mode == "bicubic"
            else f"Got {len(shape)}D input, but {mode} mode needs {needed + 2}D input"
        )
        hint = f"give the batch too: 1x{'x'.join(map(str, shape))}" if rank == needed - 1 else ""
        raise wrong_rank(
            f"{len(shape)} axes where mode={mode!r} needs {needed + 2}, the batch included", shape, quote, hint
        )
    if single and rank != op.rank:
        one = (op.sizes or (None,))[0], (op.scales or (None,))[0]
        op = replace(
            op, sizes=None if one[0] is None else (one[0],) * rank, scales=None if one[1] is None else (one[1],) * rank
        )
        layer = replace(layer, ops=(op,))
    _, channels, spatial = FIRST.split(shape)
    if op.scales is not None and layer.arguments.get("recompute_scale_factor") is True:
        op, layer = _recomputed(op, layer, spatial)
    if mode != "area" and any(size is not None and min(size, op.out(i, size)) < 1 for i, size in enumerate(spatial)):
        raise _not_positive(op, spatial)
    if channels == 0 and mode == "area" and rank == 3:
        quote = "Expected input to have non-zero size for non-batch dimensions"
        raise ShapeError("CW102", "the input has 0 channels", axis="channels", received=0, quote=quote)
    if channels == 0 and mode != "area":
        quote = (
            f"Non-empty {len(shape)}D data tensor expected but got a tensor with sizes {listed(shape)}"
            if None not in shape
            else ""
        )
        raise ShapeError("CW102", "the input has 0 channels", axis="channels", received=0, quote=quote)
    try:
        return run_ops(layer, shape, FIRST)
    except ShapeError as error:
        # Adaptive pooling, which mode='area' is, may give nothing, and the mean of nothing.
        if error.code == "CW103" and mode == "area" and (0 not in spatial or set(op.sizes or ()) == {1}):
            error.code = "CW210"
        raise


def _recomputed(op: Resize, layer: Layer, spatial: Shape) -> tuple[Resize, Layer]:
    """`recompute_scale_factor`: the scale only gives the size, and the cells are read by the ratio of the sizes."""
    sizes = tuple(None if size is None else op.out(axis, size) for axis, size in enumerate(spatial))
    if None in sizes:
        return op, layer
    op = replace(op, sizes=sizes, scales=None, exact=True)
    return op, replace(layer, ops=(op,))


def _not_positive(op: Resize, spatial: Shape) -> ShapeError:
    out = tuple(None if size is None else op.out(i, size) for i, size in enumerate(spatial))
    bad = next(
        i
        for i, (size, after) in enumerate(zip(spatial, out, strict=True))
        if size == 0 or (after is not None and after < 1)
    )
    letters = "DHW"[-len(spatial) :]
    before, after = (
        ", ".join(f"{letter}: {size}" for letter, size in zip(letters, sizes, strict=True)) for sizes in (spatial, out)
    )
    quote = f"Input and output sizes should be greater than 0, but got input ({before}) {'and ' if len(spatial) == 1 else ''}output ({after})"
    name = spatial_names(len(spatial))[bad]
    fact = f"resizing {spatial[bad]} cells gives {out[bad]}; both must be at least 1"
    return ShapeError(
        "CW103",
        fact,
        axis=name,
        received=spatial[bad],
        quote=quote if None not in spatial else "",
        hint="use a larger scale_factor or input",
    )


def _other_rank(op: Resize, given: Value, shape: Shape, rank: int) -> ShapeError:
    spatial = listed(shape[2:])
    name = "size" if op.sizes is not None else "scale_factor"
    if op.sizes is not None:
        quote = f"Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of {spatial} and output size of {given}."
    else:
        quote = f"Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of {spatial} and scale_factor of shape {tuple(float(item) for item in given)}."
    hint = "give the batch too: N, C and then the sizes" if rank == op.rank - 1 else f"write {max(rank, 1)} values"
    return wrong_rank(
        f"{name} has {op.rank} values, the input {max(rank, 0)} spatial axes after the batch and the channels",
        shape,
        quote,
        hint,
    )


KINDS = (
    Kind(
        "Upsample",
        parameters("size=None scale_factor=None mode='nearest' align_corners=None recompute_scale_factor=None"),
        resolve_upsample,
        run=run_upsample,
    ),
    Kind("UpsamplingNearest2d", parameters("size=None scale_factor=None"), resolve_upsample, run=run_upsample),
    Kind("UpsamplingBilinear2d", parameters("size=None scale_factor=None"), resolve_upsample, run=run_upsample, rank=2),
)
