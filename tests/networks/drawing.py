"""Random networks for laws: chains and branches of everything that changes sizes."""

from __future__ import annotations

from fractions import Fraction

from build import Builder
from hypothesis import strategies as st

from convwise.axis import SAME_LOWER, SAME_UPPER, Pads, Window
from convwise.graph import Network
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Pad,
    Permute,
    PixelShuffle,
    Pool,
    Reshape,
    Resize,
)
from convwise.ops.several import (
    Concat,
    Elementwise,
    Expand,
    MatMul,
    PadTo,
    ReshapeTo,
    ResizeTo,
    Scale,
    SizeOf,
    Slice,
    Split,
    Squeeze,
)
from convwise.ops.terms import Arithmetic

CHANNELS = 4


@st.composite
def windows(draw: st.DrawFn, *, explicit: bool = False) -> tuple[Window, Window]:
    """Two windows, one an axis."""
    both = []
    for _ in range(2):
        kernel, stride, dilation = (draw(st.integers(1, most)) for most in (4, 3, 2))
        pads = Pads(draw(st.integers(0, 2)), draw(st.integers(0, 2)))
        padding = pads if explicit else draw(st.sampled_from((pads, pads, pads, SAME_UPPER, SAME_LOWER)))
        both.append(Window(kernel, stride, dilation, padding, draw(st.booleans()) and not explicit))
    return both[0], both[1]


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[Pads, Pads]]:
    side = st.builds(Pads, st.integers(low, high), st.integers(low, high))
    return st.tuples(side, side)


def single() -> st.SearchStrategy[object]:
    """Ops on one tensor of 4 channels that keep the 4 channels."""
    scales = st.sampled_from((Fraction(2), Fraction(3), Fraction(1, 2), Fraction(3, 4), Fraction(5, 2)))
    terms = st.builds(
        Slice,
        st.sampled_from((2, 3, -1)),
        st.one_of(st.none(), st.integers(-6, 4)),
        st.one_of(st.none(), st.integers(-4, 30)),
        st.integers(1, 2),
    )
    return st.one_of(
        windows().map(lambda both: (Conv(both, CHANNELS, CHANNELS),)),
        windows().map(lambda both: (Pool("max", both),)),
        windows(explicit=True).map(lambda both: (ConvTranspose(both, CHANNELS, CHANNELS),)),
        pairs(-2, 2).map(lambda pads: (Pad(pads),)),
        pairs(0, 3).map(lambda pads: (Pad(pads, "reflect"),)),
        pairs(0, 3).map(lambda pads: (Crop(pads),)),
        st.tuples(scales, scales).map(lambda both: (Resize(scales=both, exact=False),)),
        st.just((PixelShuffle(2), Conv((Window(1), Window(1)), 1, 4))),
        st.just((PixelShuffle(2, inverse=True), Conv((Window(1), Window(1)), 16, 4))),
        st.just((Reshape((4, -1)), Reshape((4, -1, 6)))),
        st.just((AdaptivePool("average", (None, 5)),)),
        terms,
        st.builds(
            PadTo,
            st.just((2, 3)),
            st.just(((1, Arithmetic("modulo", SizeOf(0, 2), 2)), (Arithmetic("modulo", SizeOf(0, 3), 4), 0))),
        ),
        st.builds(ResizeTo, st.just((2, 3)), st.just((Scale(SizeOf(0, 2), Fraction(3, 2)), 7))),
        st.builds(
            ResizeTo,
            st.just((2, 3)),
            st.just((Arithmetic("maximum", SizeOf(0, 2), 5), Arithmetic("ceil_divide", SizeOf(0, 3), 3))),
        ),
        st.builds(
            Slice,
            st.just(2),
            st.just(Arithmetic("floor_divide", Arithmetic("subtract", SizeOf(0, 2), 6), 2)),
            st.just(Arithmetic("add", Arithmetic("floor_divide", Arithmetic("subtract", SizeOf(0, 2), 6), 2), 6)),
        ),
    )


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Four to nine nodes; branches meet by adding or joining; sometimes a head that fixes the size."""
    b = Builder("random", ("N", CHANNELS, None, None))
    tensors = ["x"]
    for _ in range(draw(st.integers(2, 7))):
        recent = st.sampled_from(tensors[-3:])
        kind = draw(st.integers(0, 9))
        if kind <= 5 or len(tensors) < 3:
            tensors.append(b.add("Op", draw(single()), draw(recent)))
        elif kind == 6:
            tensors.append(b.add("Add", Elementwise("add"), draw(recent), draw(recent)))
        elif kind == 7:
            joined = b.add("Concat", Concat(1), draw(recent), draw(recent))
            tensors.append(b.conv(joined, (8, 4), 1))
        elif kind == 8:
            tensors.append(b.crop_like(draw(recent), draw(recent)))
        else:
            tensors.append(b.resize_like(draw(recent), draw(recent)))
    last = draw(st.sampled_from(tensors[-2:]))
    head = draw(st.integers(0, 6))
    if head == 1:
        last = b.dense(b.flatten(last), (4 * draw(st.sampled_from((1, 4, 6, 12, 30, 36))), 3))
    elif head == 2:
        last = b.add("Reshape", (Reshape((draw(st.sampled_from((6, 8, 12))), -1)),), last)
    elif head == 3:
        last = b.add("Permute", (Permute((0, 1, 3, 2)),), last)
        last = b.add("MatMul", MatMul(), tensors[-1], last)
    elif head == 4:
        last = b.add("Reshape", ReshapeTo((SizeOf(0, 0), SizeOf(0, 1), -1)), last)
        last = b.add("Dense", (Dense(draw(st.sampled_from((12, 20))), 2),), last)
    elif head == 5:
        last = b.add("Squeeze", Squeeze((2,)), last)
    elif head == 6:
        b.add("Expand", Expand((-1, -1, 6, SizeOf(0, 3))), last, name="expanded")
        first = Split(2, parts=2)
        b.nodes.append(type(b.nodes[0])("split", "Split", first, (last,), ("s1", "s2")))
        last = "expanded"
    return b.network(last)
