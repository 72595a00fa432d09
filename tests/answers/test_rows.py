"""The rows that say what is special about a layer, each checked against an independent count or run."""

from __future__ import annotations

import re
from itertools import product

import pytest

import convwise as cw
from convwise.answers.pools import EMPTY_AVERAGE, EMPTY_MAX
from convwise.axis import Pads, Window
from convwise.readers.source import read_layer


def row(layer: str, shape: tuple[int, ...], label: str, want: object = None) -> str:
    """The lines of one row; empty where it is not there."""
    found = [fact for fact in cw.explain(layer, shape, want=want).facts if fact.label == label]
    return "\n".join(found[0].lines) if found else ""


def divisors(kernel: int, stride: int, padding: int, size: int, counted: bool, ceil: bool) -> list[int]:
    """What each window of one axis divides by, counted cell by cell."""
    axis = Window(kernel, stride, 1, Pads(padding, padding), ceil).over(size)
    low, high = (-padding, size + padding) if counted else (0, size)
    return [
        sum(low <= cell < high for cell in range(i * stride - padding, i * stride - padding + kernel))
        for i in range(axis.out)
    ]


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("ceil", [True, False])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"), [(3, 1, 1, 5), (3, 2, 1, 6), (3, 2, 0, 6), (4, 2, 2, 9), (5, 3, 1, 12)]
)
def test_the_divisors_of_an_average_pool_are_those_counted(
    kernel: int, stride: int, padding: int, size: int, ceil: bool, counted: bool
) -> None:
    text = f"nn.AvgPool2d({kernel}, {stride}, {padding}, ceil_mode={ceil}, count_include_pad={counted})"
    told = row(text, (2, size, size), "divides by")
    along = divisors(kernel, stride, padding, size, counted, ceil)
    products = {one * other for one, other in product(along, along)}
    if not told:
        assert products == {kernel * kernel}
        return
    first = re.sub(r"\([^)]*\)", "", told.split("\n")[0].split(":")[0])
    numbers = {int(number) for number in re.findall(r"\d+", first)}
    assert numbers <= products
    assert {min(products), max(products)} <= numbers


def test_the_divisors_read_as_a_map() -> None:
    assert row("AveragePooling2D(3, strides=1, padding='same')", (5, 5, 8), "divides by").startswith(
        "corners 4, edges 6, centre 9: padding is not counted"
    )
    told = row("nn.AvgPool2d(3, 1, 1)", (8, 5, 5), "divides by").splitlines()
    assert told[0] == "9 everywhere: padding is counted"
    assert told[1].endswith("as Keras does: corners 4, edges 6, centre 9")
    assert row("nn.AvgPool2d(2)", (8, 6, 6), "divides by") == ""
    assert row("nn.AvgPool2d(2, divisor_override=3)", (8, 6, 6), "divides by") == "3 everywhere: divisor_override"


def test_ceil_mode_says_whether_it_added_a_window() -> None:
    assert "so one more window: it starts at 110, on data" in row(
        "nn.MaxPool2d(3, 2, ceil_mode=True)", (64, 112, 112), "ceil_mode"
    )
    assert row("nn.MaxPool2d(2, 2, 1, ceil_mode=True)", (1, 5, 5), "ceil_mode") == (
        "adds nothing: one more window would start at 5, in the padding, so it is dropped"
    )
    assert row("nn.MaxPool2d(2, 2, ceil_mode=True)", (1, 6, 6), "ceil_mode") == "adds nothing: no cell is left over"
    assert row("nn.MaxPool2d(2, 2)", (1, 5, 5), "ceil_mode") == ""


@pytest.mark.parametrize(
    ("layer", "shape", "label"),
    [
        ("Conv2D(64, 7, strides=2, padding='same')", (224, 224, 3), "in PyTorch"),
        ("Conv2D(6, (3, 4), strides=(2, 3), padding='same')", (9, 10, 3), "in PyTorch"),
        ("Conv2D(6, 3, strides=2, padding='same')", (65, 65, 3), "in PyTorch"),
        ("DepthwiseConv2D(3, strides=2, padding='same', depth_multiplier=2)", (8, 8, 3), "in PyTorch"),
        ("nn.Conv2d(3, 64, 7, stride=2, padding=3)", (3, 224, 224), "in Keras"),
        ("nn.Conv2d(4, 6, (3, 5), stride=2, padding=(1, 2), groups=2)", (4, 9, 10), "in Keras"),
    ],
)
def test_the_same_layer_in_the_other_framework_has_the_same_windows(
    layer: str, shape: tuple[int, ...], label: str
) -> None:
    told = row(layer, shape, label).split("\n")[0].removesuffix(", at this size")
    assert told
    turned = (*shape[-1:], *shape[:-1]) if label == "in PyTorch" else (*shape[1:], shape[0])
    starts, current = [0] * (len(shape) - 1), turned
    for text in told.split(", then "):
        (other,) = read_layer(text)
        explained = cw.explain(text, current)
        for op in other.ops:
            if hasattr(op, "pads") and not hasattr(op, "windows"):
                starts = [start - pad.low for start, pad in zip(starts, op.pads, strict=True)]
        starts = [
            start - (axis.pad_low or 0) if axis.axis else start
            for start, axis in zip(starts, explained.axes, strict=True)
        ]
        current = explained.output
    here = cw.explain(layer, shape)
    assert [-(axis.pad_low or 0) for axis in here.axes] == starts
    back = (*current[1:], current[0]) if label == "in PyTorch" else (*current[-1:], *current[:-1])
    assert back == here.output
    assert explained.params == here.params


def test_the_size_that_a_transposed_layer_picks_and_the_call_that_picks_another() -> None:
    text = "nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1)"
    e = cw.explain(text, (8, 7, 7))
    assert "turns 13 and 14 into 7; this one gives 13" in e.headline
    assert [cw.output_shape("nn.Conv2d(4, 8, 3, stride=2, padding=1)", (4, n, n))[1] for n in (12, 13, 14, 15)] == [
        6,
        7,
        7,
        8,
    ]
    assert [(fix.label, fix.output) for fix in e.fixes] == [("output_padding=1", (4, 14, 14))]
    wanted = cw.explain(text, (8, 7, 7), want=14)
    assert [fix.code for fix in wanted.fixes] == ["nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1)"]
    assert row(text, (8, 7, 7), "as it stands", 14) == "no input gives 14: it is never 2 n - 1"
    assert row(text, (8, 7, 7), "as it stands", 15) == "an input of 8 gives 15"


@pytest.mark.parametrize("want", range(1, 12))
@pytest.mark.parametrize(
    "layer", ["nn.Conv1d(2, 3, 3, stride=2, padding=1)", "nn.ConvTranspose1d(2, 3, 3, stride=2, output_padding=1)"]
)
def test_the_inputs_for_a_wanted_size_are_those_that_give_it(layer: str, want: int) -> None:
    giving = []
    for size in range(1, 40):
        try:
            giving += [size] if cw.output_shape(layer, (2, size))[1] == want else []
        except cw.ShapeError:
            continue
    told = row(layer, (2, 30), "as it stands", want)
    numbers = (
        [int(number) for number in re.findall(r"\d+", told.split(" gives")[0])] if told.startswith("an input") else []
    )
    assert numbers == giving


def test_an_hourglass_says_what_does_not_come_back_and_how_it_would() -> None:
    text = "nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.MaxPool2d(2), nn.MaxPool2d(2), nn.ConvTranspose2d(8, 8, 2, 2), nn.ConvTranspose2d(8, 1, 2, 2))"
    told = row(text, (1, 1, 350, 350), "comes back")
    assert "comes back as 348 x 348" in told
    assert "MaxPool2d drops row and column 174 of 175" in told
    assert "348 and 352" in told
    for size, back in [(348, 348), (349, 348), (351, 348), (352, 352)]:
        assert cw.output_shape(text, (1, 1, size, size))[2] == back
    fix = cw.explain(text, (1, 1, 350, 350)).fixes[0]
    assert fix.why == "the size comes back"
    assert (
        cw.output_shape(f"nn.Sequential({fix.code.replace(chr(10), ', ')})", (1, 1, 350, 350))
        == fix.output
        == (1, 1, 350, 350)
    )
    assert row(text, (1, 1, 352, 352), "comes back") == ""


def test_truncating_runtimes_are_named_only_where_they_differ() -> None:
    for size, stride, said in [(2, 2, True), (1, 2, False), (1, 3, True), (2, 1, False)]:
        with pytest.raises(cw.ShapeError) as caught:
            cw.explain(f"nn.Conv1d(2, 3, 3, stride={stride})", (2, size))
        # Rounded towards zero: int((n - k) / s) + 1.
        assert (int((size - 3) / stride) + 1 == 1) is said
        assert caught.value.explanation is not None
        assert ("beware" in [fact.label for fact in caught.value.explanation.facts]) is said


def test_the_features_of_a_dense_layer_say_which_inputs_it_admits() -> None:
    text = "nn.Sequential(nn.Conv2d(3, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 10))"
    (size,) = [fact for fact in cw.explain(text).facts if fact.label == "size"]
    assert size.lines[0].endswith("takes 400 features: 16 x 5 x 5, from an input of 32 x 32 to 35 x 35")
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(text, (3, 32, 32))
    assert caught.value.explanation is not None
    assert "batch" in [fact.label for fact in caught.value.explanation.facts]


def test_a_window_that_is_too_long_gets_the_largest_that_fits() -> None:
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain("nn.Conv2d(3, 16, 7, dilation=2)", (3, 9, 10))
    assert caught.value.explanation is not None
    assert ("kernel_size=5", (16, 1, 2)) in [(fix.label, fix.output) for fix in caught.value.explanation.fixes]


def test_pools_are_not_told_how_to_keep_the_size() -> None:
    assert cw.explain("nn.MaxPool2d(2)", (3, 8, 8)).fixes == ()
    assert [fix.label for fix in cw.explain("nn.MaxPool2d(2)", (3, 9, 9)).fixes] == ["ceil_mode=True"]


@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("kernel", [2, 3, 5])
def test_a_transposed_same_names_the_sizes_that_the_forward_same_maps_to_it(kernel: int, size: int) -> None:
    e = cw.explain(f"Conv2DTranspose(4, {kernel}, strides=2, padding='same')", (size, size, 3))
    giving = [
        n
        for n in range(1, 40)
        if cw.output_shape(f"Conv2D(3, {kernel}, strides=2, padding='same')", (n, n, 4))[0] == size
    ]
    assert f"turns {giving[0]} and {giving[-1]} into {size}; this one gives {2 * size}" in e.headline
    assert e.output[0] in giving


@pytest.mark.parametrize(
    ("code", "shape", "sides", "formulas"),
    [
        ("nn.ZeroPad2d((1, 2, 3, 4))", (3, 9, 10), [(3, 4), (1, 2)], ["9 + 3 + 4 = 16", "10 + 1 + 2 = 13"]),
        ("nn.ZeroPad2d((1, -2, 0, 4))", (3, 9, 10), [(0, 4), (1, -2)], ["9 + 0 + 4 = 13", "10 + 1 - 2 = 9"]),
        ("ZeroPadding2D(((1, 2), (3, 3)))", (9, 10, 3), [(1, 2), (3, 3)], ["9 + 1 + 2 = 12", "10 + 3 + 3 = 16"]),
        ("Cropping2D(((1, 2), (0, 3)))", (9, 10, 3), [(-1, -2), (0, -3)], ["9 - 1 - 2 = 6", "10 + 0 - 3 = 7"]),
        ("nn.ReflectionPad1d((1, 2))", (3, 9), [(1, 2)], ["9 + 1 + 2 = 12"]),
    ],
)
def test_padding_by_itself_tells_both_sides(code, shape, sides, formulas):
    told = cw.explain(code, shape)
    assert [(axis.pad_low, axis.pad_high) for axis in told.axes] == sides
    assert [axis.formula for axis in told.axes] == formulas
    for axis in told.axes:
        assert axis.size + axis.pad_low + axis.pad_high == axis.out
        assert (f"{axis.pad_low:+} before, {axis.pad_high:+} after" in str(told)) is (axis.pad_low != axis.pad_high)


@pytest.mark.parametrize(
    ("text", "shape", "windows"),
    [
        ("nn.MaxPool1d(2, 1, padding=1, dilation=2)", (1, 1), [(1, 2, 1, 2, 1, 1)]),
        ("nn.MaxPool2d(2, padding=1, dilation=2)", (3, 1, 7), [(1, 2, 2, 2, 1, 1), (7, 2, 2, 2, 1, 1)]),
        (
            "flax.linen.max_pool(x, (2, 2), padding=((2, 0), (0, 3)))",
            (1, 2, 4, 1),
            [(2, 2, 1, 1, 2, 0), (4, 2, 1, 1, 0, 3)],
        ),
        (
            "op.AveragePool(x, kernel_shape=[2, 2], pads=[1, 1, 1, 1], dilations=[2, 2])",
            *((1, 3, 1, 4), [(1, 2, 1, 2, 1, 1), (4, 2, 1, 2, 1, 1)]),
        ),
    ],
)
def test_windows_that_read_no_cell_are_counted_and_what_they_hold_is_told(
    text: str, shape: tuple[int, ...], windows: list[tuple[int, int, int, int, int, int]]
) -> None:
    """An axis is (size, kernel, stride, dilation, low, high); its taps are listed here one by one."""
    reads = []
    for size, kernel, stride, dilation, low, high in windows:
        starts = range(-low, size + high - dilation * (kernel - 1), stride)
        taps = [range(start, start + dilation * kernel, dilation) for start in starts]
        reads.append([any(0 <= cell < size for cell in cells) for cells in taps])
    every = list(product(*reads))
    empty = sum(not all(one) for one in every)
    told = row(text, shape, "empty windows").splitlines()
    assert told[0] == f"{empty} of {len(every)} read no cell of data, only padding"
    table = EMPTY_AVERAGE if "Average" in text else EMPTY_MAX
    assert told[1] == "they hold: " + ", ".join(f"{runtime} {value}" for runtime, value in table.items())


def test_a_window_that_reads_a_cell_has_no_row_of_empty_ones() -> None:
    assert row("nn.MaxPool2d(3, padding=1)", (3, 9, 10), "empty windows") == ""
    assert row("nn.Conv2d(3, 4, 2, padding=3)", (3, 9, 10), "empty windows") == ""


def test_the_maximum_over_no_cell_is_what_the_layers_here_give_too() -> None:
    from convwise import torch

    found = torch.nn.MaxPool1d(2, 1, padding=1, dilation=2)(torch.zeros(1, 1, 1))
    assert float(EMPTY_MAX["PyTorch 2.13"]) == float(found.item())
