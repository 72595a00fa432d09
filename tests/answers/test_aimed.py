"""Chains that shall end at a wanted size: every change that is told, is read back and run."""

from __future__ import annotations

import pytest

from convwise import explain
from convwise.readers.source import read_layer


@pytest.mark.parametrize(
    ("chain", "shape", "want"),
    [
        ("nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2))", (3, 32, 35), (16, 17)),
        ("nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 9, 3))", (2, 3, 33, 40), (14, 17)),
        ("Sequential([Conv2D(8, 3, strides=2), Conv2D(8, 3), Conv2DTranspose(4, 3, strides=2)])", (32, 32, 3), (29,)),
        ("Sequential([Conv1D(8, 3), MaxPooling1D(3)])", (32, 3), (11,)),
    ],
)
def test_what_is_tried_ends_where_it_is_wanted(chain: str, shape: tuple[int, ...], want: tuple[int, ...]) -> None:
    told = explain(chain, shape, want=want)
    assert told.fixes
    keras = chain.startswith("Seq")
    for code, output in told.fixes:
        inner = ", ".join(code.split("\n"))
        again = explain(f"Sequential([{inner}])" if keras else f"nn.Sequential({inner})", shape)
        assert again.output == output
        rank = len(again.steps[0].axes)
        sizes = output[-1 - rank : -1] if keras else output[-rank:]
        assert sizes == (want if len(want) == rank else want * rank)
        assert read_layer(code.split("\n")[0])


def test_layers_of_one_name_are_told_apart() -> None:
    told = explain("Sequential([Conv2D(3, 3), Conv2D(3, 3)])", (20, 20, 3), want=9)
    assert [fix.label for fix in told.fixes][::2] == [
        "Conv2D (layer 1) kernel_size=10",
        "Conv2D (layer 2) kernel_size=10",
    ]


def test_open_sizes_are_not_judged() -> None:
    told = explain("Sequential([Conv2D(3, 3), Conv2D(3, 3)])", want=9)
    assert "wanted" not in [fact.label for fact in told.facts]
