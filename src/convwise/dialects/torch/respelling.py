"""The user's own call with some arguments changed, in the user's own style."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from convwise.dialects.base import REQUIRED, Call, Layer, Parameter, Value
from convwise.dialects.torch.spelling import write, write_call

LONGEST = 4000
"""Characters of a call that are parsed to keep its style; longer ones are written anew."""


def respell_call(layer: Layer, parameters: tuple[Parameter, ...], changes: Mapping[str, Value]) -> str:
    """`layer`'s call with `changes`: order, prefix and keywords stay, an argument that becomes its default goes.

    >>> from convwise.dialects.torch import read, respell
    >>> respell(read(Call("Conv2d", (3, 16, 3), (("stride", 2),), "nn.Conv2d(3, 16, 3, stride=2)")), {"padding": 1})
    'nn.Conv2d(3, 16, 3, stride=2, padding=1)'
    """
    call = layer.call
    defaults = {parameter.name: parameter.default for parameter in parameters}
    positional = [parameter.name for parameter in parameters if not parameter.keyword_only]
    prefix, given, named = _source(call)
    args = list(given)
    kwargs = dict(named)
    for name, value in changes.items():
        dropped = (
            defaults.get(name, REQUIRED) is not REQUIRED
            and value == defaults[name]
            and type(value) is type(defaults[name])
        )
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
    return f"{prefix}({', '.join((*args, *(f'{name}={text}' for name, text in kwargs.items())))})"


def _source(call: Call) -> tuple[str, list[str], list[tuple[str, str]]]:
    """(function, positional texts, keyword texts), as written if the text still shows them."""
    written = _parse(call)
    if written is not None:
        return written
    if call.kind[:1].islower():
        return (
            f"x.{call.kind}",
            [write(value) for value in call.args],
            [(name, write(value)) for name, value in call.kwargs],
        )
    function = write_call(Call(call.kind)).removesuffix("()")
    return function, [write(value) for value in call.args], [(name, write(value)) for name, value in call.kwargs]


def _parse(call: Call) -> tuple[str, list[str], list[tuple[str, str]]] | None:
    if not call.text or len(call.text) > LONGEST or call.text.count("(") > 50:
        return None
    try:
        node = ast.parse(call.text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    text = call.text.strip()
    if not isinstance(node, ast.Call) or len(node.args) != len(call.args) or len(node.keywords) != len(call.kwargs):
        return None
    function = ast.get_source_segment(text, node.func) or ""
    if function.rpartition(".")[2] != call.kind or any(keyword.arg is None for keyword in node.keywords):
        return None
    segments = [ast.get_source_segment(text, argument) or "" for argument in node.args]
    named = [(keyword.arg or "", ast.get_source_segment(text, keyword.value) or "") for keyword in node.keywords]
    return function, segments, named
