"""Operators that onnxruntime adds to ONNX's own (com.microsoft): what its tools write where they quantise or fuse a model.

A quantised operator has a scale and a zero point beside each of its tensors, which are no parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from convwise.dialects.onnx import plain, windows
from convwise.dialects.onnx.given import Given, Made, Piece, of, opaque
from convwise.ops import Pointwise
from convwise.ops.several import Concat, Elementwise

DOMAIN: Final = "com.microsoft"
OPSET: Final = 17
"""The operator set whose rules these operators follow."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A node as the default domain would have it."""

    op_type: str
    name: str
    outputs: tuple[str, ...]
    attributes: Any
    inputs: tuple[str, ...] = ()
    domain: str = ""


def _settings(given: Given, *tensors: int) -> tuple[int, ...]:
    return tuple(number for number in range(len(given.inputs)) if number not in tensors)


def _alike(op_type: str, rule: Callable[[Given], Made], *tensors: int) -> Callable[[Given], Made]:
    """The rule of an operator of the default domain, whose inputs are these of the node."""

    def made(given: Given) -> Made:
        if given.integer("channels_last"):
            return opaque(given, "channels last are not followed here")
        node = given.node
        present = [number for number in tensors if given.input(number) is not None]
        inputs = tuple(replace(one, dtype=None) for number in present if (one := given.input(number)) is not None)
        inner = Given(Plain(op_type, node.name, node.outputs, node.attributes), OPSET, inputs)
        found = rule(inner)
        pieces = (
            replace(piece, inputs=tuple(present[n] if n >= 0 else n for n in piece.inputs)) for piece in found.pieces
        )
        return Made(tuple(pieces), found.gives, _settings(given, *present), found.notes)

    return made


def _place_by_place(given: Given) -> Made:
    """The names are those of no function that the reference runs: its values are not rounded."""
    given.needs(0, "data")
    return of((Pointwise(given.node.op_type.lower()),), no_params=_settings(given, 0))


def _two(given: Given) -> Made:
    given.needs(0, "A")
    given.needs(3, "B")
    kind = {"QLinearAdd": "add", "QLinearMul": "multiply"}[given.node.op_type]
    return of(Elementwise(kind), 0, 3, no_params=_settings(given, 0, 3))


def _joined(given: Given) -> Made:
    """The scale and zero point of the output come first, then each tensor with its own."""
    tensors = tuple(range(2, len(given.inputs), 3))
    for number in tensors:
        given.needs(number, "data")
    if not tensors:
        raise given.refuse("CW101", "no tensors to join")
    return of(Concat(given.integer("axis", 1)), *tensors, no_params=_settings(given, *tensors))


def _fused_conv(given: Given) -> Made:
    """A convolution, what is added to it, and an activation behind both."""
    found = _alike("Conv", windows.conv, 0, 1, 2)(given)
    work = found.pieces[0].work
    if not isinstance(work, tuple):
        return found
    activation = given.text("activation")
    # Others have numbers of their own, which do not change the size: nothing runs them by such a name.
    kind = activation.lower() if activation in ("Relu", "Sigmoid", "Tanh") else f"fused {activation[:40]}"
    behind = (Pointwise(kind),) if activation else ()
    if given.input(3) is None:
        return of((*work, *behind), *found.pieces[0].inputs)
    more = (Piece(Elementwise("add"), (-1, 3)), *((Piece(behind, (-2,)),) if behind else ()))
    return Made((*found.pieces, *more), notes=found.notes)


RULES: Final[dict[str, Callable[[Given], Made]]] = {
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), _two),
    **dict.fromkeys(("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax"), _place_by_place),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "QuickGelu"), _place_by_place),
    "Gelu": _alike("Gelu", plain.pointwise, 0),
    "QLinearConcat": _joined,
    "QLinearAveragePool": _alike("AveragePool", windows.pool, 0),
    "QLinearGlobalAveragePool": _alike("GlobalAveragePool", windows.global_pool, 0),
    "FusedConv": _fused_conv,
    "QGemm": _alike("Gemm", plain.gemm, 0, 3, 6),
}
"""The rule of every such operator that is known."""
