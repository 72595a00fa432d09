"""Messages in the words of older releases, which questions quote: they mean what those of now mean."""

from __future__ import annotations

import pytest

import convwise as cw

OLDER = [
    (
        "RuntimeError: Given groups=1, weight[16, 3, 7, 5], so expected input[2, 1, 9, 10] to have 3 channels, but got 1 channels instead",
        "RuntimeError: Given groups=1, weight of size [16, 3, 7, 5], expected input[2, 1, 9, 10] to have 3 channels, but got 1 channels instead",
    ),
    (
        "RuntimeError: Given groups=1, weight of size 16 4 2 3, expected input[5, 3, 9, 10] to have 4 channels, but got 3 channels instead",
        "RuntimeError: Given groups=1, weight of size [16, 4, 2, 3], expected input[5, 3, 9, 10] to have 4 channels, but got 3 channels instead",
    ),
    (
        "ValueError: Input 0 of layer dense_5 is incompatible with the layer: expected axis -1 of input shape to have value 540 but received input with shape [None, 448]",
        'ValueError: Input 0 of layer "dense_5" is incompatible with the layer: expected axis -1 of input shape to have value 540, but received input with shape (None, 448)',
    ),
    (
        "ValueError: Input 0 of layer sequential is incompatible with the layer: expected axis -1 of input shape to have value 3 but received input with shape (None, 9, 10, 1)",
        'ValueError: Input 0 of layer "sequential" is incompatible with the layer: expected axis -1 of input shape to have value 3, but received input with shape (None, 9, 10, 1)',
    ),
    (
        "RuntimeError: pad should be at most half of kernel size, but got pad=2 and kernel_size=3",
        "RuntimeError: pad should be at most half of effective kernel size, but got pad=2, kernel_size=3 and dilation=1",
    ),
]


@pytest.mark.parametrize(("older", "newer"), OLDER)
def test_the_words_of_older_releases_mean_the_same(older: str, newer: str) -> None:
    one, other = cw.explain(older), cw.explain(newer)
    assert one.headline == other.headline
    assert one.facts[1:] == other.facts[1:]
    assert one.fixes == other.fixes
