"""Calls as source text: values, whole calls, and the user's own call with some arguments changed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isinf, isnan
from typing import Any

from convwise.dialects.base import REQUIRED, Array, Call, Layer, Parameter, Unknown, Value
from convwise.errors import Refusal

Keywords = dict[str, Value]

LONGEST = 4000
"""Characters of a call that are parsed to keep its style; longer ones are written anew."""


def write(value: Value) -> str:
    """A value as source text; an array as the text that made it.

    >>> write((1, 2)), write(float("-inf"))
    ('(1, 2)', "float('-inf')")
    """
    if isinstance(value, Unknown | Array):
        return value.text
    if isinstance(value, Call):
        return value.text or write_call(value.kind, value.args, dict(value.kwargs))
    if isinstance(value, float) and (isinf(value) or isnan(value)):
        return f"float('{value}')"
    if isinstance(value, tuple):
        inner = ", ".join(write(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def as_list(value: Value) -> Value:
    """Several values as a list, for who takes no tuple.

    >>> write(as_list((1, 2)))
    '[1, 2]'
    """
    return Unknown(f"[{', '.join(map(write, value))}]") if isinstance(value, tuple) else value


def write_call(function: str, args: Iterable[Value] = (), kwargs: Mapping[str, Value] | None = None) -> str:
    """`tf.pad(x, ((0, 0), (1, 1)))`."""
    named = (f"{name}={write(value)}" for name, value in (kwargs or {}).items())
    return f"{function}({', '.join((*map(write, args), *named))})"


def one(values: Iterable[Any]) -> Any:
    """Equal values as one.

    >>> one((3, 3)), one((3, 5))
    (3, (3, 5))
    """
    items = tuple(values)
    return items[0] if items and all(item == items[0] for item in items) else items


def without(words: Keywords, defaults: Mapping[str, Value]) -> Keywords:
    """The words that are not at their default."""
    return {
        name: value
        for name, value in words.items()
        if name not in defaults or defaults[name] != value or type(defaults[name]) is not type(value)
    }


def unsayable(fact: str, hint: str = "") -> Refusal:
    """CW209: the framework has no one call for it."""
    return Refusal("CW209", fact, hint=hint)


@dataclass(frozen=True, slots=True)
class Written:
    """A call in the words of its text: the function, the data it is applied to, and its arguments."""

    function: str
    data: tuple[str, ...]
    args: tuple[str, ...]
    kwargs: Mapping[str, str]

    def __str__(self) -> str:
        named = (f"{name}={text}" for name, text in self.kwargs.items())
        return f"{self.function}({', '.join((*self.data, *self.args, *named))})"


def respell(
    layer: Layer,
    parameters: Sequence[Parameter],
    changes: Mapping[str, Value],
    anew: Callable[[Call], str],
    data: int = 1,
) -> str:
    """`layer`'s call with `changes`: order, prefix, data and keywords stay, an argument that becomes its default goes.

    `anew` writes a call whose text does not show its arguments, and `data` says how many arrays may stand before them.
    """
    defaults = {parameter.name: parameter.default for parameter in parameters}
    dropped = {name for name, value in changes.items() if _is(value, defaults.get(name, REQUIRED))}
    positional = [parameter.name for parameter in parameters if not parameter.keyword_only]
    return str(changed(written(layer.call, anew, data), positional, changes, dropped))


def _is(value: Value, default: Value) -> bool:
    return default is not REQUIRED and value == default and type(value) is type(default)


def changed(call: Written, positional: Sequence[str], changes: Mapping[str, Value], dropped: Container[str]) -> Written:
    """The call with `changes`, in the order of its own arguments; those in `dropped` go, where nothing positional follows them."""
    args, kwargs = list(call.args), dict(call.kwargs)
    places = {name: place for place, name in enumerate(positional[: len(args)])}
    for name, value in changes.items():
        if name in places:
            args[places[name]] = write(value)
        elif name in dropped:
            kwargs.pop(name, None)
        else:
            kwargs[name] = write(value)
    while args and len(args) <= len(positional) and positional[len(args) - 1] in dropped:
        args.pop()
    return replace(call, args=tuple(args), kwargs=kwargs)


def written(call: Call, anew: Callable[[Call], str], data: int = 1) -> Written:
    """The call as its text shows it; else its values, behind the function and the data of `anew`."""
    found = _parse(call, data)
    if found is not None:
        return found
    function, _, rest = anew(Call(call.kind)).partition("(")
    inner = rest.removesuffix(")")
    kwargs = {name: write(value) for name, value in call.kwargs}
    return Written(function, (inner,) if inner else (), tuple(map(write, call.args)), kwargs)


def _parse(call: Call, data: int) -> Written | None:
    """The call's own text in parts, if that still shows its arguments."""
    text = call.text.strip()
    if not text or len(text) > LONGEST or text.count("(") > 50:
        return None
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(node, ast.Call) or any(keyword.arg is None for keyword in node.keywords):
        return None
    function = ast.get_source_segment(text, node.func) or ""
    segments = tuple(ast.get_source_segment(text, argument) or "" for argument in node.args)
    extra = len(segments) - len(call.args)
    named = {keyword.arg or "": ast.get_source_segment(text, keyword.value) or "" for keyword in node.keywords}
    same = function.rpartition(".")[2] == call.kind.rpartition(".")[2]
    if not same or not 0 <= extra <= data or not {name for name, _ in call.kwargs} <= set(named):
        return None
    return Written(function, segments[:extra], segments[extra:], named)
