"""The law of every dialect: what `spell` writes, the reader reads back as the same op."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convwise import dialects
from convwise.axis import SAME_LOWER, SAME_UPPER, Pads, Window
from convwise.dialects.base import fused
from convwise.errors import Refusal
from convwise.ops import (
    Conv,
    ConvTranspose,
    Dense,
    Flatten,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Pointwise,
    Pool,
    Reshape,
    Resize,
)
from convwise.readers.source import read_layer

LAST = {"tensorflow": True, "jax": True, "onnx": False}
FEW = st.integers(1, 4)
PADS = st.builds(Pads, st.integers(0, 3), st.integers(0, 3))


def windows(draw: st.DrawFn, rank: int, *, ceil: bool = False) -> tuple[Window, ...]:
    rule = draw(st.sampled_from([SAME_UPPER, SAME_LOWER, None, None]))
    found = []
    for _ in range(rank):
        padding = rule or draw(PADS)
        found.append(Window(draw(FEW), draw(FEW), draw(FEW), padding, ceil))
    return tuple(found)


@st.composite
def convolutions(draw: st.DrawFn) -> Conv:
    groups, inner = draw(st.integers(1, 3)), draw(FEW)
    shape = windows(draw, draw(st.integers(1, 3)))
    return Conv(shape, groups * inner, groups * draw(FEW), groups, draw(st.booleans()))


@st.composite
def transposes(draw: st.DrawFn) -> ConvTranspose:
    rank = draw(st.integers(1, 3))
    shape = tuple(Window(draw(FEW), draw(FEW), draw(FEW), draw(PADS)) for _ in range(rank))
    extra = tuple(
        draw(st.integers(0, max(window.stride - 1, 0))) if window.padding.high == 0 else 0 for window in shape
    )
    return ConvTranspose(shape, draw(FEW), draw(FEW), 1, draw(st.booleans()), extra)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    kind = draw(st.sampled_from(["max", "average"]))
    ceil = draw(st.booleans()) and draw(st.booleans())
    return Pool(kind, windows(draw, draw(st.integers(1, 3)), ceil=ceil), kind == "average" and draw(st.booleans()))


def read_back(dialect: str, text: str) -> tuple[Op, ...]:
    return fused(tuple(op for layer in read_layer(text, dialect=dialect) for op in layer.ops))


def alike(op: Op) -> Op:
    """SAME at stride 1 is padding of a known size, and may be written as that."""
    if isinstance(op, Conv | ConvTranspose | Pool):
        changed = tuple(window.fixed() for window in op.windows)
        padded = any(window.padding != Pads(0, 0) for window in changed)
        if isinstance(op, Pool):
            return Pool(op.kind, changed, op.count_padding and padded, op.divisor, op.power)
        return type(op)(**{**{name: getattr(op, name) for name in op.__slots__}, "windows": changed})
    return op


def check(dialect: str, op: Op) -> bool:
    """Whether the dialect says the op, and then as itself."""
    spoken = dialects.get(dialect)
    try:
        text = spoken.spell((op,), LAST[dialect])
    except Refusal as refusal:
        if refusal.code != "CW209":
            raise
        return False
    back = read_back(dialect, text)
    if dialect == "tensorflow" and isinstance(op, Conv) and op.groups != 1 and back[0].groups == 1:
        # A kernel tells the channels of one group; the input tells how many groups there are.
        size = 200
        (layer, *_) = read_layer(text, dialect=dialect)
        flowed = spoken.flow(layer, (1, *(size,) * op.rank, op.in_channels)).layer
        back = (type(op)(**{**{name: getattr(flowed.ops[0], name) for name in op.__slots__}, "bias": op.bias}),)
    assert tuple(map(alike, back)) == (alike(op),), text
    return True


@pytest.mark.parametrize("dialect", LAST)
@settings(max_examples=150, deadline=None)
@given(op=st.one_of(convolutions(), transposes(), pools()))
def test_what_is_spelled_is_read_back(dialect: str, op: Op) -> None:
    check(dialect, op)


def plain_ops() -> Iterator[Op]:
    yield Dense(12, 5)
    yield Dense(12, 5, bias=False)
    yield Flatten()
    yield Reshape((4, -1))
    yield GlobalPool("average", 2)
    yield GlobalPool("max", 2, keep_dims=True)
    yield Pad((Pads(1, 2), Pads(0, 3)))
    yield Pad((Pads(1, 2), Pads(0, 3)), "reflect")
    yield Resize(scales=(2, 3), exact=False)
    yield Norm("batch", 8, moments=True, epsilon=1e-3)
    yield Norm("layer", 8, (-1,), epsilon=1e-6, shape=(8,))
    for kind in ("relu", "sigmoid", "tanh", "selu", "softplus", "softsign", "relu6", "identity"):
        yield Pointwise(kind)
    yield Pointwise("dropout", (("rate", 0.25),))
    yield Pointwise("leaky_relu", (("negative_slope", 0.1),))
    yield Pointwise("softmax", (("axis", -1),))


@pytest.mark.parametrize("dialect", LAST)
def test_plain_ops_too(dialect: str) -> None:
    said = [op for op in plain_ops() if check(dialect, op)]
    assert len(said) >= 14, said


EXAMPLES = {
    "tensorflow": "tf.nn.bias_add(tf.nn.conv2d(x, tf.zeros((3, 5, 3, 16)), strides=2, padding='SAME'), tf.zeros((16,)))",
    "jax": "nnx.Conv(3, 16, (3, 5), strides=2, rngs=nnx.Rngs(0))",
    "onnx": "op.Conv(x, np.zeros((16, 3, 3, 5)), np.zeros((16,)), strides=[2, 2], auto_pad='SAME_UPPER')",
}


@pytest.mark.parametrize("dialect", EXAMPLES)
def test_the_words_of_a_convolution(dialect: str) -> None:
    op = Conv((Window(3, 2, padding=SAME_UPPER), Window(5, 2, padding=SAME_UPPER)), 3, 16)
    assert dialects.get(dialect).spell((op,), LAST[dialect]) == EXAMPLES[dialect]


@pytest.mark.parametrize("dialect", LAST)
def test_a_chain_is_read_back(dialect: str) -> None:
    ops = (Conv((Window(3), Window(3)), 3, 8), Pointwise("relu"), Pool("max", (Window(2, 2), Window(2, 2))), Flatten())
    text = dialects.get(dialect).spell(ops, LAST[dialect])
    assert read_back(dialect, text) == ops


UNSAYABLE = [
    ("tensorflow", Pool("max", (Window(3, 2, ceil=True),)), "ceil_mode"),
    ("tensorflow", Conv((Window(3),), None, 8), "input's channels must be known"),
    ("tensorflow", ConvTranspose((Window(3, 2),), 3, 8), "output's shape"),
    ("tensorflow", Pool("average", (Window(3, padding=Pads(1, 1)),), True), "real cells alone"),
    ("jax", Pool("max", (Window(3, 2, ceil=True),)), "ceil_mode"),
    ("jax", ConvTranspose((Window(3, 2),), 4, 8, 2), "no groups"),
    ("onnx", Conv((Window(3),), None, 8), "input's channels must be known"),
    ("onnx", Conv((Window(3, 2, 2, SAME_UPPER),), 3, 8), "depends on the size"),
    ("onnx", Pool("average", (Window(2),), divisor=3), "divisor"),
]


@pytest.mark.parametrize(("dialect", "op", "fact"), UNSAYABLE)
def test_what_cannot_be_said_is_refused_with_the_reason(dialect: str, op: Op, fact: str) -> None:
    with pytest.raises(Refusal, match=fact) as caught:
        dialects.get(dialect).spell((op,), LAST[dialect])
    assert caught.value.code == "CW209"
