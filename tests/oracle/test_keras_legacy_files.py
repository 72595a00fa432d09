"""The same model as .keras, .h5 and JSON is the same network: a legacy file tells neither modules nor what its layers were built for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import convwise as cw

pytestmark = pytest.mark.oracle


def flat() -> Any:
    return keras.Sequential(
        [
            keras.Input((12, 13, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )


def operations() -> Any:
    x = keras.Input((12, 13, 3))
    y = ops.relu(layers.Conv2D(4, 3)(x))
    y = ops.image.resize(y, (8, 9))
    y = ops.concatenate([y, ops.multiply(y, 2.0)], axis=-1)
    y = ops.expand_dims(ops.transpose(ops.reshape(y, (-1, 72, 8)), (0, 2, 1)), -1)
    return keras.Model(x, layers.Dense(3)(ops.mean(layers.Conv2D(2, 3)(y), axis=(1, 2))))


def words() -> Any:
    x = keras.Input((12,))
    y = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(layers.Embedding(50, 7)(x))
    y = layers.MultiHeadAttention(2, 4)(y, y)
    y = layers.TimeDistributed(layers.Dense(6))(y)
    return keras.Model(x, layers.Dense(3)(layers.GRU(4)(y)))


def parts() -> Any:
    inner = keras.Sequential([keras.Input((10, 11, 4)), layers.Conv2D(5, 3), layers.Flatten(), layers.Dense(6)])
    x = keras.Input((12, 13, 3))
    shared = layers.Dense(4)
    y = shared(layers.Conv2D(4, 3, padding="same")(x))
    y = layers.Add()([shared(y), y])
    return keras.Model(x, layers.Softmax()(inner(layers.DepthwiseConv2D(3)(y))))


def two_inputs() -> Any:
    image, numbers = keras.Input((12, 13, 3)), keras.Input((5,))
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image))
    return keras.Model([image, numbers], layers.Dense(2)(layers.Concatenate()([y, layers.Dense(3)(numbers)])))


def open_sizes() -> Any:
    x = keras.Input((None, None, 3))
    y = layers.Conv2DTranspose(4, 3, strides=2)(layers.SeparableConv2D(5, 3)(x))
    return keras.Model(x, layers.Dense(2)(layers.GlobalMaxPooling2D()(layers.BatchNormalization()(y))))


MODELS: tuple[Callable[[], Any], ...] = (flat, operations, words, parts, two_inputs, open_sizes)


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_every_kind_of_file_gives_the_same_network(make: Callable[[], Any], tmp_path: Path) -> None:
    model = make()
    (tmp_path / "m.json").write_text(model.to_json())
    for ending in ("keras", "h5"):
        model.save(tmp_path / f"m.{ending}")
    networks = [cw.read(str(tmp_path / f"m.{ending}")) for ending in ("keras", "h5", "json")]
    traces = [network.trace() for network in networks]
    assert traces[1].totals == traces[2].totals == traces[0].totals
    assert traces[0].totals.params == model.count_params()
    rows = [[(row.name, row.op, row.output, row.params) for row in trace.rows] for trace in traces]
    assert rows[1] == rows[2] == rows[0]
    assert [node.work for node in networks[1].nodes] == [node.work for node in networks[0].nodes]


def test_sizes_of_a_legacy_file_are_those_that_keras_takes(tmp_path: Path) -> None:
    model = flat()
    model.save(tmp_path / "m.h5")
    loaded = keras.models.load_model(tmp_path / "m.h5")
    legal = cw.read(str(tmp_path / "m.h5")).legal_sizes()
    assert legal.exact
    for height in range(10, 16):
        for width in range(10, 16):
            try:
                loaded(np.zeros((1, height, width, 1), "float32"))
                runs = True
            except ValueError:
                runs = False
            assert legal.takes((height, width)) is runs, (height, width)
