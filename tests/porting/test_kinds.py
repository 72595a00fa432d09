"""Every kind of layer goes over to another framework and is proved equal; what cannot is refused, with the nearest there is."""

from __future__ import annotations

import ast
import sys

import pytest
from source_code import ROOT

import convwise as cw

sys.path.append(str(ROOT / "tests" / "oracle"))
from porting_kinds import MAKERS, REFUSED, kinds

TARGETS = tuple(MAKERS)


@pytest.mark.parametrize("source", TARGETS)
def test_every_kind_is_ported_and_proved(source: str) -> None:
    """One target each, in turn; the oracle tests execute them all."""
    targets = [target for target in TARGETS if target != source]
    for number, (text, shape) in enumerate(kinds(source)):
        to = targets[number % 4]
        if to in REFUSED.get(text, ()):
            continue
        port = cw.port(text, to=to, input_shape=shape, dialect=source)
        ast.parse(port.code)
        assert port.proof.equal, (text, to, port.code, port.proof.numbers)


@pytest.mark.parametrize(("text", "to"), [(text, to) for text, targets in REFUSED.items() for to in targets])
def test_a_kernel_that_a_framework_lacks_is_refused_with_the_nearest(text: str, to: str) -> None:
    shape = (2, 9, 10, 3) if text.startswith(("Up", "Res")) else (2, 4, 9, 10)
    with pytest.raises(cw.Refusal, match="no exact equivalent") as raised:
        cw.port(text, to=to, input_shape=shape)
    assert raised.value.nearest is not None
    assert not raised.value.nearest.proof.equal
    assert raised.value.nearest.proof.max_abs_difference > 0


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize(
    ("text", "sized"),
    [
        ("Cropping2D(1)", ()),
        ("UpSampling2D(2, interpolation='bilinear')", ("tensorflow", "jax")),
        ("GroupNormalization(2)", ()),
        ("nn.AdaptiveAvgPool2d(3)", ("tensorflow", "jax", "onnx")),
    ],
)
def test_code_without_a_given_input_is_right_for_every_size(text: str, sized: tuple[str, ...], to: str) -> None:
    """Where the code would depend on the size, the input is asked for; no size of ours is written into it."""
    if sized and to in sized:
        with pytest.raises(cw.CodeError, match="depends on the size of the input") as raised:
            cw.port(text, to=to)
        assert raised.value.code == "CW310"
        assert "input_shape" in raised.value.hint
    else:
        texts = " ".join(stage.text for stage in cw.port(text, to=to).stages)
        assert not any(size in texts for size in ("13", "12", "14", "26", "28"))


def test_pixels_and_channels_come_in_two_orders() -> None:
    """TensorFlow and ONNX's default take the pixels of a channel first, PyTorch's PixelShuffle the channels."""
    assert "DepthToSpace" in cw.port("tf.nn.depth_to_space(x, 2)", "onnx", (2, 9, 10, 8)).code
    assert "CRD" not in cw.port("tf.nn.depth_to_space(x, 2)", "onnx", (2, 9, 10, 8)).code
    assert "CRD" in cw.port("nn.PixelShuffle(2)", "onnx", (2, 8, 9, 10)).code
    assert "depth_to_space" not in cw.port("nn.PixelShuffle(2)", "tensorflow", (2, 8, 9, 10)).code
    assert not cw.diff("tf.nn.depth_to_space(x, 2)", "nn.PixelShuffle(2)", (2, 9, 10, 8)).equal


def test_windows_that_onnxruntime_starts_elsewhere_get_explicit_pads() -> None:
    code = cw.port("AveragePooling2D(1, strides=3, padding='same')", "onnx", (2, 9, 10, 3)).code
    assert "auto_pad" not in code
    with pytest.raises(cw.Refusal, match="starts its windows inside the data"):
        cw.port("op.AveragePool(x, kernel_shape=[1, 1], strides=[3, 3], auto_pad='SAME_UPPER')", "keras", (2, 3, 9, 10))
