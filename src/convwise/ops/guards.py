"""Conditions on a program's inputs that it checks itself before it runs, as an exported program does."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import trunc
from typing import Any

from convwise.ops.shape import Shape


@dataclass(frozen=True, slots=True)
class InputSize:
    """The size of axis `axis` of the input called `source`."""

    source: str
    axis: int


@dataclass(frozen=True, slots=True)
class Operation:
    """Formulas put together; `kind` is "and", "or" or a key of `OPERATIONS`."""

    kind: str
    parts: tuple[Formula, ...]


Formula = int | float | InputSize | Operation


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition with the words in which the file, or its reader, tells it."""

    text: str
    formula: Formula


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "floor_divide": operator.floordiv,
    "modulo": operator.mod,
    "negative": operator.neg,
    "maximum": max,
    "minimum": min,
    "float": float,
    "truncate": trunc,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""What a guard may compute, with Python's own rules: the program computes it in Python as well."""


def holds(guard: Guard, shapes: Mapping[str, Shape]) -> bool:
    """Whether the condition holds for these inputs, or asks for a size that is not known.

    >>> even = Operation("==", (Operation("modulo", (InputSize("x", 2), 2)), 0))
    >>> [holds(Guard("x.size()[2] % 2 == 0", even), {"x": (1, 3, size, 10)}) for size in (8, 9, None)]
    [True, False, True]
    """
    try:
        return bool(_value(guard.formula, shapes))
    except _OpenError:
        return True
    except (ArithmeticError, ValueError):
        # The program's own arithmetic ends in the same error.
        return False


class _OpenError(Exception):
    """A size that is not known."""


def _value(formula: Formula, shapes: Mapping[str, Shape]) -> Any:
    if isinstance(formula, InputSize):
        shape = shapes.get(formula.source, ())
        size = shape[formula.axis] if formula.axis < len(shape) else None
        if size is None:
            raise _OpenError
        return size
    if not isinstance(formula, Operation):
        return formula
    if formula.kind == "and":
        return all(_value(part, shapes) for part in formula.parts)
    if formula.kind == "or":
        return any(_value(part, shapes) for part in formula.parts)
    return OPERATIONS[formula.kind](*(_value(part, shapes) for part in formula.parts))
