"""What changes values between layers and is no layer: `diff` and `port` of code do not pass it by, and a network tells it as a row."""

from __future__ import annotations

import pytest
from porting.changed_values import ALTERED, pairs, text

import convwise as cw

KERAS = """from tensorflow.keras import Model, layers

inputs = layers.Input((9, 10, 3))
x = layers.Conv2D(4, 3)(inputs)
outputs = layers.Dense(3)({})
model = Model(inputs, outputs)
"""


@pytest.mark.parametrize(("one", "other"), pairs())
def test_other_values_are_not_called_equal(one: str, other: str) -> None:
    found = cw.diff(one, other, (1, 4, 9, 10))
    assert found.equal is not True
    assert found.numbers.equal is not True


@pytest.mark.parametrize("value", [one for one, _ in ALTERED])
def test_ports_do_not_leave_arithmetic_out(value: str) -> None:
    with pytest.raises(cw.CodeError) as refused:
        cw.port(text(value), to="keras", input_shape=(1, 4, 9, 10))
    assert refused.value.code == "CW315"
    assert "changes values between the layers, and is no layer" in refused.value.fact


def test_without_it_the_layers_are_ported() -> None:
    assert cw.port(text("self.far(x)"), to="keras", input_shape=(1, 4, 9, 10)).proof.equal
    assert cw.port(KERAS.format("x"), to="torch", input_shape=(9, 10, 3)).proof.equal
    kept = "x = nn.Conv2d(4, 6, 3)(torch.zeros(1, 4, 9, 10) / 255).detach().float()\nprint(x * 100)"
    assert cw.port(f"import torch\nfrom torch import nn\n{kept}", to="keras").proof.equal


@pytest.mark.parametrize("value", ["x * 2", "-x", "x / 255"])
def test_keras_models_of_an_input_and_an_output(value: str) -> None:
    with pytest.raises(cw.CodeError, match="changes values between the layers"):
        cw.port(KERAS.format(value), to="torch", input_shape=(9, 10, 3))
    assert cw.diff(KERAS.format(value), KERAS.format("x"), (9, 10, 3)).equal is not True


def test_networks_tell_it_as_a_row() -> None:
    rows = cw.read(text("self.far(-x * 0.5).clamp(0, 1)")).trace((1, 4, 9, 10)).rows
    assert [row.op for row in rows] == ["Conv2d", "neg", "*", "Conv2d", ".clamp"]
    assert {row.output for row in rows} == {(1, 6, 7, 8)}


def test_what_is_written_into_a_copy_is_a_row() -> None:
    rows = cw.read(pairs()[-1][0]).trace((1, 4, 9, 10)).rows
    assert [row.op for row in rows] == ["Conv2d", "[]="]


def test_a_map_of_a_layer_that_is_written_into() -> None:
    lines = "x = self.near(x)\n        y = x.clone()\n        y[:, 0] = self.far(x)[:, 1]\n        return y\n"
    network = cw.read(text("x").replace("x = self.near(x)\n        return x\n", lines))
    assert list(network.trace((1, 4, 9, 10)).outputs.values()) == [(1, 6, 7, 8)]


def test_what_no_row_tells_is_not_called_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise cw.CodeError("CW315", "a statement that cannot be followed")

    monkeypatch.setattr("convwise.readers.models._branching", lost)
    assert [row.op for row in cw.read(text("self.far(x * 2)")).trace((1, 4, 9, 10)).rows] == ["Conv2d", "Conv2d"]
    found = cw.diff(text("self.far(x * 2)"), text("self.far(x)"), (1, 4, 9, 10))
    assert found.equal is not True
    assert "`x * 2` changes values between the layers" in found.numbers.note
