"""Ops on several tensors, and the pieces of shape arithmetic that whole networks contain.

Each has `flows(shapes) -> shapes`: all input shapes to all output shapes, in the framework's own order, the batch
included. Axes are numbered in the whole shape; negative ones count from the back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from convwise.errors import ShapeError
from convwise.ops.shape import Shape, Size
from convwise.ops.shaping import (
    Constant,
    Expand,
    Gather,
    PadTo,
    ReshapeTo,
    ResizeTo,
    Shaping,
    Slice,
    Squeeze,
    Tile,
    Unsqueeze,
    Windows,
    place,
)
from convwise.ops.terms import Arithmetic, Scale, SizeOf, Term

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Elementwise:
    """Values combined place by place, shapes broadcast as NumPy does: add, multiply, maximum and so on."""

    kind: str

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The broadcast shape; raises ShapeError CW110 where two sizes are neither equal nor 1."""
        first = shapes[0]
        if all([shape == first for shape in shapes]):  # noqa: C419
            return (first,)
        if len(shapes) == 2:
            joined = _two(first, shapes[1])
            if joined is not None:
                return (joined,)
        rank = max(len(shape) for shape in shapes)
        padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
        return (tuple(_broadcast(self.kind, axis, sizes) for axis, sizes in enumerate(zip(*padded, strict=True))),)


@dataclass(frozen=True, slots=True)
class Concat:
    """Tensors one after the other along `axis`; every other size must be equal."""

    axis: int

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The joined shape; raises ShapeError CW110 where another axis differs, CW101 where the ranks do."""
        first = shapes[0]
        axis = place(self.axis, first)
        before, behind = first[:axis], first[axis + 1 :]
        # Most of many inputs have the same shape.
        if all([len(one) == len(first) and one[:axis] == before and one[axis + 1 :] == behind for one in set(shapes)]):  # noqa: C419
            sizes = [shape[axis] for shape in shapes]
            joined = None if None in sizes else sum(sizes)  # type: ignore[arg-type]
            return ((*before, joined, *behind),)
        total: Size = 0
        merged = list(first)
        for shape in shapes:
            if len(shape) != len(first):
                raise ShapeError("CW101", f"concatenating {len(first)} axes with {len(shape)}", received=shape)
            for number, (one, other) in enumerate(zip(merged, shape, strict=True)):
                if number != axis and one is not None and other is not None and one != other:
                    raise ShapeError(
                        "CW110",
                        f"concatenating along axis {axis}, but axis {number} is {one} in one input and {other} in another",
                        received=other,
                        hint="pad or crop one of them, or choose an input size that makes them equal",
                    )
                if one is None:
                    merged[number] = other
            total = None if total is None or shape[axis] is None else total + (shape[axis] or 0)
        merged[axis] = total
        return (tuple(merged),)


@dataclass(frozen=True, slots=True)
class Split:
    """One tensor cut along `axis` into pieces of `sizes`; None: into `parts` equal ones, the last may be smaller unless `even`.

    A piece without cells is none: ONNX refuses it, and PyTorch's chunk then gives fewer pieces than the text takes apart.
    """

    axis: int
    sizes: tuple[int, ...] | None = None
    parts: int = 0
    even: bool = False

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The pieces; raises ShapeError CW105 where the sizes do not add up."""
        (shape,) = shapes
        axis = place(self.axis, shape)
        size = shape[axis]
        if self.sizes is not None:
            if size is not None and sum(self.sizes) != size:
                raise ShapeError(
                    "CW105", f"pieces of {' + '.join(map(str, self.sizes))} are not the {size} there are", received=size
                )
            pieces: tuple[Size, ...] = self.sizes
        elif size is None:
            pieces = (None,) * self.parts
        elif self.even and size % self.parts:
            raise ShapeError("CW105", f"{size} cells do not divide into {self.parts} equal pieces", received=size)
        else:
            piece = -(-size // self.parts)
            if size and size <= piece * (self.parts - 1):
                raise ShapeError(
                    "CW105",
                    f"{self.parts} pieces are asked for, and a size of {size} in pieces of {piece} makes {-(-size // piece)}",
                    received=size,
                    hint=f"give an axis of {self.parts} cells or a multiple of {self.parts}, or take fewer pieces",
                )
            pieces = tuple(min(piece, size - piece * number) for number in range(self.parts))
        return tuple((*shape[:axis], one, *shape[axis + 1 :]) for one in pieces)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One of PyTorch's `chunk`: at most `parts` pieces of ceil(size / parts) cells, as many as hold all; a negative number counts from the last."""

    axis: int
    parts: int
    number: int

    def cells(self, size: int) -> range | None:
        """The cells of the piece; None where there is no such piece."""
        piece = -(-size // self.parts)
        count = -(-size // piece) if piece else self.parts
        at = self.number if self.number >= 0 else count + self.number
        return range(at * piece, min((at + 1) * piece, size)) if 0 <= at < count else None

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The piece; raises ShapeError CW104 where there are not so many."""
        (shape,) = shapes
        axis = place(self.axis, shape)
        size = shape[axis]
        cells = None if size is None else self.cells(size)
        if size is not None and cells is None:
            piece = -(-size // self.parts)
            raise ShapeError(
                "CW104",
                f"piece {self.number} is asked for, and a size of {size} on axis {axis} in pieces of {piece} makes {-(-size // piece)}",
                received=size,
                quote="tuple index out of range",
                hint="give a larger input, or ask how many pieces there are",
            )
        return ((*shape[:axis], None if cells is None else len(cells), *shape[axis + 1 :]),)


@dataclass(frozen=True, slots=True)
class MatMul:
    """A product of matrices over the last two axes, the axes before broadcast."""

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The product's shape; raises ShapeError CW109 where the inner sizes differ."""
        left, right = shapes
        if len(left) == 1 or len(right) == 1:
            return self._with_vector(left, right)
        if left[-1] is not None and right[-2] is not None and left[-1] != right[-2]:
            raise ShapeError(
                "CW109", f"a matrix with {left[-1]} columns times one with {right[-2]} rows", received=left[-1]
            )
        (batch,) = Elementwise("multiply").flows((left[:-2], right[:-2])) if left[:-2] or right[:-2] else ((),)
        return ((*batch, left[-2], right[-1]),)

    def _with_vector(self, left: Shape, right: Shape) -> tuple[Shape, ...]:
        inner = right[-2] if len(right) > 1 else right[-1]
        if left[-1] is not None and inner is not None and left[-1] != inner:
            raise ShapeError("CW109", f"{left[-1]} values times {inner}", received=left[-1])
        return ((*left[:-1], *(right[:-2] + right[-1:] if len(right) > 1 else ())),)


@dataclass(frozen=True, slots=True)
class Einsum:
    """Products summed by letters: `terms` name the axes of each input, `out` those of the output; a size of 1 is broadcast.

    `words` are the framework's where sizes do not fit, with places for the {letter}, the {size}, the {operand} and the {seen} size.
    """

    terms: tuple[str, ...]
    out: str
    words: str = ""

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The output's sizes by their letters; raises ShapeError CW101 where the ranks are wrong, CW109 where sizes of a letter differ."""
        sizes: dict[str, Size] = {}
        for number, (letters, shape) in enumerate(zip(self.terms, shapes, strict=True)):
            if len(letters) != len(shape):
                raise ShapeError(
                    "CW101", f"{letters!r} names {len(letters)} axes, and the tensor has {len(shape)}", received=shape
                )
            own: dict[str, Size] = {}
            for letter, size in zip(letters, shape, strict=True):
                if None not in (size, own.get(letter, size)) and own.get(letter, size) != size:
                    raise self._refused(f"{letter} is {own[letter]} and {size} in one tensor", size)
                own.setdefault(letter, size)
            for letter, size in own.items():
                seen = sizes.get(letter, 1)
                if size is not None and seen is not None and size != seen and 1 not in (size, seen):
                    quote = self.words.format(letter=letter, size=size, operand=number, seen=seen)
                    raise self._refused(f"{letter} is {seen} in one tensor and {size} in another", size, quote)
                sizes[letter] = size if seen == 1 or (seen is None and size != 1) else seen
        return (tuple(sizes[letter] for letter in self.out),)

    def _refused(self, fact: str, size: Size, quote: str = "") -> ShapeError:
        equation = f"{','.join(self.terms)}->{self.out}"
        return ShapeError(
            "CW109",
            f"{fact}, in {equation[:60]}",
            received=size,
            quote=quote,
            hint="give the axes that meet equal sizes, or other letters",
        )


@dataclass(frozen=True, slots=True)
class Attention:
    """At each step of the first input a mean of the last input's steps, weighted by how its features meet theirs.

    The steps lie along `axes`, or are `cells` where attention keeps to windows of so many. `meeting` features are multiplied for a
    weight and `width` come out, all heads together; None: those that the first and the last input have.
    """

    axes: tuple[int, ...] = (-2,)
    cells: int = 0
    meeting: int | None = None
    width: int | None = None

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The first input's steps with the features that come out."""
        return (self.given(shapes),)

    def given(self, shapes: tuple[tuple[T, ...], ...]) -> tuple[T | int, ...]:
        """The shape that comes of shapes it takes."""
        return (*shapes[0][:-1], shapes[-1][-1] if self.width is None else self.width)


@dataclass(frozen=True, slots=True)
class Recurrent:
    """RNN, GRU and LSTM: the sequence of `outputs` features, and behind it the last states of `states` features each.

    `layers` is how many states there are, both directions counted. `apart`: the directions have an axis of their own, as in ONNX, where
    `batch_first` puts the batch first in the states too. `words` are the framework's where the features are others, if not PyTorch's,
    with a place for those that are {seen}. `weights` are the numbers that each step is multiplied with.
    """

    features: int
    outputs: int
    states: tuple[int, ...]
    layers: int
    batch_first: bool = False
    apart: bool = False
    weights: int = 0
    words: str = ""

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Sequence and states; raises ShapeError CW101 for other than 2 or 3 axes, CW109 where the features are others."""
        shape = shapes[0]
        if len(shape) not in (2, 3):
            raise ShapeError(
                "CW101",
                f"it takes 2 axes, or 3 with a batch, and the tensor has {len(shape)}",
                received=shape,
                quote=f"Expected input to be 2D or 3D, got {len(shape)}D instead",
                hint="put the axes together, so that steps and features are left",
            )
        if shape[-1] not in (None, self.features):
            raise ShapeError(
                "CW109",
                f"it takes {self.features} features, and the last axis has {shape[-1]}",
                axis="features",
                received=shape[-1],
                quote=self.words.format(seen=shape[-1])
                or f"input.size(-1) must be equal to input_size. Expected {self.features}, got {shape[-1]}",
                hint=f"make the layer for {shape[-1]} features, or give the axis {self.features} cells",
            )
        return self.given(shape)

    def given(self, shape: tuple[T, ...]) -> tuple[tuple[T | int, ...], ...]:
        """The shapes that come of a shape it takes."""
        if self.apart:
            first, second = shape[:2]
            if self.batch_first:
                whole: tuple[T | int, ...] = (first, second, self.layers, self.outputs)
                return (whole, *((first, self.layers, width) for width in self.states))
            whole = (first, self.layers, second, self.outputs)
            return (whole, *((self.layers, second, width) for width in self.states))
        batch = () if len(shape) == 2 else shape[:1] if self.batch_first else shape[1:2]
        states: list[tuple[T | int, ...]] = [(self.layers, *batch, width) for width in self.states]
        return ((*shape[:-1], self.outputs), *states)


@dataclass(frozen=True, slots=True)
class Reduce:
    """Axes reduced to one number each (mean, sum, max); all axes where `axes` is None."""

    kind: str
    axes: tuple[int, ...] | None
    keep_dims: bool = True

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        (shape,) = shapes
        gone = set(range(len(shape))) if self.axes is None else {place(axis, shape) for axis in self.axes}
        return (
            tuple(1 if axis in gone else size for axis, size in enumerate(shape) if self.keep_dims or axis not in gone),
        )


@dataclass(frozen=True, slots=True)
class Opaque:
    """An op that is not known: what it does to the shape cannot be said, and `reason` says why."""

    reason: str
    outputs: int = 1

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape | None, ...]:
        return (None,) * self.outputs


Several = Elementwise | Concat | Split | Chunk | MatMul | Einsum | Attention | Recurrent | Reduce | Opaque | Shaping

__all__ = [
    "Arithmetic",
    "Attention",
    "Chunk",
    "Concat",
    "Constant",
    "Einsum",
    "Elementwise",
    "Expand",
    "Gather",
    "MatMul",
    "Opaque",
    "PadTo",
    "Recurrent",
    "Reduce",
    "ReshapeTo",
    "ResizeTo",
    "Scale",
    "Several",
    "Shaping",
    "SizeOf",
    "Slice",
    "Split",
    "Squeeze",
    "Term",
    "Tile",
    "Unsqueeze",
    "Windows",
]


def _two(left: Shape, right: Shape) -> Shape | None:
    """Two shapes broadcast where on each axis they are equal or one of them is 1; None where `_broadcast` has to look."""
    more = len(left) - len(right)
    left, right = (1,) * -more + left, (1,) * more + right
    out = []
    for one, other in zip(left, right, strict=True):
        if one == other or other == 1:
            out.append(one)
        elif one == 1:
            out.append(other)
        else:
            return None
    return tuple(out)


def _broadcast(kind: str, axis: int, sizes: tuple[Size, ...]) -> Size:
    known = {size for size in sizes if size is not None and size != 1}
    if len(known) > 1:
        low, high = sorted(known)[:2]
        raise ShapeError(
            "CW110",
            f"{kind} of sizes {low} and {high} on axis {axis}",
            received=high,
            hint="pad or crop one of them, or choose an input size that makes them equal",
        )
    if known:
        return known.pop()
    return None if None in sizes else 1
