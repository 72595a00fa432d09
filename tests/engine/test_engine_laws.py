"""Laws that need no framework: the two forms are one function, convolution is linear, its transpose is its adjoint, windows follow shifts."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convwise.axis import SAME_UPPER, Axis, Pads, Window
from convwise.engine import avg_pool2d, conv2d, max_pool2d, run
from convwise.engine import windows as fast
from convwise.errors import ShapeError
from convwise.ops import Conv, ConvTranspose, Crop, Dense, Fold, Layout, Pad, Pool, Unfold

LAYOUTS = (Layout(), Layout(channels_last=True), Layout(batched=False), Layout(channels_last=True, batched=False))


@st.composite
def windows(draw: st.DrawFn, pads: bool = True, same: bool = True) -> Window:
    kernel, stride, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    if same and draw(st.integers(0, 4)) == 0:
        return Window(kernel, stride, dilation, SAME_UPPER)
    side = st.integers(0, 3) if pads else st.just(0)
    return Window(kernel, stride, dilation, Pads(draw(side), draw(side)), draw(st.booleans()))


@st.composite
def problems(
    draw: st.DrawFn, *, explicit: bool = False
) -> tuple[tuple[Window, ...], tuple[int, ...], int, int, int, int]:
    """Windows, sizes on which they fit, batch, groups, channels in and out per group."""
    rank = draw(st.sampled_from([1, 2, 2, 3]))
    over = tuple(draw(windows(same=not explicit)) for _ in range(rank))
    if explicit:
        over = tuple(Window(w.kernel, w.stride, w.dilation, w.padding) for w in over)
    sizes = tuple(window.minimum + draw(st.integers(0, 5 if rank < 3 else 2)) for window in over)
    return (
        over,
        sizes,
        draw(st.integers(1, 2)),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 2)),
        draw(st.integers(1, 3)),
    )


def whole(seed: int, *shape: int, dtype: type = np.float64) -> np.ndarray:
    """Integer values, whose sums are exact in every order."""
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)


def placed(x: np.ndarray, layout: Layout) -> np.ndarray:
    """(batch, channels, *spatial) as `layout` has it; without a batch, the first image."""
    x = x if layout.batched else x[0]
    return np.moveaxis(x, int(layout.batched), -1) if layout.channels_last else x


@settings(deadline=None, max_examples=200)
@given(problems(), st.sampled_from(LAYOUTS), st.sampled_from([np.float32, np.float64, np.int8]), st.booleans())
def test_both_forms_of_a_convolution_are_one(problem: tuple, layout: Layout, dtype: type, bias: bool) -> None:
    over, sizes, batch, groups, inner, each = problem
    x = placed(whole(1, batch, groups * inner, *sizes, dtype=dtype), layout)
    weights = {"weight": whole(2, groups * each, inner, *(w.kernel for w in over), dtype=dtype)}
    if bias:
        weights["bias"] = whole(3, groups * each, dtype=dtype)
    op = Conv(over, groups * inner, groups * each, groups, bias)
    literal = run(op, x, weights, layout, method="reference")
    assert literal.shape == op.flow(x.shape, layout).output
    assert literal.dtype == (np.int64 if dtype is np.int8 else dtype)
    for method in ("windows", "auto"):
        ours = run(op, x, weights, layout, method=method)
        assert ours.dtype == literal.dtype
        assert (ours == literal).all()


def brute_conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, axes: list[Axis], groups: int) -> np.ndarray:
    """A convolution number by number in plain Python, from the axes' numbers alone."""
    filters, inner = weight.shape[:2]
    out = np.empty((len(x), filters, *(axis.out for axis in axes)))
    for n, f, *place in np.ndindex(*out.shape):
        total = bias[f]
        for c, *taps in np.ndindex(*weight.shape[1:]):
            cell = [i * a.stride - a.pad_low + t * a.dilation for i, t, a in zip(place, taps, axes, strict=True)]
            if all(0 <= position < axis.size for position, axis in zip(cell, axes, strict=True)):
                total += x[(n, f // (filters // groups) * inner + c, *cell)] * weight[(f, c, *taps)]
        out[(n, f, *place)] = total
    return out


@settings(deadline=None, max_examples=60)
@given(problems())
def test_a_convolution_by_brute_force(problem: tuple) -> None:
    over, sizes, batch, groups, inner, each = problem
    x, weight = whole(1, batch, groups * inner, *sizes), whole(2, groups * each, inner, *(w.kernel for w in over))
    bias = whole(3, groups * each)
    axes = [window.over(size) for window, size in zip(over, sizes, strict=True)]
    expected = brute_conv(x, weight, bias, axes, groups)
    op = Conv(over, groups * inner, groups * each, groups)
    for method in ("reference", "windows"):
        assert (run(op, x, {"weight": weight, "bias": bias}, method=method) == expected).all()


@pytest.mark.parametrize(
    ("mode", "numpy_mode"),
    [("constant", "constant"), ("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")],
)
def test_padding_and_cropping(mode: str, numpy_mode: str) -> None:
    x = whole(1, 2, 3, 5, 6)
    ours = run(Pad((Pads(1, 3), Pads(4, 0)), mode), x)
    assert (ours == np.pad(x, ((0, 0), (0, 0), (1, 3), (4, 0)), mode=numpy_mode)).all()
    mixed = run(Pad((Pads(-1, 2), Pads(1, -3)), mode), x)
    assert (mixed == np.pad(x[:, :, 1:, :-3], ((0, 0), (0, 0), (0, 2), (1, 0)), mode=numpy_mode)).all()
    assert (run(Crop((Pads(1, 2), Pads(0, 3))), x) == x[:, :, 1:3, :3]).all()


@settings(deadline=None, max_examples=60)
@given(problems(), st.sampled_from(["reflect", "replicate", "circular"]))
def test_padding_modes_are_one_too(problem: tuple, mode: str) -> None:
    over, sizes, batch, groups, inner, each = problem
    x, weight = whole(1, batch, groups * inner, *sizes), whole(2, groups * each, inner, *(w.kernel for w in over))
    op = Conv(over, groups * inner, groups * each, groups, False, padding_mode=mode)
    try:
        literal = run(op, x, {"weight": weight}, method="reference")
    except ShapeError as error:
        if error.code != "CW108":
            raise
        return
    assert literal.shape == op.flow(x.shape, Layout()).output
    assert (run(op, x, {"weight": weight}, method="windows") == literal).all()


@settings(deadline=None, max_examples=200)
@given(problems(explicit=True), st.data(), st.sampled_from(LAYOUTS))
def test_both_forms_of_a_transposed_convolution_are_one(problem: tuple, data: st.DataObject, layout: Layout) -> None:
    over, sizes, batch, groups, inner, each = problem
    extra = tuple(data.draw(st.integers(0, max(w.stride, w.dilation) - 1)) for w in over)
    op = ConvTranspose(over, groups * inner, groups * each, groups, True, extra)
    x = placed(whole(1, batch, groups * inner, *sizes), layout)
    weights = {"weight": whole(2, groups * inner, each, *(w.kernel for w in over)), "bias": whole(3, groups * each)}
    try:
        literal = run(op, x, weights, layout, method="reference")
    except ShapeError as error:
        if error.code != "CW104":
            raise
        return
    assert literal.shape == op.flow(x.shape, layout).output
    assert (run(op, x, weights, layout, method="windows") == literal).all()


@settings(deadline=None, max_examples=150)
@given(problems(explicit=True))
def test_the_transposed_convolution_is_the_adjoint(problem: tuple) -> None:
    """<conv(x), y> == <x, transposed(y)>, where the output_padding takes the size back to x's."""
    over, sizes, batch, groups, inner, each = problem
    weight = whole(2, groups * each, inner, *(w.kernel for w in over))
    x = whole(1, batch, groups * inner, *sizes)
    forward = Conv(over, groups * inner, groups * each, groups, False)
    there = run(forward, x, {"weight": weight})
    y = whole(3, *there.shape)
    extra = tuple(size - w.transposed(out) for w, size, out in zip(over, sizes, there.shape[2:], strict=True))
    back = ConvTranspose(over, groups * each, groups * inner, groups, False, extra)
    for method in ("reference", "windows"):
        assert (there * y).sum() == (x * run(back, y, {"weight": weight}, method=method)).sum()


@settings(deadline=None, max_examples=60)
@given(problems(), st.integers(-4, 4), st.integers(-4, 4))
def test_convolution_is_linear(problem: tuple, a: int, b: int) -> None:
    over, sizes, batch, groups, inner, each = problem
    op = Conv(over, groups * inner, groups * each, groups, False)
    weights = {"weight": whole(2, groups * each, inner, *(w.kernel for w in over))}
    x, y = whole(1, batch, groups * inner, *sizes), whole(3, batch, groups * inner, *sizes)
    together = run(op, a * x + b * y, weights)
    assert (together == a * run(op, x, weights) + b * run(op, y, weights)).all()


@settings(deadline=None, max_examples=60)
@given(windows(pads=False, same=False), st.integers(1, 3))
def test_moving_the_data_by_the_stride_moves_the_output_by_one(window: Window, steps: int) -> None:
    window = Window(window.kernel, window.stride, window.dilation)
    move = steps * window.stride
    x = whole(1, 1, 2, window.minimum + 9 + move)
    op, weights = Conv((window,), 2, 3, 1, False), {"weight": whole(2, 3, 2, window.kernel)}
    long, short = run(op, x, weights), run(op, x[..., move:], weights)
    assert (long[..., steps:] == short).all()


def brute_pool(x: np.ndarray, kind: str, axes: list[Axis], count_padding: bool, divisor: int | None) -> np.ndarray:
    """Pooling cell by cell in plain Python, from the axes' numbers alone."""
    out = np.empty((*x.shape[:2], *(axis.out for axis in axes)))
    for place in np.ndindex(*out.shape):
        cells = [
            [i * axis.stride - axis.pad_low + tap * axis.dilation for tap in range(axis.kernel)]
            for i, axis in zip(place[2:], axes, strict=True)
        ]
        data, counted = [], 0
        for cell in product(*cells):
            inside = all(0 <= c < axis.size for c, axis in zip(cell, axes, strict=True))
            padded = all(c < axis.size + axis.pad_high for c, axis in zip(cell, axes, strict=True))
            counted += padded if count_padding else inside
            if inside:
                data.append(x[(*place[:2], *cell)])
        if kind == "max":
            out[place] = max(data, default=-np.inf)
        else:
            out[place] = sum(data) / (divisor or max(counted, 1))
    return out


@settings(deadline=None, max_examples=150)
@given(
    problems(), st.sampled_from(["max", "average"]), st.booleans(), st.sampled_from([None, 5]), st.sampled_from(LAYOUTS)
)
def test_pooling_by_brute_force(problem: tuple, kind: str, count: bool, divisor: int | None, layout: Layout) -> None:
    over, sizes, batch, channels, _, _ = problem
    x = whole(1, batch, channels, *sizes)
    op = Pool(kind, over, count, divisor)
    expected = placed(
        brute_pool(x, kind, [w.over(size) for w, size in zip(over, sizes, strict=True)], count, divisor), layout
    )
    for method in ("reference", "windows"):
        np.testing.assert_allclose(run(op, placed(x, layout), None, layout, method=method), expected, rtol=1e-15)


@settings(deadline=None, max_examples=60)
@given(problems(explicit=True))
def test_unfold_fold_and_a_product_are_a_convolution(problem: tuple) -> None:
    over, sizes, batch, _, inner, each = problem
    x, weight = whole(1, batch, inner, *sizes), whole(2, each, inner, *(w.kernel for w in over))
    there = run(Conv(over, inner, each, 1, False), x, {"weight": weight})
    for method in ("reference", "windows"):
        columns = run(Unfold(over), x, method=method)
        assert (weight.reshape(each, -1) @ columns == there.reshape(batch, each, -1)).all()
        y = whole(3, *columns.shape)
        assert (columns * y).sum() == (x * run(Fold(sizes, over), y, method=method)).sum()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 4), st.sampled_from([np.float32, np.int16]))
def test_dense(batch: int, inner: int, outer: int, dtype: type) -> None:
    x, weights = (
        whole(1, batch, 2, inner, dtype=dtype),
        {"weight": whole(2, outer, inner, dtype=dtype), "bias": whole(3, outer, dtype=dtype)},
    )
    expected = x.astype(np.int64) @ weights["weight"].T.astype(np.int64) + weights["bias"]
    for method in ("reference", "windows"):
        assert (run(Dense(inner, outer), x, weights, method=method) == expected).all()


@pytest.mark.parametrize("sizes", [(7,), (3, 4), (1, 1, 1), (4, 1, 6)])
@pytest.mark.parametrize("most", [0, 1, 2, 3, 5, 12, 100])
def test_blocks_cover_the_grid_once(sizes: tuple[int, ...], most: int) -> None:
    seen = np.zeros(sizes, int)
    for block in fast.blocks(sizes, most):
        seen[block] += 1
        assert prod(s.stop - s.start for s in block) <= max(most, 1)
    assert (seen == 1).all()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_small_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, layout: str, groups: int) -> None:
    x, w = whole(1, 3, 4, 9, 10), whole(2, 8, 4 // groups, 3, 2)
    x = x if layout == "NCHW" else x.transpose(0, 2, 3, 1)
    at_once = conv2d(x, w, padding=1, stride=(1, 2), groups=groups, layout=layout, algorithm="windows")
    op = ConvTranspose((Window(3, 2), Window(2)), 4, 8, groups, False)
    back = whole(3, 4, 8 // groups, 3, 2)
    image = Layout(channels_last=layout == "NHWC")
    transposed = run(op, x, {"weight": back}, image)
    for size in (0, 300, 5000):
        monkeypatch.setattr(fast, "BLOCK_BYTES", size)
        assert (
            conv2d(x, w, padding=1, stride=(1, 2), groups=groups, layout=layout, algorithm="windows") == at_once
        ).all()
        assert (run(op, x, {"weight": back}, image, method="windows") == transposed).all()


X5 = np.arange(25.0).reshape(1, 1, 5, 5)
ONES = np.ones((1, 1, 3, 3))


@pytest.mark.parametrize("method", ["reference", "windows"])
def test_the_examples_of_onnx(method: str) -> None:
    y = conv2d(X5, ONES, padding=1, algorithm=method)[0, 0]
    assert y[0].tolist() == [12, 21, 27, 33, 24]
    assert y[-1].tolist() == [72, 111, 117, 123, 84]
    assert conv2d(X5, ONES, algorithm=method)[0, 0].tolist() == [[54, 63, 72], [99, 108, 117], [144, 153, 162]]
    back = run(
        ConvTranspose((Window(3), Window(3)), 1, 1, 1, False),
        np.arange(9.0).reshape(1, 1, 3, 3),
        {"weight": ONES},
        method=method,
    )
    assert back[0, 0].tolist() == [
        [0, 1, 3, 3, 2],
        [3, 8, 15, 12, 7],
        [9, 21, 36, 27, 15],
        [9, 20, 33, 24, 13],
        [6, 13, 21, 15, 8],
    ]


def test_pools_by_hand() -> None:
    assert max_pool2d(X5, 3, 2, 1)[0, 0].tolist() == [[6, 8, 9], [16, 18, 19], [21, 23, 24]]
    assert avg_pool2d(X5, 2, 2, ceil=True)[0, 0].tolist() == [[3, 5, 6.5], [13, 15, 16.5], [20.5, 22.5, 24]]
    assert avg_pool2d(X5, 3, 2, 1)[0, 0, 0].tolist() == [3, 4.5, 6]
    assert avg_pool2d(X5, 3, 2, 1, count_padding=True)[0, 0, 0].tolist() == [12 / 9, 27 / 9, 24 / 9]
    assert avg_pool2d(X5, 3, 2, 1, divisor=2)[0, 0, 0].tolist() == [6, 13.5, 12]
