"""Adaptive pooling: the output size is given, and the windows follow from it.

Source of the rules: `torch/nn/modules/pooling.py` and ATen's `AdaptiveAveragePooling.cpp`, run with torch 2.13.0.
"""

from __future__ import annotations

from convwise.dialects.base import Layer, LayerFlow, Value, known, run_ops
from convwise.dialects.kinds import Arguments, parameters, show
from convwise.dialects.torch.kind import Kind, layout_of, split, wrong_rank
from convwise.dialects.torch.values import Words, integers, listed, spread, too_small, wrong_type
from convwise.errors import Refusal, ShapeError
from convwise.ops import AdaptivePool, Op, Shape
from convwise.ops.shape import spatial_names


def resolve_adaptive(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    """The output sizes; None keeps an axis (in two and three dimensions)."""
    rank = kind.rank or 2
    value = known(arguments["output_size"], "output_size")
    function = f"adaptive_{'max' if 'Max' in kind.name else 'avg'}_pool{rank}d"
    words = Words(function, {"output_size": 2})
    items = value if isinstance(value, tuple) else (value,)
    if rank > 1 and isinstance(value, tuple) and len(value) == rank:
        checked = tuple(None if item is None else _adaptive_size(item, words, i, value) for i, item in enumerate(value))
        found: tuple[int | None, ...] = checked
    else:
        quote = words.ints("output_size", value)
        if rank > 1 and not isinstance(value, int | tuple | str):
            quote = f"object of type '{'NoneType' if value is None else type(value).__name__}' has no len()"
        wide = None
        if all(item is None for item in items) or isinstance(value, str):
            if value == () or (items and isinstance(value, tuple) and len(items) != rank and rank > 1):
                raise _adaptive_length(kind, function, items, rank)
            hint = (
                f"write output_size={(None,) * rank}"
                if rank > 1 and value is None
                else "write a number for output_size"
            )
            error = wrong_type(
                "output_size", value, "a number", quote if rank == 1 or not isinstance(value, str) else ""
            )
            error.hint = hint
            raise error
        if isinstance(value, tuple) and value and len(value) < rank and not isinstance(value[0], int):
            raise wrong_type("output_size", value[0], "a number", quote)
        if isinstance(value, tuple) and len(value) != 1 and (rank > 1 or type(items[0]) is int):
            raise _adaptive_length(kind, function, items, rank)
        wide = spread(integers(value, "output_size", quote), rank)
        if wide is None or (isinstance(value, tuple) and rank > 1):
            raise _adaptive_length(kind, function, items, rank)
        found = wide
    _check_adaptive(kind, found, value)
    return (AdaptivePool("max" if "Max" in kind.name else "average", found),)


def _adaptive_size(item: Value, words: Words, place: int, value: Value) -> int:
    return integers((item,), "output_size", words.ints("output_size", value), strict=place == 0)[0]


def _adaptive_length(kind: Kind, function: str, items: tuple[Value, ...], rank: int) -> Refusal:
    if rank == 1:
        quote = f"{function}() argument 'output_size' should contain one int (got {len(items)})"
    elif len(items) > rank:
        quote = ""
    elif "Max" in kind.name:
        quote = f"{function}(): internal error: output_size.size() must be {rank}"
    else:
        quote = f"{function}: output_size must be {rank}"
    fact = f"output_size is {show(items)}: {len(items)} values where {rank} {'are' if rank > 1 else 'is'} needed"
    first = items[0] if items else 1
    return Refusal(
        "CW204", fact, received=items, hint=f"write output_size={first if rank == 1 else (first,) * rank}", quote=quote
    )


def _check_adaptive(kind: Kind, found: tuple[int | None, ...], value: Value) -> None:
    smallest = min((size for size in found if size is not None), default=0)
    if smallest < 0:
        quote = "elements of output_size must be greater than or equal to 0"
        if "Max" in kind.name:
            quote = f"Trying to create tensor with negative dimension {next(size for size in found if size is not None and size < 0)}"
        raise too_small("output_size", value if isinstance(value, int) else show(value), 1, quote)


def run_adaptive(layer: Layer, shape: Shape) -> LayerFlow:
    """Rank and empty axes as PyTorch sees them."""
    op = layer.ops[0]
    assert isinstance(op, AdaptivePool)
    rank = op.rank
    kind = "max" if op.kind == "max" else "avg"
    function = f"adaptive_{kind}_pool{rank}d"
    # PyTorch makes the average over a whole map a mean of the last axes, and looks at no others and at no size: it gives NaN.
    tail = shape[len(shape) - rank :] if len(shape) >= rank else (None,) * rank
    wanted = {size if given is None else given for size, given in zip(tail, op.sizes, strict=True)}
    mean = kind == "avg" and wanted == {1}
    if mean and rank > 1 and len(shape) >= rank and len(shape) not in (rank + 1, rank + 2):
        fact = f"{len(shape)} axes where {rank + 1} or {rank + 2} (with a batch) are needed"
        raise ShapeError("CW210", fact, received=shape, detail=f"PyTorch takes the mean of the last {rank}")
    if len(shape) not in (rank + 1, rank + 2):
        colon = ":" if kind == "max" else ""
        quote = f"{function}(): Expected {rank + 1}D or {rank + 2}D tensor, but got{colon} {listed(shape)}"
        if rank == 1:
            quote = f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' (while checking arguments for {function})"
        axes = {1: "C, L", 2: "C, H, W", 3: "C, D, H, W"}[rank]
        raise wrong_rank(
            f"{len(shape)} axes where {rank + 1} ({axes}) or {rank + 2} (N, {axes}) are needed",
            shape,
            quote,
            f"give the input as {axes} or N, {axes}",
        )
    _, channels, spatial = split(rank, shape)
    unchecked_channels = kind == "avg" and rank < 3
    checked = spatial if unchecked_channels else (channels, *spatial)
    if len(shape) == rank + 1 and not unchecked_channels:
        # Without a batch, PyTorch leaves the first axis, the channels here, unchecked.
        checked = spatial
    if 0 in checked and not mean:
        place = "channels" if 0 not in spatial else spatial_names(rank)[spatial.index(0)]
        quote = "Expected input to have non-zero size for non-batch dimensions"
        code = "CW102" if place == "channels" else "CW103"
        raise ShapeError(
            code,
            "the size is 0: there is nothing to pool",
            axis=place,
            received=0,
            quote=quote if None not in shape else "",
            hint="give at least 1 there",
        )
    return run_ops(layer, shape, layout_of(rank, shape))


KINDS = tuple(
    Kind(f"Adaptive{kind}Pool{rank}d", parameters("output_size" + extra), resolve_adaptive, run=run_adaptive, rank=rank)
    for kind, extra in (("Avg", ""), ("Max", " return_indices=False"))
    for rank in (1, 2, 3)
)
