"""Changes for a wanted size in TensorFlow's, JAX's and ONNX's words, run in the framework: it gives what they claim."""

from __future__ import annotations

import importlib
from math import inf

import pytest
from dialect_cases import Case, Value
from window_calls import questions

import convwise as cw
from convwise.dialects.base import Call, Unknown
from convwise.readers.source import read_layer

pytestmark = pytest.mark.oracle

COUNT = 120
NAMED = {"-jnp.inf": -inf, "float('-inf')": -inf}


def plain(value: Value) -> Value:
    return NAMED.get(value.text, value.text) if isinstance(value, Unknown) else value


def case(call: Call, shape: tuple[int, ...]) -> Case:
    kwargs = tuple((name, plain(value)) for name, value in call.kwargs if name != "rngs")
    return Case(call.kind, tuple(map(plain, call.args)), kwargs, shape)


@pytest.mark.parametrize("dialect", ["tensorflow", "jax", "onnx"])
def test_what_is_proposed_runs_and_gives_its_size(dialect: str) -> None:
    truth = importlib.import_module(f"{dialect}_truth")
    count = 0
    for code, shape, want in questions(dialect, COUNT, 3):
        try:
            answer = cw.explain(code, shape, want=want)
        except cw.ConvwiseError as error:
            answer = error.explanation
        for fix in answer.fixes if answer is not None else ():
            (layer,) = read_layer(fix.code, dialect=dialect)
            theirs = truth.run(case(layer.call, shape))
            assert theirs.shape == fix.output, (code, fix, theirs.words)
            count += 1
    assert count > COUNT // 2
