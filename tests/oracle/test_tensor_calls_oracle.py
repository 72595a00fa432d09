"""Methods and functions of tensors against PyTorch: what is recorded of each forward, the live module, and the legal sizes."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
import torch
from readers.test_tensor_calls import GIVEN, REFUSED, SHAPE, net

from convwise.errors import ConvwiseError
from convwise.ops import Permute
from convwise.ops.memory import Memory
from convwise.ops.several import Gather, Slice, Split, Unsqueeze
from convwise.readers.models import read
from convwise.readers.torch_live.memory import after

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


def moved(value: Any, memory: Memory | None, dice: random.Random) -> tuple[Any, Memory | None]:
    """A part of a tensor chosen at random, and what convwise makes of how its cells lie."""
    rank, shape = value.ndim, tuple(value.shape)
    axis = dice.randrange(rank)
    match dice.choice(["permute", "permute", "slice", "slice", "step", "gather", "split", "unsqueeze", "relu"]):
        case "permute":
            order = tuple(dice.sample(range(rank), rank))
            out, work = value.permute(order), (Permute(order),)
        case "slice":
            start, stop = dice.choice([(1, None), (None, -1), (0, 2), (-2, None), (None, 9), (2, 9)])
            out = value[(slice(None),) * axis + (slice(start, stop),)]
            work = Slice(axis, start, stop)
        case "step":
            out, work = value[(slice(None),) * axis + (slice(None, None, 2),)], Slice(axis, None, None, 2)
        case "gather" if rank > 1 and shape[axis]:
            out, work = value.select(axis, 0), Gather(axis)
        case "split" if shape[axis] > 1:
            sizes = (1, shape[axis] - 1)
            out, work = value.split(sizes, axis)[dice.randrange(2)], Split(axis, sizes)
        case "unsqueeze" if rank < 6:
            out, work = value.unsqueeze(axis), Unsqueeze((axis,))
        case _:
            return value, memory
    return out, after(work, [(memory, shape)], tuple(out.shape))


def target(cells: int, dice: random.Random) -> tuple[int, ...]:
    """A shape of so many cells."""
    cuts = [1]
    while cuts[-1] != cells:
        rest = cells // cuts[-1]
        cuts.append(cuts[-1] * dice.choice([part for part in range(2, rest + 1) if rest % part == 0]))
    return tuple(one // before for before, one in pairwise(cuts)) or (1,)


def test_a_view_is_refused_only_where_torch_refuses_it_too() -> None:
    """Random views of random parts: what is refused here is refused there, and most of what is refused there is here."""
    dice = random.Random(7)
    both = mine = theirs = 0
    for _ in range(6000):
        shape = tuple(dice.choice((1, 2, 3, 4, 6)) for _ in range(dice.randint(1, 5)))
        value: Any = torch.zeros(shape)
        memory: Memory | None = Memory.whole(len(shape))
        for _ in range(dice.randint(1, 4)):
            value, memory = moved(value, memory, dice)
        if memory is None or not value.numel():
            continue
        wanted = tuple(value.shape) if dice.random() < 0.1 else target(value.numel(), dice)
        try:
            value.view(wanted)
            refused = False
        except RuntimeError:
            refused = True
        ours = not memory.shows(tuple(value.shape), wanted)
        both, mine, theirs = both + (ours and refused), mine + ours, theirs + refused
        assert refused or not ours, (value.shape, value.stride(), wanted, memory)
    assert mine == both > 0.8 * theirs > 500
