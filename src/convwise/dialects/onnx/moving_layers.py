"""ONNX operators as layers that move cells: Pad, Resize, Flatten, Reshape, Transpose, DepthToSpace; and ConvTranspose to a given size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from convwise.axis import Pads, Window, split_total
from convwise.dialects.base import Array, Layer, Note, Unknown, Value, known
from convwise.dialects.kinds import Arguments, Kind, Resolved, integers, parameters, show, wrong_type
from convwise.dialects.onnx.windows import SAME
from convwise.dialects.onnx.words import EMPTY_ROI, PAD_MODES
from convwise.errors import CodeError, Refusal, ShapeError
from convwise.ops import (
    ConvTranspose,
    Flatten,
    Pad,
    Permute,
    PixelShuffle,
    Reshape,
    Resize,
    Shape,
)
from convwise.ops.terms import Scale


def _numbers(value: Value, name: str, kind: type | tuple[type, ...] = int) -> tuple[int | float, ...]:
    """A list of numbers that stands for a small tensor.

    Raises:
        CodeError: CW314, where the text does not give them.  Refusal: CW204.
    """
    if isinstance(value, Array | Unknown):
        fact = f"the numbers of {name!r} are not in the text: {value.text}"
        raise CodeError("CW314", fact, received=value.text, hint=f"write them as a list: {name}=[...]")
    items = value if isinstance(value, tuple) else None
    for item in items or ():
        known(item, name)
    if items is None or any(isinstance(item, bool) or not isinstance(item, kind) for item in items):
        raise wrong_type(name, value, "a list of numbers")
    return items


def resolve_pad(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """Pad: all beginnings, then all ends, of all axes or of `axes`; negative ones crop."""
    ends = integers(_numbers(arguments["pads"], "pads"), "pads")
    axes = arguments["axes"]
    if axes is not None and int(release) < 18:
        raise Refusal("CW208", f"axes came with operator set 18; this is {release}", received=show(axes), axis="axes")
    rank = len(ends) // 2
    if len(ends) % 2 or (axes is None and not 3 <= rank <= 5):
        fact = f"pads has {len(ends)} values: a beginning and an end for each axis, batch and channels included"
        raise Refusal(
            "CW101", fact, received=ends, axis="pads", hint="for one more row on each side: [0, 0, 1, 0, 0, 0, 1, 0]"
        )
    pairs = [Pads(low, high) for low, high in zip(ends[:rank], ends[rank:], strict=True)]
    if axes is not None:
        chosen = integers(_numbers(axes, "axes"), "axes")
        if len(chosen) != rank:
            raise Refusal("CW101", f"pads has {len(ends)} values for {len(chosen)} axes", received=ends, axis="pads")
        if min(chosen) < 0:
            raise CodeError("CW317", "convwise reads axes counted from the front", received=chosen)
        full = [Pads()] * max(4, max(chosen) + 1)
        for axis, pad in zip(chosen, pairs, strict=True):
            full[axis] = pad
        pairs = full
    mode = known(arguments["mode"], "mode") or "constant"
    if mode not in PAD_MODES:
        raise Refusal(
            "CW207", f"mode is {show(mode)}", received=show(mode), axis="mode", hint=f"one of {', '.join(PAD_MODES)}"
        )
    if any(pad != Pads() for pad in pairs[:2]):
        raise CodeError(
            "CW317", "convwise models padding of the sizes alone, not of the batch or the channels", received=ends
        )
    value = arguments["constant_value"]
    op = Pad(tuple(pairs[2:]), PAD_MODES[mode], float(value) if isinstance(value, int | float) else 0.0)
    return Resolved((op,), op.rank)


def check_rank(layer: Layer, shape: Shape) -> None:
    if layer.rank is not None and len(shape) != layer.rank + 2:
        raise ShapeError("CW101", f"{len(shape)} axes where {layer.rank + 2} are needed", received=shape)


def resolve_resize(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """Resize by scales or to sizes, of all axes; the batch and the channels stay."""
    mode = known(arguments["mode"], "mode") or "nearest"
    names = {"nearest": "nearest", "linear": "linear", "cubic": "cubic"}
    if mode not in names:
        raise Refusal(
            "CW207", f"mode is {show(mode)}", received=show(mode), axis="mode", hint="nearest, linear or cubic"
        )
    for name in ("axes", "keep_aspect_ratio_policy", "antialias"):
        if arguments[name] not in (None, "stretch", 0):
            raise CodeError("CW317", f"convwise does not model {name}", received=show(arguments[name]))
    rule = known(arguments["coordinate_transformation_mode"], "coordinate_transformation_mode") or "half_pixel"
    if rule == "tf_crop_and_resize":
        raise CodeError("CW317", "convwise does not model tf_crop_and_resize", received=rule)
    corners = rule == "align_corners"
    scales, sizes = arguments["scales"], arguments["sizes"]
    empty = scales is None or scales == ()
    if arguments["roi"] is None and int(release) < 13:
        fact = f"Resize has an input roi in operator set {release}"
        hint = "give an empty roi, or use operator set 13 or later"
        raise Refusal("CW208", fact, axis="roi", hint=hint, quote=EMPTY_ROI)
    if empty == (sizes is None):
        fact = "neither scales nor sizes are given" if empty else "scales and sizes are both given"
        raise Refusal("CW201", fact, hint="give one of them: sizes=[1, 3, 64, 64]")
    if sizes is not None:
        wanted = integers(_numbers(sizes, "sizes"), "sizes", least=1)
        op = Resize(wanted[2:], None, names[mode], corners)
    else:
        factors = [Fraction(one) for one in _numbers(scales, "scales", (int, float))]
        if any(one <= 0 for one in factors):
            raise Refusal(
                "CW201", f"scales are {show(scales)}", received=scales, axis="scales", hint="they must be above 0"
            )
        if factors[:2] != [1, 1]:
            raise CodeError("CW317", "convwise models resizing of the sizes alone", received=show(scales))
        op = Resize(None, tuple(factors[2:]), names[mode], corners, exact=False)
    notes = _elsewhere(arguments, op, rule, str(mode))
    if not 1 <= op.rank <= 3:
        raise Refusal(
            "CW101", "scales or sizes have a number for each axis, batch and channels included", received=show(scales)
        )
    return Resolved((op,), op.rank, notes=notes)


def _elsewhere(arguments: Arguments, op: Resize, rule: str, mode: str) -> tuple[Note, ...]:
    """A note where the values come from other cells than those of any other framework's resizing of that name."""
    whole = op.scales is not None and all(scale.denominator == 1 for scale in op.scales)
    plain = {
        "nearest": (whole and rule == "half_pixel") or (rule == "asymmetric" and arguments["nearest_mode"] == "floor"),
        "linear": rule in ("half_pixel", "pytorch_half_pixel")
        or (op.align_corners and (whole or op.sizes is not None)),
        "cubic": rule == "half_pixel" and arguments["cubic_coeff_a"] is None and not arguments["exclude_outside"],
    }
    if plain[mode]:
        return ()
    text = f"the sizes are ONNX's; where {mode} with {rule} takes its values from, no other framework's resizing says"
    return (Note("CW505", text),)


def settle_resize(layer: Layer, shape: Shape) -> Layer:
    """Sizes as onnxruntime computes them, in single precision, where that differs."""
    op = layer.ops[0]
    assert isinstance(op, Resize)
    if len(shape) != op.rank + 2:
        raise ShapeError("CW101", f"{len(shape)} axes where {op.rank + 2} are needed", received=shape)
    if op.sizes is not None:
        wanted = integers(layer.arguments["sizes"], "sizes")[:2]
        if any(size is not None and size != want for size, want in zip(shape[:2], wanted, strict=True)):
            raise CodeError(
                "CW317", "convwise models resizing of the sizes alone", received=show(layer.arguments["sizes"])
            )
        return layer
    single = []
    for axis, size in enumerate(shape[2:]):
        scale = (op.scales or ())[axis]
        single.append(None if size is None else Scale(0, scale, exact=False, single=True).floor(size))
    if all(
        size is None or one == op.out(axis, size)
        for axis, (one, size) in enumerate(zip(single, shape[2:], strict=True))
    ):
        return layer
    return replace(layer, ops=(Resize(tuple(single), None, op.mode, op.align_corners),))


def resolve_flatten(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    axis = known(arguments["axis"], "axis")
    axis = 1 if axis is None else axis
    if axis != 1:
        raise CodeError("CW317", "convwise models Flatten with axis=1 alone", received=show(axis))
    return Resolved((Flatten(),))


def resolve_reshape(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """Reshape: 0 copies a size; [0, -1] keeps the batch."""
    target = integers(_numbers(arguments["shape"], "shape"), "shape", least=-1)
    if target.count(-1) > 1:
        raise Refusal("CW106", "the target shape has more than one -1", received=target, axis="shape")
    if arguments["allowzero"]:
        raise CodeError("CW317", "convwise does not model allowzero", received=1)
    if target[:1] == (0,) and 0 not in target[1:]:
        return Resolved((Reshape(target[1:], True),))
    if 0 in target:
        raise CodeError("CW317", "convwise models a 0 for the batch alone", received=target)
    return Resolved((Reshape(target, False),))


def resolve_transpose(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    order = known(arguments["perm"], "perm")
    if not isinstance(order, tuple) or sorted(integers(order, "perm")) != list(range(len(order))):
        raise Refusal(
            "CW204",
            f"perm is {show(order)}",
            received=show(order),
            axis="perm",
            hint="write all axes: perm=[0, 2, 3, 1]",
        )
    return Resolved((Permute(order),))


def resolve_shuffle(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    factor = integers(known(arguments["blocksize"], "blocksize"), "blocksize", least=1)
    if isinstance(arguments["blocksize"], tuple):
        raise wrong_type("blocksize", arguments["blocksize"], "one number")
    mode = known(arguments["mode"], "mode") or "DCR"
    if mode not in ("DCR", "CRD"):
        raise Refusal(
            "CW207", f"mode is {show(mode)}", received=show(mode), axis="mode", hint="'DCR', the default, or 'CRD'"
        )
    if kind.name == "SpaceToDepth":
        return Resolved((PixelShuffle(factor[0], inverse=True, pixels_first=mode == "DCR"),), 2)
    return Resolved((PixelShuffle(factor[0], pixels_first=mode == "DCR"),), 2)


# ConvTranspose to a given size ----------------------------------------------------------------------------------------


def to_shape(attributes: Mapping[str, Value], weight: Shape, bias: bool) -> Resolved:
    """A ConvTranspose with output_shape: its pads follow from the input's size, so they are settled by it."""
    rank = len(weight) - 2
    wanted = integers(attributes["output_shape"], "output_shape", least=1)
    if len(wanted) != rank:
        fact = f"output_shape has {len(wanted)} sizes where {rank} are needed"
        raise Refusal("CW101", fact, received=wanted, axis="output_shape", hint="the spatial sizes alone")
    strides = integers(attributes.get("strides", (1,) * rank), "strides", least=1)
    dilations = integers(attributes.get("dilations", (1,) * rank), "dilations", least=1)
    kernel = tuple(size for size in weight[2:] if size is not None)
    if not len(strides) == len(dilations) == len(kernel) == rank:
        raise Refusal(
            "CW101", f"strides {strides}, dilations {dilations} and kernel {kernel} must have {rank} values each"
        )
    group = attributes.get("group", 1)
    if type(group) is not int or group < 1:
        raise Refusal("CW201", f"group is {show(group)}", received=show(group), axis="group")
    windows = tuple(Window(*one) for one in zip(kernel, strides, dilations, strict=True))
    out = None if weight[1] is None else weight[1] * group
    return Resolved((ConvTranspose(windows, weight[0], out, group, bias, (0,) * rank),), rank)


def settle_conv(layer: Layer, shape: Shape) -> Layer:
    """The pads that `output_shape` means for this input: all that is too much, the odd cell where auto_pad puts it."""
    op = layer.ops[0]
    wanted = layer.arguments.get("output_shape")
    if not isinstance(op, ConvTranspose) or not wanted or len(shape) != op.rank + 2:
        return layer
    word = layer.arguments.get("auto_pad")
    extra = layer.arguments.get("output_padding") or (0,) * op.rank
    windows = []
    for window, size, want, more in zip(op.windows, shape[2:], wanted, extra, strict=True):
        if size is None:
            raise CodeError("CW314", "output_shape needs the input's sizes", received=show(wanted), hint="give numbers")
        total = window.transposed(size, more) - want
        if total < 0:
            windows.append(replace(window, padding=Pads(0, 0)))
            continue
        windows.append(replace(window, padding=split_total(total, SAME.get(word or "", SAME["SAME_LOWER"]))))
    outs = tuple(
        max(want - window.transposed(size or 1), 0)
        for window, size, want in zip(windows, shape[2:], wanted, strict=True)
    )
    return replace(layer, ops=(replace(op, windows=tuple(windows), output_padding=outs),))


def _kinds() -> tuple[Kind, ...]:
    resize = (
        "roi=None scales=None sizes=None * antialias=None axes=None coordinate_transformation_mode=None cubic_coeff_a=None "
        "exclude_outside=None extrapolation_value=None keep_aspect_ratio_policy=None mode=None nearest_mode=None"
    )
    pad = parameters("pads constant_value=None axes=None * mode=None")
    return (
        Kind("Pad", pad, resolve_pad, check=check_rank),
        Kind("Resize", parameters(resize), resolve_resize, None, settle_resize, check_rank),
        Kind("Flatten", parameters("* axis=None"), resolve_flatten),
        Kind("Reshape", parameters("shape * allowzero=None"), resolve_reshape),
        Kind("Transpose", parameters("* perm=None"), resolve_transpose),
        Kind("DepthToSpace", parameters("* blocksize mode=None"), resolve_shuffle),
        Kind("SpaceToDepth", parameters("* blocksize mode=None"), resolve_shuffle),
    )


KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _kinds()}
"""The operators of this room."""
