"""PyTorch's functions that take their weights: `F.conv2d(x, torch.randn(8, 3, 3, 3), padding=1)` is the layer that holds such weights."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convwise.dialects.base import Call, Layer, Unknown
from convwise.errors import CodeError
from convwise.ops import Conv, ConvTranspose, Dense, Pointwise
from convwise.readers.source import making, tensors
from convwise.readers.source.state import Run
from convwise.readers.source.values import Made, Tensor

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
    call = call_on(run, kind, weight.shape, bias is not None, given, node)
    for array in (weight, bias):
        if array is not None and call is not None:
            array.used = True
    return call


def call_on(
    run: Run, kind: str, shape: tuple[int, ...], biased: bool, settings: Mapping[str, Any], node: ast.Call
) -> Call | None:
    """The layer of weights of this shape and these settings; None where no layer has such weights."""
    sizes = _sizes(kind, shape, making.literal(run, settings.get("groups", 1)))
    if sizes is None:
        return None
    rest = tuple((word, making.literal(run, value)) for word, value in settings.items())
    return Call(kind, sizes, (*rest, *(() if biased else (("bias", False),))), run.source(node), node.lineno)


NORMS = frozenset({"torch.nn.utils.weight_norm", "torch.nn.utils.parametrizations.weight_norm"})
"""What splits a layer's weights into directions and lengths, which are parameters of their own."""


def normed(run: Run, arguments: list[Any], keywords: list[tuple[str | None, Any]], node: ast.Call) -> Any:
    """`weight_norm(nn.Conv2d(3, 8, 3), dim=0)`: the same layer, with a length for each of its filters."""
    target = arguments[0]
    words = dict(zip(("name", "dim"), arguments[1:], strict=False)) | {word: value for word, value in keywords if word}
    name, dim = words.get("name", "weight"), words.get("dim", 0)
    if not isinstance(target, Made):
        return target
    if name == "weight" and (dim is None or type(dim) is int):
        target.normed = (*target.normed, -1 if dim is None else dim)
    elif target.problem is None:
        target.problem = CodeError(
            "CW314",
            "how many parameters weight_norm adds is known for 'weight' and an axis that is a number in the text",
            detail=run.place(node),
            hint="write weight_norm(layer, 'weight', dim=0)",
        )
    return target


def with_lengths(layer: Layer, axes: tuple[int, ...]) -> Layer:
    """The layer with the lengths that weight_norm keeps, one for each place on the weights' axis; PyTorch takes axis -1 for all in one."""
    op = layer.ops[0] if layer.ops else None
    shape: tuple[int | None, ...] | None = op.weight_shape() if isinstance(op, Conv | ConvTranspose) else None
    if isinstance(op, Dense):
        shape = (op.out_features, op.in_features)
    lengths = tuple(Pointwise("identity", params=_length(shape, axis)) for axis in axes)
    return replace(layer, ops=(*layer.ops, *lengths)) if axes else layer


def _length(shape: tuple[int | None, ...] | None, axis: int) -> int | None:
    if axis == -1:
        return 1
    return shape[axis] if shape is not None and -len(shape) <= axis < len(shape) else None


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
