"""TensorFlow Lite models as networks: read from the file's tables alone, no weights, nothing run."""

from __future__ import annotations

from convwise.readers.tflite.network import read_tflite

__all__ = ["read_tflite"]
