"""What Keras's layers are given that apply a function, a layer or a model of the text."""

from __future__ import annotations

import ast
from typing import Any

from convwise.readers.source.values import Inner

WRAPPING = {"Lambda": "function", "TimeDistributed": "layer"}
"""Layers of Keras that apply what they are given, and what they call it."""


def inner(name: str, arguments: list[Any], keywords: list[tuple[str | None, Any]], node: ast.Call) -> Inner | None:
    """What a layer of `WRAPPING` is given to apply."""
    words = {word: value for word, value in keywords if word}
    written = node.args[0] if node.args else next((word.value for word in node.keywords if word.arg == name), None)
    if written is None or isinstance(written, ast.Starred):
        return None
    target = arguments[0] if arguments else words[name]
    given = words.get("arguments")
    more = list(given.items()) if isinstance(given, dict) else []
    call = ast.copy_location(ast.Call(func=written, args=[], keywords=[]), node)
    declared = words.get("output_shape", arguments[1] if len(arguments) > 1 else None)
    return Inner(target, call, more, declared)
