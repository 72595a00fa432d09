"""Methods and functions of tensors against PyTorch: what is recorded of each forward, the live module, and the legal sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from readers.test_tensor_calls import GIVEN, REFUSED, SHAPE, net

from convwise.errors import ConvwiseError
from convwise.readers.models import read

HEIGHTS = range(3, 24)


def made(forward: str) -> Any:
    space: dict[str, Any] = {}
    exec(net(forward), space)
    return space["Net"]().eval()


def given(forward: str, shape: tuple[int, ...] = SHAPE) -> tuple[int, ...]:
    with torch.no_grad():
        return tuple(made(forward)(torch.zeros(shape)).shape)


def runs(forward: str, shape: tuple[int, ...]) -> bool:
    try:
        given(forward, shape)
    except (RuntimeError, IndexError, ValueError):
        return False
    return True


@pytest.mark.parametrize("forward", GIVEN)
def test_the_recorded_shape_is_torchs_and_that_of_the_live_module(forward: str) -> None:
    assert given(forward) == GIVEN[forward]
    assert read(made(forward), input_shape=SHAPE).trace(SHAPE).rows[-1].output == GIVEN[forward]


@pytest.mark.parametrize("forward", REFUSED)
def test_the_recorded_words_are_torchs_and_the_live_module_is_refused(forward: str) -> None:
    code, words = REFUSED[forward]
    with pytest.raises((RuntimeError, IndexError, ValueError)) as said:
        given(forward)
    assert words in str(said.value)
    with pytest.raises(ConvwiseError) as caught:
        read(made(forward), input_shape=SHAPE).trace(SHAPE)
    assert (caught.value.code, caught.value.quote) == (code, words)


@pytest.mark.parametrize("forward", [*GIVEN, *REFUSED])
def test_exact_legal_sizes_are_those_that_run(forward: str) -> None:
    try:
        legal = read(net(forward), input_shape=SHAPE).legal_sizes()
    except ConvwiseError:
        assert not any(runs(forward, (2, 3, height, 11)) for height in HEIGHTS)
        return
    for height in HEIGHTS:
        if legal.exact:
            assert legal.takes((height, 11)) == runs(forward, (2, 3, height, 11)), height
