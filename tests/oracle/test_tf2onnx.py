"""Keras models through tf2onnx: its graphs have their own idioms (NHWC around NCHW, folded batches, resize by shape arithmetic)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sweep_onnx
import sweep_tf2onnx
import zoo_keras

import convwise as cw

pytestmark = pytest.mark.oracle


def classifier() -> Any:
    import keras
    from keras import layers

    image = x = keras.Input((33, 40, 3))
    x = layers.ZeroPadding2D(((0, 1), (1, 0)))(x)
    x = layers.ReLU(6)(layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2)(x)))
    x = layers.DepthwiseConv2D(3, padding="same", strides=(1, 1))(x)
    gate = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 8))(gate)])
    x = layers.Concatenate()([layers.MaxPooling2D(3, 2, padding="same")(x), layers.AveragePooling2D(2)(x[:, :16])])
    return keras.Model(image, layers.Dense(5, activation="softmax")(layers.Flatten()(x)))


def of_size(model: Any, size: tuple[int, int] | None) -> Any:
    """The model for one size: Keras cannot export bilinear upsampling of open sizes."""
    import keras

    if size is None:
        return model
    image = keras.Input((*size, model.inputs[0].shape[-1]))
    return keras.Model(image, model(image))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("u-net", None),
        ("u-net", (64, 96)),
        ("fpn", None),
        ("fpn", (63, 96)),
        ("u-net, fixed crops", (204, 236)),
        ("classifier", None),
    ],
)
def test_an_export_of_tf2onnx(name: str, size: tuple[int, int] | None, tmp_path: Path) -> None:
    model = of_size(classifier() if name == "classifier" else zoo_keras.NETWORKS[name](), size)
    path = tmp_path / "net.onnx"
    assert sweep_tf2onnx.converted(model, path) is None
    read, live = cw.read(path), cw.read(model)
    height, width, channels = model.inputs[0].shape[1:]
    for batch in (1, 2):
        shape = (batch, height or 208, width or 240, channels)
        found = sweep_onnx.compare(path, shape)
        assert found.good, (found.wrong, found.unknown)
        assert found.tensors > 10
        assert read.trace(shape).totals.macs == live.trace(shape).totals.macs
    if size is not None or name == "classifier":
        return  # made for one size: its reshape, with -1 for the batch, takes multiples of its features too
    ours, theirs = read.legal_sizes(), live.legal_sizes()
    assert ours.exact
    assert (str(ours["height"]), str(ours["width"])) == (str(theirs["height"]), str(theirs["width"]))
    assert str(ours.joint) == str(theirs.joint)
