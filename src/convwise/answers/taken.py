"""Which input sizes a chain takes: the legal sizes of its network, with the weights that it has for the input explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from convwise.answers.explanation import show
from convwise.answers.network.dims import single
from convwise.answers.network.legal import LegalSizes, legal_of
from convwise.answers.network.symbolic import Symbolic, follow
from convwise.answers.wording import listed
from convwise.dialects.base import Dialect, Layer, LayerFlow, in_use
from convwise.errors import ConvwiseError
from convwise.ops import Conv, ConvTranspose, Dense, Norm, Op, Reshape, Shape
from convwise.readers.models import straight
from convwise.sizes import SizeSet, equal

Box = tuple[SizeSet, ...]
"""Sizes that go with each other, a set an axis."""

SOME = 2
"""The batch where none is given: one sample alone is refused by some layers that take any other number."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The exact legal sizes of a network, and the input that is explained."""

    symbolic: Symbolic
    legal: LegalSizes
    shape: Shape

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """The sizes of the input that is explained; None where they are open."""
        found = tuple(self.shape[axis.place] for axis in self.symbolic.keys)
        return None if None in found else found  # type: ignore[return-value]

    @property
    def never(self) -> bool:
        """Whether no size is legal."""
        return not all(self.legal.sets)

    @property
    def free(self) -> bool:
        """Whether every size is legal from the smallest on."""
        return self.legal.joint is None and all(_from_a_start(sizes) for sizes in self.legal.sets)

    @property
    def fixed(self) -> tuple[str, ...]:
        """The axes of which only some sizes are legal, however large."""
        return tuple(name for name, sizes in self.legal.items() if sizes.finite)

    def box(self) -> Box:
        """Of the sizes that are legal together those of the input, else the square ones, else the nearest."""
        joint, given = self.legal.joint, self.sizes
        if joint is None:
            return self.legal.sets
        square = next((box for box in joint.boxes if len(set(box)) == 1), joint.boxes[0])
        near = None if given is None else joint.nearest(given)
        if near is None or (near != given and len(set(square)) == 1):
            return square
        return next(box for box in joint.boxes if all(n in part for n, part in zip(near, box, strict=True)))

    def ends(self) -> list[tuple[int, ...]]:
        """The smallest sizes that go with each other, and where there are some the largest."""
        box = self.box()
        found = [tuple(part.minimum or 1 for part in box)]
        return [*found, tuple(part.exceptions[-1] for part in box)] if all(part.finite for part in box) else found

    def start(self, sizes: Sequence[int]) -> Shape:
        """The input with these sizes."""
        shape = list(self.shape)
        for axis, size in zip(self.symbolic.keys, sizes, strict=True):
            shape[axis.place] = size
        return tuple(shape)


@dataclass(frozen=True, slots=True)
class Taken(Sizes):
    """The same for a chain; its layers' names are their places in it."""

    spoken: Dialect
    layers: tuple[Layer, ...]

    @property
    def fixer(self) -> int | None:
        """The place of the layer that leaves only some sizes; None where there is none."""
        for sizes in (*self.legal.sets, self.legal.joint):
            for reason in sizes.reasons if sizes is not None else ():
                alone = reason.sizes
                if reason.node and (alone is None or (alone.finite and alone)):
                    return int(reason.node)
        return None

    def flows(self, sizes: Sequence[int]) -> list[Shape] | None:
        """What reaches each layer, and the end, from an input of these sizes; None where one refuses it."""
        shapes = [self.start(sizes)]
        try:
            for layer in self.layers:
                shapes.append(in_use(self.spoken, layer, shapes[-1]).output)
        except ConvwiseError:
            return None
        return shapes


def taken(spoken: Dialect, layers: Sequence[Layer], flows: Sequence[LayerFlow], shape: Shape) -> Taken | None:
    """What the chain takes; None where that is not known exactly, or is not what `flows`, as far as they go, have shown.

    None also where no layer says which axes are spatial. Each layer that was reached has weights for what reached it, as the frameworks make them.
    """
    if not any(layer.rank for layer in layers):
        return None
    weighted = (*(built(flow) for flow in flows), *layers[len(flows) :])
    named = tuple(layer.named(str(place)) for place, layer in enumerate(weighted))
    network = straight(spoken.name, named, shape, "")
    if network.sources[0].layout.batched:
        start = (SOME, *shape[1:]) if shape[:1] == (None,) else shape
        network = straight(spoken.name, tuple(replace(one, ops=_apart(one.ops)) for one in named), start, "")
    symbolic = follow(network)
    if not symbolic.keys:
        return None
    found = Taken(symbolic, legal_of(symbolic), shape, spoken, named)
    if not shown_by(found, len(flows) < len(layers)):
        return None
    return found if found.never or all(found.flows(end) is not None for end in found.ends()) else None


def shown_by(found: Sizes, broke: bool) -> bool:
    """Whether the sizes are exact, and say of the input what running it has shown."""
    return found.legal.exact and (found.sizes is None or found.legal.takes(found.sizes) != broke)


def built(flow: LayerFlow) -> Layer:
    """The layer with the weights that it makes for what reaches it."""
    layer = flow.layer
    ops = tuple(_bound(op, one.input, layer.channels_last) for op, one in zip(layer.ops, flow.flows, strict=False))
    return replace(layer, ops=(*ops, *layer.ops[len(ops) :]))


def _bound(op: Op, shape: Shape, channels_last: bool) -> Op:
    if isinstance(op, Conv | ConvTranspose):
        return op.bound(shape[-1 if channels_last else -op.rank - 1])
    if isinstance(op, Dense) and op.in_features is None:
        return replace(op, in_features=shape[-1])
    if isinstance(op, Norm) and op.features is None and not isinstance(op.axes, str):
        sizes = tuple(size for axis in op.axes if (size := shape[axis]) is not None)
        return replace(op, features=prod(sizes), shape=sizes) if len(sizes) == len(op.axes) else op
    return op


def _apart(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    """`view(-1, 400)` as it is meant, a row a sample: of some batches it takes sizes that mix the samples."""
    found: list[Op] = []
    for op in ops:
        rows = (
            isinstance(op, Reshape) and not op.keeps_batch and op.target[:1] == (-1,) and min(op.target[1:], default=0)
        )
        found.append(Reshape(op.target[1:], keeps_batch=True) if isinstance(op, Reshape) and rows and rows > 0 else op)
    return tuple(found)


def _from_a_start(sizes: SizeSet) -> bool:
    return sizes.start is not None and sizes.modulus == 1 and not sizes.exceptions


def in_words(box: Box, names: Sequence[str]) -> str:
    """`an input of 32 x 32 to 35 x 35`, `an input with height 3 or more, width 32`."""
    if all(_is_run(part) for part in box):
        low, high = (show(tuple(part.exceptions[end] for part in box)) for end in (0, -1))
        return f"an input of {low}" + (f" to {high}" if low != high else "")
    texts: dict[str, list[str]] = {}
    for name, part in zip(names, box, strict=True):
        texts.setdefault(_part(part), []).append(name)
    return f"an input with {', '.join(f'{listed(which)} {text}' for text, which in texts.items())}"


def _part(sizes: SizeSet) -> str:
    if _from_a_start(sizes):
        return f"{sizes.minimum} or more"
    if not sizes.finite:
        return sizes.text()
    if _is_run(sizes):
        low, high = sizes.exceptions[0], sizes.exceptions[-1]
        return f"{low}" if low == high else f"{low} to {high}"
    return f"in {sizes.braces()}"


def _is_run(sizes: SizeSet) -> bool:
    """Whether the set is a few sizes without a gap."""
    found = sizes.exceptions
    return sizes.finite and bool(found) and found[-1] - found[0] + 1 == len(found)


def giving(found: Taken, want: tuple[int, ...]) -> Box | None:
    """The input sizes from which the end of the chain has these; None where that does not follow axis by axis."""
    network = found.symbolic.network
    dims = found.symbolic.shapes.get(network.outputs[0])
    if found.legal.joint is not None or dims is None or len(dims) != len(found.shape) or len(want) != len(found.legal):
        return None
    box = list(found.legal.sets)
    for key, (axis, size) in enumerate(zip(found.symbolic.keys, want, strict=True)):
        dim = dims[axis.place]
        follows = single(dim)
        if isinstance(dim, int):
            box[key] = box[key] if dim == size else SizeSet.none()
        elif follows is None or follows[0] != key:
            return None
        else:
            box[key] = box[key] & equal(follows[1], size)
    return tuple(box)
