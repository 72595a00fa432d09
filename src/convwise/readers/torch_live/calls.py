"""One call of a function or a method, read: the handler by its name, and an opaque node where none follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from convwise.dialects.torch import FUNCTIONS, RESHAPING_ITSELF
from convwise.errors import Refusal
from convwise.ops.several import Constant, ReshapeTo, SizeOf, Slice, Split
from convwise.readers.torch_live import computing, indexing, rearranging, torchvision, windows
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.values import (
    AllOf,
    Comparison,
    NotFollowed,
    NotKnown,
    Real,
    Tensor,
    ceil_of,
    combine,
    floor_of,
    is_term,
    tensors_in,
)

Handler = Callable[..., Any]
HANDLERS: Mapping[str, Handler] = {
    **rearranging.HANDLERS,
    **computing.HANDLERS,
    **windows.HANDLERS,
    **torchvision.HANDLERS,
}
"""By the name of the function or method, whatever it is a function or method of."""

ELSEWHERE = frozenset(("is_cuda", "is_mps", "is_xpu", "is_sparse", "is_quantized", "is_nested"))
"""Where a tensor may lie and how: a forward is read as it runs on a processor with dense numbers."""

NOTHING = frozenset(
    ("_assert_is_none", "_log_api_usage_once", "device", "set_grad_enabled", "_set_grad_enabled", "warn")
)


def call(place: Place, name: str, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
    """What the call gives; an opaque node where what it does cannot be said.

    Raises:
        Refusal: what PyTorch refuses whatever the input.
    """
    try:
        found = _followed(place, name, args, words)
        if name in RESHAPING_ITSELF and isinstance(args[0], Tensor) and isinstance(found, Tensor):
            place.building.replaced(args[0], found)
        return found
    except NotFollowed as reason:
        why = str(reason)
    except Refusal as refusal:
        refusal.layer = f"'{place.name}' ({place.kind})"
        raise
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, AssertionError):
        # Arguments of a form that no handler knows end here; what they do is then not said.
        why = f"{place.kind} with these arguments is not known"
    if any(True for _ in tensors_in((args, words))):
        return place.opaque((args, words), why)
    return NotKnown(name)


def _followed(place: Place, name: str, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
    key = name.rstrip("_") or name
    if key == "_assert" or name in NOTHING:
        return checked(place, args) if key == "_assert" else None
    if name == "getitem":
        return indexing.getitem(place, args[0], args[1])
    if name == "setitem":
        return indexing.setitem(place, args[0], args[1], args[2])
    if name == "getattr":
        return attribute(place, args[0], args[1])
    if key in SIZES:
        return SIZES[key](place, *args, **words)
    handler = HANDLERS.get(name) or HANDLERS.get(key)
    if handler is not None:
        return handler(place, *args, **words)
    words = {word: value for word, value in words.items() if word != "out"}
    if key in computing.WITH_INDICES:
        return computing.with_indices(place, key, args, words)
    if key in computing.REDUCTIONS:
        return computing.reduce(place, key, args, words)
    if key in computing.BINARY or key in computing.COMPARISONS or key in computing.SEVERAL:
        return computing.arithmetic(place, key, args, words)
    if key in ("index_select", "gather"):
        return chosen(place, key, *args, **words)
    return _of_one(place, key, args, words)


def _of_one(place: Place, key: str, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
    """Functions of one tensor: the dialect's layer of that name, or one that leaves the shape alone."""
    tensors = list(tensors_in((args, words)))
    if not tensors:
        if key in ("neg", "abs") and is_term(args[0]):
            return combine("sub", 0, args[0]) if key == "neg" else NotKnown(key)
        return NotKnown(key)
    first = args[0] if args and isinstance(args[0], Tensor) else tensors[0]
    if f"F.{key}" in FUNCTIONS and len(tensors) == 1:
        try:
            return place.function(f"F.{key}", first, args[1:], words)
        except NotFollowed:
            if key not in computing.UNARY:
                raise
    if key in computing.UNARY:
        return place.pointwise(first, key)
    raise NotFollowed(f"convwise does not know {place.kind}")


def chosen(place: Place, key: str, x: Any, dim: Any, index: Any, **words: Any) -> Tensor:
    if key == "gather":
        return computing.gather(place, x, place.axis(dim, place.rank(x)), index)
    return indexing.chosen(place, x, place.axis(dim, place.rank(x)), index)


def attribute(place: Place, value: Any, name: str) -> Any:
    """`x.shape`, `x.ndim`, `x.T`; what a size does not depend on is not known."""
    if isinstance(value, Tensor):
        if name == "shape":
            return place.building.sizes(value)
        if name == "ndim":
            return place.rank(value)
        if name in ("T", "mT"):
            return rearranging.HANDLERS[name](place, value)
        if name in ("data", "values", "indices"):
            return value
        if name in ELSEWHERE:
            return False
        if name in ("real", "imag"):
            return place.pointwise(value, name)
    if isinstance(value, tuple) and name in ("values", "indices") and len(value) == 2:
        return value[name == "indices"]
    return NotKnown(name)


# ------------------------------------------------------------------ sizes


def size(place: Place, x: Any, dim: Any = None) -> Any:
    if not isinstance(x, Tensor):
        return NotKnown("size")
    return place.building.sizes(x) if dim is None else place.building.size(x, dim)


def rank(place: Place, x: Any) -> Any:
    return place.rank(x)


def numel(place: Place, x: Any) -> Any:
    total: Any = 1
    for part in place.building.sizes(x) if isinstance(x, Tensor) else x:
        total = combine("mul", total, part)
    return total


def length(place: Place, x: Any) -> Any:
    return place.building.size(x, 0) if isinstance(x, Tensor) else len(x)


def floor(place: Place, x: Any) -> Any:
    """`math.floor` of a number, a size or a quotient of sizes."""
    if isinstance(x, Real):
        return floor_of(x)
    return x if is_term(x) else int(x // 1) if isinstance(x, float) else NotKnown("floor")


def ceil(place: Place, x: Any) -> Any:
    """`math.ceil` of a number, a size or a quotient of sizes."""
    if isinstance(x, Real):
        return ceil_of(x)
    return x if is_term(x) else -int(-x // 1) if isinstance(x, float) else NotKnown("ceil")


def checked(place: Place, args: tuple[Any, ...]) -> None:
    """`torch._assert(h == 224, ...)` is a condition on the input's size, kept as a node where it asks for one number."""
    condition = args[0] if args else None
    parts = condition.parts if isinstance(condition, AllOf) and not condition.negated else (condition,)
    # Every part is asked, also behind one that no node can ask for.
    if not all([condition is True or required(place, part) for part in parts]):  # noqa: C419
        place.building.note("CW422", f"{place.kind} is taken to hold; the sizes that it refuses are not left out")


def required(place: Place, condition: Any) -> bool:
    """A node that takes the sizes for which the condition holds alone; False where no node asks for that."""
    if not isinstance(condition, Comparison):
        return False
    left, right, kind = condition.left, condition.right, condition.kind
    if kind == "eq":
        for one, other in ((left, right), (right, left)):
            if isinstance(one, SizeOf) and isinstance(other, int):
                place.one(Split(one.axis, (other,)), Tensor(one.input))
                return True
    if kind in ("le", "lt"):
        left, right, kind = right, left, "ge" if kind == "le" else "gt"
    # One more on both sides, because a rest may be 0 and no tensor is that short.
    least = combine("add", right, 2 if kind == "gt" else 1)
    cells = replace(place, name=f"{place.name}.size").one(Constant((combine("add", left, 1),)))
    if kind == "eq":
        place.one(ReshapeTo((least,)), cells)
    elif kind in ("ge", "gt"):
        place.one(Slice(0, 0, least, within=True), cells)
    return kind != "ne"


SIZES: Mapping[str, Handler] = {
    "size": size,
    "sym_size": size,
    "dim": rank,
    "ndimension": rank,
    "numel": numel,
    "nelement": numel,
    "prod_of": numel,
    "len": length,
    "floor_of": floor,
    "ceil_of": ceil,
}
"""What gives sizes instead of tensors."""
