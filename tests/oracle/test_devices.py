"""The measured rows of the table of devices, run on the installed releases: TensorFlow without oneDNN, Keras on its three backends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from convwise.dialects.devices import DEVICES, PLAIN_CPU, Device

pytestmark = pytest.mark.oracle

CF = "data_format='channels_first'"
CALLS = {
    "tensorflow-channels-first-conv": "tf.nn.conv2d(z(2, 4, 9, 10), z(3, 3, 4, 6), 2, 'SAME', data_format='NCHW')",
    "tensorflow-channels-first-conv3d": "tf.nn.conv3d(z(2, 4, 7, 8, 9), z(3, 3, 3, 4, 6), (1, 1, 1, 1, 1), 'SAME', data_format='NCDHW')",
    "tensorflow-channels-first-depthwise": "tf.nn.depthwise_conv2d(z(2, 4, 9, 10), z(3, 3, 4, 2), [1, 1, 2, 2], 'SAME', data_format='NCHW')",
    "tensorflow-channels-first-transposed": "tf.nn.conv2d_transpose(z(2, 4, 9, 10), z(3, 3, 6, 4), (2, 6, 18, 20), 2, 'SAME', data_format='NCHW')",
    "tensorflow-channels-first-transposed3d": "tf.nn.conv3d_transpose(z(2, 4, 5, 6, 7), z(3, 3, 3, 6, 4), (2, 6, 10, 12, 14), 2, 'SAME', data_format='NCDHW')",
    "tensorflow-channels-first-max-pool": "tf.nn.max_pool2d(z(2, 4, 9, 10), 2, 2, 'VALID', data_format='NCHW')",
    "tensorflow-channels-first-average-pool": "tf.nn.avg_pool2d(z(2, 4, 9, 10), 2, 2, 'VALID', data_format='NCHW')",
    "tensorflow-channels-first-pool3d": "tf.nn.avg_pool3d(z(2, 4, 5, 6, 7), 2, 2, 'VALID', data_format='NCDHW')",
    "tensorflow-depthwise-unequal-strides": "tf.nn.depthwise_conv2d(z(2, 9, 10, 4), z(3, 3, 4, 2), [1, 1, 2, 1], 'SAME')",
    "tensorflow-transposed-dilation": "tf.nn.conv2d_transpose(z(2, 9, 10, 4), z(3, 3, 6, 4), (2, 9, 10, 6), 1, 'SAME', dilations=2)",
    "tensorflow-conv3d-dilation": "tf.nn.conv3d(z(2, 7, 8, 9, 4), z(3, 3, 3, 4, 6), (1, 1, 1, 1, 1), 'SAME', dilations=(1, 2, 2, 2, 1))",
    "tensorflow-grouped-gradient": "g(lambda w: tf.nn.conv2d(z(2, 9, 10, 4), w, 1, 'SAME'), z(3, 3, 2, 6))",
    "tensorflow-max-pool-gradient": "g(lambda x: tf.nn.max_pool2d(x, 2, 2, 'VALID', data_format='NCHW'), z(2, 4, 8, 10))",
    "keras-channels-first-conv": f"layers.Conv2D(4, 3, {CF})(z(2, 4, 9, 10))",
    "keras-channels-first-transposed": f"layers.Conv2DTranspose(4, 3, strides=2, {CF})(z(2, 4, 9, 10))",
    "keras-channels-first-transposed3d": f"layers.Conv3DTranspose(4, 3, strides=2, {CF})(z(2, 4, 5, 6, 7))",
    "keras-depthwise-unequal-strides": "layers.DepthwiseConv2D(3, strides=(1, 2))(z(2, 9, 10, 4))",
    "keras-transposed-dilation": "layers.Conv2DTranspose(4, 3, dilation_rate=2)(z(2, 9, 10, 4))",
    "keras-torch-lanczos": "layers.Resizing(13, 17, interpolation='lanczos3')(z(2, 9, 10, 4))",
    "keras-torch-layer-norm": "layers.LayerNormalization(axis=(1, 2))(z(2, 4, 9, 10))",
}
TENSORFLOW = """
import tensorflow as tf
def z(*shape): return tf.zeros(shape)
def g(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(f(x))
    return tape.gradient(y, x)
"""
KERAS = """
from keras import layers
import numpy as np
def z(*shape): return np.zeros(shape, "float32")
"""
END = """
try:
    {call}
    print("accepted")
except Exception as error:
    print("refused", " ".join(str(error).split()))
"""
VALUES = {
    "keras-conv3d-channels-first": ("tensorflow", "layers.Conv3D(4, 3, strides=2, padding='same', data_format='channels_first')", (2, 4, 9, 10, 8)),
    "keras-torch-average-same": ("torch", "layers.AveragePooling2D(3, 2, 'same')", (1, 10, 12, 2)),
    "keras-torch-bicubic": ("torch", "layers.Resizing(13, 17, interpolation='bicubic')", (1, 9, 10, 2)),
}  # fmt: skip
COMPARED = """
from keras import layers
import keras, numpy as np
layer = {layer}
layer.build({shape})
generator = np.random.default_rng(3)
layer.set_weights([generator.standard_normal(one.shape) for one in layer.get_weights()])
out = keras.ops.convert_to_numpy(layer(generator.standard_normal({shape}).astype("float32")))
flat = out.ravel() / np.linalg.norm(out)
print(*(float(np.random.default_rng(number).standard_normal(flat.size) @ flat) for number in range(4)))
"""


def answered(code: str, *, backend: str = "tensorflow", plain: bool = False) -> str:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": backend}
    environment["TF_ENABLE_ONEDNN_OPTS"] = "0" if plain else "1"
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False)
    assert done.stdout.strip(), done.stderr[-800:]
    return done.stdout.strip().splitlines()[-1]


def backend_of(row: Device) -> str:
    return "torch" if row.releases.endswith("on torch") else "tensorflow"


def test_every_measured_row_is_run_here() -> None:
    assert {row.key for row in DEVICES if row.measured} == {*CALLS, *VALUES}
    assert all(row.source and (row.quote or row.difference) for row in DEVICES)


@pytest.mark.parametrize("key", CALLS)
def test_a_refusal_is_said_in_these_words(key: str) -> None:
    row = next(one for one in DEVICES if one.key == key)
    head = KERAS if row.framework == "keras" else TENSORFLOW
    code = head + END.format(call=CALLS[key])
    told = answered(code, backend=backend_of(row), plain=row.device == PLAIN_CPU)
    assert told.startswith("refused")
    assert " ".join(row.quote.split()) in told
    if row.device == PLAIN_CPU:
        assert answered(code, plain=False) == "accepted"  # with oneDNN


@pytest.mark.parametrize("key", VALUES)
def test_values_differ_from_those_of_the_other_backends(key: str) -> None:
    backend, layer, shape = VALUES[key]
    code = COMPARED.format(layer=layer, shape=shape)
    own, *others = (
        [float(word) for word in answered(code, backend=name).split()]
        for name in (backend, *({"tensorflow", "jax", "torch"} - {backend}))
    )
    gaps = [max(abs(a - b) for a, b in zip(one, others[0], strict=True)) for one in (own, others[1])]
    assert gaps[0] > 0.01, (own, others)
    assert gaps[1] < 0.002, others
