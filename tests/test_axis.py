"""Window and Axis against brute force on an exhaustive small sweep, and by laws on large numbers."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convwise.axis import (
    SAME_LOWER,
    SAME_UPPER,
    Axis,
    Pads,
    Unread,
    Window,
    causal_pads,
    keeping_pads,
    share,
    uncovered,
)

EXPLICIT = [Pads(low, high) for low in range(4) for high in range(4)]
RULES = [SAME_UPPER, SAME_LOWER, *EXPLICIT]


def starts(axis: Axis, ceil: bool) -> list[int]:
    """Where windows start, found by walking cell by cell, in data positions; the literal reading of every rule."""
    found, start = [], -axis.pad_low
    end = axis.size + axis.pad_high
    while start + axis.span <= end:
        found.append(start)
        start += axis.stride
    # ceil_mode: one more window that ends past the padding, if it starts before the high padding and a rest is left.
    if (
        ceil
        and start < axis.size
        and (not found or found[-1] + axis.span < end)
        and start + axis.span - end < axis.stride
    ):
        found.append(start)
    return found


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_every_fact_of_an_axis_equals_brute_force(kernel: int, ceil: bool) -> None:
    for size, stride, dilation, pads in itertools.product(range(1, 12), range(1, 6), range(1, 5), EXPLICIT):
        window = Window(kernel, stride, dilation, pads, ceil)
        axis = window.over(size)
        found = starts(axis, ceil)
        if pads.high >= window.span:
            continue  # no framework allows a pad as long as the window, and ceil would have no literal reading there
        assert max(axis.out, 0) == len(found), window
        taps = [[start + tap * dilation for tap in range(kernel)] for start in found]
        read = {cell for cells in taps for cell in cells}
        unread = [cell for cell in range(size) if cell not in read]
        tail = [cell for cell in unread if not found or cell > max(read)]
        padding = [cell for cell in (*range(-pads.low, 0), *range(size, size + pads.high)) if cell not in read]
        assert (axis.unread_data, axis.unread_data.tail) == (len(unread), len(tail)), window
        assert axis.unread_padding == len(padding), window
        assert [cell for cell in range(size) if not axis.reads(cell)] == unread == list(axis.unread_cells())
        if not found:
            continue
        assert [list(axis.taps(i)) for i in range(axis.out)] == taps
        assert [i for i, cells in enumerate(taps) if cells[0] >= 0 and cells[-1] < size] == list(axis.interior)
        assert axis.blind == sum(all(not 0 <= cell < size for cell in cells) for cells in taps)
        assert axis.last_tap == taps[-1][-1]
        assert axis.leftover == max(size + pads.high - 1 - taps[-1][-1], 0)
        assert axis.overhang == max(taps[-1][-1] + 1 - size - pads.high, 0)
        for i, cells in enumerate(taps):
            assert list(axis.taps_in_data(i)) == [tap for tap, cell in enumerate(cells) if 0 <= cell < size]
            assert list(axis.taps_in_padded(i)) == [tap for tap, cell in enumerate(cells) if cell < size + pads.high]


@pytest.mark.parametrize("ceil", [False, True])
def test_preimage_is_exactly_the_sizes_that_give_the_output(ceil: bool) -> None:
    for kernel, stride, dilation, padding in itertools.product(range(1, 6), range(1, 6), range(1, 4), RULES):
        window = Window(kernel, stride, dilation, padding, ceil)
        outs = {size: window.over(size).out for size in range(1, 60)}
        assert list(outs.values()) == sorted(outs.values())
        for out in range(1, 9):
            sizes = [size for size, got in outs.items() if got == out]
            assert window.preimage(out) == ((sizes[0], sizes[-1]) if sizes else None), (window, out)
        assert window.minimum == min(size for size, got in outs.items() if got >= 1)


def test_same_keeps_ceil_of_size_over_stride_and_splits_by_rule() -> None:
    for size, kernel, stride, dilation in itertools.product(range(1, 30), range(1, 6), range(1, 5), range(1, 4)):
        upper = Window(kernel, stride, dilation, SAME_UPPER).over(size)
        lower = Window(kernel, stride, dilation, SAME_LOWER).over(size)
        assert upper.out == lower.out == (size + stride - 1) // stride
        assert (upper.pad_low, upper.pad_high) == (lower.pad_high, lower.pad_low)
        assert 0 <= upper.pad_high - upper.pad_low <= 1
        # The least padding that reaches so many windows: one cell less would lose the last.
        total = upper.pad_low + upper.pad_high
        assert total == 0 or Window(kernel, stride, dilation, Pads(0, total - 1)).over(size).out < upper.out


windows = st.builds(
    Window,
    kernel=st.integers(1, 9),
    stride=st.integers(1, 5),
    dilation=st.integers(1, 4),
    padding=st.builds(Pads, st.integers(0, 6), st.integers(0, 6)),
)


@given(windows, windows, st.integers(1, 200))
def test_two_windows_are_one(first: Window, second: Window, size: int) -> None:
    between = first.over(size).out
    both = first.then(second).over(size).out
    if between >= 1:
        after = second.over(between).out
        assert both == after or (both < 1 and after < 1)


@given(windows, windows, windows)
def test_composition_is_associative_and_its_hull_starts_where_the_parts_start(a: Window, b: Window, c: Window) -> None:
    assert a.then(b).then(c) == a.then(b.then(c))
    hull = a.then(b)
    assert hull.over(500).window(3).start == a.over(500).window(b.over(500).window(3).start).start


@given(windows, st.integers(1, 10**12), st.booleans(), st.sampled_from([None, SAME_UPPER, SAME_LOWER]))
def test_every_member_of_the_preimage_gives_the_output(window: Window, size: int, ceil: bool, rule: object) -> None:
    window = Window(window.kernel, window.stride, window.dilation, rule or window.padding, ceil)  # type: ignore[arg-type]
    axis = window.over(size)
    if axis.out < 1:
        return
    low, high = window.preimage(axis.out) or (0, 0)
    assert low <= size <= high
    assert window.over(low).out == window.over(high).out == axis.out
    assert low == 1 or window.over(low - 1).out < axis.out
    assert window.over(high + 1).out > axis.out


@given(windows, st.integers(1, 60), st.integers(0, 4))
def test_transposed_is_the_way_back(window: Window, size: int, extra: int) -> None:
    back = window.transposed(size, extra)
    if back >= 1 and extra < window.stride:
        assert window.over(back).out == size


@given(st.integers(1, 2**50), st.integers(1, 2**40), st.integers(1, 2**40), st.integers(0, 2**20))
def test_huge_numbers_stay_exact_and_quick(size: int, kernel: int, stride: int, pad: int) -> None:
    axis = Window(kernel, stride, 1, Pads(pad, pad)).over(size)
    assert axis.out == (size + 2 * pad - kernel) // stride + 1
    if axis.fits:
        assert 0 <= axis.unread_data <= size
        assert axis.unread_data.tail + axis.unread_data.gaps == axis.unread_data


def test_numbers_that_are_published() -> None:
    # Dumoulin & Visin, arXiv 1603.07285, the figures of chapter 2.
    cases = [(4, 3, 1, 0, 2), (5, 4, 1, 2, 6), (5, 3, 1, 1, 5), (5, 3, 1, 2, 7), (5, 3, 2, 0, 2), (5, 3, 2, 1, 3)]
    for size, kernel, stride, pad, out in cases:
        assert Window(kernel, stride, 1, Pads(pad, pad)).over(size).out == out
    odd = Window(3, 2, 1, Pads(1, 1)).over(6)
    assert (odd.out, odd.unread_data, odd.unread_padding) == (3, 0, 1)
    assert Window(3, dilation=2).over(7).out == 3
    # The same, chapter 4: transposed.
    for size, kernel, stride, pad, extra, out in [
        (2, 3, 1, 0, 0, 4),
        (6, 4, 1, 2, 0, 5),
        (7, 3, 1, 2, 0, 5),
        (3, 3, 2, 1, 1, 6),
    ]:
        assert Window(kernel, stride, 1, Pads(pad, pad)).transposed(size, extra) == out


def test_ceil_is_not_ceil() -> None:
    # Sizes that PyTorch 2.13 gives with ceil_mode; the last window may not start in the high padding.
    assert Window(1, 2, ceil=True).over(32).out == 16
    assert Window(4, 4, 1, Pads(2, 2), ceil=True).over(9).out == 3
    assert Window(2, 2, 1, Pads(1, 1), ceil=True).over(5).out == 3
    assert [Window(3, 3, 1, Pads(1, 1), ceil=True).over(size).out for size in (6, 5)] == [3, 2]
    assert Window(1, 2, ceil=True).drops_last(32)
    assert not Window(3, 2, ceil=True).drops_last(6)
    assert Window(3, 2, ceil=True).over(6).overhang == 1


def test_a_window_longer_than_its_data_gives_no_false_one() -> None:
    # Truncating division answers (5 - 7) / 3 + 1 = 1.
    axis = Window(7, stride=3).over(5)
    assert axis.out == 0
    assert not axis.fits
    assert (axis.unread_data, axis.unread_data.tail) == (5, 5)


def test_the_stride_that_steps_over() -> None:
    axis = Window(3, stride=4).over(128)
    assert (axis.out, axis.unread_data, axis.unread_data.gaps, axis.unread_data.tail) == (32, 32, 31, 1)
    assert list(axis.unread_cells())[:3] == [3, 7, 11]


def test_pads_that_keep_and_pads_that_look_back() -> None:
    assert keeping_pads(4, dilation=3) == Pads(4, 5)
    assert causal_pads(3, dilation=4) == Pads(8, 0)
    assert Window(4, dilation=3, padding=keeping_pads(4, 3)).keeps_size
    assert not Window(4, stride=2, padding=SAME_UPPER).keeps_size


def test_fixed_windows_do_not_depend_on_the_size() -> None:
    assert Window(4, dilation=3, padding=SAME_LOWER).fixed() == Window(4, dilation=3, padding=Pads(5, 4))
    strided = Window(3, 2, padding=SAME_UPPER)
    assert strided.fixed() == strided
    with pytest.raises(ValueError, match="only windows with explicit pads"):
        strided.then(Window(3))
    with pytest.raises(ValueError, match="needs explicit pads"):
        strided.transposed(5)


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, None])
def test_bad_numbers_are_refused_by_name(bad: object) -> None:
    with pytest.raises(ValueError, match=rf"stride must be an integer of at least 1, not {bad!r}"):
        Window(3, stride=bad)  # type: ignore[arg-type]


def test_unread_is_a_count_with_two_parts() -> None:
    unread = Unread(tail=2, gaps=3)
    assert unread == 5
    assert (unread.tail, unread.gaps, repr(unread)) == (2, 3, "Unread(tail=2, gaps=3)")


def test_what_a_stride_leaves_uncovered_is_the_preimage_of_a_single_cell():
    """`uncovered` decides for every kernel and padding at once what `over` says for each."""
    for stride, size, out in itertools.product(range(1, 5), range(1, 12), range(9)):
        allowed = uncovered(stride, size, out)
        for kernel, dilation, low, high in itertools.product(range(1, 4), range(1, 3), range(3), range(3)):
            window = Window(kernel, stride, dilation, Pads(low, high))
            gives = out >= 1 and window.over(size).out == out
            assert (window.span - 1 - low - high in allowed) == gives


def test_the_way_back_of_an_axis_gives_its_size():
    for kernel, stride, dilation, size in itertools.product(range(1, 5), range(1, 4), range(1, 3), range(1, 12)):
        for padding, ceil in ((Pads(1, 0), False), (Pads(1, 1), True), (SAME_UPPER, False)):
            axis = Window(kernel, stride, dilation, padding, ceil).over(size)
            if axis.out < 1:
                continue
            window, extra = axis.back
            assert window.transposed(axis.out, extra) == size
            assert 0 <= extra < stride
            assert window.over(size).out == axis.out


@pytest.mark.parametrize(
    "window", [Window(3, 2, 1, Pads(1, 1)), Window(2, 3, 2, SAME_LOWER), Window(3, 2, 1, Pads(1, 0), True)]
)
def test_the_counter_counts_as_out_does(window: Window) -> None:
    assert [window.counter(size) for size in range(1, 40)] == [window.out(size) for size in range(1, 40)]


def test_the_cells_behind_a_transposed_window_are_those_of_brute_force() -> None:
    for kernel, stride, dilation, low in itertools.product(range(1, 5), range(1, 4), (1, 2), range(4)):
        window = Window(kernel, stride, dilation, Pads(low, 0))
        # Output j takes from cell i where the tap j + low - i stride is one of the span.
        behind = [[i for i in range(-20, 20) if 0 <= j + low - i * stride < window.span] for j in range(stride)]
        cells, twice = window.sources
        if behind[0]:
            assert cells.start == behind[0][0]
        assert len(cells) == max(map(len, behind))
        assert twice == low + (low - window.span + 1)


def test_a_share_holds_every_cell_that_its_part_of_the_axis_touches() -> None:
    for size, out in itertools.product(range(1, 12), range(1, 15)):
        for index in range(out):
            touched = [
                cell for cell in range(size) if cell * out < (index + 1) * size and (cell + 1) * out > index * size
            ]
            assert list(share(index, size, out)) == touched
