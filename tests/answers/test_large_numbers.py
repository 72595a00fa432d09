"""Numbers far beyond any layer: answered at once, whatever the fixes would have to search."""

from __future__ import annotations

import time

import pytest

import convwise as cw


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("nn.Conv2d(2, 2, (5, 1), stride=2**61, padding='same')", (2, 5, 9), "padding='same' with stride"),
        ("nn.Conv1d(2, 2, 2**41, dilation=2)", (2, 2**40), "the window spans 4398046511103 but only"),
        ("MaxPooling1D(2**41)", (2**40, 3), "the window spans 2199023255552 but only 1099511627776 cells exist"),
        ("MaxPooling3D(2**40)", (3, 5, 2**40, 2), "the window spans 1099511627776 but only 3 cells exist"),
    ],
)
def test_refused_in_an_instant(text, shape, message):
    start = time.process_time()
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(text, shape)
    assert message in caught.value.message
    assert caught.value.explanation is not None
    # The largest searches that were there once took more than all memory; a second is far from either.
    assert time.process_time() - start < 1


def test_the_largest_kernel_that_fits_is_exact():
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain("nn.Conv2d(3, 4, 9, dilation=3)", (3, 14, 10))
    (fix,) = [fix for fix in caught.value.explanation.fixes if fix.why == "the largest that fits"]
    assert fix.code == "nn.Conv2d(3, 4, (5, 4), dilation=3)"
    assert fix.output == (4, 2, 1)
