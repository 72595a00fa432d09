"""TensorFlow as the target of a port: a function of `x` and of the list of its weights, in `tf.nn`'s words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from convwise import dialects
from convwise.answers.porting import to_arrays
from convwise.answers.porting.composing import commented
from convwise.answers.porting.draft import Target
from convwise.answers.porting.stages import Stage
from convwise.axis import NO_PADS, Window
from convwise.errors import ConvwiseError
from convwise.ops import ConvTranspose, Norm, Op, Pointwise, Shape

NAMES = {
    "np": "tf",
    "nn": "tf.nn",
    "mean": "tf.reduce_mean",
    "max": "tf.reduce_max",
    "take": "tf.gather",
    "array": "tf.constant",
    "keep": "keepdims",
    "pool": "tf.nn.avg_pool{rank}d({x}, {kernel}, {stride}, 'VALID')",
}
ZEROS = re.compile(r"tf\.zeros\(\(\d+(?:, \d+)*,?\)\)")
"""Where a weight stands in a text of the dialect."""


def texts(op: Op, shape: Shape) -> Iterator[str]:
    """The calls to try; dropout does nothing in inference, so it is not written."""
    if to_arrays.keeps(op):
        return
    with suppress(ConvwiseError):
        yield dialects.get("tensorflow").spell((op,), True)


def express(op: Op, shape: Shape) -> str | None:
    """The op as a function of `x`; a transposed convolution and a layer normalisation with their weights."""
    if to_arrays.keeps(op):
        return "tf.identity(x)"
    if isinstance(op, ConvTranspose):
        return _transposed(op, shape)
    if isinstance(op, Norm) and op.kind == "layer" and not isinstance(op.axes, str) and op.scale and op.center:
        sizes = op.shape or (op.features or 0,)
        weight = f"tf.zeros({sizes})"
        return f"tf.nn.batch_normalization(x, *tf.nn.moments(x, {op.axes}, keepdims=True), {weight}, {weight}, {op.epsilon})"
    if isinstance(op, Pointwise) and op.kind == "prelu":
        shared = dict(op.options).get("shared_axes", ())
        assert isinstance(shared, tuple)
        slopes = tuple(1 if axis in shared else size or 1 for axis, size in enumerate(shape) if axis)
        return f"tf.where(x > 0, x, tf.zeros({slopes}) * x)"
    return to_arrays.express(op, shape, NAMES)


def _transposed(op: ConvTranspose, shape: Shape) -> str | None:
    """tf.nn's transposes are told their output's size; without padding it is the whole scattered map."""
    extras = op.output_padding or (0,) * op.rank
    plain = all(window.padding == NO_PADS and window.dilation == 1 for window in op.windows)
    if not plain or op.groups != 1 or any(more >= w.stride for more, w in zip(extras, op.windows, strict=True)):
        return None
    sizes = tuple(w.transposed(size or 0, more) for w, size, more in zip(op.windows, shape[1:-1], extras, strict=True))
    kernel = (*op.kernel, op.out_channels, op.in_channels)
    strides = tuple(window.stride for window in op.windows)
    steps = strides[0] if op.rank == 1 else strides
    out = ", ".join(map(str, (*sizes, op.out_channels)))
    text = f"tf.nn.conv{op.rank}d_transpose(x, tf.zeros({kernel}), (tf.shape(x)[0], {out}), {steps}, 'VALID')"
    return f"tf.nn.bias_add({text}, tf.zeros(({op.out_channels},)))" if op.bias else text


def same(windows: tuple[Window, ...], value: float) -> str | None:
    """tf.nn says 'SAME' itself."""
    return None


def compose(stages: Sequence[Stage], shape: Shape) -> str:
    """A function, whose weights are what `convert_weights` gives."""
    lines: list[str] = []
    number = 0
    for stage in stages:
        text = stage.text
        while ZEROS.search(text) and stage.layer is not None:
            text = ZEROS.sub(f"weights[{number}]", text, count=1)
            number += 1
        if text != "tf.identity(x)":
            lines += commented(f"    x = {text}", stage.comment)
    body = "\n".join([*lines, "    return x"]) if lines else "    return x"
    return f"import tensorflow as tf\n\n\ndef layer(x, weights=()):\n{body}\n"


TARGET = Target("tensorflow", True, to_arrays.adapt, to_arrays.more, texts, express, same, compose)
