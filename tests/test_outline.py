"""Outlines against flows: the same output and counts, or no answer; never an answer where a flow refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convwise.axis import SAME_LOWER, SAME_UPPER, Pads, Window
from convwise.errors import ShapeError
from convwise.ops import Conv, Dense, GlobalPool, Layout, Norm, Permute, Pointwise, Pool, Shape
from convwise.ops.outline import outlined
from convwise.ops.several import Concat, Elementwise

SMALL = st.integers(1, 4)
SIZES = st.one_of(st.none(), st.integers(0, 9))
PADS = st.builds(Pads, st.integers(-1, 3), st.integers(-1, 3)) | st.sampled_from([SAME_UPPER, SAME_LOWER])
WINDOWS = st.builds(Window, SMALL, SMALL, st.integers(1, 2), PADS, st.booleans())
TWO = st.tuples(WINDOWS, WINDOWS)
CHANNELS = st.sampled_from([None, 2, 4])
LAYOUTS = st.builds(Layout, st.booleans(), st.booleans())
CONVS = st.builds(
    Conv,
    TWO,
    CHANNELS,
    st.sampled_from([None, 2, 6]),
    st.sampled_from([1, 2, None]),
    st.booleans(),
    st.sampled_from([None, None, 3]),
    st.sampled_from(["zeros", "zeros", "reflect"]),
)
NORMS = st.builds(
    Norm,
    st.sampled_from(["batch", "layer", "group"]),
    CHANNELS,
    st.sampled_from(["channels", (-1,), (2, 3), (7,)]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 2]),
)
OPS: st.SearchStrategy[Any] = st.one_of(
    CONVS,
    st.builds(Pool, st.just("max"), TWO),
    st.builds(GlobalPool, st.just("average"), st.just(2), st.booleans()),
    NORMS,
    st.builds(Dense, CHANNELS, st.just(5), st.booleans()),
    st.builds(Permute, st.sampled_from([(0, 2, 3, 1), (1, 0), (0, 1, 1, 2)])),
    st.sampled_from([Pointwise("relu"), Pointwise("prelu", params=4)]),
)
SHAPES = st.lists(SIZES, max_size=4).map(tuple) | st.tuples(SIZES, SIZES, SIZES, SIZES)


def flowed(ops: tuple[Any, ...], shape: Shape, layout: Layout) -> tuple[Any, ...] | None:
    """Output, parameters, trainable ones, MACs and moments by the ops' flows; None where one refuses."""
    counts: list[int | None] = [0, 0, 0]
    moments = 0
    try:
        for op in ops:
            flow = op.flow(shape, layout)
            shape = flow.output
            one = (flow.params, flow.trainable, flow.macs)
            counts = [None if a is None or b is None else a + b for a, b in zip(counts, one, strict=True)]
            if isinstance(op, Norm) and op.moments and flow.params is not None and flow.trainable is not None:
                moments += flow.params - flow.trainable
    except (ShapeError, LookupError, ValueError, AssertionError):
        return None
    return shape, *counts, moments


@given(st.lists(OPS, min_size=1, max_size=3).map(tuple), SHAPES, LAYOUTS)
def test_an_outline_is_the_flow_or_nothing(ops: tuple[Any, ...], shape: Shape, layout: Layout) -> None:
    outline = outlined(ops, shape, layout)
    if outline is not None:
        assert outline == flowed(ops, shape, layout)


@st.composite
def fitting(draw: st.DrawFn) -> tuple[tuple[Any, ...], Shape, Layout]:
    """Ops that take what reaches them, mostly: each is drawn for the channels before it."""
    layout = draw(LAYOUTS)
    channels = draw(st.sampled_from([2, 4]))
    batch = (draw(st.sampled_from([None, 2])),) if layout.batched else ()
    sizes = tuple(draw(st.none() | st.integers(7, 12)) for _ in range(2))
    windows = st.tuples(*[st.builds(Window, SMALL, SMALL, st.just(1), PADS, st.booleans())] * 2)
    shape = layout.join(batch, channels, sizes)
    ops: list[Any] = []
    for _ in range(draw(st.integers(1, 3))):
        out = draw(st.sampled_from([2, 4, 6]))
        groups, known = draw(st.sampled_from([1, 2])), draw(st.sampled_from([None, channels]))
        op, channels = draw(
            st.sampled_from(
                [
                    (Conv(draw(windows), known, out, groups, draw(st.booleans())), out),
                    (Conv(draw(windows), known, None, None, draw(st.booleans()), 3), channels * 3),
                    (Pool("max", draw(windows)), channels),
                    (Norm("batch", known, "channels", draw(st.booleans()), draw(st.booleans()), True), channels),
                    (Pointwise("relu"), channels),
                ]
            )
        )
        ops.append(op)
    return tuple(ops), shape, layout


def test_an_outline_of_what_fits_is_the_flow_and_is_given() -> None:
    answered: list[tuple[bool, ...]] = []

    @given(fitting())
    def law(case: tuple[tuple[Any, ...], Shape, Layout]) -> None:
        ops, shape, layout = case
        outline = outlined(ops, shape, layout)
        if outline is not None:
            assert outline == flowed(ops, shape, layout)
            answered.append(tuple(op.bias for op in ops if isinstance(op, Conv)))

    law()
    assert len(answered) >= 40
    for bias in (True, False):
        assert sum(bias in biases for biases in answered) >= 10, bias


def test_ordinary_layers_are_outlined() -> None:
    conv = Conv((Window(3, stride=2, padding=Pads(1, 1)), Window(5)), 4, 6, 2)
    ops = (
        conv,
        Norm("batch", 6, moments=True),
        Pointwise("relu"),
        Pool("max", (Window(2), Window(3, padding=SAME_UPPER))),
    )
    found = outlined(ops, (2, 4, 9, 11), Layout())
    assert found is not None
    assert found == flowed(ops, (2, 4, 9, 11), Layout())
    assert found[0] == (2, 6, 4, 7)
    open_ = outlined((conv,), (None, 4, None, 11), Layout())
    assert open_ is not None
    assert (open_[0], open_[3]) == ((None, 6, None, 7), None)


@given(st.lists(st.one_of(SHAPES, st.just((4, 1, 1)), st.just(())), min_size=1, max_size=3))
def test_broadcasting_two_shapes_is_broadcasting_any(shapes: list[Shape]) -> None:
    """Three times the same pair goes the long way."""
    once = outcome(Elementwise("add"), tuple(shapes))
    assert once == outcome(Elementwise("add"), (*shapes, *shapes, *shapes))


@given(st.lists(SHAPES, min_size=1, max_size=3), st.integers(-2, 1))
def test_concatenation_adds_up_one_axis(shapes: list[Shape], axis: int) -> None:
    found = outcome(Concat(axis), tuple(shapes))
    if not isinstance(found, str):
        at = axis % len(shapes[0])
        sizes = [shape[at] for shape in shapes]
        assert found[at] == (None if None in sizes else sum(size or 0 for size in sizes))
        for place, size in enumerate(found):
            given_ = {shape[place] for shape in shapes} - {None}
            assert place == at or given_ <= {size}


def test_known_sizes_that_differ_are_refused_behind_an_unknown_one() -> None:
    with pytest.raises(ShapeError) as caught:
        Concat(0).flows(((5, None), (6, 3), (7, 4)))
    assert caught.value.code == "CW110"
    assert "axis 1 is 3 in one input and 4 in another" in str(caught.value)
    assert Concat(0).flows(((5, None), (6, 3), (None, 3))) == ((None, 3),)
    assert Concat(1).flows(((None, 5), (3, 6), (None, 7))) == ((3, 18),)


def outcome(op: Elementwise | Concat, shapes: tuple[Shape, ...]) -> Any:
    try:
        return op.flows(shapes)[0]
    except ShapeError as error:
        return error.code
