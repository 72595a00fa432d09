"""ONNX models as networks: operators become ops, shape arithmetic becomes sizes, weights become counts."""

from __future__ import annotations

from convwise.readers.onnx_network.building import onnx_network

__all__ = ["onnx_network"]
