"""Functional models of `convwise.keras` against Keras: random graphs give the same numbers, order of weights, layers and summaries."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import convwise as cw
import convwise.keras as ours

keras = pytest.importorskip("keras")

MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")

PLAIN = (
    lambda x, y: x + y,
    lambda x, y: x - 1.5,
    lambda x, y: 2 * x,
    lambda x, y: x / 4,
    lambda x, y: x * y,
    lambda x, y: 1 - y,
)


def grown(module: Any, seed: int) -> Any:
    """A functional model: layers, merges, operators, a shared layer, models inside; the same for either library."""
    rng, layers = random.Random(seed), module.layers
    inputs = [module.Input((9, 10, 3), name=f"in{number}") for number in range(rng.randint(1, 2))]
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    low, high = module.Input((9, 10, 3), name="low"), module.Input((9, 10, 3), name="high")
    inner = module.Model([low, high], [layers.Add()([low, high]), layers.Maximum()([low, high])], name="inner")
    chain = module.Sequential([layers.Conv2D(3, 1), layers.ReLU()], name="chain")
    images, once = list(inputs), {"inner", "chain"}
    for number in range(rng.randint(3, 9)):
        kind = rng.choice([*MERGES, "conv", "conv", "norm", "relu", "shared", "inner", "chain", "plain"])
        x, y = rng.choice(images), rng.choice(images)
        if kind in ("inner", "chain") and kind not in once:
            kind = "conv"
        once.discard(kind)
        if kind == "Concatenate":
            joined = layers.Concatenate(axis=rng.choice([3, -1]))([x, y])
            new = [layers.Conv2D(3, 1, name=f"narrow{number}")(joined)]
        elif kind in MERGES:
            new = [
                getattr(layers, kind)(name=f"m{number}")(
                    [x, y] if kind == "Subtract" else [x, y, x][: rng.randint(2, 3)]
                )
            ]
        elif kind == "plain":
            new = [PLAIN[rng.randrange(len(PLAIN))](x, y)]
        elif kind == "inner":
            new = list(inner([x, y]))
        elif kind == "conv":
            new = [layers.Conv2D(3, (3, 1), padding="same", name=f"conv{number}")(x)]
            if rng.random() < 0.6:
                # Both run together where nothing else reads the convolution.
                new.append(layers.ReLU(name=f"relu{number}")(new[0]))
        elif kind == "norm":
            new = [layers.BatchNormalization(name=f"norm{number}")(x)]
        elif kind == "relu":
            new = [layers.ReLU(name=f"relu{number}")(x)]
        else:
            new = [{"shared": shared, "chain": chain}[kind](x)]
        images += new
    ends: Any = [images[-1], *([rng.choice(images[len(inputs) :])] if rng.random() < 0.3 else [])]
    if ends[0] is ends[-1]:
        ends = layers.GlobalAveragePooling2D()(ends[0]) if rng.random() < 0.5 else ends[:1]
    return module.Model(inputs if rng.random() < 0.8 else {one.name: one for one in inputs}, ends)


def printed(model: Any) -> str:
    lines: list[str] = []
    model.summary(print_fn=lambda text: lines.append(text))
    return "\n".join(lines).rstrip("\n")


@pytest.mark.parametrize("seed", range(120))
def test_a_graph_gives_keras_numbers_and_summary(seed: int) -> None:
    keras.backend.clear_session()
    ours.backend.clear_session()
    real, own = grown(keras, seed), grown(ours, seed)
    assert [layer.name for layer in own.layers] == [layer.name for layer in real.layers]
    assert printed(own) == printed(real)
    rng = np.random.default_rng(seed)
    weights = [
        (rng.random(one.shape) + 0.5 if one.name == "moving_variance" else rng.normal(size=one.shape)).astype("float32")
        for one in real.weights
    ]
    real.set_weights(weights)
    own.set_weights(weights)
    assert own.input_shape == real.input_shape
    assert own.output_shape == real.output_shape
    names = [layer.name for layer in own.layers if layer.name.startswith("in") and layer.name != "inner"]
    given: Any = {name: rng.normal(size=(3, 9, 10, 3)).astype(np.float32) for name in sorted(names)}
    if isinstance(real.input, dict) or rng.random() < 0.5:
        told, expected = own.predict(given, batch_size=2), real.predict(given, batch_size=2, verbose=0)
    else:
        listed = [given[one.name] for one in own.inputs]
        told, expected = own.predict(listed, batch_size=2), real.predict(listed, batch_size=2, verbose=0)
    assert type(told) is type(expected)
    for mine, theirs in zip(*[one if isinstance(one, list) else [one] for one in (told, expected)], strict=True):
        scale = max(float(np.abs(theirs).max(initial=0)), 1e-3)
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5 * scale)
    network = cw.read(own)
    assert network.trace().totals.params == real.count_params() == cw.read(real).trace().totals.params


def words_of(run: Any) -> str:
    """What the call is refused with; nothing where it is not."""
    try:
        run()
    except Exception as error:
        return str(error)
    return ""


SHAPES = [
    [(2, 3, 4), (2, 3, 4)],
    [(2, 3, 4), (2, 1, 4)],
    [(2, 3, 4), (2, 4)],
    [(2, 3, 4), (4,)],
    [(2, 3, 4), (2, 5, 4)],
    [(2, 3, 4), (1, 3, 4)],
    [(2, 3, 4), (2, 3, 4), (2, 3, 1)],
    [(2, 3, 4)],
    [(2, 5, 4), (2, 3, 4)],
]


@pytest.mark.parametrize("kind", MERGES)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("axis", [-1, 1, 0, 3])
def test_merges_take_and_refuse_what_keras_does(kind: str, shapes: list[tuple[int, ...]], axis: int) -> None:
    if kind != "Concatenate" and axis != -1:
        return
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    words = {"axis": axis} if kind == "Concatenate" else {}
    refused = words_of(lambda: getattr(keras.layers, kind)(**words)(arrays))
    if refused:
        with pytest.raises(cw.ConvwiseError) as caught:
            getattr(ours.layers, kind)(**words)(arrays)
        # An axis that there is not is refused by TensorFlow, in words of its own.
        assert caught.value.quote == refused or axis == 3
        return
    expected = np.asarray(getattr(keras.layers, kind)(**words)(arrays))
    own = getattr(ours.layers, kind)(**words)(arrays)
    np.testing.assert_allclose(own, expected, rtol=1e-6)
    open_batch = [(None, *shape[1:]) for shape in shapes]
    symbolic = getattr(keras.layers, kind)(**words)([keras.Input(batch_shape=shape) for shape in open_batch])
    mine = getattr(ours.layers, kind)(**words)([ours.Input(batch_shape=shape) for shape in open_batch])
    assert mine.shape == symbolic.shape


def test_types_of_merges_are_kerass() -> None:
    whole, real = np.ones((2, 3), np.int32), np.ones((2, 3), np.float64)
    for kind in MERGES:
        for pair in ([whole, whole], [whole, real], [real, real]):
            expected = getattr(keras.layers, kind)()(pair)
            assert getattr(ours.layers, kind)()(pair).dtype == np.asarray(expected).dtype, (kind, pair)
