"""TensorFlow, JAX and ONNX as targets and as sources: the code, its weights, and the proof by the reference."""

from __future__ import annotations

import ast
import sys
from random import Random

import numpy as np
import pytest
from source_code import ROOT

import convwise as cw

sys.path.append(str(ROOT / "tests" / "oracle"))
from porting_cases import CHAINS, TRANSPOSED, layer_case, ported, written_chain

NEW = ("tensorflow", "jax", "onnx")


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("tensorflow", "x = tf.nn.bias_add(tf.nn.conv2d(x, weights[0], strides=2, padding='SAME'), weights[1])"),
        ("jax", "layer = nnx.Conv(3, 8, (3, 3), strides=2, rngs=nnx.Rngs(0))"),
        ("onnx", "helper.make_node('Conv', ['x', 'w0', 'w1'], ['y'], strides=[2, 2], auto_pad='SAME_UPPER')"),
    ],
)
def test_a_strided_same_is_one_call_where_the_framework_has_the_rule(to: str, expected: str) -> None:
    port = cw.port("Conv2D(8, 3, strides=2, padding='same')", to=to, input_shape=(64, 64, 3))
    assert expected in port.code
    assert port.warnings == ()
    assert port.proof.equal


@pytest.mark.parametrize("to", NEW)
@pytest.mark.parametrize("source", ["keras", "torch"])
def test_random_layers_and_chains_are_proved_equal(source: str, to: str) -> None:
    rng = Random(f"{source} {to}")
    cases = [layer_case(source, rng, to) for _ in range(40)]
    cases += [ported(source, (makers[source],), rng, to) for makers in (CHAINS, TRANSPOSED) for _ in range(6)]
    for case in cases:
        port = cw.port(case.text, to=to, input_shape=case.input, dialect=source)
        ast.parse(port.code)
        assert port.proof.equal, (case, port.code, port.proof.numbers)


@pytest.mark.parametrize("to", ["keras", "torch", *NEW])
@pytest.mark.parametrize("source", NEW)
def test_layers_of_the_others_are_proved_equal(source: str, to: str) -> None:
    if source == to:
        return
    rng = Random(f"{source} {to}")
    for _ in range(25):
        case = layer_case(source, rng, to)
        port = cw.port(case.text, to=to, input_shape=case.input, dialect=source)
        assert port.proof.equal, (case, port.code, port.proof.numbers)


@pytest.mark.parametrize("to", ["keras", "torch", *NEW])
@pytest.mark.parametrize("source", NEW)
def test_chains_in_the_others_words_are_proved_equal(source: str, to: str) -> None:
    if source == to:
        return
    rng = Random(f"chains {source} {to}")
    for _ in range(3):
        case = written_chain(source, rng, to)
        port = cw.port(case.text, to=to, input_shape=case.input, dialect=source)
        assert len(port.source.layers) > 2
        assert port.proof.equal, (case, port.code, port.proof.numbers)


def test_the_transposed_kernel_of_flax_is_turned_around() -> None:
    kernel, bias = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5), np.zeros(4)
    port = cw.port("Conv2DTranspose(4, (2, 3))", to="jax", input_shape=(6, 7, 5))
    turned = port.convert_weights([kernel, bias])["kernel"]
    np.testing.assert_array_equal(turned, kernel[::-1, ::-1].transpose(0, 1, 3, 2))
    found = cw.diff(
        "Conv2DTranspose(4, (2, 3))", "nnx.ConvTranspose(5, 4, (2, 3), padding='VALID', rngs=nnx.Rngs(0))", (6, 7, 5)
    )
    assert found.equal
    assert any("turned around in space" in line for fact in found.facts for line in fact.lines)


def test_weights_come_as_each_framework_takes_them() -> None:
    weights = [np.ones((3, 3, 3, 4)), np.zeros(4)]
    code, shape = "Sequential([ReLU(), Conv2D(4, 3)])", (9, 10, 3)
    assert [array.shape for array in cw.port(code, "tensorflow", shape).convert_weights(weights)] == [
        (3, 3, 3, 4),
        (4,),
    ]
    assert set(cw.port(code, "jax", shape).convert_weights(weights)["layers"]) == {1}
    assert {name: array.shape for name, array in cw.port(code, "onnx", shape).convert_weights(weights).items()} == {
        "w0": (4, 3, 3, 3),
        "w1": (4,),
    }
    assert cw.port("Conv2D(4, 3)", "flax", shape).to == "jax"


def test_same_lower_and_same_upper_are_not_the_same() -> None:
    lower = "op.Conv(x, np.zeros((4, 3, 3, 3)), np.zeros((4,)), strides=[2, 2], auto_pad='SAME_LOWER')"
    found = cw.diff(lower, "Conv2D(4, 3, strides=2, padding='same')", (1, 3, 8, 8))
    assert not found.equal
    assert found.exact == "ZeroPadding2D(((1, 0), (1, 0))), then Conv2D(4, 3, strides=2)"
    assert cw.port(lower, "keras", (1, 3, 8, 8)).proof.equal


def test_kernels_of_lax_follow_their_dimension_numbers() -> None:
    """The kernel of a transposed convolution is turned around in space, unless JAX does it (transpose_kernel)."""
    kernel = np.arange(3 * 2 * 4 * 5.0)
    plain = "lax.conv_transpose(x, jnp.zeros((3, 2, 4, 5)), (2, 2), 'VALID')"
    found = cw.port(plain, "torch", (1, 9, 9, 4)).convert_weights([kernel.reshape(3, 2, 4, 5)])["weight"]
    np.testing.assert_array_equal(found, kernel.reshape(3, 2, 4, 5)[::-1, ::-1].transpose(2, 3, 0, 1))
    turned = "lax.conv_transpose(x, jnp.zeros((3, 2, 5, 4)), (2, 2), 'VALID', transpose_kernel=True)"
    found = cw.port(turned, "torch", (1, 9, 9, 4)).convert_weights([kernel.reshape(3, 2, 5, 4)])["weight"]
    np.testing.assert_array_equal(found, kernel.reshape(3, 2, 5, 4).transpose(3, 2, 0, 1))


def test_dilated_data_in_groups_is_refused_with_what_to_do() -> None:
    words = "padding=((2, 2), (2, 2)), input_dilation=2, feature_group_count=2"
    with pytest.raises(cw.CodeError, match="CW317") as raised:
        cw.port(f"nnx.Conv(4, 6, (3, 3), {words}, rngs=nnx.Rngs(0))", "torch", (1, 9, 9, 4))
    assert "2 calls with a part of the channels each" in raised.value.hint
