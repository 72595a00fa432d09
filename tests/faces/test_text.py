"""The terminal and notebook faces: width, escapes, pictures."""

from __future__ import annotations

import re

import pytest

import convwise as cw
from convwise.axis import SAME_UPPER, Pads, Window
from convwise.escaping import escape
from convwise.faces.html import render_html
from convwise.faces.picture import draw
from convwise.faces.text import render, render_error, render_line, render_many

LAYERS = [
    ("Conv2D(32, (3, 3), strides=(2, 2), padding='valid')", (64, 64, 3)),
    ("nn.Conv2d(3, 16, (3, 5), stride=(2, 1), padding=(1, 0), dilation=(1, 2))", (3, 28, 40)),
    ("nn.AvgPool2d(3, 2, ceil_mode=True)", (1, 3, 9, 10)),
    ("keras.Sequential([Conv2D(8, 3, strides=4), MaxPooling2D(2), Flatten(), Dense(10)])", (128, 120, 3)),
]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_prose_is_never_wider_than_the_terminal(layer: str, shape: tuple[int, ...], width: int) -> None:
    for line in render(cw.explain(layer, shape), width).splitlines():
        # Ready calls are not broken: a line that holds one may be as long as the call.
        assert len(line) <= width or "->" in line or "nn.ZeroPad2d(" in line, line


def test_colour_only_when_asked_and_the_words_stay_the_same() -> None:
    e = cw.explain(*LAYERS[0])
    plain, coloured = render(e, 80), render(e, 80, color=True)
    assert "\x1b" not in plain
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).split() == plain.split()


def test_the_picture_draws_padding_taps_and_unread_cells() -> None:
    assert draw(Window(3, 2, 2, Pads(2, 1)).over(7)) == [
        " . . x o x o x o x .   . padding  x read  o never read",
        "[k - k - k]            window 0: 3 taps over 5 cells",
        "    [k - k - k]        window 1: 2 further on",
        "        [k - k - k]    window 2, the last",
    ]


def test_long_axes_are_elided_and_keep_both_ends() -> None:
    first, *windows = draw(Window(3, 4).over(128), 80)
    assert first.startswith(" x x x o x x x ... x x x o")
    assert windows[-1].strip() == "[k k k]    window 31, the last"
    assert windows[-1].index("k") == first.index("...") + 4


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_pictures_fit(width: int) -> None:
    for size in (1, 2, 5, 13, 64, 1000):
        for window in (Window(3, 2), Window(5, 3, 2, SAME_UPPER), Window(2, 7), Window(30, 1), Window(3, 1, 9)):
            for line in draw(window.over(size), width):
                assert len(line) <= max(width, 40), (window, size, line)


def test_text_from_elsewhere_is_shown_not_sent() -> None:
    assert escape("a\x1b[31m\u202e\nb") == "a\\x1b[31m\\u202e\\x0ab"
    with pytest.raises(cw.ConvwiseError) as caught:
        cw.explain("Conv2D(32, 3, \u202epadding='\x07')", (9, 10, 3))
    shown = render_error(caught.value)
    assert "\u202e" not in shown
    assert "\x07" not in shown


def test_html_escapes_and_draws() -> None:
    e = cw.explain("nn.Conv2d(3, 8, 3, stride=2, padding=1)", (3, 9, 10))
    html = render_html(e)
    assert html == e._repr_html_()
    assert "<svg" in html
    assert html.count("<title>window 0</title>") == 6
    hostile = cw.explain("a = nn.Conv2d(3, 8, 3)\nb = a(torch.randn(1, 3, 9, 10)) # <script>")
    assert "<script" not in render_html(hostile)


def test_one_line_and_many_lines() -> None:
    layer = "Conv2D(32, 3, padding='valid', activation='relu')"
    answers: list[object] = [cw.explain(layer, (8, 8, 3))]
    try:
        cw.explain(layer, (2, 2, 3))
    except cw.ShapeError as error:
        answers.append(error)
    assert render_line(answers[0]).endswith("8 x 8 x 3 -> 6 x 6 x 32  (8 - 3 + 1 = 6)")
    text = render_many(answers, ["8x8x3", "2x2x3"], 100)  # type: ignore[arg-type]
    assert "8 x 8 x 3  ->  6 x 6 x 32" in text
    assert "2 x 2 x 3  refused: the window spans 3 but only 2 cells exist" in text
    assert 'Keras: "Computed output size would be zero or negative' in text
    assert "try padding='same' -> 2 x 2 x 32" in text


def test_an_error_is_told_in_three_lines() -> None:
    with pytest.raises(cw.ShapeError) as caught:
        cw.output_shape("nn.Conv2d(3, 16, 4, dilation=2)", (3, 9, 5))
    lines = str(caught.value).splitlines()
    assert lines[0] == "width of PyTorch Conv2d: the window spans 7 but only 5 cells exist [CW104]"
    assert any("size 5 + padding 0 + 0 = 5; span = dilation 2 x (kernel 4 - 1) + 1 = 7" in line for line in lines)
    assert lines[-1].startswith("  try a smaller kernel")


RED = "a\x1b[31mRED\x07"


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (f"Conv2D(3, 3, padding='{RED}')", (8, 8, 3)),
        (f"Conv2D(3, 9, name='{RED}')", (8, 8, 3)),
        (f"Sequential([Conv2D(3, 3), Conv2D(3, 9, name='{RED}')])", (8, 8, 3)),
    ],
)
def test_an_error_prints_no_control_characters_and_keeps_the_true_text(text: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(text, shape)
    for said in (str(caught.value), repr(caught.value)):
        assert [char for char in said if not char.isprintable() and char != "\n"] == []
    assert "a\\x1b[31mRED\\x07" in str(caught.value)
    assert RED in " ".join(str(value) for value in caught.value.to_dict().values())


def test_an_error_keeps_its_lines() -> None:
    error = cw.ShapeError("CW104", "no\x07", quote="one\ntwo\x1b", detail="three\nfour", hint="five\x9b")
    assert str(error) == 'no\\x07 [CW104]\n  it says: "one\ntwo\\x1b"\n  three\n  four\n  five\\x9b'
