"""A port while it is being written: the stages so far, and how the target's tensor holds the source's values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from convwise import dialects
from convwise.answers.porting.arrangement import Arrangement, is_identity, map_order, plain, way
from convwise.answers.porting.stages import Feeds, Part, Stage, Warned
from convwise.answers.porting.ways import Sizes, Way, same_pool, ways
from convwise.axis import Window
from convwise.dialects.base import Layer, fused, in_use
from convwise.errors import CodeError, ConvwiseError, Refusal, ShapeError
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    GlobalPool,
    Layout,
    Norm,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Pool,
    Resize,
    Shape,
    Unflatten,
    Unfold,
)
from convwise.readers.source import read_layer


@dataclass(frozen=True, slots=True)
class Said:
    """An op in the target's words: the text, and the layer that it is when it is read back (None: a function of `x`)."""

    text: str
    layer: Layer | None


@dataclass(frozen=True, slots=True)
class Target:
    """How one framework is written.

    `adapt` changes an op's names into the framework's own way of saying the same; `more` offers other ops that do the same; `texts` are the calls to
    try for one op; `express` writes it as a function of `x`, where there is no layer; `same` writes padding by TensorFlow's rule that is computed when the code runs, where the framework has no word for it; `compose` makes the whole code.
    """

    name: str
    channels_last: bool
    adapt: Callable[[Op, Shape], Op]
    more: Callable[[Op, Shape], Iterator[tuple[Op, ...]]]
    texts: Callable[[Op, Shape], Iterator[str]]
    express: Callable[[Op, Shape], str | None]
    compose: Callable[[Sequence[Stage], Shape], str]
    same: Callable[[tuple[Window, ...], float], str] | None = None

    @property
    def title(self) -> str:
        return dialects.get(self.name).title


class CannotSay(Refusal):
    """Inside of a translation: no way to say an op was found; told to the user as a Refusal."""


@dataclass(slots=True)
class Draft:
    """Stages written so far. `shape` is the target's tensor now, `state` how it holds the source's; `open_sizes`: nobody gave the sizes; `lenient`: near relatives may stand for what cannot be said."""

    target: Target
    shape: Shape
    state: Arrangement
    open_sizes: bool = False
    lenient: bool = False
    stages: list[Stage] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    source: int = 0

    def warn(self, text: str, sized: bool = False) -> None:
        if all(one.text != text for one in self.warnings):
            self.warnings.append(Warned(text, sized))

    def write(self, op: Op, feeds: Feeds = (), comment: str = "") -> None:
        """Add an op by the first of its ways that the target can say.

        Raises:
            CannotSay: where it can say none of them.
        """
        sizes = _sizes(op, self.shape, self.target.channels_last)
        for with_functions in (False, True):
            for found in self._ways(op, sizes, feeds):
                if found.sized and self.open_sizes and not (with_functions and found.same):
                    continue
                said = self._sayable(found, with_functions)
                if said is not None:
                    self._add(found, said, comment)
                    return
        if self.open_sizes and any(found.sized for found in self._ways(op, sizes, feeds)):
            fact = f"{told(op)} in {self.target.title} depends on the size of the input, and none was given"
            raise CodeError("CW310", fact, hint="give the input: input_shape=(224, 224, 3), or --input 224x224x3")
        raise CannotSay("CW317", f"{self.target.title} has no layer for this: {told(op)}", received=told(op))

    def _ways(self, op: Op, sizes: Sizes, feeds: Feeds) -> Iterator[Way]:
        for found in ways(op, sizes, feeds):
            yield found
            if len(found.parts) == 1 and found.parts[0].op == op:
                for ops in self.target.more(op, self.shape):
                    yield Way(tuple(Part(one, feeds if number == 0 else ()) for number, one in enumerate(ops)))

    def _sayable(self, found: Way, with_functions: bool) -> list[tuple[Part, Said, Shape]] | None:
        shape, told_parts = self.shape, []
        for part in found.parts:
            adapted = self.target.adapt(part.op, shape)
            computed = found.same and self.open_sizes and isinstance(adapted, Pad) and with_functions
            said = say(self.target, adapted, shape) if not computed else None
            if computed and isinstance(adapted, Pad):
                said = Said(self.target.same(found.same, adapted.value), None) if self.target.same else None
            elif said is None and with_functions:
                text = self.target.express(adapted, shape)
                said = None if text is None else Said(text, _holding(self.target, adapted, part, text))
            if said is None:
                return None
            told_parts.append((replace(part, op=adapted), said, shape))
            try:
                shape = adapted.flow(shape, Layout(self.target.channels_last)).output
            except ShapeError:
                return None
        return told_parts

    def _add(self, found: Way, said: list[tuple[Part, Said, Shape]], comment: str) -> None:
        comments = (*found.comments, *("",) * len(said))
        if found.sized and not self.open_sizes:
            sizes = " x ".join(map(str, _spatial(self.shape, self.target.channels_last)))
            self.warn(
                f"padding that depends on the size: the code is exact for maps of {sizes} here, not for every size",
                True,
            )
        for number, (part, words, shape) in enumerate(said):
            ops: tuple[Op, ...] = (part.op,) if words.layer is None else words.layer.ops
            feeds = (part.feeds, *((),) * (len(ops) - 1))
            text = (
                "same: computed from the size of x"
                if found.sized and self.open_sizes and not number
                else comments[number]
            )
            text = text or (comment if number == 0 else "")
            self.stages.append(Stage(words.text, ops, feeds, self.source, self.target.channels_last, words.layer, text))
            self.shape = part.op.flow(shape, Layout(self.target.channels_last)).output

    # The state, and how it is changed.

    def arrange(self, want: Arrangement) -> None:
        """Transpose the target's tensor, so that it holds the source's like this."""
        self.unshuffle()
        order = way(self.state, want)
        if not is_identity(order):
            self.write(Permute(order))
        self.state = want

    def unshuffle(self) -> None:
        """Bring the cells of a flattened axis into the source's order."""
        if not self.state.shuffled:
            return
        split = tuple(self.state.cells[axis] for axis in self.state.order)
        self.write(Unflatten(1, split))
        self.write(Permute((0, *(1 + self.state.order.index(axis) for axis in range(len(split))))))
        self.write(Flatten())
        self.state = plain(2)

    def as_source(self) -> None:
        """Make both tensors the same."""
        self.arrange(plain(len(self.shape)))

    def as_map(self, source_last: bool) -> None:
        """Make the target's tensor a map in its own order; raises CannotSay where it is none."""
        self.arrange(map_order(len(self.shape) - 2, source_last, self.target.channels_last))


def _holding(target: Target, op: Op, part: Part, text: str) -> Layer | None:
    """A function that holds weights is told as a layer of that framework, so that they find their places."""
    if not part.feeds:
        return None
    spoken = dialects.get(target.name)
    return Layer(spoken.name, spoken.release, text.partition("(")[0], {}, (op,), channels_last=target.channels_last)


def say(target: Target, op: Op, shape: Shape) -> Said | None:
    """The op as a call of the target that means the same when it is read back; None where there is none."""
    spoken = dialects.get(target.name)
    for text in target.texts(op, shape):
        try:
            layers = read_layer(text, target.name)
            reached = shape
            flows = []
            for one in layers:
                flows.append(in_use(spoken, one, reached))
                reached = flows[-1].output
        except (ConvwiseError, ValueError):
            continue
        layers = tuple(flow.layer for flow in flows)  # what has no rank of its own has now learnt it
        # A bias may be a call of its own.
        ops = tuple(_grouped(one, shape, target) for one in fused(tuple(op for one in layers for op in one.ops)))
        if len(ops) == 1 and means(ops[0], op, shape, target.channels_last) and reached:
            return Said(text, replace(layers[0], ops=ops))
    return None


def _grouped(op: Op, shape: Shape, target: Target) -> Op:
    """A convolution whose groups are told by its kernel and its data alone (TensorFlow's)."""
    if target.name != "tensorflow" or not isinstance(op, Conv) or not op.in_channels:
        return op
    channels = Layout(target.channels_last).split(shape)[1] or 0
    if channels == op.in_channels or channels % op.in_channels:
        return op
    return replace(op, in_channels=channels, groups=channels // op.in_channels)


def means(back: Op, op: Op, shape: Shape, channels_last: bool) -> bool:
    """Whether the op that was read back is the one that was to be said, on data of this shape."""
    if isinstance(op, GlobalPool) and isinstance(back, AdaptivePool):
        known = op.kind in ("max", "average")
        return known and op.keep_dims and set(back.sizes) == {1} and back.kind == op.kind
    if isinstance(op, Pad | Crop):
        return isinstance(back, Pad | Crop) and _grown(back) == _grown(op)
    if type(back) is not type(op):
        return False
    layout = Layout(channels_last)
    if isinstance(back, Conv | ConvTranspose) and isinstance(op, Conv | ConvTranspose):
        channels = layout.split(shape)[1]
        return _plain_conv(back.bound(channels)) == _plain_conv(op.bound(channels))
    if isinstance(back, Pool) and isinstance(op, Pool):
        return same_pool(back, op, _spatial(shape, channels_last))
    if isinstance(back, Norm) and isinstance(op, Norm):
        return _plain_norm(back, len(shape), channels_last) == _plain_norm(op, len(shape), channels_last)
    if isinstance(op, PixelShuffle):
        return back == op
    if isinstance(back, Dense) and isinstance(op, Dense):
        return (back.out_features, back.bias) == (op.out_features, op.bias)
    if isinstance(back, Pointwise) and isinstance(op, Pointwise):
        return back.kind == op.kind or {back.kind, op.kind} <= {"linear", "identity"}
    if isinstance(back, Resize) and isinstance(op, Resize):
        return _plain_resize(back, channels_last) == _plain_resize(op, channels_last)
    return True


def _plain_resize(op: Resize, channels_last: bool) -> tuple[object, ...]:
    """Sampled by the nearest cell, whole scales mean the same however a middle is found."""
    whole = op.scales is not None and all(scale.denominator == 1 for scale in op.scales)
    mode = "nearest" if op.mode == "nearest-exact" and whole else op.mode
    if channels_last and op.sizes is not None and mode == "nearest":
        mode = "nearest-exact"  # Keras's Resizing looks at the middle of a cell
    mode = "keys" if channels_last and mode == "cubic" else mode
    return mode, op.align_corners, op.sizes, op.scales


def _grown(op: Pad | Crop) -> tuple[object, ...]:
    if isinstance(op, Pad):
        return (tuple((pads.low, pads.high) for pads in op.pads), op.mode, op.value)
    return (tuple((-cut.low, -cut.high) for cut in op.cuts), "constant", 0.0)


def _plain_conv(op: Conv | ConvTranspose) -> Conv | ConvTranspose:
    fixed = tuple(window.fixed() for window in op.windows)
    if isinstance(op, ConvTranspose):
        return replace(op, windows=fixed, output_padding=op.output_padding or (0,) * op.rank)
    return replace(op, windows=fixed)


def _plain_norm(op: Norm, axes: int, channels_last: bool) -> tuple[object, ...]:
    places = (
        ((axes - 1 if channels_last else 1),) if isinstance(op.axes, str) else tuple(axis % axes for axis in op.axes)
    )
    return (op.kind, tuple(sorted(places)), op.scale, op.center, op.moments, op.groups, op.epsilon)


def told(op: Op) -> str:
    """An op as a message names it."""
    kind = getattr(op, "kind", None) or getattr(op, "mode", None)
    return f"{type(op).__name__}({kind})" if kind else type(op).__name__


def _sizes(op: Op, shape: Shape, channels_last: bool) -> Sizes:
    if isinstance(op, Conv | ConvTranspose | Pool | GlobalPool | AdaptivePool | Unfold) and len(shape) > 2:
        return _spatial(shape, channels_last)
    return ()


def _spatial(shape: Shape, channels_last: bool) -> Sizes:
    sizes = Layout(channels_last).split(shape)[2]
    return tuple(size or 0 for size in sizes)
