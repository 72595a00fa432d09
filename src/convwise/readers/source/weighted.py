"""PyTorch's functions that take their weights: `F.conv2d(x, torch.randn(8, 3, 3, 3), padding=1)` is the layer that holds such weights."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Call, Unknown
from convwise.errors import CodeError
from convwise.readers.source import making, tensors
from convwise.readers.source.state import Run
from convwise.readers.source.values import Tensor

CONVOLUTION = ("weight", "bias", "stride", "padding", "dilation", "groups")
TRANSPOSED = ("weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
FUNCTIONS = {
    **{f"conv{rank}d": (f"Conv{rank}d", CONVOLUTION) for rank in (1, 2, 3)},
    **{f"conv_transpose{rank}d": (f"ConvTranspose{rank}d", TRANSPOSED) for rank in (1, 2, 3)},
    "linear": ("Linear", ("weight", "bias")),
}
"""The layer of each function, and the order of its arguments behind the input (run in PyTorch 2.13)."""


def layer_call(
    run: Run, name: str, arguments: list[Any], keywords: list[tuple[str | None, Any]], node: ast.Call
) -> Call | None:
    """The layer that such a call is; None where it is another function, or the shape of its weights is not in the text."""
    kind, words = FUNCTIONS.get(name.rpartition(".")[2], ("", ()))
    given = dict(zip(words, arguments, strict=False)) | {word: value for word, value in keywords if word}
    weight, bias = given.pop("weight", None), given.pop("bias", None)
    if not kind or len(arguments) > len(words) or set(given) - set(words) or not _known(weight):
        return None
    if bias is not None and not _known(bias):
        return None
    groups = making.literal(run, given.get("groups", 1))
    sizes = _sizes(kind, weight.shape, groups)
    if sizes is None:
        return None
    for array in (weight, bias):
        if array is not None:
            array.used = True
    rest = tuple((word, making.literal(run, value)) for word, value in given.items())
    return Call(kind, sizes, (*rest, *((("bias", False),) if bias is None else ())), run.source(node), node.lineno)


def unknown_weights(name: str, arguments: list[Any], keywords: list[tuple[str | None, Any]]) -> CodeError | None:
    """Why such a call is no layer, where its weights are a name and nothing of them is in the text; None for other functions."""
    function = name.rpartition(".")[2]
    kind, words = FUNCTIONS.get(function, ("", ()))
    weight = (dict(zip(words, arguments, strict=False)) | dict(keywords)).get("weight")
    if not kind or not isinstance(weight, Unknown):
        return None
    sizes = ", ".join(("8", "3", *("3" * (int(kind[-2]) if kind[-1] == "d" else 0))))
    return CodeError(
        "CW314",
        f"PyTorch F.{function}: the shape of 'weight' is not in the text: {weight.text}",
        received=weight.text,
        hint=f"write its shape in its place: {name}(x, torch.zeros({sizes}), ...)",
    )


def _known(array: Any) -> bool:
    return isinstance(array, Tensor) and tensors.is_raw(array) and array.shape is not None and None not in array.shape


def _sizes(kind: str, shape: tuple[int, ...], groups: Any) -> tuple[Any, ...] | None:
    """in_channels, out_channels and the kernel that weights of this shape are for; None where no layer has such weights."""
    if kind == "Linear":
        return (shape[1], shape[0]) if len(shape) == 2 else None
    if len(shape) != int(kind[-2]) + 2 or not isinstance(groups, int) or isinstance(groups, bool) or groups < 1:
        return None
    first, second, *kernel = shape
    channels = (first, second * groups) if kind.startswith("ConvTranspose") else (second * groups, first)
    return (*channels, kernel[0] if len(set(kernel)) == 1 else tuple(kernel))
