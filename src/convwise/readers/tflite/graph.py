"""A network in the making: the wires between operators, stored numbers, and sizes that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from convwise.errors import ModelError
from convwise.graph import Work
from convwise.ops import Op, Pointwise
from convwise.ops.several import Opaque, Term
from convwise.readers.echo import shown
from convwise.readers.tflite.arithmetic import Known, all_numbers
from convwise.readers.tflite.flatbuffers import BYTE, INT, Table
from convwise.readers.tflite.model import StoredNumbers, TfliteModel, TfliteOperator, contradicting
from convwise.readers.tflite.names import PARAMETERS
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.values import Tensor

ACTIVATIONS = {1: "relu", 2: "relu_n1_to_1", 3: "relu6", 4: "tanh", 5: "sign"}
"""Those that an operator ends with, as the schema numbers them."""

BIASES = PARAMETERS | {"int32", "int64"}


@dataclass(slots=True)
class Graph:
    """`wires` are the tensors that nodes read, `known` those that are sizes, `copies` those that hold another one's stored numbers in
    another type; all by their numbers in the file.
    """

    model: TfliteModel
    building: Building
    wires: dict[int, Tensor] = field(default_factory=dict)
    known: dict[int, Known] = field(default_factory=dict)
    copies: dict[int, int] = field(default_factory=dict)

    def stored(self, number: int) -> StoredNumbers | None:
        """The numbers of a tensor that the file holds, also in another type than it is read in."""
        while number in self.copies:
            number = self.copies[number]
        return self.model.tensors[number].stored if number >= 0 else None

    def sizes(self, number: int) -> Known | None:
        """A tensor of whole numbers that are known, each a number or a size."""
        if number < 0:
            return None
        found = self.known.get(number)
        tensor = self.model.tensors[number]
        if found is None and tensor.stored is not None:
            numbers = self.model.numbers(tensor)
            if numbers is not None:
                found = self.known[number] = Known(tensor.stored.shape, numbers)
        return found

    def wire(self, number: int) -> Tensor:
        """The tensor as nodes read it.

        Raises:
            ModelError: CW406 where nothing gives it before it is read.
        """
        found = self.wires.get(number)
        if found is not None:
            return found
        stored = self.stored(number)
        name = self.model.tensors[number].name
        if stored is None and number not in self.known:
            raise contradicting(f"'{shown(name, 60)}' is read before anything gives it")
        if stored is None:
            stored = StoredNumbers(self.known[number].dims, "int32", 0, 0)
        made = self.building.stored(name, stored, stored.dtype in PARAMETERS)
        self.wires[number] = made
        return made


@dataclass(frozen=True, slots=True)
class Step:
    """One operator on its way into the network."""

    graph: Graph
    operator: TfliteOperator
    name: str

    @property
    def options(self) -> Table | None:
        return self.operator.options

    def has(self, place: int) -> bool:
        """Whether there is such an input."""
        return place < len(self.operator.inputs) and self.operator.inputs[place] >= 0

    def input(self, place: int) -> Tensor:
        """The input as nodes read it; raises ModelError CW406 where it is left out."""
        if not self.has(place):
            raise self._without(place)
        return self.graph.wire(self.operator.inputs[place])

    def _without(self, place: int) -> ModelError:
        return contradicting(f"{self.operator.kind} without its input {place}")

    def sizes(self, place: int) -> tuple[Term, ...] | None:
        """The numbers and sizes that an input holds; None where they are not known."""
        found = self.graph.sizes(self.operator.inputs[place]) if self.has(place) else None
        return None if found is None else found.items

    def numbers(self, place: int) -> tuple[int, ...] | None:
        """The numbers that an input holds; None where not all of them are known."""
        found = self.graph.sizes(self.operator.inputs[place]) if self.has(place) else None
        return None if found is None else found.numbers

    def rank(self, place: int = 0) -> int:
        return len(self.graph.building.shape(self.input(place)))

    def whole(self, field: int, default: int = 0) -> int:
        """A number of the operator's options."""
        return default if self.options is None else self.options.number(field, INT, default)

    def byte(self, field: int) -> int:
        return 0 if self.options is None else self.options.number(field, BYTE)

    def flag(self, field: int) -> bool:
        return self.options is not None and self.options.flag(field)

    def weights(self, place: int, axes: int) -> tuple[tuple[int, ...], tuple[StoredNumbers, ...]] | None:
        """The shape of an input that is weights, and the numbers that are stored for it; None where its sizes are not known."""
        if not self.has(place):
            raise self._without(place)
        number = self.operator.inputs[place]
        stored = self.graph.stored(number)
        shape = stored.shape if stored is not None else all_numbers(self.graph.building.shape(self.graph.wire(number)))
        if shape is None or len(shape) != axes or min(shape) < 1:
            return None
        return shape, () if stored is None else (stored,)

    def bias(self, place: int) -> tuple[bool, tuple[StoredNumbers, ...]]:
        """Whether there is a bias, and what is stored for it."""
        stored = self.graph.stored(self.operator.inputs[place]) if self.has(place) else None
        return self.has(place), () if stored is None or stored.dtype not in BIASES else (stored,)

    def activation(self, field: int) -> tuple[Op, ...]:
        """What the operator ends with."""
        kind = self.byte(field)
        return (Pointwise(ACTIVATIONS.get(kind, f"activation {kind}")),) if kind else ()

    def emit(
        self,
        work: Work,
        inputs: Sequence[Tensor],
        parameters: Sequence[StoredNumbers] = (),
        outputs: int = 1,
        kind: str = "",
    ) -> tuple[Tensor, ...]:
        """A node of the network."""
        return self.graph.building.emit(
            self.name,
            kind or self.operator.kind,
            work,
            inputs,
            outputs=outputs,
            module=self.name.rpartition("/")[0].replace("/", "."),
            parameters=parameters,
        )

    def ending(self, made: Tensor, field: int) -> tuple[Tensor, ...]:
        """The tensor behind the activation of an operator on several tensors, which is a node of its own."""
        ops = self.activation(field)
        return self.emit(ops, [made]) if ops else (made,)

    def lost(self, reason: str) -> tuple[Tensor, ...]:
        """A node whose effect on sizes is not known: the sizes that the file records stand for it, where it records them."""
        operator, building = self.operator, self.graph.building
        read = [self.graph.wire(number) for number in operator.inputs if number >= 0]
        made = self.emit(Opaque(reason, len(operator.outputs)), read, outputs=len(operator.outputs))
        recorded = [self.graph.model.tensors[number].shape for number in operator.outputs]
        shapes = [None if shape is None else all_numbers(shape) for shape in recorded]
        if len(shapes) != 1 or shapes[0] is None:
            building.note(
                "CW421", f"what '{shown(self.name, 60)}' ({operator.kind}) does to sizes is not known: {reason}"
            )
            return made
        return (building.recorded(made[0], shapes[0], read, self.name, operator.kind),)
