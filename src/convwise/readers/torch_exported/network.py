"""From the JSON of an exported program to a network: its calls, read as those of a traced forward."""

from __future__ import annotations

import os
from typing import Any

from convwise.dialects.base import Note
from convwise.errors import ModelError
from convwise.graph import CHANNELS_FIRST, Network, Source
from convwise.ops import Shape
from convwise.ops.guards import Guard
from convwise.ops.several import Opaque
from convwise.readers.echo import shown
from convwise.readers.keras_files.archive import Member, read_member
from convwise.readers.keras_files.opening import opened
from convwise.readers.keras_files.text import parsed
from convwise.readers.onnx_network.sources import fitted, free
from convwise.readers.other_files import PROGRAMS
from convwise.readers.torch_exported.guards import bounds, written_guards
from convwise.readers.torch_exported.program import SAVE, Call, Input, Program, Ref, malformed, program_of
from convwise.readers.torch_live import calls
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.sources import given_shapes
from convwise.readers.torch_live.values import NotFollowed, NotKnown, Tensor, tensors_in

MEMBER = Member(PROGRAMS, "the program", SAVE, entries=100_000)
SYMBOLIC = {
    "sym_max": "max",
    "sym_min": "min",
    "sym_not": "not_",
    "ceil": "ceil_of",
    "floor": "floor_of",
    "trunc": "floor_of",
    "_assert_scalar": "_assert",
}
"""Operators on sizes that a forward writes by other names."""


def read_exported(source: str | os.PathLike[str] | bytes, input_shape: Any = None) -> Network:
    """The network in a file of `torch.export.save`. No weights are loaded and no pickle is opened.

    Sizes that the export fixed stay those of the input (`Source.fixed`), and what the operators would make of others is followed all the
    same; `check` warns where the program itself refuses them. `input_shape` is one shape, several in the order of the inputs, or some by name.

    Raises:
        ModelError: CW405, CW406, CW409, CW412, CW413.  ArgumentError: CW601, CW606.
        Refusal: what PyTorch refuses whatever the input.
    """
    with opened(source) as file:
        data = read_member(file, MEMBER)
    try:
        program = program_of(parsed(data))
    except ModelError as error:
        error.hint = SAVE if error.code == "CW413" else error.hint
        raise
    given = given_shapes([one.name for one in program.inputs], input_shape)
    reading = _Reading(program)
    sources = tuple(reading.source(one, given.get(one.name)) for one in program.inputs)
    try:
        for call in program.calls:
            reading.add(call)
    except NotFollowed as reason:
        raise ModelError("CW405", str(reason), hint="give a part of the model") from None
    return reading.network(sources)


class _Reading:
    """The program on its way into a network: `values` are its tensors and numbers by name."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.building = Building(guided=True)
        self.values: dict[str, Any] = dict(program.plain)

    def source(self, one: Input, given: Shape | None) -> Source:
        declared = Source(one.name, fitted(one.name, one.sizes, given), CHANNELS_FIRST, one.sizes)
        sizes = tuple(size if isinstance(size, int) else None for size in declared.declared)
        seen = sizes if given is not None else one.seen
        tensor = self.building.source(one.name, free(declared), None if None in seen else seen)
        self.values[one.name] = tensor
        for axis, least, most in one.bounds:
            if most is not None:
                text = f"the program takes sizes of {least} to {most} on axis {axis} of '{shown(one.name, 40)}', as it was exported"
                self.building.note("CW521", text)
        return declared

    def guards(self) -> tuple[Guard, ...]:
        """What the program checks before it runs; those that nobody follows are noted."""
        inputs = self.program.inputs
        found, left = written_guards(self.program.guards, frozenset(one.name for one in inputs))
        if left:
            self.building.note(
                "CW521",
                f"the program checks its input by {len(found) + left} guards, and {left} of them could not be followed",
            )
        found += [guard for one in inputs for told in one.bounds for guard in bounds(one.name, *told)]
        return tuple(found)

    def value(self, told: Any) -> Any:
        """An argument with names replaced by what they stand for."""
        if isinstance(told, tuple):
            return tuple(self.value(part) for part in told)
        if not isinstance(told, Ref):
            return told
        if told.name not in self.values:
            stored = self.program.stored.get(told.name)
            if stored is None:
                raise malformed(f"'{shown(told.name, 60)}' is read before anything gives it")
            self.values[told.name] = self.building.stored(stored.path, stored, stored.trained)
        return self.values[told.name]

    def add(self, call: Call) -> None:
        operator = call.target.removeprefix("torch.ops.").removeprefix("torch.")
        # `aten.conv2d.default`, `_operator.mul`, `math.ceil`, `sym_max`: the overload is told, and not looked up.
        parts = operator.split(".")
        name = parts[1] if len(parts) > 1 else parts[0]
        name = SYMBOLIC.get(name, name)
        place = Place(self.building, f"{call.module}.{name}" if call.module else name, operator, call.module)
        args = tuple(self.value(one) for one in call.args)
        words = {key: self.value(one) for key, one in call.words.items()}
        if not call.outputs and name != "_assert":
            return
        found = calls.call(place, name, args, words)
        self._give(place, call, found, (args, words))

    def _give(self, place: Place, call: Call, found: Any, read: Any) -> None:
        """Names for what a call gives; where nobody knows what that is, the sizes that the file records stand for it."""
        names = call.outputs[0] if len(call.outputs) == 1 and isinstance(call.outputs[0], tuple) else call.outputs
        several = tuple(found) if isinstance(found, tuple | list) else (found,)
        if isinstance(found, Tensor) and self._is_opaque(found):
            several = (self._recorded(place, names[0] if names else None, found, read),)
        several += (NotKnown(place.kind),) * (len(names) - len(several))
        for name, value in zip(names, several, strict=False):
            if isinstance(name, str) and name:
                if name in self.values:
                    raise malformed(f"'{shown(name, 60)}' is given twice")
                self.values[name] = value

    def _is_opaque(self, tensor: Tensor) -> bool:
        last = self.building.nodes[-1] if self.building.nodes else None
        return (
            last is not None
            and isinstance(last.work, Opaque)
            and self.building.tensors[tensor.number].name in last.outputs
        )

    def _recorded(self, place: Place, name: Any, tensor: Tensor, read: Any) -> Any:
        sizes = self.program.recorded.get(name) if isinstance(name, str) else None
        if sizes is None or None in sizes:
            return tensor
        return self.building.recorded(tensor, sizes, tuple(dict.fromkeys(tensors_in(read))), place.name, place.kind)

    def network(self, sources: tuple[Source, ...]) -> Network:
        building, guards = self.building, self.guards()
        given = [part for told in self.program.outputs for part in tensors_in(self.value(told))]
        outputs = tuple(dict.fromkeys(building.tensors[tensor.number].name for tensor in given))
        read = {name for node in building.nodes for name in node.inputs}
        stored = {known.name: known.free or () for known in building.tensors if known.is_stored and known.name in read}
        unknown = [node.name for node in building.nodes if isinstance(node.work, Opaque)]
        notes = tuple(building.notes)
        if unknown:
            notes += (Note("CW421", f"what '{shown(unknown[0], 60)}' does to sizes is not known"),)
        nodes = tuple(building.nodes)
        return Network(self.program.title, "torch", sources, nodes, outputs, notes, dict(stored), guards=guards)
