"""What a model keeps beside its layers: parameters, buffers and constant arrays, of which only the shapes count."""

from __future__ import annotations

import ast
from typing import Any

from convwise.readers.echo import shown
from convwise.readers.source import tensors
from convwise.readers.source.state import Run
from convwise.readers.source.values import Held, Instance, Tensor

Keywords = list[tuple[str | None, Any]]

REGISTERING = frozenset({"register_buffer", "register_parameter", "add_weight", "param"})
"""Methods of a model that make it keep an array."""

ARRAYS = frozenset({"torch.nn.Parameter", "torch.nn.Buffer", "flax.nnx.Param"})
"""Classes of arrays that a model keeps."""


def parameter(run: Run, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Held:
    """`nn.Parameter(torch.zeros(1, 64, 64))`, `nn.Buffer(...)` and `nnx.Param(...)`."""
    words = {word: value for word, value in keywords if word}
    value = arguments[0] if arguments else words.get("data")
    trained = words.get("requires_grad", arguments[1] if len(arguments) > 1 else True)
    return Held(shape_of(value), _text(run, node), name != "Buffer", trained is not False)


def listed(run: Run, arguments: list[Any], node: ast.Call) -> Any:
    """The parameters of `nn.ParameterList([...])` and `nn.ParameterDict({...})`."""
    parts = arguments[0] if arguments else []
    if isinstance(parts, dict):
        return {key: _kept(run, part, node) for key, part in parts.items()}
    return [_kept(run, part, node) for part in parts] if isinstance(parts, list | tuple) else run.unknown(node)


def _kept(run: Run, value: Any, node: ast.Call) -> Held:
    return value if isinstance(value, Held) else Held(shape_of(value), _text(run, node))


def registered(run: Run, owner: Instance, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """`self.register_buffer("mean", torch.zeros(3, 1, 1))`; Keras's `self.add_weight(shape=(8,))` and flax's `self.param("b", zeros, (8,))` give what they keep."""
    words = {word: value for word, value in keywords if word}
    if name in ("add_weight", "param"):
        shape = words.get("shape", next((part for part in arguments if isinstance(part, list | tuple)), None))
        sizes = tensors.sizes(shape) if isinstance(shape, list | tuple) else None
        return Held(_whole(sizes), _text(run, node), True, words.get("trainable") is not False)
    title = arguments[0] if arguments else words.get("name")
    value = arguments[1] if len(arguments) > 1 else words.get("tensor", words.get("param"))
    if isinstance(title, str) and value is not None:
        kept = value if isinstance(value, Held) else Held(shape_of(value), _text(run, node), False)
        kept.name = title
        owner.attributes[title] = kept
    elif isinstance(title, str):
        owner.attributes[title] = None
    return None


def shape_of(value: Any) -> tuple[int, ...] | None:
    """The shape of an array of the text, where it gives every size."""
    if isinstance(value, Held):
        return value.shape
    if isinstance(value, Tensor) and tensors.is_raw(value) and not value.entry:
        return _whole(value.shape)
    return None


def _whole(shape: tuple[int | None, ...] | None) -> tuple[int, ...] | None:
    sizes = tuple(size for size in shape or () if size is not None and size >= 0)
    return None if shape is None or len(sizes) != len(shape) else sizes


def _text(run: Run, node: ast.AST) -> str:
    return shown(run.source(node, 400), 60)


def is_number(node: ast.expr) -> bool:
    """Whether an expression gives a number whatever its names stand for: `math.sqrt(self.width)`, `2 * len(x)`."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    if isinstance(node, ast.BinOp):
        return is_number(node.left) and is_number(node.right)
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Name):
        return function.id in ("float", "int", "len")
    return isinstance(function, ast.Attribute) and (
        (isinstance(function.value, ast.Name) and function.value.id == "math") or function.attr == "item"
    )
