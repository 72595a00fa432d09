"""What stands around code where people paste it: frames, tags, prompts without a space, marks of IPython, arrows; and messages on several lines."""

from __future__ import annotations

import pytest

import convwise as cw

CODE = ("conv = nn.Conv2d(3, 8, 3)", "x = torch.randn(2, 3, 9, 10)", "y = conv(x)")
AROUND = {
    "a frame": "\n".join(
        ["\u256d\u2500\u2500\u256e", *(f"\u2502 {line} \u2502" for line in CODE), "\u2570\u2500\u2500\u256f"]
    ),
    "an open frame": "\n".join(f"\u2503 {line}" for line in CODE),
    "tags": f"<pre><code>{CODE[0]}\n{CODE[1]}\n{CODE[2]}\nif 2 &gt; 1: pass\n</code></pre>",
    "marks of a forum": "\n".join(["[code]", *CODE, "[/code]"]),
    "prompts without a space": "\n".join(f">>>{line}" for line in CODE),
    "prompts of IPython": "\n".join(f"In [{n}]: {line}\n" for n, line in enumerate(CODE)) + "Out[3]: tensor(0.)",
    "numbers and bars": "\n".join(f"  {n} | {line}" for n, line in enumerate(CODE)),
    "the arrow of a debugger": f" 9 {CODE[0]}\n10 {CODE[1]}\n---> 11 {CODE[2]}",
    "wide spaces": "\n".join(line.replace(" ", "\u00a0") for line in CODE),
    "the size behind it": "\n".join([*CODE[:2], f"{CODE[2]}   -> torch.Size([2, 8, 7, 8])"]),
}


@pytest.mark.parametrize("around", AROUND)
def test_the_code_inside_is_read(around: str) -> None:
    assert cw.explain(AROUND[around]).output == (2, 8, 7, 8)
    assert cw.read(AROUND[around]).trace().rows[-1].output == (2, 8, 7, 8)


def test_signs_of_arithmetic_are_read() -> None:
    text = "x = torch.randn(2, 3, 9, 10)\nx = x.view(\u22121, 3 \u00d7 9 \u00d7 10)\ny = nn.Linear(3 \u00d7 90, 5)(x)"
    told = cw.explain(text)
    assert told.output == (2, 5)
    assert any(one.code == "CW510" and "signs" in one.text for one in told.findings)


def test_layers_with_arrows_between_them_are_a_chain() -> None:
    told = cw.explain("Conv2d(3, 8, 3) -> ReLU() \u2192 MaxPool2d(2) -> Flatten()", (2, 3, 9, 10))
    assert told.output == (2, 96)
    assert len(told.steps) == 4
    assert cw.explain("Conv2D(8, 3) -> MaxPooling2D(2) -> Flatten()", (9, 10, 3)).output == (96,)


def test_an_arrow_to_what_is_no_size_is_not_cut_off() -> None:
    for text in ("Conv2d(3, 8, 3) -> unknown(2) -> Flatten()", "y = nn.Conv2d(3, 8, 3)(x) -> nn.ReLU()"):
        with pytest.raises(cw.CodeError) as caught:
            cw.explain(text, (2, 3, 9, 10))
        assert caught.value.code == "CW301"


MESSAGE = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x75 and 70x9)"


@pytest.mark.parametrize(
    "text",
    [
        MESSAGE.replace(" and 70", " and\n70"),
        MESSAGE.replace("cannot", "\n    cannot"),
        MESSAGE.replace("x", "\u00d7"),
        "\u2502 " + MESSAGE.replace(" (", "   \u2502\n\u2502 (") + "   \u2502",
        "> " + MESSAGE.replace(" (", "\n> ("),
    ],
)
def test_a_message_that_was_broken_into_lines_is_known(text: str) -> None:
    told = cw.explain(text)
    assert told.headline == cw.explain(MESSAGE).headline
    assert told.fixes[0].code == "nn.Linear(75, 9)"
