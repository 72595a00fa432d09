"""Laws of explanations of random layers: what they claim is counted again here by other means."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from math import ceil, floor

from hypothesis import given, settings
from hypothesis import strategies as st

import convwise as cw
from convwise.answers.explanation import AxisFacts, Explanation
from convwise.faces.fit import fit
from convwise.faces.text import render

LAWS = settings(max_examples=100, deadline=None, derandomize=True)


def evaluate(expression: str, n: int) -> Fraction:
    """`ceil((n - 2) / 2)`, `2 n + 1`: numbers, n, + - * /, brackets, ceil and floor; a number before n multiplies it."""
    tokens = re.findall(r"ceil|floor|n|\d+|[()+\-*/]", expression)
    assert "".join(tokens) == expression.replace(" ", ""), expression
    left = iter([*tokens, ""])
    now = next(left)

    def take() -> str:
        nonlocal now
        token, now = now, next(left)
        return token

    def factor() -> Fraction:
        token = take()
        if token == "-":
            return -factor()
        if token in ("ceil", "floor"):
            value = factor()
            return Fraction(ceil(value) if token == "ceil" else floor(value))
        if token == "(":
            value = total()
            assert take() == ")"
            return value
        if token == "n":
            return Fraction(n)
        value = Fraction(token)
        return value * Fraction(n) if now == "n" and take() else value

    def product() -> Fraction:
        value = factor()
        while now in ("*", "/"):
            value = value * factor() if take() == "*" else value / factor()
        return value

    def total() -> Fraction:
        value = product()
        while now in ("+", "-"):
            value = value + product() if take() == "+" else value - product()
        return value

    result = total()
    assert not now, expression
    return result


@st.composite
def layers(draw: st.DrawFn) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """A Keras or PyTorch call, an input that mostly fits, and a wanted size."""
    numbers = {name: draw(st.integers(1, high)) for name, high in (("k", 5), ("l", 5), ("s", 4), ("t", 4), ("d", 3))}
    k, l, s, t, d = numbers.values()  # noqa: E741
    p, q = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    word = draw(st.sampled_from(["same", "valid"]))
    mode = draw(st.sampled_from(["zeros", "reflect", "circular", "replicate"]))
    height, width = draw(st.integers(3, 24)), draw(st.integers(3, 24))
    keras, torch = (height, width, 3), (3, height, width)
    ceil_mode = draw(st.booleans())
    text, shape = draw(
        st.sampled_from(
            [
                (f"Conv2D(4, ({k}, {l}), strides=({s}, {t}), padding='{word}')", keras),
                (f"Conv2D(4, {k}, dilation_rate={d}, padding='{word}')", keras),
                (f"Conv2DTranspose(4, ({k}, {l}), strides=({s}, {t}), padding='{word}')", keras),
                (f"MaxPooling2D(({k}, {l}), strides={s}, padding='{word}')", keras),
                (f"Conv2D(4, {k}, strides={s}, padding='same', data_format='channels_first')", torch),
                (f"SeparableConv2D(4, {k}, strides={s}, padding='same')", keras),
                (f"ZeroPadding2D((({p}, {q}), ({q}, 1)))", keras),
                (f"nn.Conv2d(3, 4, ({k}, {l}), stride=({s}, {t}), padding=({p}, {q}), dilation={d})", torch),
                (f"nn.Conv2d(3, 4, {k}, stride={s}, padding={p}, padding_mode='{mode}')", torch),
                (f"nn.ConvTranspose2d(3, 4, {k}, stride=({s}, {t}), padding={p}, dilation={d})", torch),
                (f"nn.AvgPool2d({k}, stride={s}, padding={k // 2}, ceil_mode={ceil_mode})", torch),
                (f"nn.MaxPool2d(({k}, {l}), stride=({s}, {t}), dilation={d}, ceil_mode={ceil_mode})", torch),
                (f"nn.AvgPool3d({k}, stride={s}, padding={k // 2}, ceil_mode={ceil_mode})", (*torch[:2], 7, width)),
                (f"nn.ReflectionPad2d(({p}, {q}, {q}, 1))", torch),
                (f"nn.PixelUnshuffle({s})", (3, height // s * s or s, s * t)),
                (f"nn.Upsample(scale_factor={s})", (1, *torch)),
            ]
        )
    )
    return text, shape, (draw(st.integers(1, 14)), draw(st.integers(1, 14)))


def explained(text: str, shape: tuple[int, ...], want: tuple[int, ...] | None = None) -> Explanation | None:
    """The explanation, or the one that its error carries."""
    try:
        return cw.explain(text, shape, want=want)
    except cw.ConvwiseError as caught:
        error = caught
    assert str(error).strip()
    json.dumps(error.to_dict(), allow_nan=False)
    return error.explanation


def place(e: Explanation, number: int) -> int:
    """Where a spatial axis stands in the input."""
    last = e.dialect == "keras" and "channels_first" not in e.code
    return len(e.input) - len(e.axes) - last + number


def out_at(text: str, e: Explanation, number: int, n: int) -> int | None:
    """The output on one axis for n cells there and the other axes as they are; None where it is refused."""
    where = place(e, number)
    try:
        return cw.output_shape(text, (*e.input[:where], n, *e.input[where + 1 :]))[where]
    except cw.ShapeError:
        return None


@LAWS
@given(layers())
def test_the_rule_for_any_size_and_the_sizes_that_give_the_same_hold(case):
    text, shape, _ = case
    e = explained(text, shape)
    for number, facts in enumerate(e.axes if e is not None else ()):
        rule = re.fullmatch(r"(.+?)(?:, n a multiple of (\d+))?(?:, n >= (\d+))?", facts.any_size)
        every, least = int(rule[2] or 1), int(rule[3] or 1)
        for n in range(1, least + 30):
            out = out_at(text, e, number, n)
            assert out == (evaluate(rule[1], n) if n >= least and n % every == 0 else None), (facts.any_size, n)
        if facts.unread_data is not None:
            low, high = facts.preimage
            found = [n for n in range(1, high + 30) if out_at(text, e, number, n) == facts.out]
            assert found == list(range(low, high + 1))


@LAWS
@given(layers())
def test_formulas_and_unread_cells_are_those_of_the_taps(case):
    text, shape, _ = case
    e = explained(text, shape)
    for facts in e.axes if e is not None else ():
        left, _, right = facts.formula.rpartition(" = ")
        assert evaluate(left, 0) == int(right) == facts.out
        if facts.unread_data is None:
            continue
        read = {start + tap for start in starts(facts) for tap in range(0, facts.span, facts.dilation)}
        missing = [cell for cell in range(facts.size) if cell not in read]
        tail = [cell for cell in missing if cell > max(read)]
        assert (int(facts.unread_data), facts.unread_data.tail) == (len(missing), len(tail))
        border = [*range(-facts.pad_low, 0), *range(facts.size, facts.size + facts.pad_high)]
        assert facts.unread_padding == len([cell for cell in border if cell not in read])


def starts(facts: AxisFacts) -> list[int]:
    return [index * facts.stride - facts.pad_low for index in range(facts.out)]


@LAWS
@given(layers(), st.booleans())
def test_every_fix_gives_what_it_says(case, wanting):
    text, shape, want = case
    want = None if "3d" in text or not wanting else want
    e = explained(text, shape, want)
    if e is None:
        return
    for fix in e.fixes:
        again = cw.explain(fix.code, shape)
        assert again.output == fix.output, fix.code
        if want is not None and not fix.why.startswith("every"):
            first = -3 if again.dialect == "keras" and "channels_first" not in fix.code else -2
            assert again.output[first:][:2] == want, fix.code
    for fix in e.undo:
        sizes = slice(place(e, 0), place(e, 0) + 2)
        assert cw.output_shape(fix.code, e.output)[sizes] == shape[sizes] == fix.output[sizes]


@LAWS
@given(layers())
def test_an_explanation_shows_itself_everywhere(case):
    text, shape, want = case
    e = explained(text, shape, None if "3d" in text else want)
    if e is None:
        return
    for width in (40, 80, 120):
        assert max(map(len, fit(render(e, width), width).splitlines())) <= width
    assert str(e)
    assert "<" in e._repr_html_()
    assert "\n" not in e.concise
    assert json.loads(json.dumps(e.to_dict(), allow_nan=False))["output"] == list(e.output)
