"""`convwise.tensorflow` against TensorFlow: the same numbers and types for the same call, or both refuse."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_cases

import convwise.tensorflow as ours
from convwise.dialects.base import Array
from convwise.errors import ConvwiseError

pytestmark = pytest.mark.oracle

CASES = 400
RNG = np.random.default_rng(7)
X = RNG.normal(size=(2, 9, 10, 4)).astype(np.float32)
K = RNG.normal(size=(3, 2, 4, 6)).astype(np.float32)
D = RNG.normal(size=(3, 3, 4, 2)).astype(np.float32)
WHOLE = (X * 10).astype(np.int32)


def outcome(call: Any, home: Any) -> Any:
    refusals = (ValueError, TypeError, AttributeError, tf.errors.OpError) if home is tf else (ConvwiseError,)
    try:
        return call(home)
    except refusals as error:
        return error


def compare(call: Any, tolerance: float = 1e-5) -> None:
    expected, found = outcome(call, tf), outcome(call, ours)
    if isinstance(expected, Exception):
        assert isinstance(found, ConvwiseError), f"TensorFlow refuses: {expected}"
        return
    assert not isinstance(found, Exception), found
    pairs = list(zip(found, expected, strict=True)) if isinstance(expected, list | tuple) else [(found, expected)]
    for mine, one in pairs:
        theirs = np.asarray(one)
        assert np.asarray(mine).dtype == theirs.dtype
        assert np.shape(mine) == theirs.shape
        if theirs.dtype.kind in "biu":
            assert np.array_equal(mine, theirs)
        else:
            assert np.allclose(mine, theirs, rtol=tolerance, atol=tolerance * max(1, np.abs(theirs).max(initial=0)))


def grown(home: Any) -> Any:
    """`y += 1` leaves alone what is called x as well."""
    x = y = home.constant(X)
    y += 1
    return x


CALLS = {
    # Steps over the batch and the channels, words and types that TensorFlow refuses.
    "stride of channels": lambda t: t.nn.conv2d(X, K, [1, 1, 1, 2], "SAME"),
    "stride of the batch": lambda t: t.nn.conv2d(X, K, [2, 1, 1, 1], "SAME"),
    "dilation of the batch": lambda t: t.nn.conv2d(X, K, 1, "SAME", dilations=[2, 1, 1, 1]),
    "pool of channels": lambda t: t.nn.max_pool2d(X, [1, 2, 2, 2], [1, 2, 2, 2], "SAME"),
    "negative padding": lambda t: t.nn.conv2d(X, K, 1, [[0, 0], [-1, 1], [0, 0], [0, 0]]),
    "flat padding": lambda t: t.nn.conv2d(X, K, 1, [0, 1, 1, 0]),
    "lower case": lambda t: t.nn.conv2d(X, K, 1, "same"),
    "padding of an average": lambda t: t.nn.avg_pool2d(X, 2, 2, [[0, 0], [1, 0], [0, 1], [0, 0]]),
    "one stride of a depthwise": lambda t: t.nn.depthwise_conv2d(X, D, 1, "SAME"),
    "two types of tensors": lambda t: t.nn.conv2d(t.constant(X.astype("d")), t.constant(K), 1, "SAME"),
    "two types of a bias": lambda t: t.nn.bias_add(t.constant(X), t.constant(np.ones(4))),
    "no data": lambda t: t.nn.conv2d(filters=K, strides=1, padding="SAME"),
    "whole numbers of a mean": lambda t: t.nn.avg_pool2d(WHOLE, 2, 2, "SAME"),
    "whole numbers of a curve": lambda t: t.nn.sigmoid(WHOLE),
    "whole numbers of a root": lambda t: t.sqrt(WHOLE),
    # What it takes.
    "arrays of two types": lambda t: t.nn.conv2d(X.astype("d"), K, 1, "SAME"),
    "an array and a tensor": lambda t: t.nn.conv2d(X.astype("d"), t.constant(K), 1, "SAME"),
    "a list as a bias": lambda t: t.nn.bias_add(X, [1, 2, 3, 4]),
    "a bias of the first channels": lambda t: t.nn.bias_add(X, np.arange(9), "NCHW"),
    "whole numbers": lambda t: t.nn.conv2d(WHOLE, np.ones((3, 3, 4, 2), np.int32), 1, "SAME"),
    "whole numbers clipped": lambda t: t.nn.relu(WHOLE),
    "whole numbers that leak": lambda t: t.nn.leaky_relu(WHOLE, 0.1),
    "groups": lambda t: t.nn.conv2d(X, K[:, :, :2], (1, 2), "VALID"),
    "channels first": lambda t: t.nn.max_pool2d(X, 2, 2, "SAME"),
    "explicit": lambda t: t.nn.conv2d(X, K, (2, 1), [[0, 0], [1, 2], [0, 1], [0, 0]], dilations=2),
    "array of strides": lambda t: t.nn.conv2d(X, K, np.array([1, 2, 2, 1]), "SAME"),
    "transposed": lambda t: t.nn.conv2d_transpose(X, K[:, :, :3, :4], [2, 18, 20, 3], 2),
    "transposed by a tensor": lambda t: t.nn.conv2d_transpose(
        X, K[:, :, :3, :4], t.stack([t.shape(X)[0], 18, 20, 3]), 2
    ),
    "separable": lambda t: t.nn.separable_conv2d(X, D, np.ones((1, 1, 8, 5), "f"), [1, 2, 2, 1], "SAME"),
    "one axis": lambda t: t.nn.conv1d(X[0], K[0], 2, "SAME"),
    "three axes": lambda t: t.nn.conv3d(X[None], np.ones((2, 3, 2, 4, 3), "f"), [1, 1, 2, 1, 1], "SAME"),
    "pool by name": lambda t: t.nn.max_pool(X, [1, 2, 3, 1], [1, 2, 2, 1], "SAME"),
    "leaky": lambda t: t.nn.leaky_relu(X, 0.1),
    "leaky by name": lambda t: t.nn.leaky_relu(X, alpha=0.3),
    "softmax of an axis": lambda t: t.nn.softmax(X, 1),
    "gelu": lambda t: t.nn.gelu(X, approximate=True),
    "exact gelu": lambda t: t.nn.gelu(X),
    "swish": lambda t: t.nn.swish(X, 1.5),
    "depth to space": lambda t: t.nn.depth_to_space(X, 2),
    "space to depth": lambda t: t.nn.space_to_depth(X[:, :8], 2),
    "batch norm": lambda t: t.nn.batch_normalization(X, *t.nn.moments(X, [0, 1, 2]), None, np.full(4, 2.0), 1e-3),
    "length": lambda t: t.nn.l2_normalize(X, -1),
    # Numbers meet.
    "times a number": lambda t: t.multiply(X, 2.0),
    "minus one": lambda t: t.subtract(X, 1.0),
    "a scalar of NumPy": lambda t: t.constant(X) * np.float64(2) / np.sqrt(3),
    "an array of NumPy": lambda t: np.ones(4) * t.constant(X),
    "a fraction of whole numbers": lambda t: t.constant(WHOLE) * 1.5,
    "a tensor that grows": lambda t: grown(t),
    "a variable": lambda t: t.Variable([1.0, 2.0]) * 2 + np.ones(2),
    "two tensors": lambda t: t.constant(X) + t.constant(WHOLE),
    "whole numbers divided": lambda t: t.constant(WHOLE) / 2,
    "power": lambda t: t.pow(t.constant(X), 2),
    "matmul": lambda t: t.matmul(X, np.ones((2, 9, 4, 3))),
    "matmul of wrong sizes": lambda t: t.matmul(X, np.ones((2, 9, 5, 3), "f")),
    "matmul turned": lambda t: t.matmul(X, X, transpose_b=True),
    "where": lambda t: t.where(t.constant(X) > 0, t.constant(X), 0.5),
    "maximum": lambda t: t.maximum(t.constant(X), 0),
    "split": lambda t: t.split(X, 2, axis=-1),
    "split by sizes": lambda t: t.split(X, [4, -1, 2], 1),
    "split unevenly": lambda t: t.split(X, 2, axis=1),
    "mean": lambda t: t.reduce_mean(X, axis=[1, 2]),
    "mean of whole numbers": lambda t: t.reduce_mean(WHOLE, axis=0),
    "sum of bytes": lambda t: t.reduce_sum(np.arange(9, dtype=np.uint8)),
    "clip": lambda t: t.clip_by_value(X, 0, 1),
    "norm": lambda t: t.norm(X, axis=-1),
    "einsum": lambda t: t.einsum("bijc,cd->bijd", X, np.ones((4, 2))),
    "one hot": lambda t: t.one_hot([1, -1, 3], 4),
    "gather": lambda t: t.gather(X, [2, 0], axis=-1),
    "concat": lambda t: t.concat([t.constant(X), np.ones((2, 9, 10, 1))], -1),
    # Padding.
    "padding of one axis": lambda t: t.pad(X, [[1, 1]]),
    "negative paddings": lambda t: t.pad(X, [[0, 0], [-1, 1], [0, 0], [0, 0]]),
    "paddings of three": lambda t: t.pad(X, [[0, 0], [1, 1, 1], [0, 0], [0, 0]]),
    "fractions of paddings": lambda t: t.pad(X, [[0, 0], [1.5, 1], [0, 0], [0, 0]]),
    "mirrored": lambda t: t.pad(X, [[0, 0], [2, 1], [0, 3], [0, 0]], "REFLECT"),
    "mirrored too far": lambda t: t.pad(X, [[0, 0], [9, 1], [0, 3], [0, 0]], "REFLECT"),
    "repeated": lambda t: t.pad(X, [[0, 0], [9, 1], [0, 3], [0, 0]], "symmetric"),
    "another mode": lambda t: t.pad(X, [[0, 0], [1, 1], [0, 0], [0, 0]], "EDGE"),
    "constant": lambda t: t.pad(X, [[0, 1], [1, 2], [0, 0], [1, 0]], constant_values=1.5),
    "constant of whole numbers": lambda t: t.pad(WHOLE, [[0, 1], [1, 2], [0, 0], [1, 0]], constant_values=1.5),
    # Images.
    **{
        f"resize {method} {antialias} {size}": lambda t, m=method, a=antialias, s=size: t.image.resize(
            X, s, m, antialias=a
        )
        for method in ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5")
        for antialias in (False, True)
        for size in ((7, 13), (4, 5))
    },
    "resize bytes": lambda t: t.image.resize(WHOLE.astype("uint8"), (7, 13)),
    "resize bytes by nearest": lambda t: t.image.resize(WHOLE.astype("uint8"), (7, 13), "nearest"),
    "resize one": lambda t: t.image.resize(X[0], (7, 13)),
    "resize in proportion": lambda t: t.image.resize(X, (7, 13), preserve_aspect_ratio=True),
    "resize by one size": lambda t: t.image.resize(X, 7),
    "resize by another way": lambda t: t.image.resize(X, (7, 13), "cubic"),
    "resize to nothing": lambda t: t.image.resize(X, (0, 13)),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_same_call_gives_the_same(name: str) -> None:
    compare(CALLS[name], 2e-5 if "resize" in name else 1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_random_calls(seed: int) -> None:
    rng, numbers = Random(seed), np.random.default_rng(seed)
    taken = 0
    for _ in range(CASES // 4):
        case = tensorflow_cases.random_case(rng)
        if 0 in case.shape or not hasattr(ours.nn, case.kind.removeprefix("tf.nn.")):
            continue
        x = numbers.normal(size=case.shape).astype(np.float32)
        words = {
            name: numbers.normal(size=value.shape).astype(np.float32) if isinstance(value, Array) else value
            for name, value in case.kwargs
        }

        def call(home: Any, words: Any = words, case: Any = case, x: Any = x) -> Any:
            given = {
                k: [list(p) if isinstance(p, tuple) else p for p in v] if isinstance(v, tuple) else v
                for k, v in words.items()
            }
            return getattr(home.nn, case.kind.removeprefix("tf.nn."))(x, **given)

        found = outcome(call, ours)
        if isinstance(found, Exception):
            continue  # what is refused, and why, is the dialect's own test
        expected = np.asarray(call(tf))
        assert found.shape == expected.shape, case.text
        finite = np.isfinite(expected)  # a window wholly in padding has no maximum
        scale = max(1, float(np.abs(expected[finite]).max(initial=0)))
        assert np.allclose(np.asarray(found)[finite], expected[finite], rtol=0, atol=1e-5 * scale), case.text
        taken += 1
    assert taken > CASES // 12
