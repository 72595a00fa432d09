"""Where a port says that one layer will not do, or that nothing exact is known, a search over the target's own words, pads and crops finds nothing either.

Each search is also given sources that do have an equal, which it must find: a search that finds nothing anywhere would confirm everything.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
from source_code import ROOT

import convwise as cw
from convwise import dialects
from convwise.answers.porting.reading import Piece, read_chain
from convwise.answers.porting.ways import divisors
from convwise.axis import NO_PADS, SAME_LOWER, SAME_UPPER, Axis, Padding, Pads, Window
from convwise.ops import ConvTranspose, Layout, Pool
from convwise.proofs.running import run_op

sys.path.append(str(ROOT / "tests" / "oracle"))
from porting_cases import keras_pool, keras_transpose, made, torch_pool, torch_transpose

Rule = tuple[Padding, bool]
"""Padding of one axis, and ceil."""
EVEN = [Pads(pad, pad) for pad in range(4)]
UNEVEN = [Pads(low, high) for low, high in product(range(4), repeat=2)]


def pool_words(to: str, op: Pool) -> Iterator[tuple[list[Rule], bool]]:
    """What the target's pools can say: the rules that any axis may take, and whether padding is counted; shared by all axes."""
    most = [window.kernel for window in op.windows]
    average, dilated = op.kind != "max", any(window.dilation > 1 for window in op.windows)
    if to == "torch":
        if average and dilated:
            return
        for ceil, counted in product((False, True), (False, True)):
            yield [(pads, ceil) for pads in EVEN if pads.low <= max(most) // 2], counted
    elif to == "onnx":
        for ceil, counted in product((False, True), (False, True)):
            yield [(pads, ceil) for pads in UNEVEN], counted
        for rule, counted in product((SAME_UPPER, SAME_LOWER), (False, True)):
            yield [(rule, False)], counted
    elif to == "jax":
        if average and dilated:
            return
        for counted in (False, True):
            yield [(pads, False) for pads in UNEVEN], counted
            yield [(SAME_UPPER, False)], counted
    elif not dilated:
        yield [(NO_PADS, False)], False
        yield [(SAME_UPPER, False)], False
        if to == "tensorflow" and not average and op.rank < 3:
            yield [(pads, False) for pads in UNEVEN], False


def same_windows(op: Pool, axis: Axis, other: Axis, counted: bool) -> bool:
    """Whether all windows of one axis read the same cells and, where it matters, divide by the same number."""
    if axis.out != other.out or any(
        list(axis.taps_in_data(index)) != list(other.taps_in_data(index)) for index in range(axis.out)
    ):
        return False
    return op.kind == "max" or divisors(op, axis) == divisors(Pool("average", op.windows, counted), other)


def sized(piece: Piece) -> list[tuple[Window, int, int]]:
    assert isinstance(piece.op, Pool | ConvTranspose)
    last = piece.layer.channels_last
    sizes, outs = (shape[1:-1] if last else shape[2:] for shape in (piece.input, piece.output))
    return [(w, size or 0, out or 0) for w, size, out in zip(piece.op.windows, sizes, outs, strict=True)]


def one_pool_does(to: str, piece: Piece) -> bool:
    op = piece.op
    assert isinstance(op, Pool)
    axes = [(window, window.over(size)) for window, size, _ in sized(piece)]
    return any(
        all(
            any(
                same_windows(op, axis, Window(w.kernel, w.stride, w.dilation, pads, ceil).over(axis.size), counted)
                for pads, ceil in rules
            )
            for w, axis in axes
        )
        for rules, counted in pool_words(to, op)
    )


POOLS = [
    *(("keras", keras_pool, to) for to in ("torch", "tensorflow", "jax", "onnx")),
    *(("torch", torch_pool, to) for to in ("keras", "tensorflow", "jax", "onnx")),
]


@pytest.mark.parametrize(("dialect", "maker", "to"), POOLS)
def test_pools_that_need_more_than_a_pool(dialect: str, maker: Any, to: str) -> None:
    rng = Random(f"{dialect} {to}")
    alone = more = 0
    for _ in range(90):
        case = made(dialect, maker, rng)
        if "divisor_override" in case.text:
            continue  # only PyTorch has the word
        port = cw.port(case.text, to=to, input_shape=case.input, dialect=dialect)
        piece = next(iter(port.source.pieces()))
        if len(port.stages) == 1 and port.stages[0].layer is not None:
            assert one_pool_does(to, piece), (case, port.code)
            alone += 1
        else:
            assert not one_pool_does(to, piece), (case, port.code)
            more += 1
    assert alone
    assert more or to in ("onnx", "jax") or (dialect, to) == ("keras", "tensorflow")


def one_transpose_does(to: str, piece: Piece) -> bool:
    """TensorFlow's are told their output's size; flax's pad with a word or with a pair for each axis."""
    op = piece.op
    assert isinstance(op, ConvTranspose)
    if (op.groups or 1) > 1 or any(w.dilation > 1 for w in op.windows):
        return False
    for rule in (NO_PADS, SAME_UPPER):
        if to == "tensorflow" and all(
            _turned(Window(w.kernel, w.stride, 1, rule), w, size, out) for w, size, out in sized(piece)
        ):
            return True
    return False


def _turned(theirs: Window, ours: Window, size: int, out: int) -> bool:
    """Whether the forward windows over the output give the input's size, and start where ours start."""
    assert isinstance(ours.padding, Pads)
    if out < 1 or (theirs.padding == NO_PADS and out < theirs.span):
        return False
    forward = theirs.over(out)
    return forward.out == size and forward.pad_low == ours.padding.low


@pytest.mark.parametrize(("dialect", "maker"), [("keras", keras_transpose), ("torch", torch_transpose)])
def test_transposes_that_need_a_crop_or_a_pad_in_tensorflow(dialect: str, maker: Any) -> None:
    rng = Random(dialect)
    alone = more = 0
    for _ in range(120):
        case = made(dialect, maker, rng)
        if any(word in case.text for word in ("dilation", "groups", "activation")):
            continue
        port = cw.port(case.text, to="tensorflow", input_shape=case.input, dialect=dialect)
        found = one_transpose_does("tensorflow", next(iter(port.source.pieces())))
        assert found == (len(port.stages) == 1), (case, port.code)
        alone, more = alone + found, more + (not found)
    assert alone > 5
    assert more > 5 or dialect == "keras"


# resizing: the words of the target, with pads before it and crops behind it

KERAS_WORDS = [
    *(
        f"UpSampling2D(2, interpolation={mode!r})"
        for mode in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    ),
    *(
        f"Resizing({{}}, {{}}, interpolation={mode!r}, antialias={smooth})"
        for mode, smooth in product(("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"), (False, True))
    ),
    "Resizing({}, {}, interpolation='area')",
]
TORCH_WORDS = [
    *(f"nn.Upsample(size=({{}}, {{}}), mode={mode!r})" for mode in ("nearest", "nearest-exact", "bilinear", "bicubic")),
    *(f"nn.Upsample(scale_factor=2, mode={mode!r})" for mode in ("nearest", "nearest-exact", "bilinear", "bicubic")),
    *(f"nn.Upsample(size=({{}}, {{}}), mode={mode!r}, align_corners=True)" for mode in ("bilinear", "bicubic")),
    "nn.AdaptiveAvgPool2d(({}, {}))",
]
WORDS = {"keras": KERAS_WORDS, "torch": TORCH_WORDS}
LAYOUT = {"keras": Layout(channels_last=True), "torch": Layout()}
SIZES = (7, 8)
PADS = [(0, 0), (1, 1), (2, 2), (0, 1), (1, 0), (1, 2)]
MORE = range(5)
"""How many cells more than wanted a resize may give, to be cropped."""


def resized(dialect: str, text: str, x: Any) -> Any:
    """A layer's output on a map of one channel, axes (height, width)."""
    layout = LAYOUT[dialect]
    data = x[None, :, :, None] if layout.channels_last else x[None, None]
    for layer in read_chain(text, data.shape, dialect=dialect).layers:
        settled = dialects.get(dialect).flow(layer, data.shape).layer
        for op in settled.ops:
            data = run_op(op, data, {}, layout, dialect)
    return data[0, ..., 0] if layout.channels_last else data[0, 0]


def candidates(dialect: str, x: Any, wanted: tuple[int, int]) -> Iterator[tuple[str, Any]]:
    """Every word of the target on every padded input, as large as wanted or larger."""
    for text, pads, mode in product(WORDS[dialect], PADS, ("constant", "edge")):
        if pads == (0, 0) and mode == "edge":
            continue
        padded = np.pad(x, (pads, pads), mode=mode)
        for more in MORE if "{}" in text else (0,):
            told = text.format(wanted[0] + more, wanted[1] + more)
            yield f"{told} after {mode} pads {pads}", resized(dialect, told, padded)


def equal_words(dialect: str, text: str, to: str) -> str | None:
    """The first word of the target that gives what the source gives, whatever is cropped from it."""
    x = np.random.default_rng(11).standard_normal(SIZES)
    ours = resized(dialect, text, x)
    height, width = ours.shape
    for told, theirs in candidates(to, x, (height, width)):
        for top in range(theirs.shape[0] - height + 1):
            for left in range(theirs.shape[1] - width + 1):
                if np.allclose(theirs[top : top + height, left : left + width], ours, rtol=0, atol=1e-6):
                    return f"{told}, cropped by {top} and {left}"
    return None


@pytest.mark.parametrize(
    ("dialect", "text", "to"),
    [
        ("torch", "nn.Upsample(scale_factor=2, mode='bicubic')", "keras"),
        ("torch", "nn.Upsample(size=(13, 17), mode='bicubic')", "keras"),
        ("torch", "nn.Upsample(size=(13, 17), mode='bicubic', align_corners=True)", "keras"),
        ("keras", "UpSampling2D(2, interpolation='bicubic')", "torch"),
        ("keras", "Resizing(13, 17, interpolation='bicubic')", "torch"),
        ("keras", "Resizing(13, 17, interpolation='lanczos3')", "torch"),
        ("keras", "Resizing(13, 17, interpolation='lanczos5')", "torch"),
        ("keras", "Resizing(5, 6, interpolation='bilinear', antialias=True)", "torch"),
        ("keras", "Resizing(5, 6, interpolation='area')", "torch"),
    ],
)
def test_resizes_without_an_equal_have_none(dialect: str, text: str, to: str) -> None:
    shape = (*SIZES, 1) if dialect == "keras" else (1, 1, *SIZES)
    with pytest.raises(cw.Refusal) as raised:
        cw.port(text, to=to, input_shape=shape, dialect=dialect)
    assert raised.value.code == "CW211"
    assert equal_words(dialect, text, to) is None


@pytest.mark.parametrize(
    ("dialect", "text", "to"),
    [
        ("torch", "nn.Upsample(scale_factor=2, mode='bilinear')", "keras"),
        ("torch", "nn.Upsample(size=(13, 17), mode='nearest-exact')", "keras"),
        ("keras", "Resizing(13, 17, interpolation='bilinear')", "torch"),
        ("keras", "Resizing(14, 16, interpolation='area')", "torch"),
    ],
)
def test_the_search_finds_an_equal_where_there_is_one(dialect: str, text: str, to: str) -> None:
    assert equal_words(dialect, text, to) is not None
