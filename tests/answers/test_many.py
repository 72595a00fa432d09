"""One layer on several inputs: what is told of all of them holds for each."""

from __future__ import annotations

import re

import pytest

import convwise as cw
from convwise.answers.many import many
from convwise.faces.text import render_many

Shapes = list[tuple[int, ...]]
NAMES = {1: "length is free", 2: "height and width are free", 3: "depth, height and width are free"}


@pytest.mark.parametrize(
    ("code", "shapes", "rank"),
    [
        ("Conv2D(8, 3)", [(8, 9, 3), (8, 9, 4), (5, 6, 4)], 2),
        ("Conv2D(8, (3, 5), strides=(1, 2))", [(8, 9, 3), (12, 10, 3)], 2),
        ("SeparableConv2D(8, 3)", [(8, 9, 3), (8, 9, 5), (7, 9, 6)], 2),
        ("Conv3D(8, 3)", [(8, 9, 10, 3), (9, 8, 7, 3)], 3),
        ("Conv1D(8, 3, padding='causal')", [(8, 3), (9, 2)], 1),
        ("Conv2DTranspose(4, 3, strides=2)", [(8, 9, 3), (8, 9, 2)], 2),
        ("nn.Conv1d(3, 4, 3)", [(3, 10), (3, 20)], 1),
        ("nn.Conv3d(3, 4, 3)", [(3, 9, 10, 8), (3, 20, 7, 9)], 3),
        ("nnx.Conv(3, 8, (3, 3), rngs=rngs)", [(9, 10, 3), (7, 8, 3)], 2),
    ],
)
def test_parameters_serve_the_inputs_that_they_are_said_to_serve(code: str, shapes: Shapes, rank: int) -> None:
    worked = [cw.explain(code, shape) for shape in shapes]
    told = many(worked)
    (size,), (fixed,) = told.before[0].lines, told.after[0].lines
    counts = {one.params for one in worked}
    assert ("serve all" in size) == (len(counts) == 1)
    said = {int(number.replace(",", "")) for number in re.findall(r"(\d[\d,]*)(?= parameters| for )", size + fixed)}
    assert said == counts
    assert fixed.endswith(NAMES[rank])
    assert ("each axis apart" in size) == (rank > 1 and len({axis.any_size for axis in worked[0].axes}) == 1)
    shown = " ".join(render_many(worked, [""] * len(worked), 400).split())
    assert all(" ".join(part.split()) in shown for part in (told.headline, size, fixed))


@pytest.mark.parametrize(
    ("code", "shapes"),
    [
        ("LayerNormalization()", [(8, 9, 9), (8, 10, 10)]),
        ("MaxPooling2D(2)", [(8, 9, 3), (9, 8, 4)]),
        ("nn.BatchNorm2d(3)", [(1, 3, 8, 9), (2, 3, 9, 8)]),
        ("Dense(5)", [(8,), (9,)]),
        ("nn.Upsample(scale_factor=2)", [(1, 3, 8, 9), (1, 3, 9, 8)]),
    ],
)
def test_what_keeps_no_channels_says_nothing_of_them(code: str, shapes: Shapes) -> None:
    told = many([cw.explain(code, shape) for shape in shapes])
    assert told.after == ()
    assert "parameters" not in str(told.before)


def test_a_rule_that_holds_for_some_of_the_inputs_alone_is_not_told() -> None:
    both = [cw.explain("nn.AdaptiveAvgPool2d((None, 3))", shape) for shape in ((3, 9, 10), (3, 8, 7))]
    assert both[0].axes[0].any_size in str(many(both).before)
    other = cw.explain("nn.MaxPool2d(2)", (3, 9, 10))
    assert many([both[0], other]).before == ()
