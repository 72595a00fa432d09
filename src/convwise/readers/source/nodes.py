"""ONNX nodes as the onnx package's helper writes them: `make_node("Conv", ["x", "W"], ["y"], strides=[2, 2])`.

Tensors have names there: what `make_tensor_value_info`, `make_tensor` and `from_array` say of a name is kept until a
node takes it.
"""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Array, Unknown
from convwise.readers.source import spoken, tensors
from convwise.readers.source.state import Run
from convwise.readers.source.values import MISSING, Tensor

Keywords = list[tuple[str | None, Any]]
NODE_WORDS = frozenset({"op_type", "inputs", "outputs", "name", "doc_string", "domain", "overload"})
MOST_NAMES = 4_096


def called(run: Run, path: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """What the helper's functions say; None for any other."""
    name = path.rpartition(".")[2]
    words = {word: value for word, value in keywords if word}
    if name == "make_tensor_value_info":
        given = _arguments(arguments, words, ("name", "elem_type", "shape"))
        return _declare(run, given.get("name"), given.get("shape"), node)
    if name == "make_tensor":
        given = _arguments(arguments, words, ("name", "data_type", "dims", "vals"))
        values = given.get("vals")
        if isinstance(given.get("name"), str) and isinstance(values, list | tuple):
            run.onnx_values[given["name"]] = tuple(values)
        return _declare(run, given.get("name"), given.get("dims"), node)
    if name == "from_array":
        given = _arguments(arguments, words, ("arr", "name"))
        array = given.get("arr")
        shape = array.shape if isinstance(array, Tensor) and tensors.is_raw(array) else None
        return _declare(run, given.get("name"), shape, node)
    if name == "make_node":
        return _node(run, arguments, words, node)
    return None


def _arguments(arguments: list[Any], words: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {**dict(zip(names, arguments, strict=False)), **words}


def _declare(run: Run, name: Any, shape: Any, node: ast.Call) -> Unknown:
    if isinstance(name, str) and len(run.onnx_names) < MOST_NAMES and name not in run.onnx_names:
        sizes = tensors.sizes(shape) if shape is not None else None
        run.onnx_names[name] = Tensor(sizes, line=node.lineno)
    return Unknown(f"the tensor {name}" if isinstance(name, str) else "a tensor")


def _node(run: Run, arguments: list[Any], words: dict[str, Any], node: ast.Call) -> Any:
    given = _arguments(arguments, words, ("op_type", "inputs", "outputs"))
    kind, inputs, outputs = given.get("op_type"), given.get("inputs"), given.get("outputs")
    if (
        not isinstance(kind, str)
        or not isinstance(inputs, list | tuple)
        or not all(isinstance(one, str) for one in inputs)
    ):
        return None
    attributes = [(word, value) for word, value in words.items() if word not in NODE_WORDS]
    data = _tensor(run, inputs[0]) if inputs else None
    rest = [_value(run, name) for name in inputs[1:]]
    result = spoken.applied(run, ("onnx", kind), data, None, rest, attributes, node)
    if (
        isinstance(outputs, list | tuple)
        and outputs
        and isinstance(outputs[0], str)
        and len(run.onnx_names) < MOST_NAMES
    ):
        run.onnx_names[outputs[0]] = result
    return result


def _tensor(run: Run, name: str) -> Any:
    if name in run.onnx_names:
        return run.onnx_names[name]
    found = run.scope.find(name)
    if isinstance(found, Tensor):
        return found
    run.onnx_names[name] = tensor = Tensor(None)
    return tensor


def _value(run: Run, name: str) -> Any:
    """An input after the data: the numbers of a small tensor, the shape of an array, or what nobody knows."""
    if not name:
        return None
    if name in run.onnx_values:
        shape = run.onnx_names[name].shape if name in run.onnx_names else None
        if shape is not None and len(shape) == 1 and len(run.onnx_values[name]) <= 64:
            return run.onnx_values[name]
    if name in run.onnx_names:
        return run.onnx_names[name]
    found = run.scope.find(name)
    return found if found is not MISSING and isinstance(found, Tensor | list | tuple) else Array(None, name)
