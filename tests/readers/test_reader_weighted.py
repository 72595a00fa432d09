"""`F.conv2d(x, w)` and its like are the layers that hold such weights."""

from __future__ import annotations

import random

import pytest

import convwise as cw

HEAD = "import torch\nimport torch.nn.functional as F\n"


def text(call: str, data: str, weight: str, bias: str | None) -> str:
    lines = [f"x = torch.randn{data}", f"w = torch.randn{weight}", *([f"b = torch.zeros({bias})"] if bias else [])]
    return HEAD + "\n".join([*lines, f"y = {call}", ""])


CASES = {
    "F.conv2d(x, w, b, (1, 2), (2, 1), (1, 3), 2)": ("(2, 6, 9, 20)", "(4, 3, 3, 2)", "4", (2, 4, 11, 10), 76),
    "F.conv2d(x, w, padding='same', dilation=2)": ("(2, 6, 9, 10)", "(4, 6, 3, 5)", None, (2, 4, 9, 10), 360),
    "F.conv1d(input=x, weight=w, stride=3)": ("(5, 31)", "(7, 5, 4)", None, (7, 10), 140),
    "F.conv3d(x, bias=b, weight=w)": ("(1, 2, 5, 6, 7)", "(3, 2, 1, 2, 3)", "3", (1, 3, 5, 5, 5), 39),
    "F.conv_transpose2d(x, w, b, (2, 3), 1, (1, 2), 2)": (
        *("(1, 4, 5, 6)", "(4, 3, 3, 5)", "6"),
        *((1, 6, 10, 20), 186),
    ),
    "torch.conv2d(x, w)": ("(1, 3, 9, 10)", "(8, 3, 3, 2)", None, (1, 8, 7, 9), 144),
    "F.linear(x, w, b)": ("(2, 9, 7)", "(5, 7)", "5", (2, 9, 5), 40),
}


@pytest.mark.parametrize("call", CASES)
def test_weights_that_are_given_make_the_layer(call: str) -> None:
    data, weight, bias, output, params = CASES[call]
    answer = cw.explain(text(call, data, weight, bias))
    assert (answer.output, answer.params) == (output, params)


def test_a_chain_of_functions() -> None:
    code = HEAD + (
        "x = torch.randn(2, 6, 9, 10)\n"
        "y = F.relu(F.conv2d(x, torch.randn(4, 3, 3, 2), torch.zeros(4), (1, 2), groups=2))\n"
        "z = F.conv_transpose2d(y, torch.ones(4, 5, 3, 3), stride=2)\n"
    )
    answer = cw.explain(code)
    assert [step.output for step in answer.steps] == [(2, 4, 7, 5), (2, 4, 7, 5), (2, 5, 15, 11)]


def test_channels_that_do_not_match_are_told_in_pytorchs_words() -> None:
    with pytest.raises(cw.ShapeError, match="the layer takes 4 channels, the input has 3") as caught:
        cw.explain(text("F.conv2d(x, w)", "(1, 3, 9, 10)", "(8, 4, 3, 2)", None))
    assert "weight of size [8, 4, 3, 2]" in (caught.value.quote or "")


@pytest.mark.parametrize(
    ("weight", "call"),
    [("(8, 3, 3)", "F.conv2d(x, w)"), ("(8, 3, 3, 3)", "F.conv2d(x, w, strides=2)"), ("(8,)", "F.linear(x, w)")],
)
def test_what_no_layer_does_is_not_guessed(weight: str, call: str) -> None:
    with pytest.raises(cw.CodeError):
        cw.explain(text(call, "(1, 3, 9, 10)", weight, None))


@pytest.mark.oracle
def test_pytorch_gives_the_same_sizes() -> None:
    import torch

    functions = {
        name: getattr(torch.nn.functional, name) for name in ("conv1d", "conv2d", "conv3d", "conv_transpose2d")
    }
    rng = random.Random(20)
    agreed = 0
    for _ in range(300):
        name = rng.choice(list(functions))
        rank, groups = int(name[-2]), rng.choice((1, 1, 2, 3))
        kernel = [rng.randint(1, 4) for _ in range(rank)]
        data = (rng.randint(1, 2), 6, *(rng.randint(5, 12) for _ in range(rank)))
        shape = (6, 2, *kernel) if "transpose" in name else (6, 6 // groups, *kernel)
        words = {
            "stride": tuple(rng.randint(1, 3) for _ in range(rank)),
            "padding": rng.randint(0, 2),
            "groups": groups,
        }
        words["dilation"] = tuple(rng.randint(1, 2) for _ in range(rank))
        said = ", ".join(f"{word}={value}" for word, value in words.items())
        code = text(f"F.{name}(x, w, {said})", str(data), str(shape), None)
        try:
            real = tuple(functions[name](torch.zeros(data), torch.zeros(shape), **words).shape)
        except RuntimeError:
            with pytest.raises(cw.ShapeError):
                cw.explain(code)
        else:
            assert cw.explain(code).output == real, code
            agreed += 1
    assert agreed > 150
