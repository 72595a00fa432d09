"""The structure of .onnx files: everything but the weights, read without any other library.

>>> model = read_onnx(bytes.fromhex("08083a180a0c0a0178120179220452656c755a030a017862030a017942021011"))
>>> model.opsets[""], [node.op_type for node in model.graph.nodes]
(17, ['Relu'])
"""

from __future__ import annotations

from convwise.readers.onnx.model import read_onnx
from convwise.readers.onnx.structure import (
    Attribute,
    OnnxFunction,
    OnnxGraph,
    OnnxModel,
    OnnxNode,
    OnnxReference,
    OnnxTensor,
    OnnxValue,
    Undecoded,
    constant,
)

__all__ = [
    "Attribute",
    "OnnxFunction",
    "OnnxGraph",
    "OnnxModel",
    "OnnxNode",
    "OnnxReference",
    "OnnxTensor",
    "OnnxValue",
    "Undecoded",
    "constant",
    "read_onnx",
]
