"""A network under construction: tensors, nodes, what is stored, and the shapes as far as they are known on the way.

Every tensor has two shapes: `free`, with the sizes open that the input leaves open, and `seen`, for the input
shape that was given. Both are worked out as the nodes are added, so that ranks and fixed sizes are known to what comes after.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from convwise import dialects
from convwise.dialects.base import Layer, Note
from convwise.errors import ConvwiseError
from convwise.graph import CHANNELS_FIRST, Node, Work
from convwise.ops import Layout, Norm, Shape
from convwise.ops.memory import Memory
from convwise.ops.outline import outlined
from convwise.ops.several import (
    Constant,
    Expand,
    Opaque,
    PadTo,
    ReshapeTo,
    ResizeTo,
    Several,
    SizeOf,
    Slice,
    Term,
)
from convwise.readers.echo import shown
from convwise.readers.torch_live import memory
from convwise.readers.torch_live.values import NotFollowed, Tensor, renumbered

MOST_NODES = 200_000
Asking = Slice | ResizeTo | PadTo | ReshapeTo | Expand | Constant
"""Works whose terms ask for sizes of their inputs, each of which is there once."""


@dataclass(slots=True)
class Known:
    """What is known of one tensor; `stored` holds the parameters that it is. `loose`: how many axes it has depends on the input's size."""

    name: str
    free: Shape | None
    seen: Shape | None
    stored: tuple[Any, ...] = ()
    is_stored: bool = False
    loose: bool = False
    memory: Memory | None = None


@dataclass(slots=True)
class Building:
    """The network so far. `guided`: an input shape was given, so that `seen` shapes are known. `layout` is how nodes
    that are ops of no framework lie. `refused` counts nodes that do not take their `free` shapes.
    """

    guided: bool = False
    layout: Layout = CHANNELS_FIRST
    tensors: list[Known] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    opaque: int = 0
    refused: int = 0
    _names: dict[str, int] = field(default_factory=dict)
    _counted: set[int] = field(default_factory=set)

    # ------------------------------------------------------------------ tensors

    def source(self, name: str, free: Shape | None, seen: Shape | None) -> Tensor:
        shape = free if free is not None else seen
        lying = None if shape is None else Memory.whole(len(shape))
        return self._tensor(Known(self.unique(name), free, seen, memory=lying))

    def stored(self, name: str, value: Any, trained: bool) -> Tensor:
        """A parameter or buffer; counted with the first node that reads it."""
        shape = tuple(int(size) for size in value.shape)
        return self._tensor(Known(self.unique(name), shape, shape, (value,) if trained else (), True))

    def _tensor(self, known: Known) -> Tensor:
        self.tensors.append(known)
        return Tensor(len(self.tensors) - 1)

    def shape(self, tensor: Tensor) -> Shape:
        """The free shape; sizes are None where only the rank is known.

        Raises:
            NotFollowed: where not even the rank is known.
        """
        known = self.tensors[tensor.number]
        if known.loose:
            return self._settled_rank(known)
        if known.free is not None:
            return known.free
        if known.seen is not None:
            return (None,) * len(known.seen)
        raise NotFollowed(f"the shape of what it reads ({known.name}) is not known")

    def _settled_rank(self, known: Known) -> Shape:
        """The shape with as many axes as there are for the input that was given, of which a note tells."""
        if known.seen is None:
            raise NotFollowed("how many axes a squeeze leaves depends on the input's size")
        self.note("CW422", "which axes a squeeze takes away is what it is for the given input; other sizes may differ")
        if known.free is not None and len(known.free) == len(known.seen):
            return known.free
        return (None,) * len(known.seen)

    def size(self, tensor: Tensor, axis: int) -> Term:
        """One size: a number where the input does not change it."""
        shape = self.shape(tensor)
        if not -len(shape) <= axis < len(shape):
            raise NotFollowed(f"there is no axis {axis} in a shape of {len(shape)} axes")
        size = shape[axis]
        return SizeOf(tensor.number, axis % len(shape)) if size is None else size

    def sizes(self, tensor: Tensor) -> tuple[Term, ...]:
        return tuple(self.size(tensor, axis) for axis in range(len(self.shape(tensor))))

    @property
    def seen(self) -> list[Shape | None]:
        return [known.seen for known in self.tensors]

    # ------------------------------------------------------------------ nodes

    def unique(self, name: str) -> str:
        """The name, with a number behind it where it is taken."""
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return self.unique(f"{name}_{count}") if count else name

    def count(self, parameters: Iterable[Any]) -> tuple[int, int]:
        """(all, trainable) numbers of the parameters that no node has been given yet."""
        every = trainable = 0
        for parameter in parameters:
            if id(parameter) in self._counted:
                continue
            self._counted.add(id(parameter))
            size = int(parameter.numel())
            every += size
            trainable += size if parameter.requires_grad else 0
        return every, trainable

    def uncounted(self, parameters: Iterable[Any]) -> list[Any]:
        """The parameters that no node has been given."""
        return [parameter for parameter in parameters if id(parameter) not in self._counted]

    def emit(
        self,
        name: str,
        kind: str,
        work: Work,
        inputs: Sequence[Tensor],
        *,
        outputs: int = 1,
        module: str = "",
        parameters: Sequence[Any] = (),
        lazy: bool = False,
    ) -> tuple[Tensor, ...]:
        """A new node. Terms in `work` ask for tensors by their number in the forward; those that are not inputs become some.

        Raises:
            NotFollowed: where there are too many nodes.
        """
        if len(self.nodes) >= MOST_NODES:
            raise NotFollowed(f"the forward has more than {MOST_NODES:,} steps")
        places = [tensor.number for tensor in inputs]
        if isinstance(work, Asking):
            numbers = {number: place for place, number in enumerate(dict.fromkeys(places))}
            work = lowered(work, numbers)
            places = list(numbers)
        own = self.unique(name or kind)
        stored = [part for number in places for part in self.tensors[number].stored]
        params, trainable = self.count((*parameters, *stored))
        names = (own,) if outputs == 1 else tuple(f"{own}:{number}" for number in range(outputs))
        node = Node(
            own,
            kind,
            work,
            tuple(self.tensors[number].name for number in places),
            names,
            self.layout,
            "",
            module,
            None if lazy else params,
            None if lazy else trainable,
        )
        self.nodes.append(node)
        self.opaque += isinstance(work, Opaque)
        nothing: tuple[Shape | None, ...] = (None,) * outputs
        read = [self.tensors[number] for number in places]
        made = flow(work, [one.free for one in read], outputs, self.layout)
        self.refused += made is None
        run = flow(work, [one.seen for one in read], outputs, self.layout) if self.guided else None
        free, seen = made or nothing, run or nothing
        lying = [(one.memory, one.free if one.free is not None else one.seen) for one in read]
        loose = any(one.loose for one in read) and not isinstance(work, ReshapeTo | Constant)
        return tuple(
            self._tensor(
                Known(
                    *known,
                    memory=memory.after(work, lying, known[1] if known[1] is not None else known[2]),
                    loose=loose,
                )
            )
            for known in zip(names, free, seen, strict=True)
        )

    def replaced(self, tensor: Tensor, by: Tensor) -> None:
        """What reads the tensor from now on reads the other one."""
        self.tensors[tensor.number] = self.tensors[by.number]

    def scattered(self, tensor: Tensor) -> Memory | None:
        """How the tensor's cells lie, where they certainly do not lie as in a contiguous one."""
        known = self.tensors[tensor.number].memory
        return None if known is None or known.contiguous else known

    def settled(self, tensor: Tensor, shape: Shape, inputs: Sequence[Tensor], name: str) -> Tensor:
        """A tensor of the shape that a run recorded, in place of one that is not known."""
        numbers = tuple(size for size in shape if size is not None)
        last = self.nodes[-1] if self.nodes else None
        if last is not None and isinstance(last.work, Opaque) and tensor.number >= 0:
            known = self.tensors[tensor.number]
            if last.outputs == (known.name,):
                self.nodes[-1] = replace(last, work=Constant(numbers))
                known.free = known.seen = shape
                self.opaque -= 1
                return tensor
        return self.emit(name, "recorded", Constant(numbers), inputs)[0]

    def recorded(self, tensor: Tensor, shape: Shape, inputs: Sequence[Tensor], name: str, kind: str) -> Tensor:
        """`settled` with the sizes that a file records, and a note that says so."""
        told = (
            f"'{shown(name, 60)}' ({kind}) is told with the sizes that the file records; other inputs may give others"
        )
        self.note("CW422", told)
        return self.settled(tensor, shape, inputs, name)

    def note(self, code: str, text: str) -> None:
        if all(known.text != text for known in self.notes):
            self.notes.append(Note(code, text))


def lowered(work: Asking, numbers: dict[int, int]) -> Work:
    """The work with its terms numbered as the node's inputs are; tensors that only terms ask for join `numbers`."""
    if isinstance(work, Slice):
        ends = [None if end is None else renumbered(end, numbers) for end in (work.start, work.stop)]
        return replace(work, start=ends[0], stop=ends[1])
    if isinstance(work, ResizeTo):
        return replace(work, sizes=tuple(renumbered(term, numbers) for term in work.sizes))
    if isinstance(work, PadTo):
        pads = tuple((renumbered(low, numbers), renumbered(high, numbers)) for low, high in work.pads)
        return replace(work, pads=pads)
    if isinstance(work, ReshapeTo | Expand):
        return replace(work, target=tuple(renumbered(term, numbers) for term in work.target))
    return replace(work, shape=tuple(renumbered(term, numbers) for term in work.shape))


def flow(
    work: Work, shapes: Sequence[Shape | None], outputs: int, layout: Layout = CHANNELS_FIRST
) -> tuple[Shape | None, ...] | None:
    """What the work makes of these shapes, None for each that is not known; None in place of all where it does not take them."""
    unknown: tuple[Shape | None, ...] = (None,) * outputs
    if any(shape is None for shape in shapes):
        # A reshape says its rank whatever it reads.
        return (tuple(_fixed(term) for term in work.target),) if isinstance(work, ReshapeTo) else unknown
    known = tuple(shape for shape in shapes if shape is not None)
    try:
        if isinstance(work, Layer):
            found: tuple[Shape | None, ...] = (_layer(work, known[0]),)
        elif isinstance(work, tuple):
            shape = known[0]
            for op in work:
                shape = op.flow(shape, layout).output
            found = (shape,)
        else:
            found = _several(work, known)
    except (ConvwiseError, IndexError, ValueError):
        return None
    return found if len(found) == outputs else (*found, *unknown)[:outputs]


def _fixed(term: Term) -> int | None:
    return term if isinstance(term, int) and term >= 0 else None


def _several(work: Several, shapes: tuple[Shape, ...]) -> tuple[Shape | None, ...]:
    return work.flows(shapes)


def _layer(layer: Layer, shape: Shape) -> Shape:
    # A normalisation asks for more than one value in training only; shapes pass it either way.
    if layer.ops and all(isinstance(op, Norm) for op in layer.ops):
        return shape
    if layer.dialect == "torch" and (layer.rank is None or len(shape) == layer.rank + 2):
        outline = outlined(layer.ops, shape, CHANNELS_FIRST)
        if outline is not None:
            return outline[0]
    return dialects.get(layer.dialect).flow(layer, shape).output
