"""TensorFlow as the target of a port: a function of `x` and of the list of its weights, in `tf.nn`'s words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from convwise import dialects
from convwise.answers.porting import to_arrays
from convwise.answers.porting.composing import commented
from convwise.answers.porting.draft import Target
from convwise.answers.porting.stages import Stage
from convwise.axis import NO_PADS, SAME_UPPER, Pads
from convwise.errors import ConvwiseError
from convwise.ops import ConvTranspose, Norm, Op, Pointwise, Resize, Shape

NAMES = {
    "np": "tf",
    "nn": "tf.nn",
    "mean": "tf.reduce_mean",
    "max": "tf.reduce_max",
    "take": "tf.gather",
    "array": "tf.constant",
    "keep": "keepdims",
    "total": "tf.reduce_sum",
    "any": "tf.cast(tf.reduce_any({}, -1, keepdims=True), x.dtype)",
    "logsumexp": "tf.reduce_logsumexp",
    "standard": "tf.nn.batch_normalization({x}, *tf.nn.moments({x}, {axes}, keepdims=True), None, None, {epsilon})",
    "batch": "tf.shape(x)[0]",
    "shape": "tf.shape(x)",
    "pool": "tf.nn.avg_pool{rank}d({x}, {kernel}, {stride}, 'VALID')",
}
ZEROS = re.compile(r"tf\.zeros\(\(\d+(?:, \d+)*,?\)\)")
"""Where a weight stands in a text of the dialect."""


def texts(op: Op, shape: Shape) -> Iterator[str]:
    """The calls to try; dropout does nothing in inference, so it is not written."""
    if to_arrays.keeps(op):
        return
    if isinstance(op, Pointwise) and isinstance(dict(op.options).get("axis"), tuple):
        return
    with suppress(ConvwiseError):
        yield dialects.get("tensorflow").spell((op,), True)


def express(op: Op, shape: Shape) -> str | None:
    """The op as a function of `x`; a transposed convolution and a layer normalisation with their weights."""
    if to_arrays.keeps(op):
        return "tf.identity(x)"
    if isinstance(op, ConvTranspose):
        return _transposed(op, shape)
    if isinstance(op, Norm) and op.kind == "layer" and not isinstance(op.axes, str):
        weight = f"tf.zeros({op.shape or (op.features or 0,)})"
        shift, scale = (weight if there else None for there in (op.center, op.scale))
        return (
            f"tf.nn.batch_normalization(x, *tf.nn.moments(x, {op.axes}, keepdims=True), {shift}, {scale}, {op.epsilon})"
        )
    if isinstance(op, Resize) and (text := _resized(op, shape)):
        return text
    if isinstance(op, Pointwise) and op.kind == "prelu":
        shared = dict(op.options).get("shared_axes", ())
        assert isinstance(shared, tuple)
        slopes = tuple(1 if axis in shared else size or 1 for axis, size in enumerate(shape) if axis)
        return f"tf.where(x > 0, x, tf.zeros({slopes}) * x)"
    return to_arrays.express(op, shape, NAMES)


METHODS = {
    "linear": "bilinear",
    "keys": "bicubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
    "area of parts": "area",
}
"""The engine's kernel -> tf.image.resize's method: Keras's own."""


def _resized(op: Resize, shape: Shape) -> str | None:
    """tf.image.resize, where it resizes by the quotient of the sizes as the op does."""
    kernel, *extras = op.mode.split("+")
    whole = op.scales is None or all(scale.denominator == 1 for scale in op.scales)
    if op.rank != 2 or kernel not in METHODS or op.align_corners or not whole or extras not in ([], ["antialias"]):
        return None
    if extras and kernel == "area of parts":
        return None
    sizes = tuple(op.out(axis, size or 0) for axis, size in enumerate(shape[1:-1]))
    method = "" if kernel == "linear" else f", method={METHODS[kernel]!r}"
    return f"tf.image.resize(x, {sizes}{method}{', antialias=True' if extras else ''})"


def _transposed(op: ConvTranspose, shape: Shape) -> str | None:
    """tf.nn's transposes are told their output's size: without padding the whole scattered map, by 'SAME' the part that is left where that pads alike."""
    extras = op.output_padding or (0,) * op.rank
    if op.groups != 1 or any(w.dilation > 1 or more >= w.stride for more, w in zip(extras, op.windows, strict=True)):
        return None
    sizes = tuple(w.transposed(size or 0, more) for w, size, more in zip(op.windows, shape[1:-1], extras, strict=True))
    word = _padding(op, shape, sizes)
    if word is None:
        return None
    kernel = (*op.kernel, op.out_channels, op.in_channels)
    strides = tuple(window.stride for window in op.windows)
    steps = strides[0] if op.rank == 1 else strides
    out = ", ".join(map(str, (*sizes, op.out_channels)))
    text = f"tf.nn.conv{op.rank}d_transpose(x, tf.zeros({kernel}), (tf.shape(x)[0], {out}), {steps}, {word!r})"
    return f"tf.nn.bias_add({text}, tf.zeros(({op.out_channels},)))" if op.bias else text


def _padding(op: ConvTranspose, shape: Shape, sizes: tuple[int, ...]) -> str | None:
    """The word whose convolution over an output of these sizes gives the input's, its windows starting alike."""
    for word, rule in (("VALID", NO_PADS), ("SAME", SAME_UPPER)):
        forward = [replace(w, padding=rule).over(out) for w, out in zip(op.windows, sizes, strict=True)]
        starts = [window.padding.low if isinstance(window.padding, Pads) else None for window in op.windows]
        given = zip(forward, starts, shape[1:-1], strict=True)
        if all(axis.out == size and axis.pad_low == low for axis, low, size in given):
            return word
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


TARGET = Target("tensorflow", True, to_arrays.adapt, to_arrays.more, texts, express, compose)
