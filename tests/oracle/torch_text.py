"""Calls as text and as JSON, for tests that must not lean on the readers."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Call, Unknown

Value = Any


def parse_call(text: str) -> Call:
    """The call that `text` writes: `nn.Conv2d(3, 16, (3, 5), stride=2**4)`."""
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.Call), text
    kind = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    args = tuple(value(item) for item in node.args)
    if kind in ("view", "reshape", "permute"):
        args = (args,)
    return Call(kind, args, tuple((keyword.arg or "", value(keyword.value)) for keyword in node.keywords), text)


def value(node: ast.expr) -> Value:
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(value(item) for item in node.elts)
    if isinstance(node, ast.UnaryOp):
        return -value(node.operand)
    if isinstance(node, ast.BinOp):
        left, right = value(node.left), value(node.right)
        return (
            left**right
            if isinstance(node.op, ast.Pow)
            else left - right
            if isinstance(node.op, ast.Sub)
            else left + right
        )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
        return float(value(node.args[0]))
    if isinstance(node, ast.Constant):
        return node.value
    return Unknown(ast.unparse(node))


def packed(call: Call) -> list[Value]:
    """[kind, args, kwargs] for JSON, which writes tuples as arrays; a call holds no other sequences."""
    return [call.kind, list(call.args), [list(pair) for pair in call.kwargs]]


def unpacked(form: list[Value], text: str = "") -> Call:
    """The inverse of `packed`."""
    kind, args, kwargs = form
    return Call(kind, _tuples(args), tuple((name, _tuples(item)) for name, item in kwargs), text)


def _tuples(item: Value) -> Value:
    return tuple(_tuples(inner) for inner in item) if isinstance(item, list) else item
