"""Whatever stands in a call, and whatever shape comes: an answer, or an error of ours that says where. Never a traceback from inside."""

from __future__ import annotations

import itertools

import pytest

from convwise.dialects.base import REQUIRED, Call, Unknown
from convwise.dialects.keras import DIALECT
from convwise.dialects.keras.kinds import ALIASES, KINDS
from convwise.dialects.keras.signatures import parameters
from convwise.errors import ConvwiseError

VALUES = (
    *(0, 1, 2, 3, -1, 10**30, 2**63, True, False, None),
    *(0.0, 2.0, 1.5, -0.5, float("inf"), float("nan")),
    *("", "same", "valid", "causal", "33", "channels_first", "relu", "x" * 1000, "\u202e"),
    *(
        (),
        (1,),
        (2, 3),
        (1, 1, 1),
        ((1, 2), (3, 4)),
        (None, 2),
        ("a", "b"),
        (2.0, 3),
        (Unknown("n"), 2),
        ((1,), 2),
        (2**63, 1),
        ((), ()),
    ),
    *(Unknown("n"), Call("ReLU"), Call("Conv2D", (4, 3)), Call("unheard_of", (1,)), Call("LSTM", (3,))),
)
SHAPES = (
    *((), (1,), (2, 3), (2, 5, 3), (2, 5, 6, 3), (2, 5, 6, 7, 3), (1, 2, 3, 4, 5, 6)),
    *(
        (None, None, None, None),
        (None, 5, None, 3),
        (0, 5, 6, 3),
        (2, 0, 6, 3),
        (2, 5, 6, 0),
        (1, 2**62, 2**62, 3),
        (2**63, 1, 1, 1),
        (None, 7),
        (None, None),
    ),
)
GOOD = {
    "filters": 4,
    "kernel_size": 2,
    "pool_size": 2,
    "units": 3,
    "height": 4,
    "width": 5,
    "target_shape": (-1,),
    "dims": (2, 1),
    "n": 2,
    "rate": 0.5,
    "stddev": 0.1,
    "scale": 2.0,
    "activation": "relu",
    "output_size": 2,
    **dict.fromkeys(("factor", "height_factor", "width_factor"), 0.1),
}


def attempt(function, *arguments):
    """(what it gives, None) or (None, the error of ours that it raises)."""
    try:
        return function(*arguments), None
    except ConvwiseError as error:
        return None, error


def flows(layer) -> int:
    """How many of the shapes the layer takes; each of the others must meet an error that can be told."""
    done = 0
    for shape in SHAPES:
        entered, error = attempt(DIALECT.enter, [layer], shape)
        assert error is None
        for one in (shape, entered.shape):
            found, error = attempt(DIALECT.flow, layer, one)
            if error is None:
                assert all(size is None or (type(size) is int and size >= 0) for size in found.output), (
                    layer.call,
                    one,
                )
                done += 1
            else:
                assert str(error)
                assert error.to_dict()["code"] == error.code
    return done


@pytest.mark.parametrize("kind", [*KINDS, *ALIASES])
def test_any_value_in_any_place(kind: str):
    names = parameters(ALIASES.get(kind, kind), "3.15")
    required = {one.name: GOOD[one.name] for one in names if one.default is REQUIRED}
    for parameter, value in itertools.product(names, VALUES):
        words = required | {parameter.name: value}
        layer, error = attempt(DIALECT.read, Call(kind, (), tuple(words.items()), "text"), None)
        if error is not None:
            assert 0 < len(error.fact) < 500
            assert error.layer is not None or error.code in ("CW317", "CW302")
            continue
        flows(layer)
        assert DIALECT.respell(
            layer, {parameter.name: parameter.default if parameter.default is not REQUIRED else value}
        )
        spelled, error = attempt(DIALECT.spell, layer.ops, layer.channels_last)
        assert spelled if error is None else error.hint


@pytest.mark.parametrize("kind", KINDS)
def test_the_plain_layer_takes_some_shape(kind: str):
    required = [GOOD[one.name] for one in parameters(kind, "3.15") if one.default is REQUIRED]
    layer = DIALECT.read(Call(kind, tuple(required)), None)
    # GroupNormalization's 32 groups fit none of the shapes.
    assert flows(layer) or kind == "GroupNormalization"


@pytest.mark.parametrize("release", DIALECT.releases)
def test_every_release_reads_every_kind_or_says_why_not(release: str):
    for kind in KINDS:
        required = tuple(GOOD[one.name] for one in parameters(kind, release) if one.default is REQUIRED)
        layer, error = attempt(DIALECT.read, Call(kind, required), release)
        assert layer.release == release if error is None else error.code == "CW208", kind
