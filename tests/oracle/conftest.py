"""The frameworks, quiet and on the processor, loaded once before any test so that their import warnings are no errors."""

from __future__ import annotations

import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

NAMES = ("torch", "keras", "tensorflow", "jax", "flax", "onnx", "onnxruntime")

LOADED: dict[str, str] = {}
"""The version of each framework that loaded; test_oracles_loaded.py fails where one is missing."""

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for _name in NAMES:
        try:
            LOADED[_name] = __import__(_name).__version__
        except ImportError as error:
            LOADED[_name] = f"not loaded: {error}"
