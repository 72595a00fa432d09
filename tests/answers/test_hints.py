"""Fixes and hints that must hold: what reads the data, what divides, and what is the same thing said twice."""

from __future__ import annotations

import pytest

import convwise as cw


def fixes(text: str, shape: tuple[int, ...], want: object = None) -> list[tuple[str, tuple[int, ...]]]:
    return [(fix.label or fix.code, fix.output) for fix in cw.explain(text, shape, want=want).fixes]


@pytest.mark.parametrize(
    ("text", "shape", "want", "first"),
    [
        ("MaxPooling2D(2)", (7, 9, 8), "1x1", ("pool_size=(7, 9)", (1, 1, 8))),
        ("MaxPooling2D(2)", (28, 30, 8), "7x10", ("pool_size=(4, 3)", (7, 10, 8))),
        ("nn.MaxPool2d(2, stride=2)", (8, 28, 30), "7x10", ("kernel_size=(4, 3), stride=(4, 3)", (8, 7, 10))),
        ("nn.Conv2d(3, 16, 3)", (3, 28, 30), "1x1", ("kernel_size=(28, 30)", (16, 1, 1))),
        ("nn.AdaptiveAvgPool2d(7)", (16, 20, 21), "8x9", ("output_size=(8, 9)", (16, 8, 9))),
        ("Resizing(7, 7)", (20, 21, 3), "8x9", ("height=8, width=9", (8, 9, 3))),
    ],
)
def test_a_wanted_size_is_reached_by_reading_the_data(
    text: str, shape: tuple[int, ...], want: str, first: tuple[str, tuple[int, ...]]
) -> None:
    assert fixes(text, shape, want)[0] == first


@pytest.mark.parametrize("text", ["MaxPooling2D(2)", "nn.MaxPool2d(2)", "nn.Conv2d(3, 4, 3)", "Conv2D(4, 3)"])
@pytest.mark.parametrize("want", ["1x1", "2x3", "4x5", "9x10"])
def test_no_change_passes_by_most_of_the_data(text: str, want: str) -> None:
    shape = (3, 20, 21) if text.startswith("nn") else (20, 21, 3)
    found = cw.explain(text, shape, want=want).fixes
    assert found, "a kernel of size / wanted size reads every cell"
    for code, output in found:
        assert "x".join(map(str, output[1:] if text.startswith("nn") else output[:-1])) == want
        for axis in cw.explain(code, shape).axes:
            assert axis.unread_data is None or 4 * int(axis.unread_data) <= (axis.size or 0)


def test_the_fixes_of_a_refused_layer_aim_at_the_wanted_size() -> None:
    with pytest.raises(cw.Refusal) as caught:
        cw.explain("nn.Conv2d(3, 16, 3, padding='same', stride=2)", (3, 28, 30), want="7x8")
    told = caught.value.explanation
    assert told is not None
    assert told.fixes[0].output == (16, 7, 8)
    assert cw.output_shape(told.fixes[0].code, (3, 28, 30)) == (16, 7, 8)


@pytest.mark.parametrize(("channels", "filters", "groups", "such"), [(4, 6, 4, 2), (16, 33, 16, 1), (9, 6, 9, 3)])
def test_groups_divide_both_numbers_of_channels(channels: int, filters: int, groups: int, such: int) -> None:
    with pytest.raises(cw.Refusal) as caught:
        cw.explain(f"nn.Conv2d({channels}, {filters}, 3, groups={groups})", (channels, 9, 10))
    assert caught.value.hint.endswith(f"or groups that divide in_channels and out_channels, such as {such}")
    assert cw.output_shape(f"nn.Conv2d({channels}, {filters}, 3, groups={such})", (channels, 9, 10)) == (filters, 7, 8)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "same"),
    [(3, 2, "valid", True), (2, 2, "valid", True), (2, 3, "valid", False), (3, 2, "same", False)],
)
def test_output_padding_none_is_told_apart_from_0_where_it_differs(
    kernel: int, stride: int, padding: str, same: bool
) -> None:
    call = f"Conv2DTranspose(4, {kernel}, strides={stride}, padding='{padding}'"
    told = str(cw.explain(call + ")", (7, 8, 3)))
    alike = cw.output_shape(call + ")", (7, 8, 3)) == cw.output_shape(call + ", output_padding=0)", (7, 8, 3))
    assert alike == same
    assert "None is not 0" not in told if same else True


def test_a_layer_of_maps_behind_a_flatten() -> None:
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain("Sequential([Input((9, 10, 1)), Conv2D(3, 3), Flatten(), Conv2D(3, 3)])")
    assert caught.value.hint == "it reads maps: put it before what flattens them, or a Reshape before it"


def test_an_order_that_is_to_be_turned_is_one_hint() -> None:
    text = "nn.Sequential(nn.Conv2d(3, 16, 3), nn.Flatten(), nn.Linear(7, 10))"
    with pytest.raises(cw.ShapeError, match="did you mean 3x32x32") as caught:
        cw.explain(text, (32, 32, 3))
    told = caught.value.explanation
    assert told is not None
    assert not told.findings


def test_channels_first_in_keras_has_an_order_hint_too() -> None:
    told = cw.explain("Conv2D(8, 3, data_format='channels_first')", (28, 30, 3))
    assert "Did you mean 3 x 28 x 30" in told.findings[0].text
    assert not cw.explain("Conv2D(8, 3, data_format='channels_first')", (3, 28, 30)).findings


def test_a_pool_that_keras_refuses_in_a_model_is_refused_in_one() -> None:
    pool = "MaxPooling2D(2, padding='SAME')"
    assert cw.output_shape(pool, (1, 7, 8, 3)) == (1, 4, 4, 3)
    for text in (
        f"Sequential([Input((7, 8, 3)), {pool}])",
        f"Sequential([Conv2D(4, 3, input_shape=(7, 8, 3)), {pool}])",
        f"i = Input((7, 8, 3))\nx = Conv2D(4, 3)(i)\nmodel = Model(i, {pool}(x))",
    ):
        with pytest.raises(cw.Refusal) as caught:
            cw.explain(text)
        assert caught.value.quote == "Argument `padding` must be either 'valid' or 'same'. Received: padding=SAME"
    own = f"class M(Model):\n def __init__(self):\n  super().__init__()\n  self.c = Conv2D(4, 3)\n  self.p = {pool}\n"
    told = cw.explain(f"{own} def call(self, x):\n  return self.p(self.c(x))", (1, 7, 8, 3))
    assert (told.output, told.findings[0].code) == ((1, 3, 3, 4), "CW505")


def test_what_tensorflow_says_of_a_window_that_does_not_fit_it_may_not_say_on_an_array() -> None:
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain("tf.nn.conv2d(tf.zeros((1, 2, 5, 1)), tf.zeros((3, 3, 1, 1)), 1, 'VALID')")
    assert caught.value.quote == "Negative dimension size caused by subtracting 3 from 2"
    assert "TensorFlow says so in a tf.function" in caught.value.detail


def test_a_change_of_the_whole_chain_is_told_once_by_its_layers_name() -> None:
    text = "nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2), nn.ConvTranspose2d(4, 1, 2, stride=2))"
    told = cw.explain(text, (1, 9, 11), want="9x11")
    assert len({fix.code for fix in told.fixes}) == len(told.fixes)
    assert "at ConvTranspose2d (2)" in str(cw.explain(text, (1, 9, 11)))


def test_one_layer_is_one_layer() -> None:
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(
            "class N(nn.Module):\n def __init__(s):\n  super().__init__()\n  s.c = nn.Conv2d(3, 4, 3)\n def forward(s, x):\n  return x + s.c(x)\nN()(torch.zeros(1, 3, 9, 10))"
        )
    assert "1 layers" not in str(caught.value.explanation)
