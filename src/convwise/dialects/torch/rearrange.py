"""Flatten, Unflatten, Linear, and the tensor methods view, reshape and permute.

Source of the rules: `torch/nn/modules/{flatten,linear}.py`, ATen's `InferSize.h`, run with torch 2.13.0.
"""

from __future__ import annotations

from math import prod

from convwise.dialects.base import Layer, LayerFlow, Parameter, Unknown, Value, known, run_ops
from convwise.dialects.kinds import Arguments, parameters, show, truth
from convwise.dialects.torch.elementwise import check_dim
from convwise.dialects.torch.kind import FIRST, Kind, layout_of, wrong_rank
from convwise.dialects.torch.values import Words, integers, listed, sizes, too_small, weight_words, whole, wrong_type
from convwise.errors import CodeError, FlattenFirst, Refusal, ShapeError
from convwise.ops import Dense, Flatten, GlobalPool, Op, Permute, Reshape, Shape, Unflatten, elements
from convwise.ops.shape import LARGEST


def resolve_flatten(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    words = Words("flatten", {"start_dim": 1, "end_dim": 2})
    dims = []
    for name in ("start_dim", "end_dim"):
        value = known(arguments[name], name)
        dims.append(whole(value, name, least=-LARGEST, quote=words.scalar(name, value, "int")))
    start, end = dims
    if (start < 0) == (end < 0) and start > end:
        raise Refusal(
            "CW201",
            f"start_dim={start} lies behind end_dim={end}",
            received=start,
            hint=f"try start_dim={end}, end_dim={start}",
            quote="flatten() has invalid args: start_dim cannot come after end_dim",
        )
    return (Flatten(start, end),)


def check_flatten(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Flatten)
    check_dim(op.start, shape)
    check_dim(op.end, shape)
    rank = max(len(shape), 1)
    if op.start % rank > op.end % rank:
        quote = "flatten() has invalid args: start_dim cannot come after end_dim"
        raise ShapeError(
            "CW101",
            f"start_dim={op.start} lies behind end_dim={op.end} in a shape of {len(shape)} axes",
            received=shape,
            quote=quote,
        )


def resolve_unflatten(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    value = arguments["unflattened_size"]
    if isinstance(value, Unknown):
        known(value, "unflattened_size")
    if not isinstance(value, tuple):
        quote = f"unflattened_size must be a tuple of ints, but found type {'NoneType' if value is None else type(value).__name__}"
        raise wrong_type("unflattened_size", value, "a tuple of integers", quote)
    for i, item in enumerate(known(value, "unflattened_size")):
        if not isinstance(item, int):
            quote = f"unflattened_size must be tuple of ints, but found element of type {'NoneType' if item is None else type(item).__name__} at pos {i}"
            raise wrong_type("unflattened_size", item, "an integer", quote)
    target = integers(
        value,
        "unflattened_size",
        Words("unflatten", {"unflattened_size": 2}).ints("sizes", value).replace("position 0", "position 2"),
    )
    dim_value = known(arguments["dim"], "dim")
    dim = whole(dim_value, "dim", least=-LARGEST, quote=Words("unflatten", {"dim": 1}).scalar("dim", dim_value, "int"))
    if not target:
        raise Refusal(
            "CW204",
            "unflattened_size is empty",
            received=(),
            hint="name at least one size",
            quote="unflatten: sizes must be non-empty",
        )
    _check_target(target, "unflattened_size")
    return (Unflatten(dim, target),)


def _check_target(target: tuple[int, ...], name: str) -> None:
    """At most one -1, and nothing below it."""
    for i, size in enumerate(target):
        if size < -1:
            quote = f"invalid shape dimension {size} at index {i} of shape {listed(target)}"
            raise Refusal(
                "CW201",
                f"{name} has a size of {size}",
                received=target,
                hint="use -1 for the size that follows from the others",
                quote=quote,
            )
    if target.count(-1) > 1:
        raise Refusal(
            "CW201",
            f"{name} has {target.count(-1)} sizes of -1",
            received=target,
            hint="only one size can follow from the others",
            quote="only one dimension can be inferred",
        )


def check_unflatten(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Unflatten)
    if not shape:
        raise wrong_rank(
            "a single number has no axis to split", shape, "Dimension specified as" if -1 <= op.axis <= 0 else ""
        )
    check_dim(op.axis, shape)
    size = shape[op.axis]
    if size is None:
        return
    place = op.axis % len(shape)
    fixed = prod(part for part in op.sizes if part != -1)
    if -1 in op.sizes and fixed == 0 and size == 0:
        raise _ambiguous(op.sizes, (0,))
    if (size % fixed if fixed else size) if -1 in op.sizes else fixed != size:
        quote = f"unflatten: Provided sizes {listed(op.sizes)} don't multiply up to the size of dim {place} ({size}) in the input tensor"
        fact = f"{size} cells do not split into {sizes(op.sizes)}"
        raise ShapeError("CW106", fact, received=size, hint=f"use sizes whose product is {size}", quote=quote)


def _ambiguous(target: tuple[int, ...], shape: Shape) -> ShapeError:
    quote = f"cannot reshape tensor of 0 elements into shape {listed(target)} because the unspecified dimension size -1 can be any value and is ambiguous"
    return ShapeError(
        "CW106", "an empty input leaves -1 open", received=shape, quote=quote, hint="write the size instead of -1"
    )


# ---------------------------------------------------------------- Linear


def resolve_linear(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    features: int | None = None
    given = arguments.get("in_features")
    if "in_features" in arguments and not isinstance(given, Unknown):
        features = whole(given, "in_features", least=-LARGEST, quote=weight_words(2, given), strict=False)
    value = known(arguments["out_features"], "out_features")
    out = whole(value, "out_features", least=-LARGEST, quote=weight_words(1, value))
    for name, count in (("out_features", out), ("in_features", features)):
        if count is not None and count < 0:
            raise too_small(name, count, 1)
    return (Dense(features, out, truth(arguments, "bias")),)


def check_linear(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Dense)
    if not shape:
        quote = (
            "both arguments to linear need to be at least 1D, but they are 0D and 2D"
            if op.in_features is not None
            else "tuple index out of range"
        )
        raise wrong_rank("a single number has no features", shape, quote)
    last = shape[-1]
    if op.in_features is None or last is None or last == op.in_features:
        return
    rows = elements(shape[:-1])
    quote = (
        f"mat1 and mat2 shapes cannot be multiplied ({rows}x{last} and {op.in_features}x{op.out_features})"
        if rows is not None
        else ""
    )
    raise ShapeError(
        "CW109",
        f"the layer takes {op.in_features} features, the input has {last}",
        axis="features",
        received=last,
        detail=f"{sizes(shape)} ends in {last}; the weights are {op.out_features} x {op.in_features}",
        hint=_linear_hint(op.in_features, op.out_features, shape),
        quote=quote,
    )


def _linear_hint(wanted: int, out: int, shape: Shape) -> str:
    lines = [f"write nn.Linear({shape[-1]}, {out})"]
    rest = elements(shape[1:])
    if len(shape) > 2 and rest == wanted:
        return FlattenFirst(f"put nn.Flatten() before it: {sizes(shape[1:])} = {wanted}")
    if len(shape) in (3, 4) and elements(shape) == wanted:
        return f"the input has no batch: flatten all of it, nn.Flatten(0), or give {'x'.join(str(size) for size in (1, *shape))}"
    if len(shape) > 2:
        lines.append(f"or put nn.Flatten() before it, which gives {'?' if rest is None else rest} features")
        return FlattenFirst("\n".join(lines))
    return lines[0]


# ---------------------------------------------------------------- tensor methods

SIZES = (Parameter("sizes"),)


def resolve_view(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    """`x.view(...)` on the whole shape. `Unknown("x.size(0)")` keeps the axis that it names; -1 follows from the rest."""
    items: tuple[Value, ...] = arguments["sizes"]
    kept = 0
    while kept < len(items) and isinstance(items[kept], Unknown) and keeps_axis(items[kept].text, kept):
        kept += 1
    rest = items[kept:]
    for item in rest:
        if isinstance(item, Unknown):
            raise CodeError(
                "CW314",
                f"the size {item.text} in {kind.name} is not in the text",
                received=item.text,
                hint="write the number, or -1",
            )
    target = integers(rest, "size", f"{kind.name}(): argument 'size' must be tuple of ints") if rest else ()
    _check_target(target, "the new shape")
    if kept > 1 and target == (-1,):
        return (Flatten(kept, -1),)
    if kept > 1:
        raise CodeError(
            "CW314",
            f"{kind.name} keeps {kept} axes whose sizes are not in the text",
            received=show(items),
            hint="write the sizes as numbers",
        )
    return (Reshape(target, keeps_batch=kept == 1),)


def keeps_axis(text: str, place: int) -> bool:
    """Whether `x.size(0)` or `x.shape[0]`, written at `place`, is the size of the axis that already stands there.

    A name (`batch_size`) is believed to be the first axis.

    >>> keeps_axis("x.size(0)", 0), keeps_axis("x.shape[1]", 0), keeps_axis("batch", 0), keeps_axis("n", 1)
    (True, False, True, False)
    """
    compact = text.replace(" ", "")
    for opening, closing in ((".size(", ")"), (".shape[", "]")):
        _, found, inside = compact.partition(opening)
        if found and inside.endswith(closing):
            number = inside[:-1].removeprefix("dim=")
            return number == str(place)
    return place == 0 and not compact.startswith("-")


def check_view(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    if isinstance(op, Flatten):
        if len(shape) <= op.start:
            raise wrong_rank(f"{len(shape)} axes where more than {op.start} are needed", shape, "")
        if 0 in shape[: op.start]:
            raise _ambiguous((-1,), shape)
        return
    assert isinstance(op, Reshape)
    if op.keeps_batch and not shape:
        raise wrong_rank("a single number has no first axis", shape, "")
    lead = shape[:1] if op.keeps_batch else ()
    target = (*lead, *op.target)
    count = elements(shape)
    fixed = prod(size for size in op.target if size != -1)
    if -1 in op.target and ((fixed == 0 and count is None) or (count == 0 and 0 in (fixed, *lead))):
        raise _ambiguous(tuple(-1 if size is None else size for size in target), shape)
    rest = elements(shape[1:]) if op.keeps_batch else count
    if op.keeps_batch and lead == (0,):
        return
    if rest is not None and ((rest % fixed if fixed else rest) if -1 in op.target else fixed != rest):
        quote = (
            f"shape '{listed(target)}' is invalid for input of size {count}"
            if count is not None and None not in target
            else ""
        )
        raise ShapeError(
            "CW106",
            f"{rest} elements do not fit into {sizes(tuple(None if size == -1 else size for size in op.target))}",
            received=shape,
            detail=f"{sizes(shape[1:] if op.keeps_batch else shape)} = {rest}, {'not a multiple of' if -1 in op.target else 'not'} {fixed}",
            hint=_view_hint(op, shape, rest),
            quote=quote,
        )


def _view_hint(op: Reshape, shape: Shape, rest: int) -> str:
    if not op.keeps_batch and len(op.target) == 2 and op.target[0] == -1 and len(shape) > 1:
        each = elements(shape[1:])
        return (
            f"x.view(x.size(0), -1) gives {each} features for each sample"
            if each is not None
            else "write x.view(x.size(0), -1)"
        )
    return f"make the sizes multiply to {rest}, or change the layers before it"


def resolve_permute(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    order = integers(arguments["sizes"], "dims", "permute(): argument 'dims' (position 1) must be tuple of ints")
    rank = len(order)
    if any(not -rank <= dim < rank for dim in order):
        bad = next(dim for dim in order if not -rank <= dim < rank)
        raise Refusal(
            "CW201",
            f"there is no axis {bad} among {rank}",
            received=order,
            hint=f"axes are numbered 0 to {rank - 1}",
            quote="",
        )
    settled = tuple(dim % rank for dim in order)
    if len(set(settled)) < rank:
        raise Refusal(
            "CW201",
            f"{order} names an axis twice",
            received=order,
            hint="name each axis once",
            quote="permute(dims): duplicate dims are not allowed.",
        )
    return (Permute(settled),)


def check_permute(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Permute)
    if len(op.order) != len(shape):
        quote = f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = {len(shape)} is not equal to len(dims) = {len(op.order)}"
        raise wrong_rank(f"{len(op.order)} axes are ordered, the input has {len(shape)}", shape, quote)


def resolve_mean(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    """`x.mean((2, 3))` and `x.amax((2, 3))` over all spatial axes: global pooling."""
    dims = integers(arguments["dim"], "dim")
    rank = len(dims)
    spatial = tuple(range(2, 2 + rank)), tuple(range(-rank, 0))
    if not 1 <= rank <= 3 or tuple(sorted(dims)) not in spatial:
        raise CodeError(
            "CW317",
            f"{kind.name} over {show(dims)} is none of the layers convwise knows",
            received=show(dims),
            hint="over all spatial axes, (2, 3), it is global pooling",
        )
    keep = truth(arguments, "keepdim")
    return (GlobalPool("max" if kind.name == "amax" else "average", rank, keep),)


def run_mean(layer: Layer, shape: Shape) -> LayerFlow:
    op = layer.ops[0]
    assert isinstance(op, GlobalPool)
    return run_ops(layer, shape, layout_of(op.rank, shape) if layer.arguments["dim"] != (2, 3) else FIRST)


KINDS = (
    Kind("Flatten", parameters("start_dim=1 end_dim=-1"), resolve_flatten, check=check_flatten),
    Kind("Unflatten", parameters("dim unflattened_size"), resolve_unflatten, check=check_unflatten),
    Kind(
        "Linear",
        parameters("in_features out_features bias=True device=None dtype=None"),
        resolve_linear,
        check=check_linear,
    ),
    Kind("LazyLinear", parameters("out_features bias=True device=None dtype=None"), resolve_linear, check=check_linear),
)
METHODS = (
    Kind("view", SIZES, resolve_view, check=check_view),
    Kind("reshape", SIZES, resolve_view, check=check_view),
    Kind("permute", SIZES, resolve_permute, check=check_permute),
    Kind("mean", parameters("dim keepdim=False"), resolve_mean, run=run_mean),
    Kind("amax", parameters("dim keepdim=False"), resolve_mean, run=run_mean),
)
