"""Keras with `set_image_data_format("channels_first")` gives the shapes of the light test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.oracle

sys.path.insert(0, str(Path(__file__).parents[1] / "readers"))


def test_keras_gives_the_same_shapes():
    import keras
    from test_reader_data_format import MODELS

    keras.config.set_image_data_format("channels_first")
    try:
        for layers, output in MODELS:
            model = keras.Sequential(eval(f"[{layers}]", vars(keras.layers).copy()))
            assert model.output_shape == (None, *output), layers
    finally:
        keras.config.set_image_data_format("channels_last")
