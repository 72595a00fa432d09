"""Who takes a layer: releases, devices, each with its words and its source."""

from __future__ import annotations

from typing import Any

import pytest

import convwise as cw
from convwise.answers.porting.applies import APPLIES
from convwise.answers.porting.supports import Row
from convwise.cli import main
from convwise.dialects.changes import CHANGES
from convwise.dialects.devices import DEVICES


def rows(code: str, shape: Any = None, **words: str) -> list[Row]:
    return [
        row for row in cw.supports(code, shape) if all(getattr(row, name) == value for name, value in words.items())
    ]


def test_every_row_of_the_tables_is_about_some_layer() -> None:
    own = {change.key for change in CHANGES if change.package == "opset" or change.framework == "keras"}
    rest = {change.key for change in CHANGES} - own
    assert {row.key for row in DEVICES} | rest <= set(APPLIES)
    assert set(APPLIES) <= {row.key for row in DEVICES} | {change.key for change in CHANGES}


@pytest.mark.parametrize(
    ("code", "shape", "framework", "release", "device", "verdict"),
    [
        ("nn.Conv2d(3, 4, 3, padding='same')", (3, 9, 10), "PyTorch", "before 1.9", "CPU", "refused"),
        ("nn.ConvTranspose3d(3, 4, 3)", (3, 5, 6, 7), "PyTorch", "before 2.8", "Apple GPU (MPS)", "refused"),
        ("nn.AdaptiveAvgPool2d(5)", (3, 9, 10), "PyTorch", "up to 2.13", "Apple GPU (MPS)", "refused"),
        ("nn.AdaptiveMaxPool2d(4)", (3, 8, 10), "PyTorch", "2.13", "Apple GPU (MPS)", "with a difference"),
        ("AveragePooling2D(3, 2, 'same')", (10, 10, 3), "Keras", "3.15 on torch", "CPU", "with a difference"),
        ("DepthwiseConv2D(3, strides=(1, 2))", (9, 10, 3), "TensorFlow", "2.21", "CPU without oneDNN", "refused"),
        ("Conv2D(4, 3, data_format='channels_first')", (3, 9, 10), "Keras", "3.15 on TensorFlow", "CPU without oneDNN", "refused"),
        ("nn.AvgPool2d(4, 4, 2, ceil_mode=True)", (3, 9, 9), "ONNX", "onnxruntime before 1.21", "CPU", "with a difference"),
    ],
)  # fmt: skip
def test_releases_and_devices_are_rows(
    code: str, shape: Any, framework: str, release: str, device: str, verdict: str
) -> None:
    (row,) = rows(code, shape, framework=framework, release=release, device=device)
    assert row.verdict == verdict
    assert row.source
    assert row.quote or row.how


@pytest.mark.parametrize(
    ("code", "shape", "absent"),
    [
        ("nn.Conv2d(3, 4, 3, padding=1)", (3, 9, 10), "before 1.9"),
        ("nn.ConvTranspose2d(3, 4, 3)", (3, 9, 10), "before 2.8"),
        ("nn.AdaptiveAvgPool2d(5)", (3, 10, 20), "up to 2.13"),
        ("AveragePooling2D(3, 2, 'same')", (9, 9, 3), "3.15 on torch"),
        ("AveragePooling2D(2, 2, 'same')", (9, 9, 3), "3.15 on torch"),
        ("nn.AvgPool2d(4, 4, 2, ceil_mode=True)", (3, 12, 12), "onnxruntime before 1.21"),
        ("Conv2D(4, 3)", (9, 10, 3), "3.15 on TensorFlow"),
    ],
)
def test_rows_about_other_layers_are_left_out(code: str, shape: Any, absent: str) -> None:
    assert rows(code, shape)
    assert not rows(code, shape, release=absent)


def test_the_releases_of_the_others_are_asked_too() -> None:
    keras = rows("nn.AdaptiveAvgPool2d(3)", (3, 9, 10), framework="Keras")
    assert [(row.release, row.verdict) for row in keras if row.device == "CPU"][:2] == [
        ("3.0, 3.5, 3.8 to 3.12", "refused"),
        ("3.13 to 3.15", "accepted"),
    ]
    assert "Keras 3.0, 3.5, 3.8 to 3.12 has no" in keras[0].how
    onnx = rows("nn.MaxPool2d(3, 2, ceil_mode=True)", (3, 9, 10), framework="ONNX")
    assert [(row.release, row.verdict) for row in onnx][:2] == [("7 to 9", "refused"), ("10 to 26", "accepted")]
    assert "Unrecognized attribute: ceil_mode" in onnx[0].quote


def test_what_was_not_tested_says_so() -> None:
    (row,) = rows("nn.Conv3d(3, 4, 3)", (3, 5, 6, 7), device="Apple GPU (MPS)")
    assert not row.tested
    assert "not tested here: pytorch/pytorch#77818" in row.cells()[3]
    assert all(row.tested for row in rows("DepthwiseConv2D(3, strides=(1, 2))", (9, 10, 3)))


def test_without_an_input_a_size_of_ours_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["supports", "nn.AdaptiveAvgPool2d(5)"]) == 0
    told = capsys.readouterr().out
    assert "a size of ours" in told
    assert "not tested" in told
    assert cw.supports("Conv2D(4, 3)").to_dict()["note"]


def test_operators_are_refused_before_their_operator_set() -> None:
    gelu = rows("nn.GELU()", (3, 9, 10), framework="ONNX")
    assert [(row.release, row.verdict) for row in gelu] == [("7 to 19", "refused"), ("20 to 26", "accepted")]
    assert gelu[0].quote.startswith("No Op registered for Gelu")


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_average_of_a_map_is_said_as_its_maximum_is(rank: int) -> None:
    for framework in ("TensorFlow", "JAX"):
        mean, largest = (
            rows(f"Global{kind}Pooling{rank}D()", None, framework=framework) for kind in ("Average", "Max")
        )
        assert [(row.release, row.verdict, row.how.replace("mean", "max")) for row in mean] == [
            (row.release, row.verdict, row.how) for row in largest
        ]
        assert mean[0].verdict == "accepted"
