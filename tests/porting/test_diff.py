"""Differences: shape, windows, padding, divisors, weights; and the numbers behind them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convwise as cw
from convwise.answers.porting.difference import Difference

STEM = "Conv2D(64, 7, strides=2, padding='same')"


def lines(difference: Difference, label: str) -> tuple[str, ...]:
    return next((fact.lines for fact in difference.facts if fact.label == label), ())


def test_equal_shapes_with_shifted_windows_are_not_equal() -> None:
    found = cw.diff(STEM, "nn.Conv2d(3, 64, 7, stride=2, padding=3)", (64, 64, 3))
    assert found.same_shape
    assert not found.same_windows
    assert not found.equal
    assert "shifted by 1 cell" in lines(found, "windows")[0]
    assert lines(found, "padding") == (
        "height and width: 2 before and 3 after in Keras, 3 before and 3 after in PyTorch",
    )
    assert found.max_abs_difference is not None
    assert found.max_abs_difference > 1
    assert found.exact == "nn.ZeroPad2d((2, 3, 2, 3)), then nn.Conv2d(3, 64, 7, stride=2)"


def test_both_are_drawn_one_above_the_other() -> None:
    found = cw.diff("Conv2D(4, 3, strides=2, padding='same')", "nn.Conv2d(3, 4, 3, stride=2, padding=1)", (8, 8, 3))
    assert found.alignment == (
        "         . x x x x x   x data  . padding",
        "Keras     [k k k]       window 0",
        "              [k k k]   window 1",
        "PyTorch [k k k]         window 0",
        "            [k k k]     window 1",
    )


def test_a_pad_layer_counts_as_padding() -> None:
    found = cw.diff(STEM, "nn.Sequential(nn.ZeroPad2d((2, 3, 2, 3)), nn.Conv2d(3, 64, 7, stride=2))", (64, 64, 3))
    assert found.equal
    assert found.max_abs_difference is not None
    assert found.max_abs_difference < 1e-12
    assert found.headline == "Equal: the same shape, the same windows, the same values."
    assert found.exact == ""


def test_average_pools_differ_at_the_border_alone() -> None:
    found = cw.diff("AveragePooling2D(3, 1, 'same')", "nn.AvgPool2d(3, 1, 1)", (5, 6, 3))
    assert found.same_windows
    assert not found.equal
    assert found.numbers.where == "border"
    assert found.numbers.picture == ("######", "#....#", "#....#", "#....#", "######")
    assert lines(found, "divides by") == ("corners 4, edges 6, centre 9 in Keras; 9 everywhere in PyTorch",)


def test_output_moved_by_a_cell_is_called_shifted() -> None:
    found = cw.diff(
        "Conv2DTranspose(4, 3, strides=2, padding='same')",
        "nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1)",
        (9, 10, 3),
    )
    assert found.same_shape
    assert found.numbers.where == "shifted by 1 cell of the output"


def test_the_first_layer_that_differs_is_named() -> None:
    a = "Sequential([Conv2D(4, 3), BatchNormalization(), ReLU(), MaxPooling2D(2), Conv2D(5, 3)])"
    b = "nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3))"
    found = cw.diff(a, b, (12, 13, 3))
    assert not found.equal
    assert found.numbers.first is not None
    assert found.numbers.first.startswith("BatchNormalization")
    assert any("epsilon: 0.001 in Keras, 1e-05 in PyTorch" in line for fact in found.facts for line in fact.lines)
    assert cw.diff(a, b.replace("(4)", "(4, eps=0.001)"), (12, 13, 3)).equal


def test_the_order_of_a_flatten_is_told() -> None:
    a = "Sequential([Conv2D(4, 3), Flatten(), Dense(5)])"
    b = "nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(48, 5))"
    found = cw.diff(a, b, (5, 6, 3))
    assert not found.equal
    assert "height, width, channels and channels, height, width" in lines(found, "flatten")[0]
    assert found.headline == (
        "Not equal with the same weights: the rows of the dense layer must follow the order of Flatten's cells."
    )
    assert found.exact == (
        "the second as it stands, with the rows of the dense layer's weights in its order of cells (port's convert_weights)"
    )


@pytest.mark.parametrize(
    ("a", "b", "shape", "headline", "call"),
    [
        (
            "Sequential([Conv2D(2, 2), Flatten()])",
            "nn.Sequential(nn.Conv2d(4, 2, 2), nn.Flatten())",
            (4, 5, 4),
            "height, width, channels against channels, height, width",
            ".reshape(-1, 2, 3, 4).permute(0, 2, 3, 1).reshape(-1, 24)",
        ),
        (
            "nn.Sequential(nn.Conv2d(4, 2, 2), nn.Flatten())",
            "Sequential([Conv2D(2, 2), Flatten()])",
            (4, 4, 5),
            "channels, height, width against height, width, channels",
            ".reshape(-1, 3, 4, 2).transpose(0, 3, 1, 2).reshape(-1, 24)",
        ),
    ],
)
def test_the_same_numbers_in_another_order_are_told_so(
    a: str, b: str, shape: tuple[int, ...], headline: str, call: str
) -> None:
    found = cw.diff(a, b, shape)
    assert not found.equal
    assert found.headline == f"Not equal: the same numbers in another order, {headline}."
    assert found.numbers.where == found.to_dict()["where"] == "order"
    assert found.exact == (
        f"the second as it stands; y{call} puts its output into the first's order (port's convert_output)"
    )
    assert "cell by cell; put into one order they are the same" in " ".join(str(found).split())


def test_the_calls_that_reorder_cells_do_so() -> None:
    """Maps 3 x 4 x 2, channels last in the source and first in the target, flattened by NumPy."""
    from convwise.answers.porting.arrangement import Arrangement
    from convwise.answers.porting.flattening import into_source, rows_for_target

    x = np.random.default_rng(1).standard_normal((5, 3, 4, 2))
    source, target = x.reshape(5, -1), x.transpose(0, 3, 1, 2).reshape(5, -1)
    kernel = np.random.default_rng(2).standard_normal((24, 7))
    cells = Arrangement((0, 1), (3, 4, 2), (2, 0, 1))
    assert into_source(cells, "keras") == ".reshape(-1, 2, 3, 4).transpose(0, 2, 3, 1).reshape(-1, 24)"
    np.testing.assert_array_equal(target.reshape(-1, 2, 3, 4).transpose(0, 2, 3, 1).reshape(-1, 24), source)
    assert rows_for_target(cells) == ".reshape(3, 4, 2, -1).transpose(2, 0, 1, 3).reshape(24, -1)"
    rows = kernel.reshape(3, 4, 2, -1).transpose(2, 0, 1, 3).reshape(24, -1)
    np.testing.assert_allclose(target @ rows, source @ kernel)


def test_a_flatten_alone_lays_out_one_array_in_one_order() -> None:
    found = cw.diff("Flatten()", "nn.Flatten()", (2, 3, 4))
    assert found.equal
    assert lines(found, "flatten") == (
        "both lay out the same array in the same order; of a map as each has it, the order would be height, width, channels "
        "and channels, height, width",
    )


def test_the_offer_says_that_its_output_is_in_another_order() -> None:
    found = cw.diff(
        "Sequential([Conv2D(2, 3, padding='same'), Flatten()])",
        "nn.Sequential(nn.Conv2d(4, 2, 3, dilation=2, padding=2), nn.Flatten())",
        (6, 5, 4),
    )
    assert found.headline.startswith("Not equal: the shapes agree")
    assert found.exact == (
        "nn.Conv2d(4, 2, 3, padding=1), then nn.Flatten(); its output is in another order (port's convert_output)"
    )


def test_one_framework_with_itself() -> None:
    found = cw.diff("nn.Conv2d(3, 4, 3)", "nn.Conv2d(3, 4, 3, padding=1)", (3, 5, 6))
    assert not found.same_shape
    assert found.max_abs_difference is None
    assert found.headline == "Not equal: the shapes differ."
    assert cw.diff("nn.Conv2d(3, 4, 3, padding=1)", "nn.Conv2d(3, 4, 3, padding='same')", (3, 5, 6)).equal


def test_kernels_of_another_size_cannot_hold_the_same_weights() -> None:
    found = cw.diff("Conv2D(4, 3, padding='same')", "nn.Conv2d(3, 4, 5, padding=2)", (9, 10, 3))
    assert found.same_shape
    assert not found.equal
    assert "not the same weights" in found.numbers.note


@pytest.mark.parametrize(
    ("a", "b", "shape", "code", "words"),
    [
        ("Conv2D(32, 3)", "nn.Conv2d(3, 16, 3)", (9, 10, 3), "CW102", "32 channels in Keras, 16 in PyTorch"),
        ("Conv2D(32, 3)", "nn.Conv2d(4, 32, 3)", (9, 10, 3), "CW102", "takes 4 channels, the input has 3"),
        ("Dense(3)", "nn.Linear(5, 4)", (5,), "CW109", "3 features in Keras, 4 in PyTorch"),
        ("Conv2D(32, 3)", "nn.Conv2d(3, 32, 3, stride=2, padding='same')", (9, 10, 3), "CW202", "padding='same'"),
        ("Conv2D(32, 3)", 7, (9, 10, 3), "CW606", "the second layer is source text"),
        ("Conv1D(4, 3)", "nn.Conv2d(3, 4, 3)", (9, 3), "CW101", "such as Conv1d"),
        ("DepthwiseConv2D(3, depth_multiplier=2)", "nn.Conv2d(3, 3, 3, groups=3)", (9, 10, 3), "CW102", "give both 6"),
        ("Conv2D(32, 3)", "nn.Conv2d(3, 32, 3)", "9x10", "CW101", "axes"),
    ],
)
def test_what_cannot_be_compared_says_why(a: str, b: Any, shape: Any, code: str, words: str) -> None:
    with pytest.raises(cw.ConvwiseError) as raised:
        cw.diff(a, b, shape)
    assert raised.value.code == code, str(raised.value)
    assert words in str(raised.value)


def test_a_difference_shows_itself() -> None:
    found = cw.diff("AveragePooling2D(3, 1, 'same')", "nn.AvgPool2d(3, 1, 1)", (5, 6, 3))
    text = str(found)
    assert "at the border only" in text
    assert "#....#" in text
    assert "exact           nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)" in text
    assert "<pre" in found._repr_html_()
    assert found.concise.startswith("Not equal: shapes and windows agree")
    assert found.to_dict()["proved_by"] == "reference"


def test_supports_tells_releases_and_words() -> None:
    table = cw.supports("DepthwiseConv2D(3, strides=2, dilation_rate=2)", (9, 10, 3))
    keras = [row for row in table if row.framework == "Keras"]
    assert [(row.release, row.verdict) for row in keras] == [("3.0, 3.5, 3.8 to 3.14", "refused"), ("3.15", "accepted")]
    assert "not supported in conjunction" in keras[0].quote
    torch = next(row for row in table if row.framework == "PyTorch")
    assert torch.verdict == "accepted"
    assert torch.how == "nn.Conv2d(3, 3, 3, stride=2, dilation=2, groups=3)"
    assert table.markdown().startswith("| framework | release, device | verdict |")
    stem = next(row for row in cw.supports(STEM, (224, 224, 3)) if row.framework == "PyTorch")
    assert stem.verdict == "with a difference"
    assert stem.quote == "padding='same' is not supported for strided convolutions"


def test_a_layer_that_its_own_framework_refuses_is_refused() -> None:
    (row,) = cw.supports("nn.Conv2d(3, 4, 3, stride=2, padding='same')", (3, 9, 9))
    assert row.verdict == "refused"
    assert "not supported for strided" in row.quote


def test_axes_that_differ_differently_are_drawn_each() -> None:
    found = cw.diff("Conv2D(4, (3, 5), strides=2, padding='same')", "nn.Conv2d(3, 4, (3, 5), 2, (1, 2))", (8, 10, 3))
    assert found.alignment.count("height:") == 1
    assert found.alignment.count("width:") == 1
    assert "Keras     [k k k]       window 0" in found.alignment
    assert "Keras     [k k k k k]       window 0" in found.alignment
    one = cw.diff("Conv2D(4, 3, strides=(2, 1), padding='same')", "nn.Conv2d(3, 4, 3, (2, 1), 1)", (8, 8, 3))
    assert one.alignment[0] == "height:"
    assert "width:" not in one.alignment


def test_what_releases_and_devices_refuse_is_told() -> None:
    found = cw.diff(
        "DepthwiseConv2D(3, strides=2, dilation_rate=2)",
        "nn.Conv2d(3, 3, 3, stride=2, dilation=2, groups=3)",
        (9, 9, 3),
    )
    assert found.equal
    (line,) = lines(found, "elsewhere")
    assert line.startswith("Keras 3.0, 3.5, 3.8 to 3.14: refused")
    first = cw.diff("Conv2D(4, 3, data_format='channels_first')", "nn.Conv2d(3, 4, 3)", (3, 9, 10))
    assert "only supports the NHWC tensor format on the CPU" in lines(first, "elsewhere")[0]
    assert not lines(cw.diff("Conv2D(4, 3)", "nn.Conv2d(3, 4, 3)", (9, 10, 3)), "elsewhere")


def test_weights_that_fit_no_memory_are_not_made() -> None:
    found = cw.diff("Conv2D(2**40, 3)", "nn.Conv2d(3, 2**40, 3)", (9, 10, 3))
    assert not found.equal
    assert "too many to run here" in found.headline
    assert "fewer channels" in found.headline


def test_work_without_end_is_not_begun() -> None:
    found = cw.diff("Conv2D(512, 3)", "nn.Conv2d(1024, 512, 3)", (170, 170, 1024))
    assert "multiply-adds are more than 20,000,000,000" in found.headline
    small = cw.diff("Conv2D(8, 3)", "nn.Conv2d(3, 8, 3)", (9, 10, 3), most_macs=10)
    assert "12,096 multiply-adds are more than 10" in small.headline
    with pytest.raises(cw.ArgumentError, match="CW606"):
        cw.diff("Conv2D(8, 3)", "nn.Conv2d(3, 8, 3)", (9, 10, 3), most_macs="many")


def test_norms_alone_meet_in_the_order_of_each_framework() -> None:
    found = cw.diff("BatchNormalization(epsilon=1e-5)", "nn.BatchNorm2d(3)", (9, 10, 3))
    assert found.equal
    jax = cw.diff(
        "nnx.BatchNorm(3, rngs=nnx.Rngs(0))",
        "op.BatchNormalization(x, np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3))",
        (1, 9, 10, 3),
    )
    assert jax.equal
