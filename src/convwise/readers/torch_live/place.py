"""Where a call stands in the forward, and how it becomes nodes: what every handler of a function is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from convwise.dialects.base import Call, Layer
from convwise.dialects.torch import functional, read
from convwise.errors import ConvwiseError, Refusal
from convwise.graph import Work
from convwise.ops import Pointwise
from convwise.ops.several import Opaque, Term
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.values import NotFollowed, Tensor, is_term, is_terms, tensors_in

LONGEST_REASON = 160


@dataclass(frozen=True, slots=True)
class Place:
    """One call: the node's name, PyTorch's word for the op, and the module that it stands in."""

    building: Building
    name: str
    kind: str
    module: str = ""

    def emit(self, work: Work, inputs: Sequence[Tensor], outputs: int = 1) -> tuple[Tensor, ...]:
        return self.building.emit(self.name, self.kind, work, inputs, outputs=outputs, module=self.module)

    def one(self, work: Work, *inputs: Tensor) -> Tensor:
        return self.emit(work, inputs)[0]

    def pointwise(self, tensor: Tensor, kind: str = "") -> Tensor:
        """A node that leaves the shape alone."""
        return self.one((Pointwise(kind or self.kind.lstrip(".").rpartition(".")[2]),), tensor)

    def opaque(self, values: Any, reason: str) -> Tensor:
        """A node of which nothing is known but what it reads."""
        inputs = tuple(dict.fromkeys(tensors_in(values)))
        return self.one(Opaque(reason[:LONGEST_REASON]), *inputs)

    def layer(self, call: Call, tensor: Tensor, *more: Tensor) -> Tensor:
        """The layer that does the same as the function.

        Raises:
            NotFollowed: where the dialect does not read it.
        """
        return self.one(self.reading(lambda: call), tensor, *more)

    def reading(self, make: Callable[[], Call | None], *, refusing: bool = False) -> Layer:
        """The layer of a call that was made for it; only one that was written so itself is `refusing`."""
        try:
            call = make()
            if call is None:
                raise NotFollowed(f"{self.kind} is not known with these arguments")
            return read(call)
        except ConvwiseError as error:
            if refusing and isinstance(error, Refusal) and error.quote:
                raise
            raise NotFollowed(f"{self.kind}: {error.fact}") from None

    def function(self, name: str, tensor: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """The function by the dialect's own table.

        Raises:
            NotFollowed: where the table does not have it, or an argument is no literal.
            Refusal: what PyTorch refuses whatever the input.
        """
        return self.one(self.called(name, args, kwargs), tensor)

    def called(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Layer:
        """The layer of the function, as `function` puts it into the network."""
        plain = tuple(literal(value) for value in args)
        words = {key: literal(value) for key, value in kwargs.items()}
        return self.reading(lambda: functional(name, plain, words), refusing=True)

    def rank(self, tensor: Tensor) -> int:
        return len(self.building.shape(tensor))

    def axis(self, axis: Any, rank: int) -> int:
        """An axis counted from the front.

        Raises:
            NotFollowed: where there is none.
        """
        if not isinstance(axis, int) or not -rank <= axis < max(rank, 1):
            raise NotFollowed(f"{self.kind}: there is no axis {axis} in a shape of {rank} axes")
        return axis % max(rank, 1)


def literal(value: Any) -> Any:
    """A plain value; raises NotFollowed where it is computed from a size or is a tensor."""
    if isinstance(value, list | tuple):
        return tuple(literal(part) for part in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise NotFollowed("an argument follows from other values")


def is_literal(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(is_literal(part) for part in value)
    return value is None or isinstance(value, bool | int | float | str)


def terms(values: Any, what: str) -> tuple[Term, ...]:
    """A list of sizes, or one; raises NotFollowed for anything else."""
    if is_term(values):
        return (values,)
    if is_terms(values):
        return tuple(values)
    raise NotFollowed(f"{what} is not known from the sizes")


def tensor_of(value: Any, what: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    raise NotFollowed(f"{what} reads no tensor that is known")
