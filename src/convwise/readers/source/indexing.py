"""Subscripts of arrays: what stands in the brackets, and the shape that comes out of plain data."""

from __future__ import annotations

import ast
from typing import Any

from convwise.ops import Shape
from convwise.readers.source import measured, tensors
from convwise.readers.source.state import Run
from convwise.readers.source.values import Ref, Scope, Tensor


def index(run: Run, node: ast.expr, scope: Scope) -> Any:
    """The key of a subscript: numbers, slices, None for a new axis, `...`, and tuples of these; bounds may be unknown."""
    if isinstance(node, ast.Tuple):
        return tuple(index(run, part, scope) for part in node.elts)
    if isinstance(node, ast.Slice):
        bounds = [
            None if part is None else run.evaluate(run, part, scope) for part in (node.lower, node.upper, node.step)
        ]
        return slice(*bounds)
    if isinstance(node, ast.Constant) and node.value is Ellipsis:
        return Ellipsis
    found = run.evaluate(run, node, scope)
    return None if isinstance(found, Ref) and found.path.endswith(".newaxis") else found


def item(run: Run, tensor: Tensor, key: Any, node: ast.expr) -> Tensor:
    """`x[key]`: of data that a snippet makes up, an array of another shape; on a model's way, no straight line.

    What a name stands for among a model's inputs, `batch["image"]`, is an input of its own.
    """
    if isinstance(key, str) and tensors.is_raw(tensor) and tensor.shape is None:
        return Tensor(None, line=node.lineno)
    made = measured.shape_of(run, tensor)
    if made is not None:
        return Tensor(_taken(made, key), line=node.lineno)
    if not tensors.is_raw(tensor) or tensor.entry or run.within:
        return tensors.doubtful(run, (tensor,), tensors.opaque(run, node))
    return Tensor(None if tensor.shape is None else _taken(tensor.shape, key), line=node.lineno)


def written(run: Run, owner: Any, key: Any, value: Any, node: ast.Subscript) -> Tensor | None:
    """`x[key] = value` on a model's way: the array in doubt, where nobody follows what becomes of it."""
    if run.graph is not None:
        found: Tensor | None = run.graph.written_into(run, owner, key, value, node)
        return found
    if not run.within or not isinstance(owner, Tensor):
        return None
    if not isinstance(value, Tensor):
        tensors.altered(run, owner, node)
        return None
    return tensors.doubtful(run, (owner, value), tensors.opaque(run, node))


def _taken(shape: Shape, key: Any) -> Shape | None:
    """The shape that is left; None where the key does not tell."""
    parts = key if isinstance(key, tuple) else (key,)
    reading = sum(part is not None and part is not Ellipsis for part in parts)
    whole = [place for place, part in enumerate(parts) if part is Ellipsis]
    if reading > len(shape) or len(whole) > 1:
        return None
    rest = (slice(None),) * (len(shape) - reading)
    place = whole[0] if whole else len(parts)
    sizes = iter(shape)
    found: list[int | None] = []
    for part in (*parts[:place], *rest, *parts[place + 1 :]):
        if part is None:
            found.append(1)
            continue
        size = next(sizes)
        if isinstance(part, slice):
            found.append(_cut(size, part))
        elif type(part) is not int or (size is not None and not -size <= part < size):
            return None
    return tuple(found)


def _cut(size: int | None, part: slice) -> int | None:
    """The size that a slice leaves; not known where a bound is not, or for a step backwards, which PyTorch refuses."""
    bounds = (part.start, part.stop, part.step)
    if bounds == (None, None, None):
        return size
    if size is None or not all(bound is None or type(bound) is int for bound in bounds):
        return None
    if part.step is not None and part.step < 1:
        return None
    return len(range(*part.indices(size)))
