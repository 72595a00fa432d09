"""Whatever stands where an argument should: an answer or one of convwise's own errors, soon, and the same one again."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest

from convwise import dialects
from convwise.dialects.base import Array, Call, Unknown
from convwise.errors import ConvwiseError

NAMES = ("tensorflow", "jax", "onnx")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 3, -1, 2**31, 2**63, -(2**63), 10**400, 1.5, 0.0, -2.5, float("nan"), float("inf")),
    *(
        "",
        "SAME",
        "same",
        "VALID",
        "CAUSAL",
        "CIRCULAR",
        "REFLECT",
        "NHWC",
        "NCHW",
        "NCW",
        "SAME_UPPER",
        "linear",
        "MAX",
        "lax.max",
        "\u202e",
    ),
    *(
        (),
        (1,),
        (2, 3),
        (1, 2, 2, 1),
        (1, 1, 1, 1, 1),
        (0, 0),
        (2, -1),
        ((1, 1), (0, 2)),
        ((0, 0), (1, 1), (1, 2), (0, 0)),
    ),
    *(("NHWC", "HWIO", "NHWC"), ((1,), 2), (None, 2), ("a", 1), (True, 1), (1.5, 2), (Unknown("n"), 3), ((((1,),),),)),
    *(
        Array((3, 5, 3, 4), "w"),
        Array((4, 3, 3, 5), "w"),
        Array((3, 3, 4), "w"),
        Array((4,), "b"),
        Array((), "s"),
        Array(None, "w"),
    ),
    *(
        Array((0, 3, 3, 4), "w"),
        Array((None, 3, 3, 4), "w"),
        Array((2**62, 3, 3, 4), "w"),
        Unknown("k"),
        Call("Conv2D", (3,)),
    ),
)
SHAPES = (
    (1, 9, 10, 3),
    (1, 3, 9, 10),
    (9, 10, 3),
    (2, 9, 3),
    (1, 5, 6, 7, 3),
    (),
    (3,),
    (0, 9, 10, 3),
    (1, 0, 10, 3),
    (1, None, None, 3),
    (1, -1, 10, 3),
    (1, 2**62, 2**62, 3),
)


def answer(dialect: str, call: Call, shape: tuple[int | None, ...]) -> str:
    spoken = dialects.get(dialect)
    try:
        layer = spoken.read(call)
        entered = spoken.enter((layer,), shape)
        return repr(spoken.flow(layer, entered.shape).output)
    except ConvwiseError as error:
        found = error
    assert found.code.startswith("CW")
    assert str(found)
    return f"{found.code} {found.message}"


def kinds(dialect: str) -> dict[str, Any]:
    if dialect == "tensorflow":
        from convwise.dialects.tensorflow import KINDS as FOUND
    elif dialect == "jax":
        from convwise.dialects.jax import KINDS as FOUND
    else:
        from convwise.dialects.onnx.layers import KINDS as FOUND
    return dict(FOUND)


@pytest.mark.parametrize("dialect", NAMES)
def test_nothing_else_is_raised(dialect: str) -> None:
    rng, found = Random(8), kinds(dialect)
    answers: set[str] = set()
    for _ in range(6000):
        kind = found[rng.choice(sorted(found))]
        needed = [one.name for one in kind.parameters if rng.random() < 0.5 or not one.keyword_only]
        names = needed[: rng.randint(1, 6)] if rng.random() < 0.5 else needed
        call = Call(kind.name, (), tuple((name, rng.choice(VALUES)) for name in dict.fromkeys(names)))
        shape = rng.choice(SHAPES)
        started = time.process_time()
        said = answer(dialect, call, shape)
        assert time.process_time() - started < 2, call
        assert said == answer(dialect, call, shape)
        answers.add(said.split()[0])
    assert {"CW204", "CW314"} <= answers


@pytest.mark.parametrize("dialect", NAMES)
def test_one_bad_value_among_good_ones(dialect: str) -> None:
    """Every argument of a good call in turn takes every value."""
    good = {
        "tensorflow": (
            "tf.nn.conv2d",
            {"filters": Array((3, 3, 3, 4), "w"), "strides": 1, "padding": "SAME"},
            (1, 9, 10, 3),
        ),
        "jax": ("nn.Conv", {"features": 4, "kernel_size": (3, 3)}, (1, 9, 10, 3)),
        "onnx": ("Conv", {"W": Array((4, 3, 3, 3), "w")}, (1, 3, 9, 10)),
    }
    name, words, shape = good[dialect]
    kind = kinds(dialect)[name]
    for parameter in kind.parameters:
        for value in VALUES:
            changed = {**words, parameter.name: value}
            answer(dialect, Call(name, (), tuple(changed.items())), shape)


@pytest.mark.parametrize("dialect", NAMES)
def test_spelling_raises_nothing_else(dialect: str) -> None:
    """What can be read can be spelled, or is refused with a reason."""
    rng, found, spelled = Random(9), kinds(dialect), 0
    spoken = dialects.get(dialect)
    for _ in range(4000):
        kind = found[rng.choice(sorted(found))]
        names = [one.name for one in kind.parameters][: rng.randint(0, 4)]
        try:
            layer = spoken.read(Call(kind.name, (), tuple((name, rng.choice(VALUES)) for name in names)))
            assert spoken.spell(layer.ops, dialect != "onnx")
            spelled += 1
        except ConvwiseError:
            pass
    assert spelled > 20
