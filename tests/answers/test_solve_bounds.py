"""Nothing inside the stated bounds is missing, tried one by one; causal padding; decoders in every framework's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any

import pytest

import convwise as cw
from convwise.answers.solve.search import DILATIONS, KERNELS, STRIDES
from convwise.axis import Pads, Window
from convwise.dialects import get
from convwise.ops import Conv
from convwise.readers.source import read_layer

Layer = tuple[int, int, int, int]
"""kernel, stride, dilation, padding of a convolution that pads both sides alike."""


def tried(inputs: list[int], outputs: list[int]) -> set[Layer]:
    """Every layer of the bounds that gives all outputs."""
    found = set()
    for stride in range(1, STRIDES + 1):
        for kernel in {*range(1, KERNELS + 1), stride}:
            for dilation in range(1, 1 + (DILATIONS if stride == 1 and kernel > 1 else 1)):
                for pad in range(Window(kernel, dilation=dilation).span // 2 + 1):
                    window = Window(kernel, stride, dilation, Pads(pad, pad))
                    if all(window.over(size).out == out for size, out in zip(inputs, outputs, strict=True)):
                        found.add((kernel, stride, dilation, pad))
    return found


def solved(inputs: list[int], outputs: list[int]) -> set[Layer]:
    """What `solve` says of one axis in PyTorch's words, where the pads are alike."""
    found = set()
    texts = cw.solve([(size,) for size in inputs], [(size,) for size in outputs], dialect="torch", op="conv")
    for text in texts:
        layers = read_layer(text, dialect="torch")
        op = layers[-1].ops[-1]
        if len(layers) > 1 or not isinstance(op, Conv):
            continue  # uneven pads are a layer of their own
        window = op.windows[0]
        pads = {window.pads(size) for size in inputs}
        assert len(pads) == 1
        (pad,) = pads
        if pad.low == pad.high:
            found.add((window.kernel, window.stride, window.dilation, pad.low))
    return found


def test_nothing_inside_the_stated_bounds_is_missing_for_several_inputs() -> None:
    rng = Random(8)
    seen = 0
    for _ in range(40):
        window = Window(rng.randint(1, KERNELS), rng.choice((1, 1, 2, 2, 3, 5, 16)), 1, Pads(0, 0))
        pad = rng.randint(0, window.kernel // 2)
        window = Window(window.kernel, window.stride, 1, Pads(pad, pad))
        sizes = [window.kernel + rng.randint(1, 90) for _ in range(rng.choice((1, 2, 2, 3)))]
        outs = [window.over(size).out for size in sizes]
        if 1 in outs:
            continue  # where there is one window alone, the stride changes nothing and is told apart elsewhere
        expected = tried(sizes, outs)
        assert (window.kernel, window.stride, 1, pad) in expected
        assert solved(sizes, outs) == expected, (sizes, outs)
        seen += len(expected)
    assert seen > 100


def test_causal_padding_is_among_the_answers_over_one_axis() -> None:
    texts = cw.solve((28,), (14,), kernel=3)
    assert texts[:2] == ["Conv1D(32, 3, strides=2, padding='same')", "Conv1D(32, 3, strides=2, padding='causal')"]
    fixed = cw.solve([(28,), (57,)], [(14,), (29,)], padding="causal")
    assert fixed[0] == "Conv1D(32, 3, strides=2, padding='causal')"
    for text in fixed:
        assert "padding='causal'" in text or text.startswith("Conv1D(32, 1")  # one cell has nothing to pad
        assert cw.output_shape(text, (57, 3)) == (29, 32)
    assert cw.solve((28,), (14,), padding="causal", dialect="jax", kernel=3) == [
        "nnx.Conv(3, 32, (3,), strides=2, padding=((2, 0),), rngs=nnx.Rngs(0))"
    ]


@pytest.mark.parametrize(
    ("sizes", "options"),
    [((28, 28), {}), ((28,), {"dialect": "torch"}), ((28,), {"op": "max_pool"}), ((28,), {"op": "transpose"})],
)
def test_causal_padding_elsewhere_is_refused(sizes: tuple[int, ...], options: dict[str, str]) -> None:
    with pytest.raises(cw.ArgumentError, match="convolutions over one axis, in Keras and flax") as raised:
        cw.solve(sizes, sizes, padding="causal", **options)
    assert raised.value.code == "CW606"
    assert "(28,)" in raised.value.hint


JAX = (
    "nnx.Sequential(nnx.Conv(3, 8, (3, 3), strides=2, rngs=rngs), nnx.relu, lambda x: nnx.max_pool(x, (2, 2), strides=(2, 2)), "
    "nnx.Conv(8, 16, (4, 3), strides=(3, 2), padding='VALID', rngs=rngs))"
)
TENSORFLOW = """x = tf.nn.conv2d(x, tf.zeros((3, 3, 3, 8)), 2, 'SAME')
x = tf.nn.bias_add(x, tf.zeros((8,)))
x = tf.nn.relu(x)
x = tf.nn.max_pool2d(x, 2, 2, 'VALID')
x = tf.nn.conv2d(x, tf.zeros((4, 3, 8, 16)), (3, 2), 'VALID')"""
ONNX = """x = op.Conv(x, np.zeros((8, 3, 3, 3)), strides=[2, 2], pads=[1, 1, 1, 1])
x = op.Relu(x)
x = op.MaxPool(x, kernel_shape=[2, 2], strides=[2, 2])
x = op.Conv(x, np.zeros((16, 8, 4, 3)), strides=[3, 2])"""


@pytest.mark.parametrize(("dialect", "encoder"), [("jax", JAX), ("tensorflow", TENSORFLOW), ("onnx", ONNX)])
@pytest.mark.parametrize("sizes", [(57, 43), (58, 44), (64, 80), (101, 99)])
def test_decoders_give_every_size_back_in_the_others_words(dialect: str, encoder: str, sizes: tuple[int, int]) -> None:
    (decoder,) = cw.solve(sizes, mirror=encoder)
    last = dialect != "onnx"
    shape = (1, *sizes, 3) if last else (1, 3, *sizes)
    middle = cw.explain(encoder, shape, dialect=dialect).output
    assert middle != shape
    assert cw.explain(decoder, middle, dialect=dialect).output == shape
    assert decoder.count("ranspose") == 3


def test_a_decoder_of_tensorflow_is_for_one_size() -> None:
    with pytest.raises(cw.ShapeError, match="CW111") as raised:
        cw.solve([28, 56], mirror="tf.nn.conv2d(x, tf.zeros((3, 3, 3, 8)), 2, 'SAME')")
    assert "give one size, which they are told" in str(raised.value)
    assert "Conv2DTranspose" in raised.value.hint


def test_a_fixed_pool_reads_what_the_adaptive_one_reads() -> None:
    for dialect, words in (("torch", "nn.AvgPool2d(4)"), ("keras", "AveragePooling2D(4)")):
        assert cw.solve(28, 7, op="adaptive_avg_pool", dialect=dialect) == [words]
    assert cw.solve(7, 3, op="adaptive_max_pool", dialect="torch") == ["nn.MaxPool2d(3, stride=2)"]
    with pytest.raises(cw.ShapeError, match="CW111"):
        cw.solve(8, 3, op="adaptive_avg_pool", dialect="torch")


def test_the_dialects_that_solve_knows_say_what_they_find() -> None:
    for dialect in ("keras", "torch", "tensorflow", "jax", "onnx"):
        text = cw.solve(28, 14, dialect=dialect)[0]
        shape = (1, 3, 28, 28) if dialect in ("torch", "onnx") else (1, 28, 28, 3)
        assert 14 in get(dialect).flow(read_layer(text, dialect)[0], shape).output


@pytest.mark.parametrize(
    ("options", "found"),
    [
        # Keras 3.15 and PyTorch 2.13 make 1 x 1 of each of these (test_solve_oracle runs them).
        ({"input": 4, "op": "max_pool", "kernel": 3}, ["MaxPooling2D(3, strides=2)", "strides=4, padding='same'"]),
        ({"input": 8, "kernel": 6, "dialect": "torch"}, ["nn.Conv2d(3, 32, 6, stride=3)", "6, padding=4, dilation=3)"]),
    ],
)
def test_one_window_that_leaves_cells_out_is_an_answer_where_none_takes_in_all(
    options: dict[str, Any], found: list[str]
) -> None:
    texts = cw.solve(output=1, **options)
    assert texts[0] == found[0]
    assert any(found[1] in text for text in texts)
    # With a window that takes in all 8 cells, those that do not are not listed.
    assert cw.solve(8, 1, dialect="torch", op="conv")[0] == "nn.Conv2d(3, 32, 8)"
    assert not any("Conv2d(3, 32, 6, stride=3)" in text for text in cw.solve(8, 1, dialect="torch"))


@dataclass(frozen=True)
class Bounds:
    """What a refusal says was searched, read off its own words."""

    kernels: range
    strides: range
    dilations: range

    @staticmethod
    def of(error: cw.ShapeError) -> Bounds:
        told = " ".join((error.detail or "").split())
        assert "or the stride, or a whole axis to or from one cell" in told, told
        assert "at stride 1 (of pools 1), padding up to half a window a side" in told, told
        ends = [re.search(rf"{word} 1 to (\d+)", told) for word in ("kernels", "strides", "dilations")]
        kernels, strides, dilations = (range(1, int(one[1]) + 1) for one in ends if one)
        return Bounds(kernels, strides, dilations)


def within(bounds: Bounds, op: str, pair: tuple[int, int], fixed: dict[str, int]) -> Iterator[tuple[int, int, bool]]:
    """Kernel and dilation (which the axes share), and rounding up, of all that gives one axis what is asked, in PyTorch's words."""
    given, wanted = pair
    one, other = (given, wanted) if op == "transpose" else (wanted, given)
    pooling = op.endswith("pool")
    for stride in [fixed["stride"]] if "stride" in fixed else bounds.strides:
        kernels = {*bounds.kernels, stride, *([other] if one == 1 else [])}
        for kernel in [fixed["kernel"]] if "kernel" in fixed else sorted(kernels):
            free = bounds.dilations if stride == 1 and not pooling else (1,)
            for dilation in [fixed["dilation"]] if "dilation" in fixed else free:
                most = Window(kernel, dilation=dilation).span // 2
                pads = [Pads(total // 2, total - total // 2) for total in range(2 * most + 1)]
                if "padding" in fixed:
                    pads = [Pads(fixed["padding"], fixed["padding"])]
                for pad, ceil in product(pads, {False, pooling}):
                    window = Window(kernel, stride, dilation, pad, ceil)
                    if (pad.low != pad.high and op != "conv") or (pooling and pad.low > kernel // 2):
                        continue  # one layer has no words for it
                    small = window.transposed(given) if op == "transpose" else window.over(given).out
                    if wanted in (range(small, small + stride) if op == "transpose" else (small,)):
                        yield kernel, dilation, ceil


QUESTIONS = 200
RANGES = {"kernel": 9, "stride": 5, "padding": 4, "dilation": 3}


def asking(rng: Random) -> tuple[str, list[tuple[int, int]], dict[str, tuple[int, int]]]:
    """A small question: an op, what is given and wanted on both axes (often one cell), and some words fixed."""
    op = rng.choice(("conv", "conv", "transpose", "max_pool", "avg_pool"))
    alike = rng.random() < 0.6

    def two(least: int, most: int) -> tuple[int, int]:
        first = rng.randint(least, most)
        return first, first if alike else rng.randint(least, most)

    sizes, outs = two(1, 30), two(1, 30) if rng.random() < 0.5 else (1, 1 if alike else rng.choice((1, 5, 12)))
    pairs = list(zip(outs, sizes, strict=True) if op == "transpose" else zip(sizes, outs, strict=True))
    words = [name for name in RANGES if rng.random() < 0.45 and not (name == "dilation" and op.endswith("pool"))]
    return op, pairs, {name: two(0 if name == "padding" else 1, RANGES[name]) for name in words}


def test_a_no_is_one_within_the_bounds_that_it_states() -> None:
    rng = Random(4)
    refused, of_one_cell = 0, 0
    for _ in range(QUESTIONS):
        op, pairs, fixed = asking(rng)
        inputs, outputs = zip(*pairs, strict=True)
        try:
            assert cw.solve(inputs, outputs, dialect="torch", op=op, **fixed)
            continue
        except cw.Refusal:
            continue  # such layers exist, and PyTorch itself does not take them
        except cw.ShapeError as error:
            bounds = Bounds.of(error)
        each = [
            {*within(bounds, op, pair, {name: values[axis] for name, values in fixed.items()})}
            for axis, pair in enumerate(pairs)
        ]
        free = [name for name in ("kernel", "dilation") if name not in fixed]
        together = [
            (one, other)
            for one, other in product(*each)
            if all(one[at] == other[at] for at, name in enumerate(("kernel", "dilation")) if name in free)
            and one[2] == other[2]
        ]
        assert not together, (op, pairs, fixed, together[:3])
        refused += 1
        of_one_cell += 1 in outputs
    assert refused > 60
    assert of_one_cell > 20
