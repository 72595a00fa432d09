"""ONNX as the target of a port: a model of as many nodes as there are steps, its weights among its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf

from convwise import dialects
from convwise.answers.porting import to_keras
from convwise.answers.porting.composing import commented
from convwise.answers.porting.draft import Target
from convwise.answers.porting.stages import Stage
from convwise.axis import Window
from convwise.dialects.base import Array
from convwise.errors import ConvwiseError
from convwise.ops import (
    AdaptivePool,
    Flatten,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Pointwise,
    Pool,
    Reshape,
    Resize,
    Shape,
    Unflatten,
)


def adapt(op: Op, shape: Shape) -> Op:
    match op:
        case Pool() if op.kind == "avg":
            return replace(op, kind="average")
        case GlobalPool() | AdaptivePool():
            return replace(op, kind="max" if op.kind == "max" else "average")
        case Norm() if op.kind in ("batch", "instance", "group"):
            return replace(op, axes="channels")
        case Pad() if op.mode == "circular":
            return op
        case Resize() if op.mode == "nearest-exact" and op.scales is not None:
            return replace(op, mode="nearest") if all(scale.denominator == 1 for scale in op.scales) else op
    return op


def more(op: Op, shape: Shape) -> Iterator[tuple[Op, ...]]:
    match op:
        case GlobalPool() if not op.keep_dims:
            yield (GlobalPool(op.kind, op.rank, keep_dims=True), Flatten())
        case AdaptivePool() if set(op.sizes) == {1}:
            yield (GlobalPool(op.kind, op.rank, keep_dims=True),)
        case Unflatten():
            yield from to_keras.more(op, shape)
        case Flatten() if (op.start, op.end) != (1, -1):
            yield from to_keras.more(op, shape)
        case Reshape() if -1 in op.target and len(op.target) == 1:
            yield (Flatten(),)


def texts(op: Op, shape: Shape) -> Iterator[str]:
    """The calls to try; dropout does nothing in inference, so it is an Identity."""
    if isinstance(op, Pointwise) and op.kind in ("dropout", "spatial_dropout", "alpha_dropout", "identity"):
        yield "op.Identity(x)"
        return
    with suppress(ConvwiseError):
        yield dialects.get("onnx").spell((op,), False)


def express(op: Op, shape: Shape) -> str | None:
    """A node is a layer, or there is none."""
    return None


def same(windows: tuple[Window, ...], value: float) -> str | None:
    return None


def compose(stages: Sequence[Stage], shape: Shape) -> str:
    """The model: nodes, then its inputs (the data and the weights), then its output."""
    nodes: list[str] = []
    constants: list[str] = []
    weights: list[str] = []
    name = "x"
    for number, stage in enumerate(stages):
        assert stage.layer is not None
        inputs = [name]
        for value in stage.layer.call.args:
            if isinstance(value, Array):
                weights.append(f"w{len(weights)}")
                inputs.append(weights[-1])
            else:
                inputs.append(f"c{len(constants)}")
                constants.append(_constant(inputs[-1], value))
        named = dict(stage.layer.call.kwargs)
        if stage.layer.call.kind == "Resize" and "scales" in named:
            # An input of the node, behind the region of interest that nobody gives.
            inputs += ["", f"c{len(constants)}"]
            constants.append(_floats(inputs[-1], named.pop("scales")))
        attributes = "".join(f", {key}={_attribute(value)}" for key, value in named.items())
        name = "y" if number == len(stages) - 1 else f"t{number}"
        node = f"    helper.make_node({stage.layer.call.kind!r}, {inputs!r}, [{name!r}]{attributes}),"
        nodes += commented(node, stage.comment)
    if not stages:
        nodes.append("    helper.make_node('Identity', ['x'], ['y']),")
    needs_numpy = "import numpy as np\n" if constants else ""
    more_imports = ", numpy_helper" if constants else ""
    release = dialects.get("onnx").release
    told = "".join(f"    {constant},\n" for constant in constants)
    data = ", ".join(repr(one) for one in ["x", *weights])
    return (
        f"{needs_numpy}from onnx import TensorProto, helper{more_imports}\n\n"
        "nodes = [\n"
        + "\n".join(nodes)
        + "\n]\n"
        + (f"constants = [\n{told}]\n" if constants else "constants = []\n")
        + f"inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in [{data}]]\n"
        + 'output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)\n'
        + 'graph = helper.make_graph(nodes, "layer", inputs, [output], constants)\n'
        + f'layer = helper.make_model(graph, opset_imports=[helper.make_opsetid("", {release})], ir_version=10)\n'
    )


def _floats(name: str, value: object) -> str:
    return f"numpy_helper.from_array(np.array({_attribute(value)}, np.float32), {name!r})"


def _constant(name: str, value: object) -> str:
    if isinstance(value, tuple) and all(isinstance(one, int) for one in value):
        return f"numpy_helper.from_array(np.array({list(value)}, np.int64), {name!r})"
    if value in (inf, -inf):
        return f"numpy_helper.from_array(np.array({'-' if value == -inf else ''}np.inf, np.float32), {name!r})"
    return f"numpy_helper.from_array(np.array({_attribute(value)}, np.float32), {name!r})"


def _attribute(value: object) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


TARGET = Target("onnx", False, adapt, more, texts, express, same, compose)
