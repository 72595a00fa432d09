"""convwise's errors as PyTorch's code catches them: what fails in a call is a RuntimeError there, and here both."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from convwise import errors


class ArgumentError(errors.ArgumentError, RuntimeError):
    """An argument is wrong."""


class ShapeError(errors.ShapeError, RuntimeError):
    """The sizes do not work."""


class Refusal(errors.Refusal, RuntimeError):
    """PyTorch itself refuses it; `quote` holds its words."""


_HERE: dict[type[Exception], type[Exception]] = {
    errors.ArgumentError: ArgumentError,
    errors.ShapeError: ShapeError,
    errors.Refusal: Refusal,
}


P = ParamSpec("P")
R = TypeVar("R")


def runtime_errors(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, with the errors of dialect and engine made RuntimeErrors too."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except errors.ConvwiseError as error:
            error.__class__ = _HERE.get(type(error), type(error))  # type: ignore[assignment]
            raise

    return call
