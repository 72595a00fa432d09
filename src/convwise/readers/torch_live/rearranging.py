"""Functions and methods that move cells without computing: view, permute, cat, chunk, expand and their like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from convwise.errors import Refusal
from convwise.ops import Flatten, Permute, Unflatten
from convwise.ops.memory import Memory
from convwise.ops.several import (
    Arithmetic,
    Concat,
    Constant,
    Expand,
    Gather,
    ReshapeTo,
    Slice,
    Split,
    Squeeze,
    Tile,
    Unsqueeze,
)
from convwise.readers.torch_live.indexing import one_cell
from convwise.readers.torch_live.pieces import Pieces
from convwise.readers.torch_live.place import Place, tensor_of, terms
from convwise.readers.torch_live.values import NotFollowed, Tensor, combine, is_term


def _sizes(sizes: tuple[Any, ...], named: Any = None) -> Any:
    """`x.view(2, 3)`, `x.view((2, 3))` and `x.view(size=(2, 3))` are one."""
    if not sizes:
        return named
    return sizes[0] if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else sizes


def view(place: Place, x: Tensor, *sizes: Any, size: Any = None, shape: Any = None) -> Tensor:
    wanted = _sizes(sizes, size if size is not None else shape)
    if isinstance(wanted, tuple) and len(wanted) == 1 and type(wanted[0]).__name__ == "dtype":
        return place.pointwise(x, "to")
    return place.one(ReshapeTo(terms(wanted, "the new shape"), _lying(place, x)), x)


def view_as(place: Place, x: Tensor, other: Tensor) -> Tensor:
    return place.one(ReshapeTo(place.building.sizes(other), _lying(place, x)), x)


def _lying(place: Place, x: Tensor) -> Memory | None:
    """How the cells lie where a view is asked for: a reshape copies them where it must, and traces have run."""
    return place.building.scattered(x) if place.kind in (".view", ".view_as", "torch.view_as") else None


def resize(place: Place, x: Tensor, *sizes: Any, **words: Any) -> Tensor:
    """`x.resize_(2, 4, 4)`, which need not keep the number of cells."""
    wanted = terms(_sizes(sizes), "the new shape")
    if any(isinstance(size, int) and size < 0 for size in wanted):
        raise NotFollowed("a size of its new shape is negative")
    return place.one(Constant(wanted), x)


def flatten(place: Place, x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    return place.one((Flatten(start_dim, end_dim),), x)


def unflatten(place: Place, x: Tensor, dim: int, sizes: Any) -> Tensor:
    wanted = terms(sizes, "the new shape")
    numbers = tuple(size for size in wanted if isinstance(size, int))
    if len(numbers) == len(wanted):
        return place.one((Unflatten(dim, numbers),), x)
    old = place.building.sizes(x)
    at = place.axis(dim, len(old))
    return place.one(ReshapeTo((*old[:at], *wanted, *old[at + 1 :])), x)


def permute(place: Place, x: Tensor, *dims: Any, **words: Any) -> Tensor:
    order = _sizes(dims, words.get("dims"))
    rank = place.rank(x)
    return place.one((Permute(tuple(place.axis(dim, rank) for dim in order)),), x)


def transpose(place: Place, x: Tensor, dim0: int, dim1: int) -> Tensor:
    rank = place.rank(x)
    order = list(range(rank))
    one, other = place.axis(dim0, rank), place.axis(dim1, rank)
    order[one], order[other] = order[other], order[one]
    return place.one((Permute(tuple(order)),), x)


def turned(place: Place, x: Tensor) -> Tensor:
    """`x.mT`: the last two axes change places."""
    return transpose(place, x, -2, -1)


def reversed_(place: Place, x: Tensor) -> Tensor:
    """`x.T`: all axes the other way round, however many there are."""
    rank = place.rank(x)
    return x if rank < 2 else place.one((Permute(tuple(range(rank))[::-1]),), x)


def matrix(place: Place, x: Tensor) -> Tensor:
    """`x.t()`, which takes a matrix or a vector."""
    rank = place.rank(x)
    if rank > 2:
        raise Refusal(
            "CW101",
            f"t() turns a matrix, and this has {rank} axes",
            layer=place.kind,
            received=rank,
            quote=f"t() expects a tensor with <= 2 dimensions, but self is {rank}D",
            hint="x.mT turns the last two axes, x.permute(...) any",
        )
    return reversed_(place, x)


def movedim(place: Place, x: Tensor, source: Any, destination: Any) -> Tensor:
    rank = place.rank(x)
    sources = [place.axis(dim, rank) for dim in (source if isinstance(source, list | tuple) else (source,))]
    goals = [
        place.axis(dim, rank) for dim in (destination if isinstance(destination, list | tuple) else (destination,))
    ]
    rest = iter(axis for axis in range(rank) if axis not in sources)
    placed = dict(zip(goals, sources, strict=True))
    return place.one((Permute(tuple(placed[axis] if axis in placed else next(rest) for axis in range(rank))),), x)


def cat(place: Place, tensors: Any, dim: int = 0, axis: int | None = None) -> Tensor:
    if not isinstance(tensors, list | tuple):
        raise NotFollowed("the list of what is joined is not known")
    return place.one(Concat(dim if axis is None else axis), *(tensor_of(part, place.kind) for part in tensors))


def stack(place: Place, tensors: Any, dim: int = 0) -> Tensor:
    if not isinstance(tensors, list | tuple):
        raise NotFollowed("the list of what is stacked is not known")
    at = dim if dim >= 0 else dim + place.rank(tensor_of(tensors[0], place.kind)) + 1
    layers = [place.one(Unsqueeze((at,)), tensor_of(part, place.kind)) for part in tensors]
    return place.one(Concat(at), *layers)


def chunk(place: Place, x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """PyTorch gives fewer pieces where the size is smaller than `chunks` pieces of the size that it rounds up to."""
    axis = place.axis(dim, place.rank(x))
    size = place.building.shape(x)[axis]
    if not isinstance(chunks, int) or chunks < 1:
        raise NotFollowed("how many pieces there are is not known")
    if size is None:
        return Pieces(place, x, axis, chunks)
    piece = -(-size // chunks)
    sizes = tuple(min(piece, size - start) for start in range(0, size, piece)) if size else (0,) * chunks
    return place.emit(Split(dim, sizes), (x,), outputs=len(sizes))


def split(place: Place, x: Tensor, size: Any = None, dim: int = 0, **words: Any) -> tuple[Tensor, ...]:
    pieces = words.get("split_size_or_sections", words.get("split_size", size)) if size is None else size
    if isinstance(pieces, list | tuple):
        if all(isinstance(piece, int) for piece in pieces):
            return place.emit(Split(dim, tuple(pieces)), (x,), outputs=len(pieces))
        return _cut(place, x, terms(pieces, "the sizes of the pieces"), dim)
    total = place.building.shape(x)[place.axis(dim, place.rank(x))]
    if not isinstance(pieces, int) or pieces < 1 or total is None:
        raise NotFollowed("how many pieces there are follows from the input's size")
    sizes = tuple(min(pieces, total - start) for start in range(0, total, pieces))
    return place.emit(Split(dim, sizes), (x,), outputs=len(sizes))


def _cut(place: Place, x: Tensor, sizes: tuple[Any, ...], dim: int) -> tuple[Tensor, ...]:
    """Pieces of computed sizes, which must make up the whole axis."""
    old = place.building.sizes(x)
    at = place.axis(dim, len(old))
    total: Any = 0
    for size in sizes:
        total = combine("add", total, size)
    held = []
    for size in sizes:
        if not (isinstance(size, Arithmetic) and size.kind == "subtract"):
            continue
        if size.left == old[at]:
            words = "split_with_sizes expects split_sizes have only non-negative entries"
            front = replace(place, name=f"{place.name}.cells")
            held.append(front.one(Slice(at, 0, size.right, within=True, words=words), x))
        else:
            place.building.note("CW422", "split is followed with pieces of at least 0 cells; small sizes give fewer")
    if total != old[at]:
        x = replace(place, name=f"{place.name}.whole").one(ReshapeTo((*old[:at], total, *old[at + 1 :])), x)
    start: Any = 0
    found = []
    for size in sizes:
        stop = combine("add", start, size)
        found.append(place.one(Slice(at, start, stop), x, *held))
        start = stop
    return tuple(found)


def unbind(place: Place, x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    size = place.building.shape(x)[place.axis(dim, place.rank(x))]
    if size is None:
        raise NotFollowed("how many pieces there are follows from the input's size")
    return tuple(place.one(Gather(dim), x) for _ in range(size))


def select(place: Place, x: Tensor, dim: int, index: Any) -> Tensor:
    dim = place.axis(dim, place.rank(x))
    words = f"select(): index {index} out of range for tensor of size {{shape}} at dimension {dim}"
    return place.one(Gather(dim, (), one_cell(index), words), x)


def narrow(place: Place, x: Tensor, dim: int, start: Any, length: Any) -> Tensor:
    """A part whose cells must all be there, unlike a slice's; a start may be counted from the back."""
    if isinstance(start, int) and start < 0:
        start = combine("add", place.building.size(x, dim), start)
    elif not isinstance(start, int):
        place.building.note("CW422", "narrow is followed with a start that is not counted from the back")
    return place.one(Slice(dim, start, combine("add", start, length), within=True), x)


def slice_(place: Place, x: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    """ATen's slice, which writes 2**63 - 1 for an open end."""
    stop = None if isinstance(end, int) and end >= 2**62 else end
    return x if start in (None, 0) and stop is None and step == 1 else place.one(Slice(dim, start, stop, step), x)


def unsqueeze(place: Place, x: Tensor, dim: int) -> Tensor:
    return place.one(Unsqueeze((dim,)), x)


def squeeze(place: Place, x: Tensor, dim: Any = None) -> Tensor:
    """Of axes of open size the given input says whether they go; without one they are taken to stay, and no one may count them."""
    axes = None if dim is None else tuple(dim) if isinstance(dim, list | tuple) else (dim,)
    shape = place.building.shape(x)
    out = place.one(Squeeze(axes, strict=False), x)
    known = place.building.tensors[out.number]
    if known.free is None:
        asked = set(range(len(shape))) if axes is None else {place.axis(axis, len(shape)) for axis in axes}
        before = place.building.tensors[x.number].seen
        seen = before if before is not None and len(before) == len(shape) else shape
        gone = {axis for axis in asked if shape[axis] == 1 or (shape[axis] is None and seen[axis] == 1)}
        known.free = tuple(size for axis, size in enumerate(shape) if axis not in gone)
        known.loose = True
    return out


def expand(place: Place, x: Tensor, *sizes: Any, size: Any = None, **words: Any) -> Tensor:
    return place.one(Expand(terms(_sizes(sizes, size), "the new shape")), x)


def expand_as(place: Place, x: Tensor, other: Tensor) -> Tensor:
    return place.one(Expand(place.building.sizes(other)), x)


def repeat(place: Place, x: Tensor, *sizes: Any, **words: Any) -> Tensor:
    times = terms(_sizes(sizes, words.get("repeats", words.get("dims"))), "how often it is repeated")
    numbers = tuple(count for count in times if isinstance(count, int))
    if len(numbers) == len(times):
        return place.one(Tile(numbers), x)
    old = place.building.sizes(x)
    old = (1,) * (len(times) - len(old)) + old
    return place.one(Constant(tuple(combine("mul", size, count) for size, count in zip(old, times, strict=True))), x)


def repeat_interleave(place: Place, x: Tensor, repeats: Any, dim: int | None = None, **words: Any) -> Tensor:
    if dim is None or not is_term(repeats):
        raise NotFollowed("how often each cell is repeated is not known")
    sizes = list(place.building.sizes(x))
    at = place.axis(dim, len(sizes))
    sizes[at] = combine("mul", sizes[at], repeats)
    return place.one(Constant(tuple(sizes)), x)


def as_strided(place: Place, x: Tensor, size: Any, *more: Any, **words: Any) -> Tensor:
    """Cells of the tensor's memory in any order: the sizes are what is asked for."""
    return place.one(Constant(terms(size, "the shape")), x)


HANDLERS: dict[str, Callable[..., Any]] = {
    "as_strided": as_strided,
    "view": view,
    "reshape": view,
    "_unsafe_view": view,
    "view_as": view_as,
    "resize_": resize,
    "reshape_as": view_as,
    "flatten": flatten,
    "ravel": flatten,
    "unflatten": unflatten,
    "permute": permute,
    "transpose": transpose,
    "swapaxes": transpose,
    "swapdims": transpose,
    "t": matrix,
    "T": reversed_,
    "numpy_T": reversed_,
    "mT": turned,
    "movedim": movedim,
    "moveaxis": movedim,
    "cat": cat,
    "concat": cat,
    "concatenate": cat,
    "stack": stack,
    "chunk": chunk,
    "split": split,
    "split_with_sizes": split,
    "unbind": unbind,
    "select": select,
    "narrow": narrow,
    "slice": slice_,
    "unsqueeze": unsqueeze,
    "squeeze": squeeze,
    "expand": expand,
    "broadcast_to": expand,
    "expand_as": expand_as,
    "repeat": repeat,
    "tile": repeat,
    "repeat_interleave": repeat_interleave,
}
"""By the function's or method's name."""
