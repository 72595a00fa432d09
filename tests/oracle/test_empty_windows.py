"""What runtimes answer for a pooling window that reads padding alone: the tables of `convwise why`, run again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convwise as cw
from convwise.answers.pools import EMPTY_AVERAGE, EMPTY_MAX

ONE = np.ones((1, 1, 1), np.float32)


def onnx_model(kind: str) -> Any:
    from onnx import TensorProto, helper

    node = helper.make_node(kind, ["x"], ["y"], kernel_shape=[2], pads=[1, 1], dilations=[2])
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 1, 1))
    got = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "pool", [given], [got])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)


def onnxruntime(kind: str) -> float:
    import onnxruntime as runtime

    session = runtime.InferenceSession(onnx_model(kind).SerializeToString(), providers=["CPUExecutionProvider"])
    return float(session.run(None, {"x": ONE})[0].item())


def reference(kind: str) -> float:
    from onnx.reference import ReferenceEvaluator

    with np.errstate(all="ignore"):
        return float(ReferenceEvaluator(onnx_model(kind)).run(None, {"x": ONE})[0].item())


def flax(kind: str, counted: bool = True) -> float:
    import jax.numpy as jnp
    from flax import nnx

    x = jnp.ones((1, 2, 1))
    if kind == "max":
        return float(nnx.max_pool(x, (2,), padding=((2, 0),))[0, 0, 0])
    return float(nnx.avg_pool(x, (2,), padding=((2, 0),), count_include_pad=counted)[0, 0, 0])


def torch_max() -> float:
    import torch

    return float(torch.nn.MaxPool1d(2, 1, padding=1, dilation=2)(torch.ones(1, 1, 1)))


@pytest.mark.oracle
def test_the_maximum_over_no_cell() -> None:
    found = {
        "PyTorch 2.13": torch_max(),
        "flax 0.12": flax("max"),
        "ONNX Runtime 1.31": onnxruntime("MaxPool"),
        "ONNX's reference 1.23": reference("MaxPool"),
    }
    assert {name: np.float32(value) for name, value in EMPTY_MAX.items()} == pytest.approx(found, nan_ok=True)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_the_average_over_no_cell() -> None:
    found = {
        "flax 0.12, padding not counted": flax("average", counted=False),
        "flax 0.12, padding counted": flax("average"),
        "ONNX Runtime 1.31": onnxruntime("AveragePool"),
        "ONNX's reference 1.23": reference("AveragePool"),
    }
    assert {name: float(value) for name, value in EMPTY_AVERAGE.items()} == pytest.approx(found, nan_ok=True)


@pytest.mark.oracle
def test_tensorflow_refuses_padding_as_wide_as_the_window() -> None:
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError, match="needs to be smaller than the window size"):
        tf.nn.max_pool2d(np.ones((1, 2, 2, 1), np.float32), 2, 1, ((0, 0), (2, 0), (2, 0), (0, 0)))


@pytest.mark.oracle
@pytest.mark.parametrize("size", range(1, 7))
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_where_tensorflow_says_nothing_of_a_window_that_does_not_fit_it_is_told(size: int, stride: int) -> None:
    import tensorflow as tf

    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(f"tf.nn.conv2d(tf.zeros((1, {size}, 9, 1)), tf.zeros((7, 2, 1, 1)), {stride}, 'VALID')")
    try:
        tf.nn.conv2d(np.ones((1, size, 9, 1), np.float32), np.ones((7, 2, 1, 1), np.float32), stride, "VALID")
    except tf.errors.InvalidArgumentError:
        assert "may say nothing" not in caught.value.detail
    else:
        assert "may say nothing" in caught.value.detail


@pytest.mark.oracle
def test_keras_takes_a_pool_with_padding_in_capitals_on_arrays_alone() -> None:
    import keras

    x = np.ones((1, 7, 8, 3), np.float32)
    pool = keras.layers.MaxPooling2D(2, padding="SAME")
    assert tuple(pool(x).shape) == (1, 4, 4, 3)
    for make in (lambda: keras.Sequential([keras.Input((7, 8, 3)), pool]), lambda: pool(keras.Input((7, 8, 3)))):
        with pytest.raises(ValueError, match="must be either 'valid' or 'same'"):
            make()

    class Own(keras.Model):
        def call(self, data):
            return pool(data)

    assert tuple(Own()(x).shape) == (1, 4, 4, 3)
