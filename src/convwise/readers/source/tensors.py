"""Arrays that layers are applied to: their shapes as far as the text gives them, and what is done to them."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Unknown
from convwise.errors import CodeError, ConvwiseError
from convwise.readers.echo import shown
from convwise.readers.source import measured
from convwise.readers.source.state import Run
from convwise.readers.source.values import Held, Method, Tensor, iterable

UNTOUCHED = frozenset(
    {
        *("to", "cuda", "cpu", "float", "double", "half", "detach", "clone", "contiguous", "requires_grad_", "numpy"),
        *("astype", "type", "copy", "bfloat16", "requires_grad", "data", "real"),
    }
)
"""Methods that give the same array again, as far as its shape and its layers go."""


def attribute(run: Run, tensor: Tensor, node: ast.Attribute) -> Any:
    if node.attr == "shape" and not is_raw(tensor):
        shape = measured.shape_of(run, tensor)
        return run.unknown(node) if shape is None else shape
    if node.attr == "shape":
        return tensor.shape if is_raw(tensor) and tensor.shape is not None and not run.within else run.unknown(node)
    return tensor if node.attr in ("data", "real") else Method(tensor, node.attr)


def is_raw(tensor: Tensor) -> bool:
    """Whether no layer has been applied yet."""
    return tensor.parent is None and not tensor.merged and tensor.doubt is None


def combined(run: Run, left: Any, right: Any, node: ast.BinOp) -> Any:
    """Arithmetic with an array: with a number it keeps the shape; with a second array it is no straight line."""
    both = [side for side in (left, right) if isinstance(side, Tensor)]
    if len(both) == 1 and isinstance(left if both[0] is right else right, int | float):
        return altered(run, both[0], node)
    if len(both) == 1 and isinstance(left if both[0] is right else right, Unknown):
        if run.within:
            # It may be an array: whoever asks for the whole network is told by the reader of branches.
            doubtful(run, (), opaque(run, node))
        return altered(run, both[0], node)
    if all(is_raw(side) for side in both) and not (run.within or any(isinstance(side, Held) for side in (left, right))):
        return both[0]
    # A difference is how an error is measured more often than a layer.
    if isinstance(node.op, ast.Sub):
        return doubtful(run, tuple(both), opaque(run, node))
    return joined(run, tuple(both), node)


def altered(run: Run, tensor: Tensor, node: ast.AST) -> Tensor:
    """The same array as far as its shape goes; who runs its layers is told that something else changes the values."""
    if tensor.altered is None and (run.within or tensor.entry or not is_raw(tensor)):
        fact = f"`{shown(run.source(node, 400), 60)}` changes values between the layers, and is no layer"
        hint = "give the layers before it or those behind it"
        tensor.altered = CodeError("CW315", fact, detail=run.place(node), hint=hint), bool(run.within)
    return tensor


def joined(run: Run, parts: tuple[Tensor, ...], node: ast.AST) -> Tensor:
    """Where branches meet: nobody can follow that here, but where it is the last thing of a text it is no answer to leave it out."""
    tensor = doubtful(run, parts, opaque(run, node))
    tensor.join = not run.within
    return tensor


def opaque(run: Run, node: ast.AST) -> CodeError:
    """The doubt of an array that comes out of something that is no layer."""
    return CodeError(
        "CW315",
        f"`{shown(run.source(node, 400), 60)}` is not a straight line of layers",
        detail=run.place(node),
        hint="only one layer after the other can be explained; give the part before or after it",
    )


def doubtful(run: Run, parts: tuple[Any, ...], doubt: ConvwiseError) -> Tensor:
    """An array nobody can follow. By itself it is no answer; a layer applied to it makes its doubt the answer."""
    tensor = Tensor(doubt=doubt, faint=True, merged=tuple(part for part in parts if isinstance(part, Tensor)))
    run.tensors.append(tensor)
    return tensor


def insist(tensor: Tensor) -> None:
    """A doubtful array is needed after all: what went into it is no answer by itself any more."""
    pending = [tensor]
    while pending:
        part = pending.pop()
        part.faint = False
        for merged in part.merged:
            if not merged.used:
                merged.used = True
                pending.append(merged)
        part.merged = ()


def tensors_in(values: Any) -> list[Tensor]:
    """The arrays among some arguments, those in lists of arrays included."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += [part for part in value if isinstance(part, Tensor)]
    return found


def sizes(values: Any) -> tuple[int | None, ...] | None:
    """A shape from literals; sizes that the text does not give are None; None where it is no shape at all."""
    items = iterable(values) if not isinstance(values, int) else [values]
    if items is None or len(items) > 16 or isinstance(values, str | dict):
        return None
    found: list[int | None] = []
    for size in items:
        if isinstance(size, bool) or not isinstance(size, int | Unknown | None):
            return None
        found.append(size if isinstance(size, int) else None)
    return tuple(found)


def reshaped(tensor: Tensor | Unknown, values: list[Any], line: int) -> Tensor:
    """`x.reshape(60000, 28, 28, 1)` of plain data."""
    wanted = sizes(values[0] if len(values) == 1 and isinstance(values[0], list | tuple) else values)
    if wanted is None:
        return Tensor(None, line=line)
    shape = tuple(None if size == -1 else size for size in wanted)
    if isinstance(tensor, Tensor) and tensor.shape and shape.count(None) == 1 and None not in tensor.shape:
        total, known = 1, 1
        for size in tensor.shape:
            total *= size or 0
        for size in shape:
            known *= 1 if size is None else size
        if known > 0 and total % known == 0:
            shape = tuple(total // known if size is None else size for size in shape)
    return Tensor(shape, line=line)


def with_new_axis(tensor: Tensor, place: Any, line: int) -> Tensor:
    """`unsqueeze(place)` and `expand_dims(x, place)` of plain data."""
    if tensor.shape is None or not isinstance(place, int) or not -len(tensor.shape) - 1 <= place <= len(tensor.shape):
        return Tensor(None, line=line)
    place = place + len(tensor.shape) + 1 if place < 0 else place
    return Tensor((*tensor.shape[:place], 1, *tensor.shape[place:]), line=line)


def swapped(tensor: Tensor, one: Any, other: Any, line: int) -> Tensor:
    """PyTorch's `transpose(1, 2)` of plain data."""
    rank = len(tensor.shape or ())
    if not all(type(axis) is int and -rank <= axis < rank for axis in (one, other)):
        return Tensor(None, line=line)
    order = list(range(rank))
    order[one], order[other] = order[other], order[one]
    return permuted(tensor, tuple(order), line)


def permuted(tensor: Tensor, order: Any, line: int) -> Tensor:
    """`transpose(x, (0, 3, 1, 2))` of plain data."""
    shape = tensor.shape
    if (
        shape is None
        or not isinstance(order, tuple | list)
        or sorted(map(repr, order)) != sorted(map(repr, range(len(shape))))
    ):
        return Tensor(None, line=line)
    return Tensor(tuple(shape[place] for place in order), line=line)
