"""ONNX: what its operators do to sizes, by operator set, as onnxruntime runs them."""

from __future__ import annotations

from convwise.dialects.onnx.folding import fold
from convwise.dialects.onnx.given import Given, Made, Piece, Tensor
from convwise.dialects.onnx.operators import FURTHEST, NEWEST, OPERATORS, made
from convwise.dialects.onnx.values import Known

__all__ = ["FURTHEST", "NEWEST", "OPERATORS", "Given", "Known", "Made", "Piece", "Tensor", "fold", "made"]
