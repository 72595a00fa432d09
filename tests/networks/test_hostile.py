"""Networks that no framework would write: nothing but our own errors comes out, in bounded time."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

from build import Builder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convwise.answers.network.checking import check
from convwise.answers.network.flowing import run
from convwise.answers.network.legal import legal_sizes
from convwise.answers.network.trace import trace_of
from convwise.axis import Pads, Window
from convwise.errors import ConvwiseError
from convwise.graph import Network, Node, Source
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    Fold,
    Gate,
    GlobalPool,
    Layout,
    Norm,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Reshape,
    Resize,
    Unflatten,
    Unfold,
)
from convwise.ops.several import (
    Arithmetic,
    Concat,
    Constant,
    Elementwise,
    Expand,
    Gather,
    MatMul,
    Opaque,
    PadTo,
    Reduce,
    ReshapeTo,
    ResizeTo,
    Scale,
    SizeOf,
    Slice,
    Split,
    Squeeze,
    Tile,
    Unsqueeze,
)

SIZES = st.one_of(st.integers(0, 12), st.sampled_from((2**31, 2**62, None)))
AXES = st.integers(-4, 4)
WINDOW = st.builds(Window, st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.builds(Pads, AXES, AXES))
TERMS = st.recursive(
    st.one_of(st.integers(-3, 9), st.builds(SizeOf, st.integers(0, 1), AXES)),
    lambda inner: st.one_of(
        st.builds(
            Arithmetic, st.sampled_from(("add", "multiply", "floor_divide", "modulo", "maximum", "odd")), inner, inner
        ),
        st.builds(Scale, inner, st.sampled_from((Fraction(2), Fraction(0.3), Fraction(-1))), st.booleans()),
    ),
    max_leaves=4,
)


def some(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=4).map(tuple)


WINDOWS = st.lists(WINDOW, min_size=1, max_size=3).map(tuple)
PADS = st.lists(st.builds(Pads, AXES, AXES), min_size=1, max_size=3).map(tuple)
OPS = st.one_of(
    st.builds(Conv, WINDOWS, st.just(3), st.integers(1, 4), st.integers(1, 3)),
    st.builds(ConvTranspose, WINDOWS, st.just(3), st.integers(1, 4)),
    st.builds(Unfold, WINDOWS),
    st.builds(lambda both: Fold((4, 4), both), st.tuples(WINDOW, WINDOW)),
    st.builds(GlobalPool, st.just("average"), st.integers(1, 3), st.booleans()),
    st.builds(
        AdaptivePool,
        st.just("average"),
        st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=1, max_size=3).map(tuple),
    ),
    st.builds(Pad, PADS, st.sampled_from(("constant", "reflect", "circular", "replicate"))),
    st.builds(Crop, PADS),
    st.builds(lambda rank: Resize(scales=(Fraction(1, 3),) * rank), st.integers(1, 3)),
    st.builds(PixelShuffle, st.integers(1, 3), st.booleans()),
    st.builds(Flatten, AXES, AXES),
    st.builds(Reshape, some(st.integers(-1, 12)), st.booleans()),
    st.builds(Unflatten, AXES, some(st.integers(-1, 4))),
    st.builds(Permute, some(AXES)),
    st.builds(Dense, st.one_of(st.none(), st.integers(0, 40)), st.integers(1, 4)),
    st.builds(
        Norm,
        st.sampled_from(("batch", "layer", "group")),
        st.one_of(st.none(), st.integers(1, 4)),
        st.one_of(st.just("channels"), some(AXES)),
    ),
    st.builds(Gate, AXES),
    st.just(Pointwise("softmax", (("axis", -7),))),
    st.just(Pointwise("strange", (("values", [1, 2]),))),
)
SEVERAL = st.one_of(
    st.just(Elementwise("add")),
    st.builds(Concat, AXES),
    st.builds(Split, AXES, st.one_of(st.none(), some(st.integers(0, 5))), st.integers(0, 3)),
    st.just(MatMul()),
    st.builds(Reduce, st.just("mean"), st.one_of(st.none(), some(AXES)), st.booleans()),
    st.builds(Slice, AXES, st.one_of(st.none(), TERMS), st.one_of(st.none(), TERMS), st.integers(-2, 3)),
    st.builds(lambda axis, size: ResizeTo((axis,), (size,)), AXES, TERMS),
    st.builds(lambda axis, low, high: PadTo((axis,), ((low, high),), "reflect"), AXES, TERMS, TERMS),
    st.builds(ReshapeTo, some(TERMS)),
    st.builds(Expand, some(TERMS)),
    st.builds(Tile, some(st.integers(0, 3))),
    st.builds(Squeeze, st.one_of(st.none(), some(AXES)), st.booleans()),
    st.builds(Unsqueeze, some(AXES)),
    st.builds(Gather, AXES, some(st.integers(0, 3))),
    st.builds(Constant, some(TERMS)),
    st.just(Opaque("no reason", 2)),
)


@st.composite
def malformed(draw: st.DrawFn) -> Network:
    layout = Layout(draw(st.booleans()), draw(st.booleans()))
    declared = tuple(draw(st.lists(st.one_of(SIZES, st.just("N"), st.just(3)), max_size=5)))
    names = ["x", "missing", "weights"]
    nodes = []
    for number in range(draw(st.integers(1, 4))):
        work = draw(st.one_of(OPS.map(lambda op: (op,)), SEVERAL, st.just(())))
        inputs = tuple(draw(st.lists(st.sampled_from(names), max_size=3)))
        outputs = tuple(draw(st.lists(st.sampled_from((*names, f"t{number}", f"u{number}")), max_size=3)))
        nodes.append(Node(draw(st.sampled_from(("", "same", f"n{number}"))), "Op", work, inputs, outputs, layout))
        names += [f"t{number}"]
    return Network(
        "odd",
        "onnx",
        (Source("x", declared, layout),),
        tuple(nodes),
        (names[-1], "nowhere"),
        shapes={"weights": (3, 4)},
    )


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(malformed(), st.data())
def test_only_our_own_errors(network: Network, data: st.DataObject) -> None:
    shape = tuple(data.draw(SIZES) for _ in network.sources[0].declared)
    for ask in (
        lambda: trace_of(run(network, shape, strict=False)).to_dict(),
        lambda: trace_of(run(network, strict=False)).csv(),
        lambda: str(legal_sizes(network)),
        lambda: check(network, shape),
    ):
        with suppress(ConvwiseError):
            ask()


def test_a_tensor_that_names_itself() -> None:
    b = Builder()
    b.nodes.append(Node("loop", "Relu", (Pointwise("relu"),), ("x",), ("x",)))
    b.nodes.append(Node("again", "Conv", (Conv((Window(99), Window(99)), 3, 4),), ("x",), ("y",)))
    (finding, *_) = check(b.network("y"), (1, 3, 9, 10))
    assert (finding.code, finding.node) == ("CW104", "again")
