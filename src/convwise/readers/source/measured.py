"""The sizes of an array that a constructor sends through its layers to learn what comes out: `self.conv(torch.zeros(1, 3, 32, 32)).numel()`."""

from __future__ import annotations

from math import prod
from typing import Any

from convwise import dialects
from convwise.errors import ConvwiseError
from convwise.ops import Shape
from convwise.readers.source.state import Run
from convwise.readers.source.values import MISSING, Made, Tensor


def shape_of(run: Run, tensor: Tensor) -> tuple[int, ...] | None:
    """The shape behind all layers so far; None outside of a constructor, and where it does not follow from the text."""
    if not run.trying:
        return None
    layers: list[Made] = []
    here: Tensor | None = tensor
    shape: Shape | None = None
    while here is not None:
        if here.doubt is not None or here.entry:
            return None
        layers += [made for _, made in reversed(here.placed)]
        shape, here = here.shape, here.parent
    for made in reversed(layers):
        run.spend()
        shape = _after(made, shape)
    found = tuple(size for size in shape or () if size is not None)
    return found if shape is not None and len(found) == len(shape) else None


def _after(made: Made, shape: Shape | None) -> Shape | None:
    if shape is None or made.dialect != "torch" or made.problem is not None:
        return None
    torch = dialects.get("torch")
    try:
        return torch.flow(torch.read(made.call, None), shape).output
    except ConvwiseError:
        return None


def asked(run: Run, tensor: Tensor, name: str, arguments: list[Any]) -> Any:
    """`x.size()`, `x.size(1)`, `x.numel()` and `x.dim()`; MISSING where the sizes are not known."""
    shape = shape_of(run, tensor) if name in ("size", "numel", "nelement", "dim") else None
    if shape is None:
        return MISSING
    if name in ("numel", "nelement"):
        return prod(shape)
    if name == "dim":
        return len(shape)
    axis = arguments[0] if arguments else None
    if axis is None:
        return shape
    return shape[axis] if type(axis) is int and -len(shape) <= axis < len(shape) else MISSING
