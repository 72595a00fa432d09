"""What a rule of an operator is asked with, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from convwise.dialects.onnx import words
from convwise.dialects.onnx.values import Known
from convwise.errors import Refusal
from convwise.ops import Op
from convwise.ops.several import Opaque, Several
from convwise.ops.shape import Shape
from convwise.ops.terms import SizeOf, Term

Work = tuple[Op, ...] | Several


class Written(Protocol):
    """A node as a reader of files gives it."""

    @property
    def op_type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def inputs(self) -> tuple[str, ...]: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


FLOATS = frozenset({"float16", "float32", "float64", "bfloat16"})


@dataclass(slots=True)
class Tensor:
    """A tensor of the graph as far as it is known while reading; nobody changes it.

    `number` is what `SizeOf.input` calls it; `shape` has None for sizes that stay free and is None where the number of axes is open.
    `known` are its numbers; `fixed`: it does not depend on the inputs; `weights` are the initializers it is made of.
    """

    name: str
    number: int
    shape: Shape | None = None
    known: Known | None = None
    fixed: bool = False
    weights: tuple[str, ...] = ()
    dtype: str | None = None
    mark: int = 0
    """Equal for tensors of equal shape and type that are fixed, and hold weights, alike or not."""
    numbers: int = 0
    """Equal for tensors of equal known numbers; 0 where that was not looked at."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One step of an operator. Inputs of 0 and more are the node's, -1 is the output of the first piece, -2 of the second ..."""

    work: Work
    inputs: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Made:
    """What an operator is: pieces, which of them give the node's outputs, and the inputs that hold no parameters.

    `gives` is a piece for each output; None: the last piece gives them all.
    """

    pieces: tuple[Piece, ...]
    gives: tuple[int, ...] | None = None
    no_params: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def of(work: Work, *inputs: int, no_params: tuple[int, ...] = ()) -> Made:
    """An operator that is one op on these inputs, the first if none is named."""
    return Made((Piece(work, inputs or (0,)),), None, no_params)


def opaque(given: Given, reason: str) -> Made:
    """An operator whose output sizes cannot be told."""
    inputs = tuple(number for number, one in enumerate(given.inputs) if one is not None)
    return of(Opaque(reason, max(len(given.node.outputs), 1)), *inputs)


@dataclass(slots=True)
class Given:
    """A node with its inputs (None: left out), and the version of its operator set."""

    node: Written
    opset: int
    inputs: tuple[Tensor | None, ...]
    declared: tuple[int | str | None, ...] = ()
    """The shape of the first input as the file declares it, where it does."""
    memo: dict[tuple[int, object], Any] = field(default_factory=dict)
    """What rules work out of attributes alone: by their identity, and what else they ask."""

    def input(self, number: int) -> Tensor | None:
        return self.inputs[number] if number < len(self.inputs) else None

    def shape(self, number: int = 0) -> Shape | None:
        one = self.input(number)
        return None if one is None else one.shape

    def known(self, number: int) -> Known | None:
        one = self.input(number)
        return None if one is None else one.known

    def rank(self, number: int = 0) -> int | None:
        shape = self.shape(number)
        return None if shape is None else len(shape)

    def size(self, number: int, axis: int) -> Term:
        """The size of an axis of an input: a number where it is fixed."""
        one = self.inputs[number]
        assert one is not None
        assert one.shape is not None
        found = one.shape[axis]
        return SizeOf(one.number, axis) if found is None else found

    def sizes(self, number: int = 0) -> tuple[Term, ...]:
        return tuple(self.size(number, axis) for axis in range(self.rank(number) or 0))

    def refuse(
        self, code: str, fact: str, received: Any = None, axis: str | None = None, hint: str = "", quote: str = ""
    ) -> Refusal:
        return Refusal(code, fact, axis=axis, received=received, hint=hint, quote=quote)

    def has(self, name: str) -> bool:
        return name in self.node.attributes

    def integer(self, name: str, default: int = 0) -> int:
        value = self.node.attributes.get(name, default)
        if type(value) is not int:
            quote = words.wrong_type(name, "INT", value)
            raise self.refuse("CW204", f"{name} must be an integer", value, name, quote=quote)
        return value

    def number(self, name: str, default: float = 0.0) -> float:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.refuse("CW204", f"{name} must be a number", value, name)
        return float(value)

    def text(self, name: str, default: str = "") -> str:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, str):
            quote = words.wrong_type(name, "STRING", value)
            raise self.refuse("CW204", f"{name} must be a string", value, name, quote=quote)
        return value

    def ints(self, name: str) -> tuple[int, ...] | None:
        value: object = self.node.attributes.get(name)
        if value is None:
            return None
        if not isinstance(value, tuple) or any(type(one) is not int for one in value):
            raise self.refuse("CW204", f"{name} must be a list of integers", value, name)
        return value

    def floats(self, name: str) -> tuple[float, ...] | None:
        value: object = self.node.attributes.get(name)
        if value is None:
            return None
        if not isinstance(value, tuple) or any(not isinstance(one, int | float) for one in value):
            raise self.refuse("CW204", f"{name} must be a list of numbers", value, name)
        return tuple(float(one) for one in value)

    def needs(self, number: int, what: str) -> Tensor:
        """The input, which must be there."""
        one = self.input(number)
        if one is None:
            raise self.refuse("CW303", f"input {number} ({what}) is missing", axis=what)
        return one

    def axis(self, axis: int, rank: int, name: str = "axis") -> int:
        """An axis counted from the front."""
        if not -rank <= axis < rank:
            raise self.refuse("CW101", f"there is no axis {axis} in a tensor of {rank} axes", axis, name)
        return axis % rank
