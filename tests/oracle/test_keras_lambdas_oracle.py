"""Lambdas and TimeDistributed models of Keras texts against Keras, which runs the same texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from readers.keras_lambda_texts import BODIES, text
from readers.test_reader_lambdas import DECLARED, STEPS, VAE

import convwise as cw

pytestmark = pytest.mark.oracle


def run(text: str) -> Any:
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "text", "exec"), space)
    return space["model"]


@pytest.mark.parametrize("body", BODIES)
def test_a_lambda_gives_what_keras_gives(body: str) -> None:
    assert tuple(run(text(body))(np.ones((2, 8, 10, 6), "float32")).shape)[1:] == BODIES[body]


@pytest.mark.parametrize("which", STEPS)
def test_a_model_at_every_step_has_keras_s_shapes_and_weights(which: str) -> None:
    model, trace = run(STEPS[which]), cw.read(STEPS[which]).trace((2, 5, 9, 10, 3))
    assert tuple(model(np.ones((2, 5, 9, 10, 3), "float32")).shape) == trace.rows[-1].output
    assert model.count_params() == trace.totals.params


def test_a_sampling_layer_is_keras_s() -> None:
    model, trace = run(VAE), cw.read(VAE).trace((2, 9, 10, 1))
    assert tuple(model(np.ones((2, 9, 10, 1), "float32")).shape) == trace.rows[-1].output
    assert model.count_params() == trace.totals.params


def test_keras_goes_on_with_the_declared_shape_and_fails_when_it_runs() -> None:
    model = run(DECLARED.format("(4,)"))
    assert model.output_shape == (None, 3)
    with pytest.raises(ValueError, match="axis -1"):
        model(np.ones((2, 9), "float32"))
    assert run(DECLARED.format("(5,)"))(np.ones((2, 9), "float32")).shape == (2, 3)
