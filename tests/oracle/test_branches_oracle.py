"""Source text with branches against the frameworks themselves: the same text is executed here, and shapes and legal sizes must be equal."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from readers.test_reader_branches_texts import CHANNELS, TEXTS

from convwise.errors import ConvwiseError
from convwise.graph import Network
from convwise.readers.models import read

pytestmark = pytest.mark.oracle
TORCH = [name for name in TEXTS if not name.startswith("keras")]
KERAS = [name for name in TEXTS if name.startswith("keras")]
SIZES = [(32, 32), (33, 41), (64, 48), (61, 75), (100, 97), (129, 160)]


@lru_cache(maxsize=64)
def real(name: str) -> Any:
    """The model that the text binds, made by its framework."""
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(TEXTS[name], name, "exec"), space)
    return space["model"]


@lru_cache(maxsize=64)
def told(name: str) -> Network:
    return read(TEXTS[name])


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, list | tuple) else [value]


def torch_outputs(name: str, shape: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """The shapes of all outputs on the meta device; None where the model breaks."""
    import torch

    model = real(name).to("meta").eval()
    try:
        with torch.no_grad():
            return [tuple(one.shape) for one in leaves(model(torch.zeros(shape, device="meta")))]
    except (RuntimeError, ValueError):
        return None


def keras_outputs(name: str, shape: tuple[int, ...]) -> list[tuple[Any, ...]] | None:
    """The shapes of all outputs of a real run: a symbolic call of a built model does not check what its merges take."""
    import keras

    model = real(name)
    inputs = [keras.ops.zeros(shape) for _ in model.inputs]
    try:
        return [tuple(one.shape) for one in leaves(model(inputs if len(inputs) > 1 else inputs[0]))]
    except Exception:  # Keras raises many kinds here, and each of them means no
        return None


def our_outputs(network: Network, shape: tuple[int, ...]) -> list[tuple[Any, ...]] | None:
    try:
        rows = network.trace({source.name: shape for source in network.sources}).rows
    except ConvwiseError:
        return None
    found = {name: row.output for node, row in zip(network.nodes, rows, strict=True) for name in node.outputs}
    return [tuple(found[name]) for name in network.outputs]


def shape_of(name: str, height: int, wide: int) -> tuple[int, ...]:
    channels = CHANNELS.get(name, 3)
    return (2, height, wide, channels) if name.startswith("keras") else (2, channels, height, wide)


@pytest.mark.parametrize("name", TEXTS)
def test_shapes_are_the_frameworks(name: str) -> None:
    outputs = keras_outputs if name in KERAS else torch_outputs
    fitting = 0
    for height, wide in SIZES:
        wanted = outputs(name, shape_of(name, height, wide))
        assert our_outputs(told(name), shape_of(name, height, wide)) == wanted, (height, wide)
        fitting += wanted is not None
    assert fitting


@pytest.mark.parametrize("name", TORCH)
def test_parameters_and_module_names_are_torchs(name: str) -> None:
    model = real(name)
    trace = told(name).trace(shape_of(name, *legal_pair(name)))
    assert trace.totals.params == sum(one.numel() for one in model.parameters())
    modules = dict(model.named_modules())
    again = [node.name for node in told(name).nodes if node.params == 0]
    layers = [node for node in told(name).nodes if node.kind.isalnum() and node.name not in again]
    assert layers
    for node in layers:
        assert type(modules[node.name]).__name__ == node.kind, node.name


@pytest.mark.parametrize("name", KERAS)
def test_parameters_are_keras(name: str) -> None:
    assert (
        told(name).trace({s.name: shape_of(name, 64, 64) for s in told(name).sources}).totals.params
        == real(name).count_params()
    )


def legal_pair(name: str) -> tuple[int, int]:
    legal = told(name).legal_sizes()
    pair = legal.nearest((64, 96))
    assert pair is not None
    return pair[0], pair[1]


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "keras-two"])
def test_legal_sizes_are_brute_force(name: str) -> None:
    """Every height from 1 to 100 beside a width that goes, and the other way round."""
    outputs = keras_outputs if name in KERAS else torch_outputs
    legal = told(name).legal_sizes()
    assert legal.exact
    high, wide = legal_pair(name)
    for n in range(1, 101):
        for pair in ((n, wide), (high, n)):
            assert legal.takes(pair) == (outputs(name, shape_of(name, *pair)) is not None), (pair, str(legal))
