"""ONNX at open sizes, against onnxruntime: recurrences ask for the features of their weights, TopK for its cells; If and Tile follow sizes."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import convwise as cw

pytestmark = pytest.mark.oracle

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def model(node: Any, stored: dict[str, Any], rank: int = 3) -> bytes:
    """A network of one node, with every size of its input open."""
    tensors = [
        helper.make_tensor(name, TensorProto.INT64 if value.dtype == "int64" else TensorProto.FLOAT, value.shape, value)
        for name, value in stored.items()
    ]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None] * rank)
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64 if name == "cells" else TensorProto.FLOAT, None)
        for name in node.output
    ]
    graph = helper.make_graph([node], "g", [image], outputs, tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return bytes(made.SerializeToString())


def runs(content: bytes, shape: tuple[int, ...]) -> list[tuple[int, ...]] | str:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    try:
        return [one.shape for one in session.run(None, {"x": np.zeros(shape, "float32")})]
    except Exception as error:  # onnxruntime's own kinds
        return str(error)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_a_recurrence_asks_for_the_features_of_its_weights(kind: str, direction: str) -> None:
    ways, gates = 1 + (direction == "bidirectional"), 5 * GATES[kind]
    stored = {"W": np.zeros((ways, gates, 6), "float32"), "R": np.zeros((ways, gates, 5), "float32")}
    names = ["y", "last", "cell"][: 3 if kind == "LSTM" else 2]
    content = model(helper.make_node(kind, ["x", "W", "R"], names, hidden_size=5, direction=direction), stored)
    network = cw.read(content)
    assert list(network.trace((7, 2, 6)).outputs.values()) == runs(content, (7, 2, 6))
    assert [row.op for row in network.trace((7, 2, 6)).rows] == [kind]
    for features in range(4, 9):
        errors = [one.text for one in network.check((7, 2, features)) if one.level == "error"]
        told = runs(content, (7, 2, features))
        assert bool(errors) is isinstance(told, str)
        if errors:
            quote = f"Input W must have shape {{{ways},{gates},{features}}}. Actual:{{{ways},{gates},6}}"
            assert quote in str(told)
            assert f"it takes 6 features, and the last axis has {features}" in errors[0]


def test_features_that_follow_from_the_size_leave_one_size() -> None:
    stored = {"W": np.zeros((1, 15, 6), "float32"), "R": np.zeros((1, 15, 5), "float32")}
    legal = cw.read(model(helper.make_node("GRU", ["x", "W", "R"], ["y"], hidden_size=5), stored)).legal_sizes()
    assert (legal.exact, str(legal)) == (True, "length: n in {6}")


@pytest.mark.parametrize("axis", [-1, 1])
def test_top_k_asks_for_its_cells(axis: int) -> None:
    content = model(helper.make_node("TopK", ["x", "k"], ["y", "cells"], axis=axis), {"k": np.array([5])})
    network = cw.read(content)
    for size in range(3, 9):
        shape = (2, 9, size) if axis == -1 else (2, size, 9)
        errors = [one.text for one in network.check(shape) if one.level == "error"]
        told = runs(content, shape)
        assert bool(errors) is isinstance(told, str)
        if errors:
            quote = f"k argument [5] should not be greater than specified axis dim value [{size}]"
            assert quote in str(told)
            with pytest.raises(cw.errors.ShapeError) as caught:
                network.trace(shape)
            assert caught.value.quote == quote
        else:
            assert [tuple(row.output) for row in network.trace(shape).rows] == told


def test_top_k_whose_places_nobody_reads_is_one_row() -> None:
    content = model(helper.make_node("TopK", ["x", "k"], ["y"]), {"k": np.array([5])})
    assert [tuple(row.output) for row in cw.read(content).trace((2, 9, 7)).rows] == [(2, 9, 5)]


def test_a_gemm_that_turns_its_input_is_one_row() -> None:
    content = model(helper.make_node("Gemm", ["x", "w"], ["y"], transA=1), {"w": np.zeros((9, 4), "float32")}, rank=2)
    network = cw.read(content)
    assert [tuple(row.output) for row in network.trace((9, 7)).rows] == runs(content, (9, 7)) == [(7, 4)]
    assert network.trace((9, 7)).totals.macs == 7 * 9 * 4
    assert isinstance(runs(content, (7, 9)), str)
    with pytest.raises(cw.ShapeError, match="9"):
        network.trace((7, 9))


class Squeezed(nn.Module):
    def __init__(self, axis: int) -> None:
        super().__init__()
        self.conv, self.axis = nn.Conv2d(3, 4, 3), axis

    def forward(self, x: Any) -> Any:
        return self.conv(x).squeeze(self.axis).transpose(1, 2)


class Repeated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Any) -> Any:
        y = self.conv(x)
        return torch.eye(3).view(1, 9).repeat(y.shape[0], y.shape[3]) + y.mean((1, 2, 3))[:, None]


def exported(module: nn.Module, shape: tuple[int, ...]) -> bytes:
    with warnings.catch_warnings(), io.BytesIO() as file:
        warnings.simplefilter("ignore")
        axes = {"x": {0: "n", 2: "h", 3: "w"}}
        torch.onnx.export(
            module, (torch.zeros(shape),), file, input_names=["x"], dynamo=False, opset_version=17, dynamic_axes=axes
        )
        return file.getvalue()


@pytest.mark.parametrize("axis", [2, -2, 3])
def test_an_axis_that_goes_where_it_has_one_cell(axis: int) -> None:
    content = exported(Squeezed(axis), (1, 3, 3, 9) if axis != 3 else (1, 3, 9, 3))
    network = cw.read(content)
    assert "If" in [node.kind for node in network.nodes]
    legal = network.legal_sizes()
    for height in range(3, 6):
        for width in range(3, 6):
            shape = (2, 3, height, width)
            told = runs(content, shape)
            errors = [one.text for one in network.check(shape) if one.level == "error"]
            assert bool(errors) is isinstance(told, str)
            if not errors:
                assert list(network.trace(shape).outputs.values()) == told
                assert height in legal["height"]
                assert width in legal["width"]


def test_repeats_that_follow_from_sizes() -> None:
    content = exported(Repeated(), (2, 3, 7, 9))
    network = cw.read(content)
    assert "Tile" in [node.kind for node in network.nodes]
    for shape in ((1, 3, 5, 6), (4, 3, 9, 10)):
        assert list(network.trace(shape).outputs.values()) == runs(content, shape)


def several(nodes: list[Any], outputs: str, **stored: Any) -> bytes:
    """A network of these nodes on 1 x 3 x height x width."""
    tensors = [helper.make_tensor(name, TensorProto.INT64, [1], [number]) for name, number in stored.items()]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs.split()]
    graph = helper.make_graph(nodes, "g", [image], given, tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def agrees(content: bytes, sizes: range) -> None:
    """The legal sizes, the trace and onnxruntime say the same of every size."""
    network = cw.read(content)
    legal = network.legal_sizes()
    assert legal.exact
    for height in sizes:
        shape = (1, 3, height, 10)
        told = runs(content, shape)
        assert legal.takes((height, 10)) is not isinstance(told, str), (shape, told)
        if isinstance(told, str):
            with pytest.raises(cw.ShapeError) as caught:
                network.trace(shape)
            assert caught.value.quote in told
        else:
            assert list(network.trace(shape).outputs.values()) == told


@pytest.mark.parametrize(
    "arithmetic",
    [
        ("Div h two p", "Sub h p q"),
        ("Sub h three p", "Sub h p q"),
        ("Div h two p", "Div h two q"),
        ("Sub three h p", "Sub h p q"),
    ],
)
def test_a_split_into_pieces_of_computed_sizes(arithmetic: tuple[str, ...]) -> None:
    nodes = [helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Gather", ["s", "two"], ["h"], axis=0)]
    for line in arithmetic:
        op, one, other, out = line.split()
        nodes.append(helper.make_node(op, [one, other], [out]))
    nodes.append(helper.make_node("Concat", ["p", "q"], ["sizes"], axis=0))
    nodes.append(helper.make_node("Split", ["x", "sizes"], ["a", "b"], axis=2))
    agrees(several(nodes, "a b", two=2, three=3), range(1, 12))


def test_one_value_may_be_normalised_here() -> None:
    """PyTorch asks for more than one; an exported GroupNorm does not."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.GroupNorm(2, 8), nn.Conv2d(8, 2, 1))
    agrees(exported(network, (1, 3, 9, 10)), range(2, 8))
    content = exported(network, (1, 3, 9, 10))
    assert cw.read(content).legal_sizes().joint is None
    assert runs(content, (1, 3, 3, 3)) == [(1, 2, 1, 1)]
