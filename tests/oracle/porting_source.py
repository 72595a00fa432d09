"""The source of a port, live: the text run by its own framework, with given weights where the text has zeros."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any


def output_of(dialect: str, text: str, weights: Sequence[Array], names: Sequence[str], x: Array) -> Array:
    """What the text gives in `dialect` (tensorflow, jax, onnx) with these weights, in the order in which the text needs them.

    `text` is one call, or lines of `x = ...`. `names` are flax's names of the weights.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dialect == "onnx":
            return _onnx(text, list(weights), x)
        if (dialect == "jax" and "Sequential" in text) or re.match(r"(nn|nnx)\.[A-Z]", text):
            return _flax(text, weights, names, x)
        return _functions(dialect, text, weights, x)


def _functions(dialect: str, text: str, weights: Sequence[Array], x: Array) -> Array:
    """tf.nn and jax.lax: every array of zeros is the next weight."""
    if dialect == "tensorflow":
        import tensorflow as tf

        space: dict[str, Any] = {"tf": tf}
        x = tf.constant(x)
    else:
        import jax
        import jax.numpy as jnp
        from flax import linen
        from jax import lax

        space = {"jnp": jnp, "lax": lax, "jax": jax, "nn": linen}
        x = jnp.asarray(x)
    left = list(weights)
    lines = text if re.match(r"\s*\w+ = ", text) else f"x = {text}"
    lines = re.sub(r"(tf|jnp)\.zeros\(", "taken(", lines)
    space |= {"x": x, "taken": lambda shape: _next(left, shape)}
    exec(lines, space)
    assert not left, (text, [one.shape for one in left])
    return np.asarray(space["x"])


def _next(left: list[Array], shape: Any) -> Array:
    found = left.pop(0)
    assert found.shape == tuple(shape if isinstance(shape, tuple) else (shape,)), (found.shape, shape)
    return found


def _flax(text: str, weights: Sequence[Array], names: Sequence[str], x: Array) -> Array:
    import jax
    import jax.numpy as jnp
    from flax import linen, nnx

    layer = eval(text, {"nn": linen, "nnx": nnx, "jnp": jnp, "jax": jax})
    if isinstance(layer, nnx.Module):
        if names:
            nested: dict[Any, Any] = {}
            for name, array in zip(names, weights, strict=True):
                *place, last = name.split("/")
                at = nested
                for part in ["layers", *place] if place else []:
                    at = at.setdefault(int(part) if part.isdigit() else part, {})
                at[last] = array
            nnx.update(layer, nested)
        layer.eval()
        return np.asarray(layer(x))
    named = dict(zip(names, weights, strict=True))
    stats = {name: named.pop(name) for name in ("mean", "var") if name in named}
    variables = {"params": named} | ({"batch_stats": stats} if stats else {})
    options = {"deterministic": True} if isinstance(layer, linen.Dropout) else {}
    return np.asarray(layer.apply(variables, x, **options))


def _onnx(text: str, left: list[Array], x: Array) -> Array:
    """The calls as nodes; every array of zeros is the next weight, lists and numbers are constants."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(array: Array) -> str:
        constants.append(numpy_helper.from_array(array, f"c{len(constants)}"))
        return f"c{len(constants) - 1}"

    def tensor(tree: ast.expr, names: dict[str, str]) -> str:
        if isinstance(tree, ast.Name):
            return names[tree.id]
        if isinstance(tree, ast.Call) and ast.unparse(tree.func) == "np.zeros":
            return constant(_next(left, ast.literal_eval(tree.args[0])).astype(np.float32))
        if isinstance(tree, ast.Call):
            kind = ast.unparse(tree.func).rpartition(".")[2]
            inputs = [tensor(one, names) for one in tree.args]
            words = {str(word.arg): ast.literal_eval(word.value) for word in tree.keywords}
            if kind == "Resize" and "scales" in words:
                inputs += ["", constant(np.array(words.pop("scales"), np.float32))]
            nodes.append(helper.make_node(kind, inputs, [f"t{len(nodes)}"], **words))
            return f"t{len(nodes) - 1}"
        value = ast.literal_eval(tree)
        if value is None:
            return ""
        return constant(np.array(value, np.int64 if isinstance(value, list) else np.float32))

    names = {"x": "x"}
    for statement in ast.parse(text).body:
        target = statement.targets[0].id if isinstance(statement, ast.Assign) else "x"  # type: ignore[attr-defined]
        names[target] = tensor(statement.value, names)  # type: ignore[attr-defined]
    assert not left, (text, len(left))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info(names["x"], TensorProto.FLOAT, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 26)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.ascontiguousarray(x)})[0]
