"""How many axes an array of a chain of PyTorch's layers has, and whether they are permuted, as far as the layers before it say."""

from __future__ import annotations

from convwise.dialects.base import Call, Value
from convwise.readers.source.values import Tensor

FIXED = {"Unfold": 3, "Fold": 4}
"""Layers whose output has another number of axes than the map that they read."""


def rank_of(tensor: Tensor) -> int | None:
    """The number of axes with the batch; None where nothing before says it."""
    calls: list[Call] = []
    here: Tensor | None = tensor
    while here is not None:
        calls += [made.call for _, made in reversed(here.placed)]
        if here.parent is None and here.shape is not None:
            return _through(calls, len(here.shape) + (not here.batched))
        here = here.parent
    return _through(calls, None)


def _through(calls: list[Call], rank: int | None) -> int | None:
    for call in reversed(calls):
        rank = _after(call, rank)
    return rank


def _after(call: Call, rank: int | None) -> int | None:
    """The axes behind a layer or a method that reads `rank` of them."""
    from convwise.dialects.torch import KINDS

    words = dict(call.kwargs)
    first = call.args[0] if call.args else None
    if call.kind in FIXED:
        return FIXED[call.kind]
    if call.kind in ("view", "reshape", "permute"):
        return len(first) if isinstance(first, tuple) else None
    if call.kind in ("mean", "amax"):
        dims = dims_of(call)
        kept = words.get("keepdim") is True
        return None if rank is None or dims is None else rank if kept else rank - len(dims)
    if call.kind == "Flatten":
        start = words.get("start_dim", first if first is not None else 1)
        end = words.get("end_dim", call.args[1] if len(call.args) > 1 else -1)
        return start + 1 if type(start) is int and start >= 0 and end == -1 else None
    kind = KINDS.get(call.kind)
    if kind is None or call.kind == "Unflatten":
        return None
    return rank if kind.rank is None else kind.rank + 2


def dims_of(call: Call) -> tuple[int, ...] | None:
    """The axes of a mean; None where they are not numbers, or all are meant."""
    value: Value = dict(call.kwargs).get("dim")
    values = value if isinstance(value, tuple) else (value,)
    found = tuple(part for part in values if type(part) is int)
    return found if len(found) == len(values) else None


def pools(tensor: Tensor, call: Call) -> bool:
    """Whether a mean is one over all spatial axes of a map, which a layer does too.

    Axes counted from the back are those of a map only where it is known how many the map has.
    """
    dims, rank = dims_of(call), rank_of(tensor)
    if not dims:
        return False
    if sorted(dims) == list(range(2, 2 + len(dims))):
        return rank in (None, len(dims) + 2)
    return sorted(dims) == list(range(-len(dims), 0)) and rank == len(dims) + 2


def turned(tensor: Tensor) -> bool:
    """Whether the cells of an array may lie in another order than its axes: permuted, and not laid out anew since."""
    here: Tensor | None = tensor
    while here is not None:
        for _, made in reversed(here.placed):
            if made.call.kind == "permute":
                return True
            # What these give is contiguous, whatever they read.
            if made.call.kind in ("Linear", "LazyLinear") or (made.call.text or "").endswith(".contiguous()"):
                return False
        here = here.parent
    return False


def regrouped(tensor: Tensor) -> bool:
    """Whether a view with -1 in the place of the batch may have given the array other rows than there are samples."""
    here: Tensor | None = tensor
    while here is not None:
        for _, made in here.placed:
            sizes = made.call.args[0] if made.call.kind in ("view", "reshape") and made.call.args else ()
            if isinstance(sizes, tuple) and sizes[:1] == (-1,):
                return True
        here = here.parent
    return False
