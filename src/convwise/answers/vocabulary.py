"""What a layer's own framework calls its kernel, stride, dilation and padding, and what it has for a few other things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convwise import dialects
from convwise.answers.respelled import collapse
from convwise.axis import NO_PADS, SAME_UPPER, Padding, Pads
from convwise.dialects.base import Layer, Value
from convwise.dialects.kinds import around
from convwise.ops import ConvTranspose

NAMES: Mapping[str, tuple[str, ...]] = {
    "kernel": ("kernel_size", "pool_size", "ksize", "window_shape", "window_dimensions", "kernel_shape"),
    "stride": ("stride", "strides", "window_strides"),
    "dilation": (
        "dilation",
        "dilation_rate",
        "dilations",
        "kernel_dilation",
        "rhs_dilation",
        "window_dilation",
        "rate",
    ),
    "padding": ("padding", "pads"),
    "output_padding": ("output_padding",),
}
"""The words of windows, and the arguments that they are in one framework or another."""

SPREADS = ("lhs_dilation", "input_dilation")
"""The arguments of JAX's convolutions that are the stride of a transposed one."""

ORDER = ("padding", "kernel", "stride", "dilation", "output_padding")
"""In which order changes are written: the smallest one first."""


@dataclass(frozen=True, slots=True)
class Words:
    """A framework's words: for padding, for what enlarges a map, for what picks one of the sizes that a transposed convolution may give.

    `counted` and `not_counted` begin the sentences on an average pool that counts its padding and on one that does not.
    """

    paddings: tuple[tuple[str, Padding], ...] = ()
    enlarging: tuple[str, ...] = ()
    picking: str = ""
    counted: str = ""
    not_counted: str = ""


CAPITALS: tuple[tuple[str, Padding], ...] = (("VALID", NO_PADS), ("SAME", SAME_UPPER))
WORDS = {
    "keras": Words(
        (("valid", NO_PADS), ("same", SAME_UPPER)),
        ("Conv{}DTranspose", "UpSampling{}D"),
        "output_padding",
        "PyTorch counts padding by default:",
    ),
    "torch": Words(
        (),
        ("nn.ConvTranspose{}d", "nn.Upsample"),
        "output_padding",
        "count_include_pad=True, the default, gives",
        "count_include_pad=False divides by real cells alone, as Keras does",
    ),
    "tensorflow": Words(CAPITALS, ("tf.nn.conv{}d_transpose",), "output_shape"),
    "jax": Words(
        CAPITALS,
        ("nnx.ConvTranspose", "jax.image.resize"),
        "",
        "count_include_pad=True, the default, gives",
        "count_include_pad=False divides by real cells alone",
    ),
    "onnx": Words(
        (),
        ("ConvTranspose", "Resize"),
        "output_padding",
        "count_include_pad=1 gives",
        "count_include_pad=0, the default, divides by real cells alone",
    ),
}

TRANSPOSED = {"nn": "nn.ConvTranspose", "lax": "lax.conv_transpose"}
"""JAX's transposed convolution for layers of linen and of lax."""


def argument(layer: Layer, word: str) -> str | None:
    """What the layer calls its kernel, stride, dilation or padding; None where it has no such argument.

    >>> from convwise.dialects.base import Call
    >>> argument(dialects.get("keras").read(Call("MaxPooling2D", (2,)), None), "kernel")
    'pool_size'
    """
    if word == "kernel" and "W" in layer.arguments:
        return None  # the kernel of ONNX's convolutions is an array, and kernel_shape says it again
    spread = SPREADS if word == "stride" and isinstance(layer.window_op, ConvTranspose) else ()
    return next((name for name in (*spread, *NAMES[word]) if name in layer.arguments), None)


def spelled(layer: Layer, values: Mapping[str, Any]) -> dict[str, Value] | None:
    """Changes by their plain words as the layer's own arguments; None where it has none for one of them.

    A `padding` is one of the framework's words or the pads of each axis; a kernel, stride or dilation one number, or one an axis.
    """
    named: dict[str, Value] = {}
    for word in sorted(values, key=lambda word: ORDER.index(word) if word in ORDER else len(ORDER)):
        value = values[word]
        if word == "ceil_mode":
            named[word] = 1 if layer.dialect == "onnx" else True
            continue
        if word == "padding" and not isinstance(value, str):
            pads = dialects.get(layer.dialect).pads(layer, value)
            if pads is None:
                return None
            named |= pads
            continue
        name = argument(layer, word)
        if name is None:
            return None
        named[name] = value if value is None or isinstance(value, str) else _form(layer, name, value)
    return named


def _form(layer: Layer, name: str, value: int | Sequence[int]) -> Value:
    """Numbers as the argument takes them: one for all axes where it may be one, the batch and the channels where they are named too."""
    rank, today = layer.rank or 1, layer.arguments[name]
    each = tuple(value) if isinstance(value, Sequence) else (value,) * rank
    if layer.kind == "lax.reduce_window" or (isinstance(today, tuple) and len(today) == rank + 2):
        return around(each, 1, layer.channels_last)
    if layer.dialect in ("jax", "onnx") and type(today) is not int:
        return each
    return collapse(each)


def enlarging(layer: Layer) -> str:
    """`nn.ConvTranspose2d or nn.Upsample`: what makes a map larger, in the layer's framework."""
    names = [name.format(layer.rank) for name in WORDS[layer.dialect].enlarging]
    home = layer.kind.partition(".")[0]
    return " or ".join([TRANSPOSED.get(home, names[0]) if layer.dialect == "jax" else names[0], *names[1:]])


def picking(layer: Layer) -> str:
    """The argument that picks one of the sizes that a transposed convolution may give; empty where there is none."""
    word = WORDS[layer.dialect].picking
    return word if word in layer.arguments else ""


def padding_words(layer: Layer) -> tuple[tuple[str, Padding], ...]:
    """The words for padding of the layer's framework, and the rules that they are."""
    return WORDS[layer.dialect].paddings


def no_pads(layer: Layer) -> tuple[Pads, ...]:
    return (NO_PADS,) * (layer.rank or 1)
