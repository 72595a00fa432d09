"""Winograd: exact transforms, accuracy, every cut of an image, and what a NaN reaches."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import ISAS
from processes import POSSIBLE, compile_c, guard, python

from convwise.axis import Pads, Window
from convwise.engine import Conv, compiled, conv2d, native, packing, planning
from convwise.engine.families import winograd
from convwise.engine.isa import ALL, AVX2, AVX512
from convwise.engine.problem import Choice, Machine, Problem
from convwise.engine.transforms import Transform, construct, transform
from convwise.engine.winograd_tiles import SIZES, size_of

needed = pytest.mark.skipif(native.library() is None, reason="no kernels here")
fractions = st.fractions(min_value=-4, max_value=4, max_denominator=6)


@given(
    st.tuples(st.integers(1, 7), st.integers(2, 5)).flatmap(
        lambda sizes: st.tuples(
            *map(st.just, sizes), st.lists(fractions, min_size=sum(sizes) - 2, max_size=sum(sizes) - 2, unique=True)
        )
    )
)
def test_any_points_give_exact_transforms(drawn: tuple[int, int, list[Fraction]]) -> None:
    assert construct(*drawn).is_exact()


def test_a_wrong_coefficient_is_no_transform() -> None:
    right = transform(4, 3)
    rows = [list(row) for row in right.data]
    rows[2][1] += Fraction(1, 1000)
    assert not Transform(4, 3, right.output, right.weight, tuple(map(tuple, rows))).is_exact()


def test_points_that_are_equal_or_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="4 outputs need 5 different points, not"):
        construct(4, 3, [Fraction(p) for p in (0, 1, -1, 2, 2)])
    with pytest.raises(ValueError, match="2 outputs need 3 different points"):
        construct(2, 3, [Fraction(0)])


@pytest.mark.parametrize(("outputs", "taps"), [(4, 3), (3, 4)])
def test_the_points_in_use_amplify_least(outputs: int, taps: int) -> None:
    """The usual points lose three times as much; no pair of small fractions is better."""
    assert all(transform(*size).is_exact() for size in SIZES.values())
    usual = construct(outputs, taps, [Fraction(p) for p in (0, 1, -1, 2, -2)]).amplification
    assert usual > 3 * transform(outputs, taps).amplification
    small = sorted({Fraction(a, b) for a in range(1, 6) for b in range(1, 6)})
    pairs = [(a, b) for a in small for b in small if a < b]
    best = min(construct(outputs, taps, [Fraction(0), a, -a, b, -b]).amplification for a, b in pairs)
    assert transform(outputs, taps).amplification == best


def test_three_outputs_lose_less_than_four() -> None:
    """Less than half as much as with the usual points; no number of two of the transforms is rounded."""
    used = transform(3, 3)
    usual = construct(3, 3, [Fraction(p) for p in (0, 1, -1, 2)]).amplification
    assert used.amplification < min(usual / 2, transform(4, 3).amplification)
    numbers = [value for matrix in (used.output, used.data) for row in matrix for value in row]
    assert all(Fraction(float(np.float32(float(value)))) == value for value in numbers)


def test_monic_transforms_are_the_same_with_weights_that_are_powers() -> None:
    """What a row of `weight` was divided by is in `output`; rows that read one tap come last, 0 and infinity."""
    used = transform(4, 3)
    assert used.monic.is_exact()
    assert used.monic.amplification == used.amplification
    *finite, zero, far = used.monic.weight
    assert all(row == (1, row[1], row[1] ** 2) and row[1] != 0 for row in finite)
    assert (zero, far) == ((1, 0, 0), (0, 0, 1))


def problem(**changes: object) -> Problem:
    sizes = {"height": 30, "width": 31, "pads": (1, 1, 1, 1), "side": 3, **changes}
    side = sizes.pop("side")
    top, bottom, left, right = (max(pad, side // 2) for pad in sizes.pop("pads"))  # type: ignore[attr-defined, operator]
    machine = Machine(peak=5e10, bandwidth=2e10, l1=32768, l2=1 << 20)
    rows = Window(side, padding=Pads(top, bottom)).over(sizes["height"])  # type: ignore[arg-type]
    columns = Window(side, padding=Pads(left, right)).over(sizes["width"])  # type: ignore[arg-type]
    usual = Problem("conv", 1, 32, 30, 31, 32, 1, rows, columns, "NHWC", "NHWC", None, False, 2, machine)
    return replace(usual, **sizes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("vendor", "family", "rows", "shuffling", "units"),
    [
        ("AuthenticAMD", "25", 2, 1.0, 1),
        ("AuthenticAMD", "26", 2, 1.0, 2),
        ("GenuineIntel", "6", 0, 2.7, 2),
        ("another", "25", 0, 1.0, 2),
    ],
)
def test_what_depends_on_the_maker_of_the_processor(
    vendor: str, family: str, rows: int, shuffling: float, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How early input is asked for, how long planes take to be turned, and whether vectors are computed in halves."""
    told = {"vendor_id": vendor, "cpu family": family, "cpu MHz": "2000"}
    monkeypatch.setattr(planning, "cpuinfo", lambda: told)
    machine = planning.machine_of.__wrapped__(AVX512)
    assert (machine.ahead, machine.shuffling, machine.units) == (rows, shuffling, units)
    assert machine.peak == 16 * planning.CLOCK
    assert all(choice.extra[-1] == rows for choice in winograd.choices(problem(machine=machine), AVX512))
    # Without AVX-512 nothing is halved.
    assert planning.machine_of.__wrapped__(AVX2).units == 2


REFUSED = {
    "the window is 1 x 3": {"rows": Window(1).over(30)},
    "the stride is 1 x 2": {"columns": Window(3, stride=2).over(31)},
    "31 outputs along the width with a dilation of 32": {
        "columns": Window(3, dilation=32, padding=Pads(32, 32)).over(31)
    },
    "only for convolutions": {"kind": "max"},
    "3 channels to 32": {"channels": 3},
    "weights that are infinite or NaN": {"finite": False},
    "more than 2**31 numbers": {"channels": 12000, "filters": 12000},
    "the workspace more than 8 MB": {"channels": 9000, "rows": Window(9).over(30), "columns": Window(9).over(31)},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_why_not(reason: str) -> None:
    assert winograd.why_not(problem(), AVX512) is None
    told = winograd.why_not(problem(**REFUSED[reason]), AVX512)
    assert told is not None
    assert reason in told


@given(
    st.integers(1, 3),
    st.integers(8, 600),
    st.integers(1, 600),
    st.integers(1, 600),
    st.integers(8, 600),
    st.integers(1, 16),
    st.sampled_from(ALL),
    st.integers(2, 9),
    st.sampled_from([(1, 1), (2, 2), (1, 3), (6, 1), (12, 36)]),
)
@settings(deadline=None, max_examples=90)
def test_every_cut_keeps_to_its_workspace(
    n: int, c: int, h: int, w: int, k: int, threads: int, isa: object, side: int, gaps: tuple[int, int]
) -> None:
    asked = problem(batch=n, channels=c, height=h, width=w, filters=k, threads=threads, side=side)
    rows, columns = (
        Window(side, dilation=gap, padding=Pads(gap * side, gap * side)).over(size)
        for gap, size in zip(gaps, (h, w), strict=True)
    )
    asked = replace(asked, rows=rows, columns=columns) if gaps != (1, 1) else asked
    found = winograd.choices(asked, isa)  # type: ignore[arg-type]
    # All phases across of one tile may be too many.
    assert found or gaps == (12, 36)
    for choice in found:
        assert 0 < choice.workspace <= max(8_000_000, 4 * n * k * asked.out_height * asked.out_width)
        assert choice.seconds > 0
        *cut, parts, abreast, _ = choice.extra
        assert min(cut) > 0
        taps = size_of(choice.variant)[1]
        assert abreast * taps >= side > (abreast - 1) * taps
        assert parts == abreast**2
        assert choice.row_step % dict(choice.tiles)["outputs"] == 0


def errors(channels: int, window: tuple[int, int], layout: str, padding: tuple[int, int], seed: int = 0) -> float:
    """The largest difference from float64 on unit-variance data, relative to the largest output."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((1, channels, 30, 29)).astype(np.float32)
    w = rng.standard_normal((64, channels, *window)).astype(np.float32)
    right = conv2d(x.astype(np.float64), w.astype(np.float64), padding=padding, algorithm="windows")
    given_x = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    got = Conv(w, padding=padding, layout=layout, algorithm="winograd")(given_x)
    got = got if layout == "NCHW" else got.transpose(0, 3, 1, 2)
    return float(abs(got - right).max() / abs(right).max())


@needed
@pytest.mark.parametrize("channels", [16, 64, 256, 512, 1500])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_accuracy_on_unit_variance_data(channels: int, layout: str) -> None:
    """4e-6 of the largest output is the promise; sums are made in parts so that many channels lose no more than few."""
    assert errors(channels, (3, 3), layout, (1, 1), channels) <= 2.5e-6


def problem_of_few_tiles(channels: int, side: int = 7) -> Problem:
    window = Window(3, padding=Pads(1, 1)).over(side)
    return problem(channels=channels, filters=channels, height=side, width=side, rows=window, columns=window)


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("channels", [400, 512])
def test_few_tiles_of_many_channels_take_weights_as_they_are(channels: int, side: int) -> None:
    """A quarter of the bytes: fewer than of F(2 x 2) where the tiles are four, and no such choice where they are more."""
    found = min(winograd.choices(problem_of_few_tiles(channels, side), AVX512), key=lambda choice: choice.seconds)
    assert found.variant == "f4x3_thin_nhwc"
    bytes_ = 4 * 9 * channels * channels
    assert packing.pack_bytes(problem_of_few_tiles(channels, side), found) == bytes_
    more = winograd.choices(problem_of_few_tiles(channels, 9), AVX512)
    assert more
    assert not any("thin" in choice.variant for choice in more)
    few = min(winograd.choices(problem_of_few_tiles(64), AVX512), key=lambda choice: choice.seconds)
    assert "thin" not in few.variant
    assert not any("thin" in choice.variant for choice in winograd.choices(problem_of_few_tiles(channels), AVX2))


@needed
@pytest.mark.parametrize(
    ("channels", "filters", "window"), [(400, 400, 3), (500, 390, 3), (2048, 72, 3), (250, 260, 5)]
)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_accuracy_where_weights_are_transformed_in_the_kernel(
    channels: int, filters: int, window: int, layout: str
) -> None:
    """In float32, with a residual and an activation; the layer runs elsewhere where there is no such kernel."""
    rng = np.random.default_rng(channels)
    x = rng.standard_normal((1, channels, 7, 8) if layout == "NCHW" else (1, 7, 8, channels)).astype(np.float32)
    w = rng.standard_normal((filters, channels, window, window)).astype(np.float32)
    options = {"padding": window // 2, "layout": layout, "activation": "relu", "threads": 2}
    right = Conv(w.astype(np.float64), algorithm="windows", **options)
    residual = rng.standard_normal(right(x).shape).astype(np.float32)
    conv = Conv(w, algorithm="winograd", **options)
    got = conv(x, residual)
    kernels = native.library()
    assert kernels is not None
    if kernels.isa.name == "avx512":
        assert [prepared.choice.variant[:9] for prepared, *_ in conv._prepared.values()] == ["f4x3_thin"]
    assert abs(got - right(x, residual)).max() <= 2.5e-6 * abs(right(x)).max()


@needed
@pytest.mark.parametrize("high", range(1, 10))
@pytest.mark.parametrize("wide", [1, 2, 3, 4, 5, 7, 8, 9])
def test_windows_of_any_size(high: int, wide: int) -> None:
    """Cut into parts that 3 or 4 taps do not divide, with more padding than the window has taps, or none."""
    if high * wide < winograd.LEAST_TAPS:
        return
    channels, layout = 15 + 7 * high + wide, ("NHWC", "NCHW")[(high + wide) % 2]
    for padding in ((0, 0), (high // 2, wide // 2), (high + 1, wide + 3)):
        assert errors(channels, (high, wide), layout, padding) <= 4e-6, padding


@needed
@pytest.mark.parametrize("side", [2, 4, 5, 8, 15])
def test_accuracy_of_large_windows(side: int) -> None:
    assert errors(200, (side, side), "NHWC", (side // 2, side // 2)) <= 2.5e-6


@needed
@pytest.mark.parametrize("dilation", [(2, 2), (1, 3), (4, 2), (6, 6), (9, 7)])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((6, 5), (1, 9))])
@pytest.mark.parametrize(("window", "batch"), [((3, 3), 1), ((3, 3), 2), ((2, 5), 1), ((4, 4), 1)])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_dilation_is_as_many_images_of_every_second_cell(
    dilation: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
    window: tuple[int, int],
    batch: int,
    layout: str,
) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((batch, 40, 41, 43) if layout == "NCHW" else (batch, 41, 43, 40)).astype(np.float32)
    w = rng.standard_normal((40, 40, *window)).astype(np.float32)
    options = {"dilation": dilation, "padding": padding, "layout": layout, "activation": "silu", "threads": 2}
    right = Conv(w.astype(np.float64), algorithm="windows", **options)(x.astype(np.float64))
    conv = Conv(w, algorithm="winograd", **options)
    assert abs(conv(x) - right).max() <= 4e-6 * abs(right).max()
    residual = rng.standard_normal(right.shape).astype(np.float32)
    assert (
        abs(conv(x, residual) - Conv(w, algorithm="windows", **options)(x, residual)).max() <= 4e-5 * abs(right).max()
    )
    assert np.array_equal(conv(x), conv(x.swapaxes(1, 2).copy().swapaxes(1, 2)))


@needed
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(("dilation", "padding"), [((2, 3), ((1, 4), (0, 2))), ((6, 1), ((7, 6), (1, 1)))])
def test_slices_of_rows_with_gaps_are_whole_rectangles(
    dilation: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
    layout: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Long work is cut into calls of a few rows; a rectangle spans as many of them as its phase has rows, times the dilation."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((1, 24, 120, 31) if layout == "NCHW" else (1, 120, 31, 24)).astype(np.float32)
    w = rng.standard_normal((40, 24, 3, 3)).astype(np.float32)
    options = {"dilation": dilation, "padding": padding, "layout": layout, "algorithm": "winograd", "threads": 2}
    whole, sliced = Conv(w, **options), Conv(w, **options)
    wanted = whole(x)
    monkeypatch.setattr(compiled, "SLICE", 1000)
    assert np.array_equal(sliced(x), wanted)
    (prepared, *_), *_ = sliced._prepared.values()
    *_, rows = compiled._slices(prepared.problem, prepared.choice, prepared.inputs, prepared.outputs, 1)
    tiles = dict(prepared.choice.tiles)
    assert rows % (tiles["outputs"] * tiles["tiles down"] * dilation[0]) == 0


@needed
def test_a_nan_stays_within_the_tiles_that_read_it() -> None:
    """It spoils its 9 outputs, and at most the whole tiles that they lie in: never a far place."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 16, 24, 24)).astype(np.float32)
    x[0, 3, 11, 13] = np.nan
    w = rng.standard_normal((16, 16, 3, 3)).astype(np.float32)
    got = np.isnan(Conv(w, padding=1, algorithm="winograd", activation="relu")(x))[0]
    assert got[:, 10:13, 12:15].all()
    assert not got[:, :4].any()
    assert not got[:, 16:].any()
    assert not got[:, :, :8].any()
    assert not got[:, :, 20:].any()
    exact = np.isnan(Conv(w, padding=1, algorithm="direct")(x))[0]
    assert exact.sum() == 9 * 16


@needed
def test_a_nan_stays_near_where_the_window_is_cut_into_parts() -> None:
    """A window of 5 x 5 is filled up to 6 x 6, in tiles of 4 outputs or 3: nothing farther than 9 cells is spoiled."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 16, 40, 40)).astype(np.float32)
    x[0, 3, 20, 20] = np.nan
    w = rng.standard_normal((16, 16, 5, 5)).astype(np.float32)
    got = np.isnan(Conv(w, padding=2, algorithm="winograd")(x))[0]
    assert got[:, 18:23, 18:23].all()
    got[:, 11:30, 11:30] = False
    assert not got.any()


@needed
@pytest.mark.parametrize("isa", ISAS or ["none"])
def test_every_cut_on_random_problems_between_forbidden_pages(isa: str) -> None:
    """Not only the cuts that the planner likes: any rectangle, register tile and group, in both schedules."""
    assert "120 cuts between forbidden pages" in guard("winograd_guard.py", "120", isa=isa)


@needed
def test_blocks_of_weights_are_padded_with_zeros() -> None:
    choice = winograd.choices(problem(channels=9, filters=11), AVX2)[0]
    kernels = native.library()
    assert kernels is not None
    order = winograd.pack(choice, np.ones((11, 9, 3, 3), np.float32))
    packed = np.full((1, *order.shape), np.nan, np.float32)
    assert packing.Laying(kernels, order, 1, 0, 1)(order.weight.ctypes.data, packed.ctypes.data)
    _, blocks, products, chunks, lanes, wide = packed.shape
    assert (blocks, chunks, lanes, wide) == (2, 2, 8, 8)
    flat = packed.reshape(blocks, products, chunks * lanes, wide)
    assert not flat[:, :, 9:].any()
    assert not flat[1, :, :, 3:].any()
    assert flat[0, 0, :9].all()
    assert flat[1, 0, :9, :3].all()


def test_a_block_of_one_vector_leaves_none_empty() -> None:
    """Of 17 to 24 channels no fourth vector of 8 is computed; of 25 to 32 a block is two."""
    assert {dict(c.tiles)["channels out"] for c in winograd.choices(problem(filters=20), AVX2)} == {8, 16}
    assert {dict(c.tiles)["channels out"] for c in winograd.choices(problem(filters=30), AVX2)} == {16}


class Mallinfo(ctypes.Structure):
    """struct mallinfo2 of glibc's malloc.h."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


GAPS = (1, 1), (2, 2), (1, 3), (4, 1)


def runs(
    threads: int, channels: int = 32, filters: int = 40, gaps: Sequence[tuple[int, int]] = GAPS
) -> Iterator[tuple[Choice, Callable[[], None]]]:
    """Each variant's choice on a layer of several rectangles, ready to be called."""
    kernels = native.library()
    assert kernels is not None
    layer = problem(threads=threads, channels=channels, filters=filters, residual=True)
    for down, across in gaps:
        rows, columns = (Window(3, dilation=size, padding=Pads(size, size)) for size in (down, across))
        for layout in ("NHWC", "NCHW"):
            one = replace(
                layer, rows=rows.over(30), columns=columns.over(31), input_layout=layout, output_layout=layout
            )
            for choice in winograd.choices(one, kernels.isa):
                x, out = (np.zeros((1, 30, 31, size), np.float32) for size in (channels, filters))
                views = [array.transpose(0, 3, 1, 2) for array in (x, out)]
                if layout == "NCHW":
                    x, out = views = [np.ascontiguousarray(view) for view in views]
                # By this thread alone, so that no other is there before the call.
                ones = np.ones((filters, channels, 3, 3), np.float32)
                weight, *_ = packing.pack(kernels, replace(one, threads=1), choice, ones)
                bias, added = np.zeros(128, np.float32), out.copy()
                steps = [compiled.steps_of(view) for view in views]
                run = compiled.Run(kernels, one, choice, steps[0], steps[1], weight.shape)  # type: ignore[arg-type]
                arrays = (x, weight, bias, added, out)
                yield choice, lambda run=run, arrays=arrays: run(*(array.ctypes.data for array in arrays))  # type: ignore[misc]


@needed
def test_calls_give_back_all_memory() -> None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("this C library does not tell what is in use")
    libc.mallinfo2.restype = Mallinfo
    told = {}
    for choice, call in runs(threads=1):
        call()
        before = libc.mallinfo2()
        for _ in range(50):
            call()
        after = libc.mallinfo2()
        told[choice.variant, choice.extra] = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd
    assert len(told) >= 10
    assert max(told.values()) < 50 * 64, told


@needed
def test_every_schedule_is_shared_by_threads() -> None:
    """In a process of its own, where no thread of the pool lives before the first call."""
    code = """
import os, sys
import test_kernels_winograd as tests
_, call = next((choice, call) for choice, call in tests.runs(threads=2) if choice.variant == sys.argv[1])
before = len(os.listdir("/proc/self/task"))
call()
print(len(os.listdir("/proc/self/task")) - before)
"""
    if not Path("/proc/self/task").exists():
        pytest.skip("this system does not list a process's threads")
    for variant in ("f4x3_rows_nhwc", "f4x3_deep_nhwc", "f3x3_rows_nchw_gaps"):
        done = python(["-c", code, variant])
        assert done.stdout.strip() == "1", f"{variant}: {done.stdout}{done.stderr[-500:]}"


@needed
def test_a_call_takes_the_memory_that_is_told(tmp_path: Path) -> None:
    """No more than the plan's workspace but for what malloc adds to each block, and, on one thread, no less."""
    if not POSSIBLE or not hasattr(ctypes.CDLL(None), "__libc_malloc"):
        pytest.skip("nothing to compile a counting malloc with, or no C library to put it before")
    code = """
import ctypes, sys
import test_kernels_winograd as tests
counting = ctypes.CDLL(sys.argv[1])
counting.counting_peak.restype = ctypes.c_long
# What is copied takes most where many channels become few.
for threads, layer in ((1, ()), (2, ()), (1, (100, 8, [(1, 13)]))):
    for choice, call in tests.runs(threads, *layer):
        call()
        counting.counting_start()
        call()
        print(threads, choice.variant, choice.workspace, counting.counting_peak())
"""
    done = python(["-c", code], compile_c("counting_malloc.c", tmp_path))
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) >= 20, done.stderr[-500:]
    for threads, variant, told, peak in lines:
        assert int(peak) <= int(told) + 4096, (threads, variant, told, peak)
        assert threads != "1" or int(peak) > 0.8 * int(told), (threads, variant, told, peak)
