"""What bench/conv.py calls a cliff."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from source_code import ROOT


@pytest.fixture
def growth(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    return importlib.import_module("conv_growth")


def points(growth: Any, rows: list[tuple[int, int, float]]) -> list[Any]:
    return [growth.Point(value, work, milliseconds / 1e3, "direct") for value, work, milliseconds in rows]


def test_steady_growth_is_no_cliff(growth: Any) -> None:
    assert growth.cliffs(points(growth, [(n, n * n, 0.01 * n * n) for n in range(1, 20)])) == {}


def test_a_jump_is_one(growth: Any) -> None:
    found = growth.cliffs(points(growth, [(32, 100, 1.0), (33, 105, 2.0), (64, 400, 4.0)]))
    assert found == {33: "2.0 times the time for 1.1 times the work"}


def test_a_layer_slower_than_a_larger_one_is_one(growth: Any) -> None:
    found = growth.cliffs(points(growth, [(15, 100, 1.0), (17, 150, 2.2), (18, 160, 1.1)]))
    assert found == {17: "2.2 times the time of the larger 18"} or list(found) == [17]


def test_small_differences_are_the_call(growth: Any) -> None:
    assert growth.cliffs(points(growth, [(1, 10, 0.004), (2, 11, 0.013), (3, 12, 0.005)])) == {}


def test_what_was_left_out_is_no_cliff(growth: Any) -> None:
    rows = [*points(growth, [(1, 100, 1.0)]), growth.Point(2, 900, None, "direct", "left out: too large")]
    assert growth.cliffs(rows) == {}


def test_a_jump_that_does_not_come_again_was_noise(growth: Any) -> None:
    asked = []

    def measure(layers: list[Any]) -> list[dict[str, Any]]:
        asked.append(layers)
        return [{"fastest": 1e-3 * layer} for layer in layers]

    rows = points(growth, [(1, 100, 1.0), (2, 200, 9.0), (3, 300, 3.0), (4, 400, 4.0)])
    steady = growth.steadied(rows, {1: 1, 2: 2, 3: 3, 4: 4}, measure)
    assert [point.seconds for point in steady] == pytest.approx([1e-3, 2e-3, 3e-3, 4e-3])
    assert asked == [[1, 2, 3]]


def test_a_table_marks_its_cliffs_and_says_what_is_missing(growth: Any) -> None:
    def measure(layout: str, layers: list[Any]) -> list[dict[str, Any]]:
        assert all(growth.size_of(layer) <= growth.MOST_BYTES for layer in layers)
        return [{"fastest": 5e-3 if layer[-2] == 7 else 1e-3} for layer in layers]

    text = growth.series("dilation, 64 to 64 channels, 56x56, 3x3", ("NHWC",), measure, lambda *_: (10**6, "direct"))
    assert "| 7 | 5 | 0 **cliff** | direct |" in text
    assert "* NHWC, 7: 5.0 times the time for 1.0 times the work" in text
    assert text.count("cliff**") == 1
    growth.MOST_BYTES, kept = 1000, growth.MOST_BYTES
    try:
        text = growth.series("dilation, 64 to 64 channels, 56x56, 3x3", ("NHWC",), measure, lambda *_: (1, "direct"))
    finally:
        growth.MOST_BYTES = kept
    assert "| 7 | left out: too large | - | direct |" in text
    assert "No cliff." in text
