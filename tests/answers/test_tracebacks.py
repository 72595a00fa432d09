"""Pasted error messages: what they mean in sizes, and what to change."""

from __future__ import annotations

import pytest

import convwise as cw

MESSAGES = [
    (
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x1568 and 1050x10)",
        "What reaches the Linear layer has 1568 features; its weights are made for 1050.",
        "32 x 7 x 7",
        "nn.Linear(1568, 10)",
    ),
    (
        "RuntimeError: Given groups=1, weight of size [16, 3, 3, 5], expected input[1, 28, 20, 3] to have 3 channels, "
        "but got 28 channels instead",
        "The image is channels last; PyTorch reads 1 x 28 x 20 x 3 as 28 channels.",
        "3 channels in 1 group",
        "x.permute(0, 3, 1, 2)",
    ),
    (
        "RuntimeError: Given groups=1, weight of size [16, 3, 3, 3], expected input[1, 4, 28, 28] to have 3 channels, "
        "but got 4 channels instead",
        "The layer takes 3 channels, and 4 reach it.",
        "3 channels in 1 group",
        "nn.Conv2d(4, 16, 3)",
    ),
    (
        "RuntimeError: Calculated padded input size per channel: (9 x 5). Kernel size: (3 x 7). Kernel size can't be "
        "greater than actual input size",
        "The layers before have used the image up: 5 cells are left where the kernel needs 7.",
        "the input of this layer needs 2 more",
        None,
    ),
    (
        "RuntimeError: Sizes of tensors must match except in dimension 1. Expected size 43 but got size 42 for tensor "
        "number 1 in the list.",
        "Two branches are joined whose maps differ: 43 and 42.",
        "43 is odd: halved and doubled again it comes back as 42",
        None,
    ),
    (
        "RuntimeError: The size of tensor a (20) must match the size of tensor b (17) at non-singleton dimension 3",
        "Two branches are joined whose maps differ: 20 and 17.",
        "20 - 17 = 3",
        None,
    ),
    (
        "ValueError: Negative dimension size caused by subtracting 3 from 1 for '{{node conv2d_4/Conv2D}}'",
        "A window 3 wide meets 1 cell: the layers before have used the image up.",
        "1 - 3 < 0",
        None,
    ),
    (
        'ValueError: Input 0 of layer "dense" is incompatible with the layer: expected axis -1 of input shape to have '
        "value 1568, but received input with shape (None, 2048)",
        "The layer 'dense' was built for 1568 on its last axis, and 2048 reach it.",
        "2048 = 32 x 8 x 8",
        None,
    ),
    (
        'ValueError: Input 0 of layer "conv2d" is incompatible with the layer: expected min_ndim=4, found ndim=3. Full '
        "shape received: (28, 28, 3)",
        "The layer wants 4 axes and got 3: the batch axis is missing.",
        "x[None] adds the batch",
        None,
    ),
    (
        "INVALID_ARGUMENT : Got invalid dimensions for input: input for the following indices\n index: 2 Got: 350 Expected: 224",
        "The file was exported for 224 on axis 2 of its input, and 350 was fed.",
        "export again with that axis dynamic",
        None,
    ),
]


@pytest.mark.parametrize(("message", "headline", "words", "fix"), MESSAGES)
def test_a_pasted_message_is_explained(message: str, headline: str, words: str, fix: str | None) -> None:
    for text in (
        message,
        f"Traceback (most recent call last):\n  File 'a.py', line 3, in <module>\n    y = f(x)\n{message}\n",
    ):
        told = cw.explain(text)
        assert told.headline == headline
        assert words in "\n".join(line for fact in told.facts for line in fact.lines)
        assert (told.fixes[0].code if told.fixes else None) == fix
        assert [one.headline for one in cw.explain_all(text)] == [headline]


def test_the_last_of_several_messages_counts() -> None:
    told = cw.explain(
        "\n".join(["Traceback (most recent call last):", MESSAGES[0][0], "During handling:", MESSAGES[3][0]])
    )
    assert told.headline == MESSAGES[3][1]


def test_a_traceback_that_is_not_about_sizes_stays_an_error() -> None:
    with pytest.raises(cw.CodeError, match="this is a traceback, not code") as caught:
        cw.explain("Traceback (most recent call last):\n  File 'a.py', line 3\nKeyError: 'x'\n")
    assert caught.value.code == "CW316"


def test_a_million_characters_of_almost_a_message_end_at_once() -> None:
    with pytest.raises(cw.ConvwiseError):
        cw.explain("Traceback (most recent call last):\n" + "mat1 and mat2 shapes cannot be multiplied (2x" * 2500)
