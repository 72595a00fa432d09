"""The pads that the dialect finds put every weight where Keras puts it: numbers, not only sizes."""

from __future__ import annotations

import itertools

import pytest

pytestmark = pytest.mark.oracle


def scattered(op, x, w):
    """A transposed convolution on one axis, written out: input cell i adds w[t] to output cell i stride + t dilation - pad_low."""
    import numpy as np

    (window,), (extra,) = op.windows, op.output_padding
    out = np.zeros((window.transposed(len(x), extra), w.shape[1]))
    for i, t in itertools.product(range(len(x)), range(window.kernel)):
        cell = i * window.stride + t * window.dilation - window.padding.low
        if 0 <= cell < len(out):
            out[cell] += w[t] @ x[i]
    return out


def settings():
    for kernel, stride, dilation, padding in itertools.product(
        (1, 2, 3, 4, 5), (1, 2, 3, 4), (1, 2, 3), ("valid", "same")
    ):
        if stride > 1 and dilation > 1:
            continue
        for extra in (None, *range(stride)):
            yield kernel, stride, dilation, padding, extra


def test_transposed_convolutions_put_every_weight_in_its_place():
    import keras
    import numpy as np

    from convwise.dialects.base import Call
    from convwise.dialects.keras import DIALECT
    from convwise.errors import Refusal

    rng = np.random.default_rng(3)
    checked = refused = 0
    for kernel, stride, dilation, padding, extra in settings():
        words = {"strides": stride, "padding": padding, "output_padding": extra, "dilation_rate": dilation}
        layer = keras.layers.Conv1DTranspose(2, kernel, **words)
        x = rng.integers(-4, 5, (1, 5, 3)).astype("float32")
        try:
            theirs = np.asarray(layer(x))[0]
        except Exception:  # Keras's refusal, whatever its type
            with pytest.raises(Refusal):
                DIALECT.read(Call("Conv1DTranspose", (2, kernel), tuple(words.items())), None)
            refused += 1
            continue
        weights = rng.integers(-4, 5, (kernel, 2, 3)).astype("float32")
        layer.set_weights([weights, np.zeros(2, "float32")])
        theirs = np.asarray(layer(x))[0]
        op = DIALECT.read(Call("Conv1DTranspose", (2, kernel), tuple(words.items())), None).ops[0]
        ours = scattered(op, x[0], weights)
        assert ours.shape == theirs.shape, (kernel, words)
        assert np.array_equal(ours, theirs), (kernel, words)
        checked += 1
    assert checked > 100
    assert refused == 10


def test_convolutions_and_pools_read_the_cells_that_the_axis_says():
    import keras
    import numpy as np

    from convwise.dialects.base import Call
    from convwise.dialects.keras import DIALECT

    rng = np.random.default_rng(4)
    for kernel, stride, dilation, padding, size in itertools.product(
        (1, 2, 3, 4), (1, 2, 3), (1, 2), ("valid", "same", "causal"), (9, 10)
    ):
        if stride > 1 and dilation > 1:
            continue
        words = {"strides": stride, "padding": padding, "dilation_rate": dilation}
        layer = keras.layers.Conv1D(1, kernel, **words)
        x = rng.integers(-4, 5, (1, size, 1)).astype("float32")
        layer(x)
        weights = rng.integers(-4, 5, (kernel, 1, 1)).astype("float32")
        layer.set_weights([weights, np.zeros(1, "float32")])
        theirs = np.asarray(layer(x))[0, :, 0]
        axis = DIALECT.flow(DIALECT.read(Call("Conv1D", (1, kernel), tuple(words.items())), None), x.shape).axes[0].axis
        ours = [sum(weights[t, 0, 0] * x[0, axis.taps(i)[t], 0] for t in axis.taps_in_data(i)) for i in range(axis.out)]
        assert np.array_equal(ours, theirs), (kernel, words, size)
    for kernel, stride, padding, size in itertools.product((1, 2, 3, 4), (1, 2, 3), ("valid", "same"), (9, 10)):
        words = {"strides": stride, "padding": padding}
        x = rng.integers(-4, 5, (1, size, 1)).astype("float32")
        axis = (
            DIALECT.flow(DIALECT.read(Call("AveragePooling1D", (kernel,), tuple(words.items())), None), x.shape)
            .axes[0]
            .axis
        )
        seen = [[x[0, axis.taps(i)[t], 0] for t in axis.taps_in_data(i)] for i in range(axis.out)]
        mean = np.asarray(keras.layers.AveragePooling1D(kernel, **words)(x))[0, :, 0]
        most = np.asarray(keras.layers.MaxPooling1D(kernel, **words)(x))[0, :, 0]
        assert np.allclose([np.mean(cells) for cells in seen], mean), (kernel, words, size)
        assert np.array_equal([max(cells) for cells in seen], most), (kernel, words, size)
