"""Ops of whole networks that give a tensor a shape which may follow from other tensors' sizes.

The first input is the data; terms (see terms.py) may ask for the sizes of any of the node's inputs. Axes are numbered in
the whole shape, negative ones from the back.
"""

from __future__ import annotations

from dataclasses import dataclass

from convwise.axis import Window
from convwise.errors import ShapeError
from convwise.ops.memory import WORDS, Memory
from convwise.ops.rearrange import fill
from convwise.ops.shape import Shape, Size, check_countable, spatial_names
from convwise.ops.terms import Term, value


@dataclass(frozen=True, slots=True)
class Slice:
    """Cells start, start + step ... before stop of one axis, as Python slices; None: open.

    `within`: no end may lie outside the cells, and none is counted from the back; `words` are the framework's where it does, if they are not those of `narrow`, with a place for the {size}.
    """

    axis: int
    start: Term | None = None
    stop: Term | None = None
    step: int = 1
    within: bool = False
    words: str = ""

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        shape = shapes[0]
        axis = place(self.axis, shape)
        size = shape[axis]
        start = None if self.start is None else value(self.start, shapes)
        stop = None if self.stop is None else value(self.stop, shapes)
        if self.within and start is not None and start < 0:
            raise ShapeError(
                "CW104",
                f"cell {start} is the first that is asked for, and axis {axis} has {size}",
                received=start,
                quote=self.words.format(size=size) or "start out of range",
                hint="start inside the axis, or give a larger input",
            )
        if self.within and size is not None and stop is not None and stop > size:
            raise ShapeError(
                "CW104",
                f"cells {start} to {stop} are asked for, and axis {axis} has {size}",
                received=stop,
                quote=self.words.format(size=size)
                or f"start ({start}) + length ({stop - (start or 0)}) exceeds dimension size ({size}).",
                hint=f"take at most {max(size - (start or 0), 0)} cells from there, or a larger input",
            )
        open_ = (self.start is not None and start is None) or (self.stop is not None and stop is None)
        out = None if size is None or open_ else len(range(*slice(start, stop, self.step).indices(size)))
        return (replaced(shape, axis, out),)


@dataclass(frozen=True, slots=True)
class ResizeTo:
    """The axes `axes` resampled to `sizes`: `interpolate(x, size=y.shape[-2:])`. `mode` as for `Resize`.

    `told`: the values are those of a `Resize` to these sizes, too.
    """

    axes: tuple[int, ...]
    sizes: tuple[Term, ...]
    mode: str = "nearest"
    align_corners: bool = False
    told: bool = False

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The resized shape; raises ShapeError CW103 where a size is below 1."""
        out = shapes[0]
        for number, term in zip(self.axes, self.sizes, strict=True):
            axis, wanted = place(number, out), value(term, shapes)
            size = out[axis]
            if (wanted is not None and wanted < 1) or (size is not None and size < 1):
                raise ShapeError(
                    "CW103",
                    f"resizing {size} cells of axis {axis} gives {wanted}; both must be at least 1",
                    received=size,
                )
            out = replaced(out, axis, wanted)
        check_countable(shapes[0], out)
        return (out,)


@dataclass(frozen=True, slots=True)
class PadTo:
    """Cells added around the axes `axes`, (before, after) each; negative ones crop.

    With `most` they complete a transposed convolution's output to the size that is asked for: none is cut, and at most so
    many are added behind each axis.
    """

    axes: tuple[int, ...]
    pads: tuple[tuple[Term, Term], ...]
    mode: str = "constant"
    most: tuple[int, ...] | None = None

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The padded shape; raises ShapeError CW103 where `most` is not kept, CW104 where more is cut than there is, CW108 where the border is too narrow."""
        out = shapes[0]
        for count, (number, (before, after)) in enumerate(zip(self.axes, self.pads, strict=True)):
            axis = place(number, out)
            size, low, high = out[axis], value(before, shapes), value(after, shapes)
            if size is None or low is None or high is None:
                out = replaced(out, axis, None)
                continue
            if self.most is not None:
                self._check_most(count, size, high)
            if size + min(low, 0) + min(high, 0) < 0 or size + low + high < 0:
                raise ShapeError(
                    "CW104", f"cutting {-min(low, 0) - min(high, 0)} of {size} cells of axis {axis}", received=size
                )
            most = {"reflect": size - 1, "circular": size}.get(self.mode)
            if most is not None and max(low, high) > most:
                raise ShapeError(
                    "CW108", f"{self.mode} padding of {max(low, high)} on {size} cells of axis {axis}", received=size
                )
            out = replaced(out, axis, size + low + high)
        check_countable(shapes[0], out)
        return (out,)

    def _check_most(self, count: int, size: int, high: int) -> None:
        """Raises ShapeError CW103 where the transposed convolution gives no such size."""
        assert self.most is not None
        most = self.most[count]
        if 0 <= high <= most:
            return
        legal = f"{size} to {size + most}" if most else f"{size}"
        raise ShapeError(
            "CW103",
            f"output_size asks for {size + high}, but the transposed convolution gives {legal} from this input "
            f"(with a stride of {most + 1})",
            axis=spatial_names(len(self.axes))[count],
            received=size + high,
            hint=f"legal sizes for this input are {legal}",
        )


@dataclass(frozen=True, slots=True)
class ReshapeTo:
    """A new shape, the batch included, for the same elements; one -1 is what the others leave.

    `memory` is how the cells lie where the new shape must be a view of them, and may not be one.
    """

    target: tuple[Term, ...]
    memory: Memory | None = None

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The new shape; raises ShapeError CW106 where the elements do not fit."""
        wanted = tuple(value(term, shapes) for term in self.target)
        if any(size is None for size in wanted):
            return (tuple(None if size == -1 else size for size in wanted),)
        out = fill(shapes[0], tuple(size for size in wanted if size is not None))
        if self.memory is not None and not self.memory.shows(shapes[0], out):
            raise ShapeError(
                "CW106",
                f"{_by(out)} is no view of {_by(shapes[0])} cells that do not lie in this order in memory",
                received=shapes[0],
                quote=WORDS,
                hint="write .reshape(...), which copies where it must, or .contiguous() before the view",
            )
        return (out,)


@dataclass(frozen=True, slots=True)
class Expand:
    """Axes of one cell repeated to the sizes of `target`, which broadcasts as NumPy does; -1 keeps a size."""

    target: tuple[Term, ...]

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The larger shape; raises ShapeError CW110 where a size is neither 1 nor the wanted one."""
        shape = (1,) * (len(self.target) - len(shapes[0])) + shapes[0]
        wanted = (-1,) * (len(shape) - len(self.target)) + tuple(value(term, shapes) for term in self.target)
        out: list[Size] = []
        for axis, (size, want) in enumerate(zip(shape, wanted, strict=True)):
            if want is None or (size is None and want in (1, -1)):
                out.append(size if size != 1 else want)
            elif want in (-1, 1) or size == want:
                out.append(size)
            elif size in (1, None):
                out.append(want)
            else:
                raise ShapeError("CW110", f"expanding {size} cells of axis {axis} to {want}", received=size)
        check_countable(shapes[0], tuple(out))
        return (tuple(out),)


@dataclass(frozen=True, slots=True)
class Tile:
    """Every axis repeated so many times."""

    repeats: tuple[int, ...]

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        shape = (1,) * (len(self.repeats) - len(shapes[0])) + shapes[0]
        repeats = (1,) * (len(shape) - len(self.repeats)) + self.repeats
        out = tuple(None if size is None else size * times for size, times in zip(shape, repeats, strict=True))
        check_countable(shapes[0], out)
        return (out,)


@dataclass(frozen=True, slots=True)
class Squeeze:
    """Axes of one cell taken away; all of them where `axes` is None. `strict`: any other size there is an error, not left alone."""

    axes: tuple[int, ...] | None = None
    strict: bool = True

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape | None, ...]:
        """The shape without them; raises ShapeError CW106 where one has more than one cell. Unknown sizes leave the rank open."""
        shape = shapes[0]
        if self.axes is None:
            return (None if None in shape else tuple(size for size in shape if size != 1),)
        gone = {place(axis, shape) for axis in self.axes}
        for axis in sorted(gone):
            if self.strict and shape[axis] not in (1, None):
                raise ShapeError(
                    "CW106", f"axis {axis} has {shape[axis]} cells and cannot be taken away", received=shape[axis]
                )
        if not self.strict:
            if any(shape[axis] is None for axis in gone):
                return (None,)
            gone = {axis for axis in gone if shape[axis] == 1}
        return (tuple(size for axis, size in enumerate(shape) if axis not in gone),)


@dataclass(frozen=True, slots=True)
class Unsqueeze:
    """New axes of one cell at the places `axes` of the new shape."""

    axes: tuple[int, ...]

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        rank = len(shapes[0]) + len(self.axes)
        new = new_axes(self.axes, rank)
        rest = iter(shapes[0])
        return (tuple(1 if axis in new else next(rest) for axis in range(rank)),)


@dataclass(frozen=True, slots=True)
class Gather:
    """Chosen cells of one axis; `indices` is the shape of what chooses them: () for one cell, which takes the axis away.

    `chosen` are the cells' numbers where they are known, negative ones from the back; `words` are the framework's where one
    is not there, with places for the {size} and the {shape}.
    """

    axis: int
    indices: Shape = ()
    chosen: tuple[int, ...] = ()
    words: str = ""

    @property
    def least(self) -> int:
        """The cells that the axis must have for all that are chosen to be there."""
        return max((cell + 1 if cell >= 0 else -cell for cell in self.chosen), default=0)

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The axis replaced by what is chosen; raises ShapeError CW104 where a chosen cell is not there."""
        shape = shapes[0]
        axis = place(self.axis, shape)
        size = shape[axis]
        if size is not None and size < self.least:
            wrong = next(cell for cell in self.chosen if not -size <= cell < size)
            raise ShapeError(
                "CW104",
                f"cell {wrong} is asked for, and axis {axis} has {size}",
                received=wrong,
                quote=self.words.format(size=size, shape=list(shape)),
                hint=f"the cells are numbered {-size} to {size - 1}"
                if size
                else "give an input that leaves cells here",
            )
        return ((*shape[:axis], *self.indices, *shape[axis + 1 :]),)


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows over one axis, their cells on a new last axis: PyTorch's `x.unfold(axis, kernel, stride)`."""

    axis: int
    window: Window

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The windows in place of the axis; raises ShapeError CW104 where none fits."""
        shape = shapes[0]
        axis = place(self.axis, shape)
        size = shape[axis]
        out = None if size is None else self.window.over(size).out
        if out is not None and out < 1:
            raise ShapeError(
                "CW104",
                f"the window of {self.window.kernel} is longer than the {size} cells of axis {axis}",
                received=size,
                quote=f"maximum size for tensor at dimension {axis} is {size} but size is {self.window.kernel}",
                hint=f"take windows of at most {size} cells, or a larger input",
            )
        check_countable(shape, (*replaced(shape, axis, out), self.window.kernel))
        return ((*replaced(shape, axis, out), self.window.kernel),)


@dataclass(frozen=True, slots=True)
class Constant:
    """A tensor of this shape that reads nothing."""

    shape: tuple[Term, ...]

    def flows(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        return (tuple(value(term, shapes) for term in self.shape),)


Shaping = Slice | ResizeTo | PadTo | ReshapeTo | Expand | Tile | Squeeze | Unsqueeze | Gather | Windows | Constant


def _by(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def place(axis: int, shape: tuple[object, ...]) -> int:
    """The axis counted from the front.

    Raises:
        ShapeError: CW101.
    """
    if not -len(shape) <= axis < len(shape):
        raise ShapeError("CW101", f"there is no axis {axis} in a shape of {len(shape)} axes", received=axis)
    return axis % len(shape)


def new_axes(axes: tuple[int, ...], rank: int) -> set[int]:
    """The places of new axes in a shape of `rank` axes; raises ShapeError CW101 where one is named twice."""
    new = {place(axis, (1,) * rank) for axis in axes}
    if len(new) != len(axes):
        raise ShapeError("CW101", f"the axes {axes} name one axis twice", received=axes)
    return new


def replaced(shape: Shape, axis: int, size: Size) -> Shape:
    """The shape with another size on one axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])
