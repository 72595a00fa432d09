"""Calls as source text: values, whole calls, and the user's own call with some arguments changed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
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


def respell(
    layer: Layer,
    parameters: Sequence[Parameter],
    changes: Mapping[str, Value],
    anew: Callable[[Call], str],
) -> str:
    """`layer`'s call with `changes`: order, prefix, data and keywords stay, an argument that becomes its default goes.

    `anew` writes a call whose text does not show its arguments.
    """
    call = layer.call
    defaults = {parameter.name: parameter.default for parameter in parameters}
    positional = [parameter.name for parameter in parameters if not parameter.keyword_only]
    written = _parse(call)
    if written is None:
        written = _parse(Call(call.kind, call.args, call.kwargs, anew(call)))
    if written is None:
        return anew(call)
    function, data, args, kwargs, data_words = written
    for name, value in changes.items():
        default = defaults.get(name, REQUIRED)
        dropped = default is not REQUIRED and value == default and type(value) is type(default)
        place = positional.index(name) if name in positional else len(args)
        if place < len(args):
            if dropped and place == len(args) - 1:
                args.pop()
            else:
                args[place] = write(value)
        elif dropped:
            kwargs.pop(name, None)
        else:
            kwargs[name] = write(value)
    named = (f"{name}={text}" for name, text in (*data_words.items(), *kwargs.items()))
    return f"{function}({', '.join((*data, *args, *named))})"


Written = tuple[str, list[str], list[str], dict[str, str], dict[str, str]]


def _parse(call: Call) -> Written | None:
    """(function, data, positional texts, keyword texts, data by keyword), if the text still shows them."""
    text = call.text.strip()
    if not text or len(text) > LONGEST or text.count("(") > 50:
        return None
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(node, ast.Call) or any(keyword.arg is None for keyword in node.keywords):
        return None
    segments = [ast.get_source_segment(text, argument) or "" for argument in node.args]
    extra = len(segments) - len(call.args)
    known = {name for name, _ in call.kwargs}
    named = {keyword.arg or "": ast.get_source_segment(text, keyword.value) or "" for keyword in node.keywords}
    if extra < 0 or extra > 1 or not known <= set(named):
        return None
    ours = {name: text for name, text in named.items() if name in known}
    data = {name: text for name, text in named.items() if name not in known}
    return ast.get_source_segment(text, node.func) or "", segments[:extra], segments[extra:], ours, data
