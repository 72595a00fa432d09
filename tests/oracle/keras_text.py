"""A call from its text, as the reader of source text gives it, for the tests of the dialect alone."""

from __future__ import annotations

import ast

from convwise.dialects.base import Call, Unknown


def value(node: ast.expr):
    """A literal, a nested call, or a name that the text does not give."""
    match node:
        case ast.Constant():
            return node.value
        case ast.UnaryOp(ast.USub(), operand):
            return -value(operand)
        case ast.Tuple(elts) | ast.List(elts):
            return tuple(value(element) for element in elts)
        case ast.Call():
            return parse(ast.unparse(node))
        case _:
            return Unknown(ast.unparse(node))


def parse(text: str) -> Call:
    """A call as the reader of source text gives it, for these tests alone."""
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.Call)
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    return Call(
        name, tuple(map(value, node.args)), tuple((word.arg, value(word.value)) for word in node.keywords), text
    )
