"""The depthwise, grouped and first-layer kernels: every tile of theirs, special values, what they refuse, and how large numbers end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convwise.axis import Pads, Window
from convwise.engine import Conv, avg_pool2d, conv2d, max_pool2d, native, plan, planning
from convwise.engine.calls import problem_of
from convwise.engine.families import FAMILIES, depthwise, direct, first, grouped
from convwise.engine.isa import AVX512, Isa
from convwise.engine.problem import Choice, Problem
from convwise.engine.tiles import direct_tiles
from convwise.errors import ArgumentError, ShapeError
from convwise.instructions import ALL

needed = pytest.mark.skipif(native.library() is None, reason="no kernels here")
FAMILY = {"depthwise": depthwise, "grouped": grouped, "first": first}


@st.composite
def channels(draw: st.DrawFn, family: str) -> tuple[int, int, int]:
    """(channels, filters, groups) that the family takes: each width of tile, and one channel more or less."""
    if family == "first":
        return draw(st.integers(1, 4)), draw(st.integers(1, 80)), 1
    if family == "depthwise":
        count = draw(st.one_of(st.integers(2, 20), st.sampled_from([31, 32, 33, 47, 48, 49, 64, 95])))
        return count, count * draw(st.sampled_from([1, 1, 2, 4])), count
    if draw(st.booleans()):
        groups, each = draw(st.integers(8, 20)), draw(st.sampled_from([2, 4, 8, 16]))
        return groups * each, groups * each, groups
    groups = draw(st.integers(2, 20))
    return groups * draw(st.integers(1, 9)), groups * draw(st.integers(1, 20)), groups


@st.composite
def layers(
    draw: st.DrawFn, family: str, most: int = 40
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, object]]:
    """Input, weights, bias and options; small integers, whose float32 sums are exact."""
    count, filters, groups = draw(channels(family))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kernel, stride, dilation, padding, sizes = [], [], [], [], []
    for axis in range(2):
        k, d = draw(st.integers(1, 5)), 1 if family == "first" and axis else draw(st.integers(1, 3))
        pads = draw(st.integers(0, 4)), draw(st.integers(0, 4))
        least = Window(k, dilation=d, padding=Pads(*pads)).minimum
        kernel, stride, dilation = [*kernel, k], [*stride, draw(st.integers(1, 4))], [*dilation, d]
        padding, sizes = [*padding, pads], [*sizes, draw(st.integers(least, max(least, most)))]
    layout = draw(st.sampled_from(["NCHW", "NHWC"]))
    shape = (draw(st.integers(1, 2)), count, *sizes)
    x = rng.integers(-4, 5, shape).astype(np.float32)
    options: dict[str, object] = {
        "stride": tuple(stride),
        "dilation": tuple(dilation),
        "padding": tuple(padding),
        "groups": groups,
        "layout": layout,
        "activation": draw(st.sampled_from([None, None, "relu", "relu6"])),
        "threads": draw(st.integers(1, 3)),
    }
    weight = rng.integers(-4, 5, (filters, count // groups, *kernel)).astype(np.float32)
    bias = rng.integers(-4, 5, filters).astype(np.float32)
    return (x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))), weight, bias, options


Drawn = tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, object]]


def by_every_tile(family: str, layer: Drawn, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, np.ndarray]]:
    """The results of each tile that can run the layer, not only of the one that seems cheapest."""
    x, weight, bias, options = layer
    found = FAMILY[family].choices
    for number in range(12):
        planning.choose.cache_clear()
        chosen = replace(FAMILIES[family], choices=lambda *at, number=number: found(*at)[number : number + 1])
        with monkeypatch.context() as patch:
            patch.setattr(planning, "FAMILIES", {**FAMILIES, family: chosen})
            try:
                yield number, Conv(weight, bias, algorithm=family, **options)(x)
            except ArgumentError as error:
                if error.code != "CW607":
                    raise
                break
    planning.choose.cache_clear()


@needed
@pytest.mark.parametrize("family", FAMILY)
def test_every_tile_gives_the_answer(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(layers(family))
    def every(layer: Drawn) -> None:
        x, weight, bias, options = layer
        wanted = conv2d(x, weight, bias, algorithm="windows", **options)
        for number, result in by_every_tile(family, layer, monkeypatch):
            seen.add(number)
            assert np.array_equal(result, wanted), number

    every()
    assert len(seen) > 1


@needed
def test_planes_in_steps_of_two_are_computed_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pads of every kind, ragged rows, planes that lie apart, backwards or on each other."""
    found, ran = depthwise.choices, []

    def near(problem: Problem, isa: Isa) -> list[Choice]:
        return [choice for choice in found(problem, isa) if choice.variant == "near_nchw"]

    monkeypatch.setattr(planning, "FAMILIES", {**FAMILIES, "depthwise": replace(FAMILIES["depthwise"], choices=near)})

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.tuples(st.integers(1, 2), st.integers(4, 9), st.integers(3, 40), st.integers(20, 90)),
        st.tuples(*[st.integers(0, 3)] * 4),
        st.sampled_from([slice(None), slice(None, None, 2), slice(None, None, -1), None]),
        st.integers(0, 99),
        st.integers(1, 3),
    )
    def every(shape: tuple[int, ...], pads: tuple[int, ...], planes: slice | None, number: int, threads: int) -> None:
        rng = np.random.default_rng(number)
        data = rng.integers(-4, 5, shape).astype(np.float32)
        x = np.broadcast_to(data[:, :1], shape) if planes is None else data[:, planes]
        count = x.shape[1]
        weight, bias = (rng.integers(-4, 5, size).astype(np.float32) for size in ((count, 1, 3, 3), (count,)))
        padding = (pads[0], pads[1]), (pads[2], pads[3])
        options: dict[str, object] = {"stride": 2, "padding": padding, "groups": count, "threads": threads}
        planning.choose.cache_clear()
        try:
            result = Conv(weight, bias, algorithm="depthwise", **options)(x)
        except ArgumentError as error:
            if error.code != "CW607":
                raise
            return
        ran.append(result.shape)
        assert np.array_equal(result, conv2d(x, weight, bias, algorithm="windows", **options))

    every()
    planning.choose.cache_clear()
    assert len(ran) > 60


@pytest.mark.parametrize("isa", ALL)
def test_no_strip_is_wider_than_a_vector(isa: Isa) -> None:
    """Squares of one strip would lie side by side, and only the first be turned: NEON has many registers, and short ones."""
    turned = [tile for tile in first.tiles(isa) if tile.turned]
    assert turned
    for tile in turned:
        assert tile.strip(isa) <= isa.lanes
        assert tile.strip(isa) % tile.pixels == 0


def test_tiles_that_fill_a_square_are_turned_together() -> None:
    strips = {tile.name: tile.strip(AVX512) for tile in first.tiles(AVX512) if tile.turned}
    assert strips == {"8x3": 16, "8x2": 16, "14x2": 14, "16x1": 16}


@needed
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("threads", [1, 2])
def test_patches_of_many_filters(layout: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that no core's cache keeps, and that every task reads once: fewer tasks, whose blocks are not finished together."""
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (1, 3, 131, 97)).astype(np.float32)
    weight, bias = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((769, 3, 16, 16), (769,)))
    wanted = conv2d(x, weight, bias, stride=16, algorithm="windows")
    if layout == "NHWC":
        x, wanted = (np.ascontiguousarray(array.transpose(0, 2, 3, 1)) for array in (x, wanted))
    options: dict[str, object] = {"stride": 16, "layout": layout, "threads": threads}
    seen = 0
    for _, result in by_every_tile("first", (x, weight, bias, options), monkeypatch):
        seen += 1
        assert np.array_equal(result, wanted)
    assert seen > 1
    kernels = native.library()
    assert kernels is not None
    patch = Window(16, stride=16)
    axes = patch.over(131), patch.over(97)
    near, far = (
        Problem(
            "conv", 1, 3, 131, 97, filters, 1, *axes, layout, layout, None, False, threads, planning.machine_of(AVX512)
        )
        for filters in (48, 769)
    )
    for choice in first.choices(far, AVX512):
        rows, _, *together = choice.extra
        assert rows == 8 // threads
        assert together in ([], [1])
    for choice in first.choices(near, AVX512):
        rows, _, *together = choice.extra
        assert rows == (8 if threads == 1 else 1)
        assert together == [] or together[0] == -(-48 // dict(choice.tiles)["channels"])


@given(st.integers(1, 9), st.integers(1, 70), st.integers(1, 16), st.integers(1, 3))
def test_no_thread_is_without_a_task(down: int, blocks: int, threads: int, batch: int) -> None:
    axis = Window(3).over(2 * down + 2)
    one = Problem(
        "conv", batch, 16, 9, 9, 16, 16, axis, axis, "NHWC", "NHWC", None, False, threads, planning.machine_of(AVX512)
    )
    for task in (depthwise.staged_task, depthwise.read_task):
        rows, each = task(one, down, blocks, lambda rows: 4096 * rows)
        assert 1 <= rows <= down
        assert 1 <= each <= blocks
        tasks = batch * -(-down // rows) * -(-blocks // each)
        assert tasks >= min(threads, batch * down * blocks) // 2


def test_threads_take_some_blocks_of_channels_together() -> None:
    """Neighbouring blocks lie in neighbouring cache lines."""
    axis = Window(5, padding=Pads(2, 2)).over(28)
    one = Problem(
        "conv", 1, 240, 28, 28, 240, 240, axis, axis, "NHWC", "NHWC", None, False, 2, planning.machine_of(AVX512)
    )
    assert depthwise.staged_task(one, 14, 15, lambda rows: 4096 * rows) == (14, 4)
    assert depthwise.staged_task(replace(one, threads=1), 14, 15, lambda rows: 4096 * rows) == (14, 15)


@needed
@pytest.mark.parametrize("channels", [1, 2, 3, 7, 8, 15, 16, 40])
@pytest.mark.parametrize("step", [1, 2])
def test_few_channels_are_one_run_with_their_cells(channels: int, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors that hold several cells; a view of every second cell is copied cell by cell."""
    monkeypatch.setenv("CONVWISE_THREADS", "2")
    rng = np.random.default_rng(channels)
    x = rng.integers(-3, 4, (2, 37, 2 * 41, channels)).astype(np.float32)
    weight, bias = (rng.integers(-3, 4, shape).astype(np.float32) for shape in ((channels, 1, 3, 5), channels))
    options: dict[str, object] = {
        "layout": "NHWC",
        "padding": (2, 3),
        "dilation": (1, 2),
        "stride": (2, step),
        "groups": channels,
    }
    conv = Conv(weight, bias, algorithm="depthwise", activation="relu6", **options)
    for view in (x, x[:, :, ::2], x[:, ::3, 1:-5]):
        wanted = conv2d(view, weight, bias, algorithm="windows", activation="relu6", **options)
        assert np.array_equal(conv(view), wanted)
    if channels < 8:
        kernels = native.library()
        assert kernels is not None
        taken = {prepared.choice.variant for prepared, *_ in conv._prepared.values()}
        assert taken == {"runs_nhwc"} or kernels.isa.lanes <= channels


@needed
def test_sums_of_many_planes_are_left_to_the_direct_kernels() -> None:
    """They add up a row of taps by itself; a single long sum has lost more digits than the documents allow."""
    library = native.library()
    assert library is not None
    axes = [Window(3, padding=Pads(1, 1)).over(12)] * 2
    for each, wanted in ((64, True), (65, False)):
        asked = problem_of((1, 2 * each, 12, 12), 2 * each, 2, axes, "NCHW")
        variants = [choice.variant for choice in grouped.choices(asked, library.isa)]  # type: ignore[arg-type]
        assert any("planes" in variant for variant in variants) == wanted


@needed
@pytest.mark.parametrize(("groups", "vectors"), [(1, 1), (1, 3), (3, 1), (5, 2)])
@pytest.mark.parametrize(("step", "gap", "threads"), [(1, 1, 1), (2, 1, 2), (1, 2, 3), (3, 1, 1)])
def test_groups_whose_inputs_are_one_vector(
    groups: int, vectors: int, step: int, gap: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of their tiles; the tile knows where its cells lie, whatever the window's steps and gaps are."""
    library = native.library()
    assert library is not None
    lanes = library.isa.lanes
    rng = np.random.default_rng(groups)
    x = rng.integers(-4, 5, (2, 19, 33, groups * lanes)).astype(np.float32)
    weight = rng.integers(-4, 5, (groups * vectors * lanes, lanes, 3, 2)).astype(np.float32)
    options: dict[str, object] = {
        "stride": (step, step + 1),
        "dilation": (1, gap),
        "padding": ((1, 2), (2, 0)),
        "groups": groups,
        "layout": "NHWC",
    }
    bias = rng.integers(-4, 5, len(weight)).astype(np.float32)
    wanted = conv2d(x, weight, bias, algorithm="windows", **options)
    names = [f"{across}x{down}_nhwc" for across, down in grouped.filled(library.isa)]
    if not names:
        pytest.skip(f"no such tiles for {library.isa.name}")
    for name in names:
        conv = Conv(weight, bias, threads=threads, algorithm="grouped", **options)
        choices = FAMILIES["grouped"].choices
        kept = replace(FAMILIES["grouped"], choices=lambda *at, choices=choices, name=name: named(name, choices(*at)))
        with monkeypatch.context() as patch:
            patch.setattr(planning, "FAMILIES", {**FAMILIES, "grouped": kept})
            planning.choose.cache_clear()
            assert np.array_equal(conv(x), wanted), name
            # A view whose channels lie apart.
            wide = np.repeat(x, 2, axis=3)[..., ::2]
            assert np.array_equal(conv(wide), wanted), name
        planning.choose.cache_clear()


@needed
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(("channels", "side", "filters"), [(16, 1, 213), (5, 2, 150), (33, 1, 213)])
def test_few_products_of_many_filters_are_stored_tile_by_tile(
    channels: int, side: int, filters: int, layout: str, threads: int
) -> None:
    """All blocks of channels of a tile one after the other, the last of which is not full; more products go block by block."""
    rng = np.random.default_rng(side)
    x = rng.integers(-3, 4, (2, channels, 19, 23)).astype(np.float32)
    weight, bias = (
        rng.integers(-3, 4, shape).astype(np.float32) for shape in ((filters, channels, side, side), filters)
    )
    x = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    options: dict[str, object] = {"layout": layout, "padding": side - 1, "threads": threads}
    conv = Conv(weight, bias, algorithm="direct", **options)
    assert np.array_equal(conv(x), conv2d(x, weight, bias, algorithm="windows", **options))
    ((prepared, *_),) = conv._prepared.values()
    _, _, blocks, beside, *_ = prepared.choice.extra
    assert beside == (blocks if channels < 33 and layout == "NHWC" else 1)
    if channels < 33 and side == 1 and layout == "NHWC":
        # Threads share pixels then, not blocks, so that each writes whole pixels.
        assert blocks == -(-filters // dict(prepared.choice.tiles)["channels"])


@needed
@pytest.mark.parametrize(
    ("family", "channels", "groups"), [("depthwise", 5, 5), *(("grouped", 48, 48 // size) for size in (2, 4, 8))]
)
@pytest.mark.parametrize("threads", [1, 3])
def test_channels_that_lie_apart(family: str, channels: int, groups: int, threads: int) -> None:
    """Runs of few channels and groups of 2, 4 and 8, from arrays whose channels are not neighbours, with what follows the sums."""
    rng = np.random.default_rng(channels)
    planes, cells = (
        rng.integers(-3, 4, shape).astype(np.float32) for shape in ((2, channels, 11, 14), (2, 11, 14, 2 * channels))
    )
    weight = rng.integers(-3, 4, (channels, channels // groups, 3, 3)).astype(np.float32)
    options: dict[str, object] = {
        "layout": "NHWC",
        "padding": (1, 2),
        "stride": (1, 2),
        "groups": groups,
        "activation": "relu6",
    }
    conv = Conv(weight, algorithm=family, threads=threads, **options)
    reference = Conv(weight, algorithm="windows", **options)
    for view in (planes.transpose(0, 2, 3, 1), cells[..., ::2], cells[..., ::-2]):
        residual = rng.integers(-9, 10, reference(view).shape).astype(np.float32)
        assert np.array_equal(conv(view), reference(view))
        assert np.array_equal(conv(view, residual), reference(view, residual))
    if family == "grouped" and native.library().isa.lanes >= channels // groups:  # type: ignore[union-attr]
        taken = {prepared.choice.variant for prepared, *_ in conv._prepared.values()}
        assert f"{channels // groups}of{channels // groups}_nhwc" in taken


@needed
def test_copies_that_are_too_much_for_all_threads_are_made_by_fewer() -> None:
    """Rows far apart: a stage of four megabytes a thread, of which three fit the output and four do not."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (1, 200, 200, 64)).astype(np.float32)
    weight = rng.integers(-3, 4, (64, 2, 3, 3)).astype(np.float32)
    options: dict[str, object] = {"layout": "NHWC", "groups": 32, "dilation": 90}
    wanted = conv2d(x, weight, algorithm="windows", **options)
    for threads in (1, 2, 4, 16):
        conv = Conv(weight, algorithm="grouped", threads=threads, **options)
        assert np.array_equal(conv(x), wanted)
        ((prepared, *_),) = conv._prepared.values()
        assert prepared.choice.workspace <= prepared.problem.most_workspace
        assert 1 <= prepared.problem.threads <= threads
    assert plan(x.shape, weight.shape, threads=16, algorithm="grouped", **options).algorithm == "grouped"


@needed
def test_a_tile_that_spans_much_of_many_channels_is_added_up_in_parts() -> None:
    """A dilation of 64 with four threads: the cells of one tile would take more than the workspace."""
    rng = np.random.default_rng(0)
    x, weight = (rng.integers(-3, 4, shape).astype(np.float32) for shape in ((1, 300, 65, 70), (9, 300, 3, 3)))
    options: dict[str, object] = {"padding": 64, "dilation": 64}
    conv = Conv(weight, algorithm="direct", threads=4, **options)
    assert np.array_equal(conv(x), conv2d(x, weight, algorithm="windows", **options))
    (prepared, *_), *_ = conv._prepared.values()
    assert prepared.choice.family == "direct"
    assert prepared.choice.workspace <= 8_000_000


@needed
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [((3, 3), (2, 2), ((1, 1), (1, 1))), ((5, 2), (1, 3), ((0, 4), (7, 0))), ((1, 4), (2, 1), ((0, 0), (0, 0)))],
)
@pytest.mark.parametrize("special", [None, np.nan, np.inf])
def test_tiles_inside_the_input_need_no_copy(
    threads: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
    special: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bit for bit what tiles give that read a copy, for tiles of every size; some of them lie inside, some at the edges."""
    library = native.library()
    assert library is not None
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 37, 95, 21)).astype(np.float32)
    if special is not None:
        x[1, 20, 30, 7] = special
    weight = rng.standard_normal((45, 21, *kernel)).astype(np.float32)
    options = {"stride": stride, "padding": padding, "layout": "NHWC", "activation": "relu6", "threads": threads}
    found = []
    for pixels, vectors in direct_tiles(library.isa):
        for form in ("plain", "edges"):
            name = f"{pixels}x{vectors}_nhwc_{form}"
            one = replace(FAMILIES["direct"], choices=lambda *at, name=name: named(name, direct.choices(*at)))
            planning.choose.cache_clear()
            with monkeypatch.context() as patch:
                patch.setattr(planning, "FAMILIES", {**FAMILIES, "direct": one})
                conv = Conv(weight, algorithm="direct", **options)
                found.append(conv(x))
            (prepared, *_), *_ = conv._prepared.values()
            assert prepared.choice.variant == name
            tiles = 2 * prepared.problem.out_height * -(-prepared.problem.out_width // pixels)
            assert direct._edges(prepared.problem, pixels) < tiles
            assert direct._edges(prepared.problem, pixels) > 0 or padding == ((0, 0), (0, 0))
    planning.choose.cache_clear()
    assert all(np.array_equal(found[0], result, equal_nan=True) for result in found)
    assert special is None or np.isnan(found[0]).any() == np.isnan(special)


def named(variant: str, found: list[Choice]) -> list[Choice]:
    return [choice for choice in found if choice.variant == variant]


@needed
def test_cells_that_lie_far_apart_are_copied() -> None:
    """Channels that are planes in truth, channels on few places of the first cache, windows with gaps, sums in parts."""
    axis = Window(3, stride=2, padding=Pads(1, 1)).over(112)
    asked = problem_of((1, 64, 112, 112), 64, 1, [axis, axis], "NHWC", threads=2)
    assert asked is not None
    gaps = Window(3, dilation=2, padding=Pads(1, 1)).over(112)
    wide = replace(asked, channels=512)
    apart = (replace(asked, dense=False), replace(asked, channels=256), replace(asked, columns=gaps), wide)
    assert any(choice.variant.endswith("edges") for choice in direct.choices(asked, AVX512))
    for other in apart:
        names = [(choice.variant, choice.tiles, choice.extra) for choice in direct.choices(other, AVX512)]
        assert not any(variant.endswith("edges") for variant, *_ in names)
        assert len(names) == len(set(names))


@needed
@pytest.mark.parametrize("family", FAMILY)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_reach_the_outputs_that_read_them(family: str, value: float) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(layers(family, most=14), st.data())
    def every(layer: tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, object]], data: st.DataObject) -> None:
        x, weight, bias, options = layer
        x.reshape(-1)[data.draw(st.integers(0, x.size - 1))] = value
        try:
            result = conv2d(x, weight, bias, algorithm=family, **options)
        except ArgumentError as error:
            if error.code != "CW607":
                raise
            return
        assert np.array_equal(result, conv2d(x, weight, bias, algorithm="reference", **options), equal_nan=True)

    every()


@needed
@pytest.mark.parametrize("family", FAMILY)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_weights_meet_the_padding_too(family: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zero times infinity is no number, so a tile that leaves out the products with padding must not run."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(layers(family, most=14), st.data())
    def every(layer: Drawn, data: st.DataObject) -> None:
        x, weight, bias, options = layer
        weight.reshape(-1)[data.draw(st.integers(0, weight.size - 1))] = value
        wanted = conv2d(x, weight, bias, algorithm="reference", **options)
        for number, result in by_every_tile(family, layer, monkeypatch):
            assert np.array_equal(result, wanted, equal_nan=True), number

    every()


@needed
@pytest.mark.parametrize("far", [2**29, 2**31 - 1, 2**31, 2**32, 2**40])
@pytest.mark.parametrize("groups", [1, 16])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_sizes_beyond_32_bits_go_to_numpy(far: int, groups: int, layout: str) -> None:
    """ctypes would cut them off in silence, and the kernel would read somewhere else."""
    x = np.ones((1, 16, 3, 3) if layout == "NCHW" else (1, 3, 3, 16), np.float32)
    w = np.ones((16, 16 // groups, 3, 3), np.float32)
    for options in (
        {"padding": far, "stride": far},
        {"padding": far, "stride": far, "dilation": far},
        {"padding": 1, "stride": far},
        {"padding": far, "dilation": far},
    ):
        try:
            result = conv2d(x, w, groups=groups, layout=layout, **options)
        except ShapeError as error:
            if error.code != "CW507":
                raise
            continue
        wanted = conv2d(x, w, groups=groups, layout=layout, algorithm="reference", **options)
        assert np.array_equal(result, wanted)


@needed
@pytest.mark.parametrize("stride", [1, 2])
def test_channels_that_lie_apart_give_the_same(stride: int) -> None:
    """Views of planes as channels last: the programs for dense channels must not be called."""
    rng = np.random.default_rng(0)
    planes = rng.integers(-9, 10, (2, 36, 17, 19)).astype(np.float32)
    w = rng.integers(-9, 10, (36, 1, 3, 3)).astype(np.float32)
    view = planes.transpose(0, 2, 3, 1)
    dense = np.ascontiguousarray(view)
    conv = Conv(w, stride=stride, padding=1, groups=36, layout="NHWC")
    assert np.array_equal(conv(view), conv(dense))
    for pool in (max_pool2d, avg_pool2d):
        for size, step in ((3, stride), ((17, 19), 1)):
            assert np.array_equal(pool(view, size, step, layout="NHWC"), pool(dense, size, step, layout="NHWC"))


@needed
def test_a_long_stride_does_not_make_a_copy_of_everything() -> None:
    """A register tile of outputs spans as many strides; where that is too much, another form serves."""
    x = np.ones((1, 2, 2000, 2000), np.float32)
    w = np.ones((2, 1, 2, 1), np.float32)
    assert conv2d(x, w, stride=2000, groups=2).sum() == 4
    with pytest.raises(ArgumentError, match="what it would copy of the input takes more than 8 MB and than the output"):
        conv2d(x, w, stride=2000, groups=2, algorithm="depthwise")


@needed
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("groups", [2, 3, 7, 66])
@pytest.mark.parametrize("filters", [16, 48, 96, 160])
def test_the_stage_of_a_task_holds_all_groups_that_it_touches(filters: int, groups: int, threads: int) -> None:
    library = planning.library()
    assert library is not None
    axes = [Window(3, padding=Pads(1, 1)).over(12)] * 2
    one = problem_of((1, 32 * groups, 12, 12), filters * groups, groups, axes, "NHWC", threads=threads)
    found = [choice for choice in direct.choices(one, library.isa) if choice.together]
    assert found
    for choice in found:
        _, _, blocks, _, wide, _, each, _ = choice.extra
        last = groups * each
        spans = [(min(start + blocks, last) - 1) // each - start // each + 1 for start in range(0, last, blocks)]
        assert max(spans) * 32 <= wide, choice


def problem(channels: int, filters: int, groups: int, dilation: int = 1, kind: str = "conv") -> object:
    axes = [Window(3, dilation=dilation, padding=Pads(1, 1)).over(12)] * 2
    return problem_of((1, channels, 12, 12), filters, groups, axes, "NHWC", kind=kind)


@needed
@pytest.mark.parametrize(
    ("family", "told", "layer"),
    [
        ("depthwise", "8 channels in 2 groups: not one channel a group", (8, 8, 2)),
        (
            "depthwise",
            "3 filters a channel: only for one, and 2 and 4 with channels last and {lanes} filters or more",
            (8, 24, 8),
        ),
        ("depthwise", "only for convolutions", (8, 8, 8, 1, "max")),
        ("direct", None, (65, 65, 65)),
        ("grouped", "one group", (7, 8, 1)),
        ("first", "5 input channels; at most 4", (5, 8, 1)),
        ("first", "2 groups; only for one", (4, 8, 2)),
        ("first", "dilation 2 along the rows; only 1, so that a window's row is one run of numbers", (3, 8, 1, 2)),
        ("transposed", "only for transposed convolutions", (8, 8, 1)),
        (
            "transposed",
            "65 groups of 7 filters each; of more than 64 groups each must have 8",
            (65, 65 * 7, 65, 1, "transposed"),
        ),
        ("transposed", None, (65, 65 * 8, 65, 1, "transposed")),
        ("transposed", None, (64, 64, 64, 1, "transposed")),
        ("pool", "only for maximum and average pooling", (8, 8, 1)),
    ],
)
def test_why_not(family: str, told: str | None, layer: tuple[object, ...]) -> None:
    kernels = native.library()
    assert kernels is not None
    wanted = told.format(lanes=kernels.isa.lanes) if told else None
    assert FAMILIES[family].why_not(problem(*layer), kernels.isa) == wanted  # type: ignore[arg-type]


@needed
@pytest.mark.parametrize(("channels", "side", "kernel", "stride"), [(240, 28, 5, 2), (672, 14, 5, 2), (768, 7, 7, 1)])
def test_one_channel_a_group_is_left_to_the_depthwise_kernels(
    channels: int, side: int, kernel: int, stride: int
) -> None:
    """With channels last and AVX-512; the kernel for any groups takes 1.7 to 2 times as long."""
    kernels = native.library()
    if kernels is None or kernels.isa.lanes < 16:
        pytest.skip("measured with vectors of 16")
    options = {"groups": channels, "stride": stride, "padding": kernel // 2, "layout": "NHWC"}
    found = plan((1, side, side, channels), (channels, 1, kernel, kernel), threads=1, **options)
    assert found.algorithm == "depthwise"
