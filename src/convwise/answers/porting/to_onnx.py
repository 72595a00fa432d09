"""ONNX as the target of a port: a model of as many nodes as there are steps, its weights among its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from convwise import dialects
from convwise.answers.porting import to_arrays, to_keras
from convwise.answers.porting.draft import Target
from convwise.answers.porting.onnx_functions import express
from convwise.answers.porting.onnx_nodes import Nodes
from convwise.answers.porting.resampling import in_parts
from convwise.answers.porting.stages import Stage
from convwise.axis import SAME_LOWER, SAME_UPPER, Window
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
        case Norm() if op.kind == "instance":
            yield from to_keras.more(op, (*shape[:1], *shape[2:], shape[1]))
        case Resize():
            yield from in_parts(op, [size or 0 for size in shape[2:]])


def texts(op: Op, shape: Shape) -> Iterator[str]:
    """The calls to try; dropout does nothing in inference, so it is an Identity."""
    if to_arrays.keeps(op):
        yield "op.Identity(x)"
        return
    if isinstance(op, Pointwise) and isinstance(dict(op.options).get("axis"), tuple):
        return
    if isinstance(op, Pool) and op.kind != "max" and any(_skips(window) for window in op.windows):
        # onnxruntime starts such windows inside the data, not at its first cell.
        return
    if isinstance(op, Pool) and op.kind == "lp" and any(window.ceil for window in op.windows):
        return  # it sums a window that overhangs as it is; PyTorch scales it up
    with suppress(ConvwiseError):
        yield dialects.get("onnx").spell((op,), False)


def _skips(window: Window) -> bool:
    return window.padding in (SAME_UPPER, SAME_LOWER) and window.stride > window.kernel


def compose(stages: Sequence[Stage], shape: Shape) -> str:
    """The model: nodes, then its inputs (the data and the weights), then its output."""
    nodes = Nodes()
    for stage in stages:
        assert stage.layer is not None or stage.text
        nodes.add(stage)
    if not nodes.lines:
        nodes.lines.append("    helper.make_node('Identity', ['x'], ['y']),")
    constants, release = nodes.constants, dialects.get("onnx").release
    needs_numpy = "import numpy as np\n" if constants else ""
    more_imports = ", numpy_helper" if constants else ""
    told = "".join(f"    {constant},\n" for constant in constants)
    data = ", ".join(repr(one) for one in ["x", *nodes.weights])
    return (
        f"{needs_numpy}from onnx import TensorProto, helper{more_imports}\n\n"
        "nodes = [\n"
        + "\n".join(nodes.ended())
        + "\n]\n"
        + (f"constants = [\n{told}]\n" if constants else "constants = []\n")
        + f"inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in [{data}]]\n"
        + 'output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)\n'
        + 'graph = helper.make_graph(nodes, "layer", inputs, [output], constants)\n'
        + f'layer = helper.make_model(graph, opset_imports=[helper.make_opsetid("", {release})], ir_version=10)\n'
    )


TARGET = Target("onnx", False, adapt, more, texts, express, compose)
