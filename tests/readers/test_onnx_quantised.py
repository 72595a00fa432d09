"""Models that onnxruntime's tools wrote: which tensors of quantised ones are parameters, and the operators that it adds to ONNX's own."""

from __future__ import annotations

import pytest
from readers.onnx_bytes import encode, graph, model, node, opset, tensor, value

from convwise.errors import Refusal
from convwise.graph import Network
from convwise.ops.several import Opaque
from convwise.readers.onnx import read_onnx
from convwise.readers.onnx_network import onnx_network

FLOAT, INT8, INT32 = 1, 3, 6
STORED = [
    tensor("s", (4,), bytes(16), FLOAT),
    tensor("z", (4,), bytes(4), INT8),
    tensor("w", (4, 3, 3, 3), bytes(108), INT8),
    tensor("b", (4,), bytes(16), INT32),
    tensor("v", (4, 7), bytes(28), INT8),
    tensor("u", (7,), bytes(28), INT32),
]


def made(nodes) -> Network:
    """One scale and zero point serve all tensors."""
    body = graph(nodes, STORED, inputs="")
    body.append((11, value("x", (1, 3, "h", "w"))))
    return onnx_network(read_onnx(encode(model(body, opsets=[(8, opset("", 17)), (8, opset("com.microsoft", 1))]))))


def quantised(nodes) -> Network:
    """Nodes behind one convolution `c` with a bias of long integers."""
    first = [node("QuantizeLinear", "x s z", "q"), node("QLinearConv", "q s z w s z s z b", "c", strides=[2, 2])]
    return made([*first, *nodes])


def test_scales_and_zero_points_are_no_parameters():
    network = quantised([node("DequantizeLinear", "c s z", "y")])
    assert network.trace((1, 3, 9, 10)).totals.params == 4 * 27 + 4
    pairs = [node("DequantizeLinear", "w s z", "k", axis=0), node("DequantizeLinear", "b s z", "t", axis=0)]
    network = made([*pairs, node("Conv", "x k t", "y", strides=[2, 2])])
    assert network.trace((1, 3, 9, 10)).totals.params == 4 * 27 + 4


JOINED = {
    "QLinearAdd": (node("QLinearAdd", "c s z c s z s z", "y", domain="com.microsoft"), (1, 4, 4, 4), 0),
    "QLinearMul": (node("QLinearMul", "c s z c s z s z", "y", domain="com.microsoft"), (1, 4, 4, 4), 0),
    "QLinearSigmoid": (node("QLinearSigmoid", "c s z s z", "y", domain="com.microsoft"), (1, 4, 4, 4), 0),
    "QLinearConcat": (node("QLinearConcat", "s z c s z c s z", "y", domain="com.microsoft", axis=1), (1, 8, 4, 4), 0),
    "QLinearAveragePool": (
        node("QLinearAveragePool", "c s z s z", "y", domain="com.microsoft", kernel_shape=[3, 2], strides=[1, 2]),
        (1, 4, 2, 2),
        0,
    ),
    "QLinearGlobalAveragePool": (
        node("QLinearGlobalAveragePool", "c s z s z", "y", domain="com.microsoft"),
        (1, 4, 1, 1),
        0,
    ),
    "QGemm": (node("QGemm", "f s z v s z u s z", "y", domain="com.microsoft"), (1, 7), 4 * 7 + 7),
}


@pytest.mark.parametrize("name", JOINED)
def test_quantised_operators_of_onnxruntime_are_followed(name):
    one, output, params = JOINED[name]
    flat = [node("GlobalMaxPool", "c", "m"), node("Flatten", "m", "f")] if name == "QGemm" else []
    network = quantised([*flat, one])
    trace = network.trace((1, 3, 9, 10))
    assert trace.outputs == {"y": output}
    assert [trace.rows[-1].op, trace.rows[-1].params or 0] == [name, params]
    assert network.legal_sizes().exact


def test_a_quantised_pool_with_channels_last_is_a_step_that_is_named():
    pool = node("QLinearGlobalAveragePool", "c s z s z", "y", domain="com.microsoft", channels_last=1)
    network = quantised([pool])
    assert isinstance(network.nodes[-1].work, Opaque)
    with pytest.raises(Refusal):
        quantised([node("QLinearConcat", "s z", "y", domain="com.microsoft", axis=1)])


@pytest.mark.parametrize("added", ["", " a"])
@pytest.mark.parametrize("activation", ["", "Relu", "LeakyRelu"])
def test_a_convolution_with_what_was_fused_into_it(added, activation):
    words = {"activation": activation} if activation else {}
    fused = node("FusedConv", f"x k t{added}", "y", domain="com.microsoft", strides=[2, 2], **words)
    pairs = [node("DequantizeLinear", "w s z", "k", axis=0), node("DequantizeLinear", "b s z", "t", axis=0)]
    network = made([*pairs, node("Conv", "x k t", "a", strides=[2, 2]), fused])
    assert network.trace((1, 3, 9, 10)).outputs == {"y": (1, 4, 4, 4)}
    assert network.trace((1, 3, 9, 10)).totals.params == 4 * 27 + 4
    assert network.trace((1, 3, 9, 10)).totals.macs == 2 * 4 * 27 * 16
    assert str(network.legal_sizes()["height"]) == "n >= 3"
