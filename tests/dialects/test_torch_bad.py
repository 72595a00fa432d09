"""Bad PyTorch calls: the right answer, the code and a fragment of the message for each (the oracle tests run them too)."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from torch_text import parse_call, unpacked

from convwise.dialects.torch import flow, read
from convwise.errors import CodeError, ConvwiseError, Refusal, ShapeError


def label(value):
    return value if isinstance(value, str) and len(value) < 20 else type(value).__name__


ROWS = json.loads((Path(__file__).parents[1] / "data" / "bad_torch.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['call']} {row['input']}")
def test_bad_call(row):
    call = unpacked(row["form"], row["call"])
    assert repr(parse_call(row["call"])) == repr(call)
    if row["answer"] != "refused":
        assert list(flow(read(call), tuple(row["input"])).output) == row["answer"]
        return
    with pytest.raises(ConvwiseError) as caught:
        flow(read(call), tuple(row["input"]))
    error = caught.value
    assert error.code == row["code"]
    assert row["says"] in str(error)
    assert error.received is not None
    assert error.code == "CW317" or call.kind in str(error).splitlines()[0]
    expected = CodeError if error.code.startswith("CW3") else ShapeError if error.code.startswith("CW1") else Refusal
    assert isinstance(error, ShapeError if error.code == "CW210" else expected)
    assert not (error.code == "CW210" and isinstance(error, Refusal))


def test_the_table_is_whole():
    assert len(ROWS) >= 80
    assert {row["code"] for row in ROWS} >= {
        "CW101",
        "CW102",
        "CW103",
        "CW104",
        "CW105",
        "CW106",
        "CW107",
        "CW108",
        "CW109",
        "CW201",
        "CW202",
        "CW204",
        "CW205",
        "CW206",
        "CW207",
        "CW209",
        "CW210",
        "CW317",
    }


@pytest.mark.parametrize(
    "value",
    [10**5000, -(10**5000), 2**64, float("nan"), float("inf"), "x" * 10_000, ((1,) * 50,) * 50, None, ()],
    ids=label,
)
@pytest.mark.parametrize(
    "name", ["in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode"]
)
def test_any_value_anywhere_is_refused_in_short_words(name, value):
    from convwise.dialects.base import Call

    given = {"in_channels": 3, "out_channels": 6, "kernel_size": 3} | {name: value}
    with pytest.raises(ConvwiseError) as caught:
        flow(read(Call("Conv2d", (), tuple(given.items()))), (2, 3, 9, 10))
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    "kind",
    [
        "MaxPool2d",
        "AvgPool3d",
        "LPPool1d",
        "AdaptiveAvgPool2d",
        "Upsample",
        "ZeroPad2d",
        "Fold",
        "Unflatten",
        "LayerNorm",
        "Softmax",
        "PReLU",
        "Dropout",
        "GroupNorm",
    ],
)
@pytest.mark.parametrize(
    "value", [10**5000, -(10**400), "x", ((1, 2), (3, 4)), (), (None,), float("nan"), True, -7], ids=label
)
def test_no_value_breaks_a_layer(kind, value):
    """Whatever is written, the answer is a shape or one of our errors."""
    from convwise.dialects.base import Call
    from convwise.dialects.torch import KINDS

    for parameter in KINDS[kind].parameters:
        required = {p.name: 2 for p in KINDS[kind].parameters if p.default.__class__.__name__ == "Unknown"}
        for shape in ((2, 4, 6, 8), (4, 6, 8), (), (0, 4, 0, 2), (None, 4, None, 6)):
            with contextlib.suppress(ConvwiseError):
                flow(read(Call(kind, (), tuple((required | {parameter.name: value}).items()))), shape)
