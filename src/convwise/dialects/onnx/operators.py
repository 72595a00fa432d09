"""Every operator that is known, by name, with its rule; and the reasons why some have no rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from convwise.dialects.onnx import contributed, moves, plain, seldom, windows
from convwise.dialects.onnx.given import Given, Made, opaque

Rule = Callable[[Given], Made]

NEWEST: Final = 28
"""The newest version of the default operator set that was looked at; newer ones are read like it, with a note."""

FURTHEST: Final = 100
"""No operator set has a version like this yet: the file was made to confuse."""

OPERATORS: Final[dict[str, Rule]] = {
    **dict.fromkeys(plain.POINTWISE, plain.pointwise),
    **dict.fromkeys(plain.ELEMENTWISE, plain.elementwise),
    **dict.fromkeys(plain.REDUCTIONS, plain.reduction),
    **dict.fromkeys(("ArgMax", "ArgMin"), plain.arg),
    **dict.fromkeys(("Conv", "ConvInteger", "QLinearConv"), windows.conv),
    "ConvTranspose": windows.conv_transpose,
    **dict.fromkeys(windows.POOLS, windows.pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), windows.global_pool),
    **dict.fromkeys(("RoiAlign", "MaxRoiPool"), windows.roi_pool),
    "BatchNormalization": plain.batch_norm,
    "InstanceNormalization": plain.instance_norm,
    "GroupNormalization": plain.group_norm,
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), plain.layer_norm),
    "MatMul": plain.matmul,
    **dict.fromkeys(("MatMulInteger", "QLinearMatMul"), plain.quantized_matmul),
    "Gemm": plain.gemm,
    "Clip": plain.clip,
    "Einsum": plain.einsum,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), plain.recurrent),
    "DynamicQuantizeLinear": plain.dynamic_quantize,
    **dict.fromkeys(("RandomNormal", "RandomUniform"), plain.with_shape),
    "Reshape": moves.reshape,
    "Flatten": moves.flatten,
    "Transpose": moves.transpose,
    "Squeeze": moves.squeeze,
    "Unsqueeze": moves.unsqueeze,
    "Concat": moves.concat,
    "Split": moves.split,
    "Slice": moves.slices,
    "Pad": moves.pad,
    "Expand": moves.expand,
    "Tile": moves.tile,
    "ConstantOfShape": moves.constant_of_shape,
    "Range": moves.ranged,
    "Gather": moves.gather,
    "GatherElements": moves.gather_elements,
    "GatherND": moves.gather_nd,
    "OneHot": moves.one_hot,
    "TopK": moves.top_k,
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), moves.shuffle),
    **dict.fromkeys(("Resize", "Upsample"), moves.resize),
    "CenterCropPad": moves.center_crop_pad,
    "GridSample": moves.grid_sample,
    "Attention": seldom.attention,
    "Col2Im": seldom.columns,
    "MaxUnpool": seldom.unpool,
}
"""The rule of every operator of the default domain."""

REASONS: Final = {
    "NonMaxSuppression": "how many boxes are kept depends on the data",
    "NonZero": "how many cells are not zero depends on the data",
    "Compress": "how many cells are kept depends on the data",
    "Unique": "how many values differ depends on the data",
    "If": "which branch is taken depends on the data",
    "Loop": "how often it runs depends on the data",
    "Scan": "a body that runs once for each step is not followed",
    "ImageDecoder": "the size of the image depends on the data",
    "StringSplit": "how many pieces there are depends on the data",
    "TfIdfVectorizer": "text is not followed",
}
"""Operators that have no rule, and why."""


def made(given: Given) -> Made:
    """What a node is: pieces of ops, or an opaque step with its reason.

    Raises:
        Refusal: CW1xx and CW2xx for what onnxruntime refuses whatever the input's size is.
    """
    node = given.node
    table = {"": OPERATORS, contributed.DOMAIN: contributed.RULES}.get(node.domain, {})
    rule = table.get(node.op_type)
    if rule is None:
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        known = REASONS.get(node.op_type) if not node.domain else None
        if known is None and node.op_type.startswith(("Sequence", "Optional", "ConcatFromSequence", "SplitToSequence")):
            known = "sequences of tensors are not followed"
        return opaque(given, known or f"the operator {name[:80]!r} is not known")
    found = rule(given)
    for piece in found.pieces:
        for number in piece.inputs:
            if number >= 0 and given.node.inputs:
                given.needs(number, "data")
    return found
