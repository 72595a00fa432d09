"""How long layers are cut into calls and short ones joined: no call is longer than Ctrl-C may wait, nor reaches beyond 32 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convwise.axis import Pads, Window
from convwise.engine import Conv, native, windows
from convwise.engine.calls import flatten, problem_of
from convwise.engine.compiled import _slices
from convwise.engine.planning import choose
from convwise.engine.problem import LARGEST_INDEX, SLICE, Choice, Problem
from convwise.engine.running import use_reference
from convwise.machine import cores

pytestmark = pytest.mark.skipif(native.library() is None, reason="no kernels here")


def asked(
    sizes: tuple[int, ...],
    filters: int,
    kernel: int = 1,
    stride: int = 1,
    threads: int = 1,
    kind: str = "conv",
    groups: int = 1,
) -> Problem:
    axes = [Window(kernel, stride).over(size) for size in sizes[2:]]
    if kind == "transposed":
        axes = [Window(kernel, stride).over((size - 1) * stride + kernel) for size in sizes[2:]]
    found = problem_of(sizes, filters, groups, axes, "NHWC", threads=threads, kind=kind)
    assert found is not None
    return found


def chosen(problem: Problem) -> Choice:
    found = choose(problem, None)
    assert found is not None
    return found


@pytest.mark.parametrize("threads", [1, 2, 64])
@pytest.mark.parametrize(
    ("kind", "size", "kernel", "stride"),
    [("conv", 1500, 15, 1), ("transposed", 700, 15, 2), ("transposed", 700, 9, 1), ("transposed", 90, 31, 3)],
)
def test_no_call_is_much_longer_than_a_slice(kind: str, size: int, kernel: int, stride: int, threads: int) -> None:
    """Threads beyond the processors make none shorter; every thread has at least one task, of at most a slice."""
    problem = asked((1, 64, size, size + 1), 64, kernel, stride, threads, kind)
    choice = chosen(problem)
    groups, images, rows = _slices(problem, choice, (1, 1, 1, 1), (1, 1, 1, 1), 1)
    assert (groups, images) == (1, 1)
    assert choice.macs * rows / problem.out_height <= 2.5 * SLICE * min(threads, cores())


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_groups_are_computed_by_one_call_as_far_as_a_slice_goes(threads: int, apart: bool) -> None:
    """Where threads take whole groups, at least one for each thread, of fewer rows where they are long."""
    near = (1, 1, 1, 1)
    short = asked((2, 168, 14, 15), 168, 3, threads=threads, groups=7)
    choice = replace(chosen(short), together=False, apart=apart)
    assert _slices(short, choice, near, near, 7) == (7, 2, short.out_height)
    long = asked((2, 168 * 8, 300, 301), 168 * 8, 3, threads=threads, groups=7)
    choice = replace(chosen(long), together=False, apart=apart)
    groups, images, rows = _slices(long, choice, near, near, 7)
    assert images == 1
    assert rows < long.out_height
    assert groups == (min(threads, cores()) if apart else 1)
    each = choice.macs // 14
    assert each * groups * rows / long.out_height <= 2.5 * SLICE * min(threads, cores())
    some = asked((2, 168, 200, 201), 168, 3, threads=threads, groups=7)
    choice = replace(chosen(some), together=False, apart=apart, macs=14 * SLICE // 3)
    threads = min(threads, cores())
    assert _slices(some, choice, near, near, 7)[:2] == (min(3 * threads, 7), 1)
    # Whole rounds of all threads: what is left of one would be computed by some of them while the others wait.
    assert _slices(some, replace(choice, apart=2), near, near, 7)[0] == min(2 * threads, 7)


def test_images_of_one_call_stay_within_32_bits() -> None:
    """The offset from the first image to the last is a 32-bit number in the kernels."""
    problem = asked((9, 8, 9, 10), 16)
    choice = chosen(problem)
    near, far = (720, 1, 80, 8), (2**28, 1, 80, 8)
    assert _slices(problem, choice, near, near, 1) == (1, 9, problem.out_height)
    assert _slices(problem, choice, far, near, 1)[1] == _slices(problem, choice, near, far, 1)[1] == 3
    assert 3 * 2**28 <= LARGEST_INDEX < 9 * 2**28


def test_images_are_joined_only_where_all_of_them_are_reached() -> None:
    near, far = asked((3, 1, 9, 10), 1), asked((3, 1, 3500, 3500), 1)
    joined, _ = flatten(near, (90, 1, 10, 1))
    assert (joined.batch, joined.height, joined.width) == (1, 1, 270)
    # Cells that lie 64 numbers apart, so that few of them reach far.
    apart, _ = flatten(far, (64 * 3500**2, 1, 64 * 3500, 64))
    assert (apart.batch, apart.height, apart.width) == (3, 1, 3500**2)
    wide, _ = flatten(asked((3, 1, 600, 601), 1024, threads=64), (360_600, 1, 601, 1))
    assert wide.batch == 3


def test_a_layer_longer_than_a_slice_keeps_its_rows() -> None:
    """One row of all cells could not be cut, and Ctrl-C would wait for all of it."""
    long = asked((1, 512, 300, 310), 512)
    assert long.macs > SLICE
    assert flatten(long, (512 * 300 * 310, 1, 512 * 310, 512))[0].height == 300
    assert flatten(asked((1, 512, 30, 31), 512), (512 * 30 * 31, 1, 512 * 31, 512))[0].height == 1


def test_weights_are_packed_for_every_tile_that_reads_them() -> None:
    """Inputs of one convolution may run in tiles of different width, whose weights lie in different order."""
    rng = np.random.default_rng(1)
    conv = Conv(rng.integers(-4, 5, (40, 16, 3, 3)).astype(np.float32), layout="NHWC", threads=1)
    for size in range(3, 40):
        x = rng.integers(-4, 5, (1, size, size + 1, 16)).astype(np.float32)
        conv(x)
        prepared, weights, _ = conv._prepared[x.shape, x.strides, False]
        assert weights.array.shape == prepared.pack(conv.weight)[0].shape
        assert np.array_equal(weights.array, prepared.pack(conv.weight)[0])
    assert len({prepared.choice.tiles for prepared, *_ in conv._prepared.values()}) > 1


def test_the_literal_form_runs_where_padding_would_be_most_of_the_work() -> None:
    small = [Window(3, padding=Pads(50, 50)).over(9), Window(2).over(10)]
    large = [
        Window(3, 2**14, padding=Pads(2**14, 2**14)).over(9),
        Window(2, 2**14, padding=Pads(2**14, 2**14)).over(10),
    ]
    assert not use_reference("auto", small, windows.padded_cells(small))
    assert use_reference("auto", large, windows.padded_cells(large))
    for axes in (small, large):
        assert use_reference("reference", axes, windows.padded_cells(axes))
        assert not use_reference("windows", axes, windows.padded_cells(axes))
