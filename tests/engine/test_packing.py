"""Weights in the order of the kernels: every number in its place, whatever the strides, and what is not finite is found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convwise.engine import Conv, conv2d, native, packing, results
from convwise.engine.families import winograd
from convwise.engine.order import Order, Spectrum
from convwise.engine.problem import Choice
from convwise.engine.transforms import transform
from convwise.engine.winograd_tiles import SIZES
from convwise.errors import ConvwiseError

LIBRARY = native.library()
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="no kernels here")


def filled(order: Order | Spectrum, packed: np.ndarray, apart: int, threads: int) -> bool:
    """Lay all groups of weights into `packed`; whether all are finite."""
    assert LIBRARY is not None
    laying = packing.Laying(LIBRARY, order, len(packed), apart, threads)
    return laying(order.weight.ctypes.data, packed.ctypes.data)


def lay(order: Order | Spectrum, parts: int = 1, apart: int = 0, threads: int = 2) -> np.ndarray:
    packed = np.full((parts, *order.shape), np.nan, np.float32)
    assert filled(order, packed, apart, threads)
    return packed[0] if parts == 1 else packed


def view_of(
    shape: tuple[int, ...], order: tuple[int, ...], backwards: tuple[bool, ...], rng: np.random.Generator
) -> np.ndarray:
    """Random numbers whose axes lie in memory in `order`, some of them backwards."""
    stored = rng.standard_normal([shape[axis] for axis in order]).astype(np.float32)
    view = stored.transpose(np.argsort(order))
    return view[tuple(slice(None, None, -1 if back else 1) for back in backwards)]


def blocks(weight: np.ndarray, lanes: int) -> np.ndarray:
    """The definition: filters filled up with zeros, and those of a block innermost."""
    full = np.zeros((-(-len(weight) // lanes) * lanes, *weight.shape[1:]), np.float32)
    full[: len(weight)] = weight
    return np.moveaxis(full.reshape(-1, lanes, *weight.shape[1:]), 1, -1)


SIZE = st.integers(1, 40)
VIEWS = st.tuples(
    st.tuples(SIZE, SIZE, st.integers(1, 9), st.integers(1, 9)),
    st.permutations(range(4)).map(tuple),
    st.tuples(*[st.booleans()] * 4),
    st.sampled_from([1, 4, 8, 12, 16, 24, 32, 48, 64, 80]),
    st.integers(0, 2**32 - 1),
)


@given(VIEWS)
def test_blocks_of_any_view_are_those_of_the_definition(drawn: tuple) -> None:
    shape, order, backwards, lanes, seed = drawn
    weight = view_of(shape, order, backwards, np.random.default_rng(seed))
    assert np.array_equal(lay(Order.blocks(weight, lanes)), blocks(weight, lanes))


@given(VIEWS, st.sampled_from([np.nan, np.inf, -np.inf]))
def test_one_number_that_is_not_finite_is_found_and_kept(drawn: tuple, odd: float) -> None:
    shape, axes, backwards, lanes, seed = drawn
    rng = np.random.default_rng(seed)
    weight = view_of(shape, axes, backwards, rng)
    weight[tuple(int(rng.integers(size)) for size in shape)] = odd
    order = Order.blocks(weight, lanes)
    packed = np.zeros((1, *order.shape), np.float32)
    assert not filled(order, packed, 0, 2)
    assert np.array_equal(packed[0], blocks(weight, lanes), equal_nan=True)
    spectrum = Spectrum(weight, 4, 3, 8, -(-shape[0] // 8))
    assert not filled(spectrum, np.zeros((1, *spectrum.shape), np.float32), 0, 2)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
@pytest.mark.parametrize("filters", [16, 40])
def test_filters_that_lie_side_by_side_are_looked_at_too(filters: int, odd: float) -> None:
    """As Keras stores them: (row, column, channel, filter)."""
    stored = np.random.default_rng(0).standard_normal((3, 2, 5, filters)).astype(np.float32)
    order = Order.blocks(stored.transpose(3, 0, 1, 2), 16)
    assert np.array_equal(lay(order), blocks(order.weight, 16))
    stored[2, 1, 3, 7] = odd
    assert not filled(order, np.zeros((1, *order.shape), np.float32), 0, 2)


def test_a_transform_that_no_kernel_has_is_an_error() -> None:
    spectrum = Spectrum(np.ones((16, 16, 3, 3), np.float32), 4, 3, 5, 4)
    with pytest.raises(ConvwiseError, match="returned -1"):
        filled(spectrum, np.zeros((1, *spectrum.shape), np.float32), 0, 1)


def test_groups_lie_one_after_the_other() -> None:
    weight = np.random.default_rng(0).standard_normal((42, 9, 3, 5)).astype(np.float32)[::-1]
    view = weight.transpose(0, 2, 3, 1)
    packed = lay(Order.blocks(view[:14], 8), 3, 14 * weight.strides[0] // 4)
    for group in range(3):
        assert np.array_equal(packed[group], blocks(view[group * 14 : group * 14 + 14], 8)), group
    for raw in (False, True):
        parts = [Spectrum(weight[group * 14 : group * 14 + 14], 4, 3, 8, 2, raw=raw) for group in range(3)]
        packed = lay(parts[0], 3, 14 * weight.strides[0] // 4)
        for group, part in enumerate(parts):
            assert np.array_equal(packed[group], lay(part)), (raw, group)


def test_many_weights_are_shared_by_threads() -> None:
    weight = np.random.default_rng(0).standard_normal((130, 67, 3, 3)).astype(np.float32)
    view = weight.transpose(0, 2, 3, 1)
    assert np.array_equal(lay(Order.blocks(view, 32), threads=3), blocks(view, 32))
    spectrum = Spectrum(weight, 4, 3, 16, 9)
    assert np.array_equal(lay(spectrum, threads=3), lay(spectrum, threads=1))


@pytest.mark.parametrize("kind", ["order", "spectrum", "parts"])
def test_large_weights_are_laid_in_slices_between_which_ctrl_c_is_heard(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = np.random.default_rng(0).standard_normal((130, 67, 3, 3)).astype(np.float32)
    order: Order | Spectrum = Spectrum(weight, 4, 3, 16, 9, raw=kind == "parts")
    if kind == "order":
        order = Order.blocks(weight.transpose(0, 2, 3, 1), 32)
    whole = lay(order)
    monkeypatch.setattr(packing, "SLICE", whole.size // 7)
    assert LIBRARY is not None
    laying = packing.Laying(LIBRARY, order, 1, 0, 2)
    assert laying.slices in (7, 8)
    assert np.array_equal(lay(order), whole)
    for filter in (0, 70, 129):  # of the first slice, of one between, of the last
        kept = weight[filter, 5, 1, 1]
        weight[filter, 5, 1, 1] = np.inf
        assert not filled(order, np.zeros((1, *order.shape), np.float32), 0, 2), filter
        weight[filter, 5, 1, 1] = kept

    def interrupted(*called: int) -> int:
        raise KeyboardInterrupt

    laying.run = interrupted
    with pytest.raises(KeyboardInterrupt):
        laying(weight.ctypes.data, whole.ctypes.data)
    assert np.array_equal(lay(order), whole)


def test_a_slice_of_large_weights_is_small() -> None:
    weight = np.broadcast_to(np.float32(1), (4096, 4096, 3, 3))
    assert LIBRARY is not None
    assert packing.Laying(LIBRARY, Spectrum(weight, 4, 3, 16, 256), 1, 0, 1).slices == 4096 * 4096 * 36 // packing.SLICE


def test_weights_off_the_grid_of_floats_are_copied_first() -> None:
    raw = np.zeros(4 * 20 * 9 * 9 + 2, np.uint8)
    weight = raw[2:].view(np.float32).reshape(20, 9, 3, 3)
    weight[...] = np.random.default_rng(0).standard_normal(weight.shape)
    x = np.random.default_rng(1).standard_normal((1, 9, 9, 10)).astype(np.float32)
    assert np.array_equal(conv2d(x, weight), conv2d(x, weight.copy()))


def test_plain_calls_see_weights_that_turn_infinite_and_back() -> None:
    """The plan of the first call holds for finite weights alone."""
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((1, 32, 9, 10)).astype(np.float32), rng.standard_normal((32, 32, 3, 3))
    weight = weight.astype(np.float32)
    before = conv2d(x, weight, padding=1)
    spoiled = weight.copy()
    spoiled[3, 4, 0, 0] = np.nan
    for run in (lambda: conv2d(x, spoiled, padding=1), lambda: Conv(spoiled, padding=1)(x)):
        result = run()
        # Tap (0, 0) is on padding for the first row and the first column, and a NaN times a zero is a NaN.
        assert np.isnan(result[0, 3]).all()
        assert np.allclose(np.delete(result[0], 3, axis=0), np.delete(before[0], 3, axis=0), atol=1e-4)
    assert np.array_equal(conv2d(x, weight, padding=1), before)


LAYERS = [
    # weight, groups, padding: direct, Winograd, depthwise, grouped (packed by NumPy), first, more than the kept place holds
    ((24, 40, 1, 3), 1, 1),
    ((64, 40, 3, 3), 1, 1),
    ((40, 1, 3, 3), 40, 1),
    ((40, 4, 3, 3), 10, 1),
    ((32, 3, 5, 3), 1, 2),
    ((96, 40, 5, 5), 1, 2),
]


@pytest.mark.parametrize(("shape", "groups", "padding"), LAYERS)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_every_plain_call_computes_with_its_own_weights(
    shape: tuple[int, ...], groups: int, padding: int, layout: str
) -> None:
    """The same shapes again and again, with other numbers, steps and biases, and off the grid of floats."""
    rng = np.random.default_rng(sum(shape))
    channels = shape[1] * groups
    sizes = (2, channels, 9, 10) if layout == "NCHW" else (2, 9, 10, channels)
    x = rng.standard_normal(sizes).astype(np.float32)
    kept = []
    for number in range(12):
        weight = view_of(shape, ((0, 1, 2, 3), (3, 0, 2, 1))[number % 2], (number % 3 == 2, *[False] * 3), rng)
        if number in (7, 8):
            raw = np.zeros(weight.nbytes + 2, np.uint8)[2:].view(np.float32).reshape(shape)
            raw[...] = weight
            weight = raw
        bias = None if number % 4 == 3 else rng.standard_normal(shape[0]).astype(np.float32)
        options: Any = {"padding": padding, "groups": groups, "layout": layout}
        result = conv2d(x, weight, bias, threads=1 + number % 2, **options)
        kept.append((result, result.copy()))
        wanted = conv2d(x, weight, bias, algorithm="windows", **options)
        assert np.allclose(result, wanted, atol=2e-5 * abs(wanted).max()), number
    assert all(np.array_equal(result, copy) for result, copy in kept)


def test_a_plain_call_has_numpy_pack_its_weights_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small groups with channels last are packed by NumPy, which takes longer than the rest of the call."""
    x, weight = np.ones((1, 9, 10, 40), np.float32), np.ones((40, 4, 3, 3), np.float32)
    options: Any = {"groups": 10, "layout": "NHWC", "padding": 1, "algorithm": "grouped"}
    wanted = conv2d(x, weight, **options)
    packed, real = [], packing._laid
    monkeypatch.setattr(packing, "_laid", lambda *told: (packed.append(real(*told)), packed[-1])[1])
    assert np.array_equal(conv2d(x, weight, **options), wanted)
    assert [type(one) for one in packed] == [np.ndarray]


def test_plain_calls_of_many_threads_do_not_share_their_weights() -> None:
    """Small weights lie in a place that the next call takes again: never while another call uses it."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 16, 20, 21)).astype(np.float32)
    weights = rng.standard_normal((8, 24, 16, 3, 3)).astype(np.float32)
    biases = rng.standard_normal((8, 24)).astype(np.float32)
    wanted = [conv2d(x, weight, bias, padding=1, threads=1) for weight, bias in zip(weights, biases, strict=True)]
    wrong = []

    def work(number: int) -> None:
        for _ in range(200):
            got = conv2d(x, weights[number], biases[number], padding=1, threads=1)
            if not np.array_equal(got, wanted[number]):
                wrong.append(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert not wrong


def test_a_plan_for_finite_weights_is_given_up_where_another_thread_found_them_infinite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other thread's whole call falls between this one's plan and its packing; Winograd would make NaN of infinities."""
    x, weight = np.ones((1, 128, 20, 20), np.float32), np.ones((128, 128, 3, 3), np.float32)
    weight[3, 4, 1, 1] = np.inf
    wanted = Conv(weight.astype(np.float64), algorithm="windows")(x)
    conv, planned, plan = Conv(weight), [], Conv._prepare

    def between(self: Conv, *told: Any) -> Any:
        prepared = plan(self, *told)
        planned.append(prepared)
        if len(planned) == 1:
            conv(x)
        return prepared

    monkeypatch.setattr(Conv, "_prepare", between)
    assert np.array_equal(conv(x), wanted)
    assert planned[0].problem.finite
    monkeypatch.undo()
    assert np.array_equal(conv(x), wanted)


def test_a_plain_call_leaves_the_memory_of_its_packed_weights_to_the_next() -> None:
    """4,194,304 weights in 16 MB, which the system would clear anew for every call; a `Conv` keeps its own."""
    x, weight = np.ones((1, 1024, 1, 1), np.float32), np.ones((4096, 1024, 1, 1), np.float32)
    results._kept.clear()
    conv = Conv(weight, threads=1)
    assert np.array_equal(conv(x), np.full((1, 4096, 1, 1), 1024, np.float32))
    assert not results._kept
    del conv
    assert not results._kept
    conv2d(x, weight, threads=1)  # makes the plan
    found = []
    for _ in range(2):
        assert np.array_equal(conv2d(x, weight, threads=1), np.full((1, 4096, 1, 1), 1024, np.float32))
        found.append([(place, block.nbytes >= weight.nbytes) for place, block in results._kept.items()])
    ((_, large),), again = found
    assert large
    assert again == found[0]


@pytest.mark.parametrize(("filters", "channels"), [(33, 9), (32, 32), (70, 17)])
@pytest.mark.parametrize(("size", "window"), [("f4x3", (3, 3)), ("f3x3", (3, 3)), ("f4x3", (5, 8)), ("f3x4", (1, 9))])
def test_winograd_packs_each_weight_to_its_place(
    filters: int, channels: int, size: str, window: tuple[int, int]
) -> None:
    """Against the definition, number by number: (vector, frequency, chunk and part, c in chunk, k in vector)."""
    tiles = (("channels in", 16), ("channels out", 32))
    choice = Choice("winograd", f"{size}_rows_nhwc", "", tiles, (), 0.0, 0, 0)
    w = np.random.default_rng(0).standard_normal((filters, channels, *window)).astype(np.float32)
    packed = lay(winograd.pack(choice, w))
    taps = SIZES[size][1]
    down, across = (-(-length // taps) for length in window)
    matrix = np.array([[float(value) for value in row] for row in transform(*SIZES[size]).weight])
    full = np.zeros((packed.shape[0] * 16, packed.shape[2] // (down * across), down, across, 16, packed.shape[1]))
    for k, c, row, column in np.ndindex(filters, channels, down, across):
        part = np.zeros((taps, taps))
        cut = w[k, c, row * taps : (row + 1) * taps, column * taps : (column + 1) * taps]
        part[: cut.shape[0], : cut.shape[1]] = cut
        full[k, c // 16, row, column, c % 16] = (matrix @ part @ matrix.T).ravel()
    back = packed.transpose(0, 4, 2, 3, 1).reshape(full.shape)
    assert np.allclose(back, full, rtol=3e-7, atol=1e-12)


@pytest.mark.parametrize(("filters", "channels"), [(33, 9), (32, 32), (70, 17), (33, 48)])
@pytest.mark.parametrize("window", [(3, 3), (5, 8), (1, 9)])
def test_winograd_lays_weights_as_they_are(filters: int, channels: int, window: tuple[int, int]) -> None:
    """(vector, chunk and part, c in chunk, tap, k in vector), zeros where there is no such weight."""
    choice = Choice("winograd", "f4x3_thin_nhwc", "", (("channels in", 16), ("channels out", 16)), (), 0.0, 0, 0)
    w = np.random.default_rng(0).standard_normal((filters, channels, *window)).astype(np.float32)
    packed = lay(winograd.pack(choice, w))
    across = -(-window[1] // 3)
    wanted = np.zeros_like(packed)
    for k, c, y, x in np.ndindex(*w.shape):
        part = y // 3 * across + x // 3
        parts = -(-window[0] // 3) * across
        wanted[k // 16, c // 16 * parts + part, c % 16, y % 3 * 3 + x % 3, k % 16] = w[k, c, y, x]
    assert packed.shape == (-(-filters // 16), -(-channels // 16) * parts, 16, 9, 16)
    assert np.array_equal(packed, wanted)
