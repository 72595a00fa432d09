"""What PyTorch exports for `x.squeeze(axis)` where the size of the axis is open: an If on that size, with a Squeeze in one branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convwise.dialects.onnx.given import Tensor
from convwise.dialects.onnx.values import Single
from convwise.ops import Shape
from convwise.readers.onnx import OnnxGraph, OnnxNode, constant

BRANCHES = ([["Constant", "Squeeze"], ["Identity"]], [["Squeeze"], ["Identity"]])
"""The operators of both branches; the axes are an attribute or a constant."""


def squeezed(
    node: OnnxNode, tensors: Mapping[str, Tensor], by_number: Sequence[Tensor]
) -> tuple[Tensor, Shape, int] | None:
    """The tensor, its shape and the axis that goes where it has one cell; None for any other node."""
    asked = tensors.get(node.inputs[0]) if node.op_type == "If" and not node.domain and node.inputs else None
    test = asked.known.items[0] if asked is not None and asked.known is not None and asked.known.items else None
    if not isinstance(test, Single) or len(node.outputs) != 1:
        return None
    x, axis = by_number[test.size.input], test.size.axis
    bodies = [node.attributes.get(f"{one}_branch") for one in ("then", "else")]
    nodes = [body.nodes for body in bodies if isinstance(body, OnnxGraph)]
    if x.shape is None or [[one.op_type for one in each] for each in nodes] not in BRANCHES:
        return None
    then, other = nodes
    read = [tensors.get(one.inputs[0]) for one in (then[-1], other[0]) if one.inputs]
    stored = constant(then[0]) if len(then) > 1 else None
    axes = then[-1].attributes.get("axes") if stored is None else stored.values
    if read != [x, x] or axes not in ((axis,), (axis - len(x.shape),)):
        return None
    return x, x.shape, axis
