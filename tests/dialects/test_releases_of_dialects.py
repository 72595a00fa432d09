"""`release=` of the dialects that know few releases, and what came with which."""

from __future__ import annotations

import pytest

import convwise as cw

CONV = "tf.nn.conv2d(x, tf.zeros((3, 3, 3, 8)), 2, 'SAME')"
TRANSPOSED = (
    "lax.conv_transpose(x, jnp.zeros((3, 3, 3, 8)), (2, 2), ((1, 1), (1, 1)), use_consistent_padding={consistent})"
)


@pytest.mark.parametrize("release", ["2.12", "2.20", "2.20.0", "2.21", "v2.21", None])
def test_a_known_release_of_tensorflow_is_taken(release: str | None) -> None:
    assert cw.explain(CONV, (9, 9, 3), release=release).output == (5, 5, 8)


@pytest.mark.parametrize(
    ("code", "release", "words"),
    [
        (CONV, "2.13", "no release '2.13' of TensorFlow is known"),
        (CONV, "2.2", "no release '2.2' of TensorFlow is known"),
        (CONV, "latest", "no release 'latest' of TensorFlow is known"),
        ("nnx.Conv(3, 8, (3, 3), rngs=nnx.Rngs(0))", "0.8.1", "no release '0.8.1' of JAX is known"),
        ("nnx.Conv(3, 8, (3, 3), rngs=nnx.Rngs(0))", "0.8", "no release '0.8' of JAX is known"),
        ("op.Relu(x)", "99", "operator set 99 is not known"),
    ],
)
def test_a_release_that_does_not_exist_is_refused_with_the_known_ones(code: str, release: str, words: str) -> None:
    with pytest.raises(cw.ArgumentError) as raised:
        cw.explain(code, (9, 9, 3), release=release)
    assert raised.value.code == "CW603"
    assert words in str(raised.value)
    assert "known are" in raised.value.hint


@pytest.mark.parametrize(("code", "release"), [(CONV, "9"), ("nnx.Conv(3, 8, (3, 3), rngs=rngs)", "9")])
def test_a_port_from_an_unknown_release_is_refused(code: str, release: str) -> None:
    with pytest.raises(cw.ArgumentError, match="CW603"):
        cw.port(code, "torch", (9, 9, 3), release=release)


def test_an_argument_that_came_later_is_refused_in_the_frameworks_words() -> None:
    assert cw.explain(TRANSPOSED.format(consistent=True), (1, 9, 9, 3), release="0.10").output == (1, 17, 17, 8)
    with pytest.raises(cw.Refusal) as raised:
        cw.explain(TRANSPOSED.format(consistent=True), (1, 9, 9, 3), release="0.8.0")
    assert raised.value.code == "CW208"
    assert "came with JAX 0.8.1" in str(raised.value)
    assert raised.value.quote == "conv_transpose() got an unexpected keyword argument 'use_consistent_padding'"
    assert "leave use_consistent_padding out" in raised.value.hint
    without = TRANSPOSED.format(consistent=True).replace(", use_consistent_padding=True", "")
    assert cw.explain(without, (1, 9, 9, 3), release="0.8.0", dialect="jax").output[-1] == 8


@pytest.mark.parametrize(
    ("code", "shape", "fact", "way"),
    [
        (
            "lax.conv_general_dilated(x, jnp.zeros((6, 4, 3, 3)), (1, 1), 'VALID', batch_group_count=2)",
            (2, 4, 9, 10),
            "does not model batch_group_count",
            "split the batch",
        ),
        (
            "lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), 'SAME', base_dilation=(1, 2, 2, 1))",
            (1, 9, 9, 4),
            "does not model base_dilation",
            "dilate the data first",
        ),
        (
            "nnx.ConvTranspose(4, 6, (3, 3), strides=(2, 2), padding='CIRCULAR', rngs=nnx.Rngs(0))",
            (1, 9, 9, 4),
            "does not model padding='CIRCULAR' of a transposed convolution",
            "wrap the data first",
        ),
        ("op.Flatten(x, axis=2)", (1, 4, 9, 9), "models Flatten with axis=1 alone", "in other words"),
    ],
)
def test_what_is_not_modelled_says_what_to_do(code: str, shape: tuple[int, ...], fact: str, way: str) -> None:
    for ask in (
        lambda: cw.explain(code, shape),
        lambda: cw.port(code, "torch", shape),
        lambda: cw.output_shape(code, shape),
    ):
        with pytest.raises(cw.CodeError) as raised:
            ask()
        assert raised.value.code == "CW317"
        assert fact in str(raised.value)
        assert way in raised.value.hint


def test_a_live_flax_module_is_asked_for_as_text() -> None:
    made = type("Conv", (), {"__module__": "flax.nnx.nn.linear"})()
    for ask in (lambda: cw.explain(made, (9, 9, 3)), lambda: cw.port(made, "torch", (9, 9, 3))):
        with pytest.raises(cw.ArgumentError) as raised:
            ask()
        assert raised.value.code == "CW606"
        assert "live flax modules are not read" in raised.value.hint
        assert "nnx.Conv(3, 32, (3, 3)" in raised.value.hint


@pytest.mark.parametrize(
    ("code", "shape", "words"),
    [
        (
            "op.Conv(x, np.zeros((4, 3, 3, 3)))",
            (1, 3, 2, 9),
            "Invalid input shape: {2,9}",
        ),
        (
            "op.Conv(x, np.zeros((4, 3, 3, 3)), auto_pad='SAME_UPPER', dilations=[2, 1])",
            (1, 3, 9, 9),
            "Dilation not supported for AutoPadType::SAME_UPPER or AutoPadType::SAME_LOWER.",
        ),
        (
            "op.Conv(x, np.zeros((4, 3, 3, 3)), auto_pad='SAME_UPPER', pads=[1, 1, 1, 1])",
            (1, 3, 9, 9),
            "A Conv/ConvTranspose node has both 'auto_pad' and 'pads' attributes",
        ),
        ("op.Conv(x, np.zeros((4, 3, 3, 3)), strides=[1])", (1, 3, 9, 9), "Attribute strides has incorrect size"),
        (
            "op.Conv(x, np.zeros((4, 3, 3, 3)), strides=2)",
            (1, 3, 9, 9),
            "Mismatched attribute type in ' : strides'. Expected: 'INTS', actual: 'INT'",
        ),
        (
            "op.ConvTranspose(x, np.zeros((3, 4, 3, 3)), strides=[2, 2], output_padding=[0, 2])",
            (1, 3, 9, 9),
            "output_padding[1] (2) must be less than max(stride, dilation) (2) for spatial dimension 1.",
        ),
        (
            "op.ConvTranspose(x, np.zeros((3, 4, 3, 3)))",
            (1, 5, 9, 9),
            "filter number not equal to input channel number. filter_number: 3 num_input_channels: 5",
        ),
        (
            "op.AveragePool(x, kernel_shape=[4, 3])",
            (1, 3, 2, 9),
            "Calculated output dimension is negative. Check kernel_shape, pads, strides and dilations.",
        ),
        (
            "op.Pad(x, [0, 0, 0, 3, 0, 0, 0, 0], mode='reflect')",
            (1, 2, 9, 3),
            "Pad reflect: pre-pad (3) exceeds maximum allowed (2) for axis 3. Input shape:{1,2,9,3}",
        ),
    ],
)
def test_onnxruntimes_own_words_are_quoted(code: str, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(cw.ConvwiseError) as raised:
        cw.explain(code, shape)
    assert raised.value.quote == words


def test_where_onnxruntime_answers_there_is_nothing_to_quote() -> None:
    """Dividing towards zero, it counts a window that lacks less than a stride as one."""
    with pytest.raises(cw.ShapeError, match="CW104") as raised:
        cw.explain("op.MaxPool(x, kernel_shape=[4, 3], strides=[3, 3])", (1, 3, 2, 9))
    assert not raised.value.quote
    assert "onnxruntime itself gives (1, 3, 1, 3) and says nothing" in str(raised.value)
