"""Recurrences, embeddings and attention in Keras's files: shapes and parameters as Keras gave them, recorded in keras_sequences.json."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from convwise.answers.network.flowing import NodeFlow, run
from convwise.graph import Network
from convwise.ops.several import Opaque
from convwise.readers.keras_files import read_keras_config

RECORDED = json.loads((Path(__file__).parents[1] / "recorded" / "keras_sequences.json").read_text(encoding="utf-8"))
SHAPES = {name: tuple(shape) for name, shape in RECORDED["inputs"].items()}


def steps(network: Network, shapes: dict[str, Any] | None = None) -> dict[str, list[NodeFlow]]:
    found: dict[str, list[NodeFlow]] = {}
    for step in run(network, SHAPES if shapes is None else shapes).nodes:
        found.setdefault(step.node.module, []).append(step)
    return found


@pytest.fixture(scope="module")
def network() -> Network:
    return read_keras_config(RECORDED["model"])


@pytest.mark.parametrize("name", RECORDED["layers"])
def test_shapes_and_parameters_are_those_of_keras(network: Network, name: str) -> None:
    wanted = RECORDED["layers"][name]
    mine = steps(network)[name]
    assert sum(step.params or 0 for step in mine) == wanted["params"]
    last = [step.outputs[0] for step in mine[-len(wanted["outputs"]) :]]
    assert last == [tuple(shape) for shape in wanted["outputs"]]


def test_multiply_adds_are_those_of_products_with_weights_and_of_attention(network: Network) -> None:
    found = steps(network)
    # Two samples, 7 steps: four gates from 16 features and from a state of 8.
    assert sum(step.macs or 0 for step in found["lstm"]) == 2 * 7 * 4 * 8 * (16 + 8)
    # Queries and keys of 2 x 5, values of 2 x 7, all from 12 features, and back; between them every step meets every step.
    projections = 2 * 7 * (12 * (10 + 10 + 14) + 14 * 12)
    assert sum(step.macs or 0 for step in found["self_attention"]) == projections + 2 * 7 * 7 * (10 + 14)


def test_a_size_that_the_layers_behind_do_not_take_is_said(network: Network) -> None:
    """The recurrence's weights are made for the 5 x 8 x 9 features of each step; the number of steps is free."""
    legal = network.legal_sizes("w")
    assert legal.exact
    for sizes in ((4, 33, 40), (9, 33, 40), (1, 34, 41), (4, 37, 40), (4, 33, 44), (4, 20, 70)):
        shapes = {**SHAPES, "w": (2, *sizes, 3)}
        broken = run(network, shapes, strict=False).errors
        assert legal.takes(sizes) == (not broken), sizes
    assert legal.takes((9, 33, 40))
    assert not legal.takes((4, 37, 40))


def changed(name: str, **config: Any) -> Network:
    model = copy.deepcopy(RECORDED["model"])
    layer = next(one for one in model["config"]["layers"] if one["name"] == name)
    layer["config"].update(config)
    return read_keras_config(model)


@pytest.mark.parametrize(
    ("name", "config", "reason"),
    [
        ("lstm", {"units": -4}, "its units is"),
        ("lstm", {"units": "8"}, "its units is"),
        ("embedding", {"output_dim": 2**40}, "its output_dim is"),
        ("both_ways", {"merge_mode": None}, "both directions are given apart"),
        ("both_ways", {"layer": {"class_name": "RNN", "config": {}}}, "no LSTM, GRU or SimpleRNN"),
        ("self_attention", {"output_shape": [3, 4]}, "how many features it gives"),
        ("steps_dense", {"layer": None}, "the layer in it is not told"),
    ],
)
def test_what_is_not_known_of_them_is_opaque_with_the_reason(name: str, config: dict[str, Any], reason: str) -> None:
    network = changed(name, **config)
    work = next(node.work for node in network.nodes if node.module == name)
    assert isinstance(work, Opaque)
    assert reason in work.reason
    totals = network.trace(SHAPES).totals
    # What it stores is not known, so the sum is not.
    assert (totals.params, totals.macs) == (None, None)


def test_a_layer_of_the_users_with_such_a_name_is_opaque() -> None:
    model = copy.deepcopy(RECORDED["model"])
    next(one for one in model["config"]["layers"] if one["name"] == "lstm")["module"] = "mine"
    network = read_keras_config(model)
    work = next(node.work for node in network.nodes if node.name == "lstm")
    assert work == Opaque("LSTM is a layer of your own, whose code is never run")
