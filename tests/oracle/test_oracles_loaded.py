"""Skips cannot go silent: each framework that answers are held against is here, and of the release they hold for."""

from __future__ import annotations

import importlib
import warnings

import pytest

EXPECTED = {
    "torch": "2.13.",
    "keras": "3.15.",
    "tensorflow": "2.21.",
    "jax": "0.10.",
    "flax": "0.12.",
    "onnx": "1.23.",
    "onnxruntime": "1.31.",
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", EXPECTED)
def test_the_oracle_is_loaded_and_of_the_expected_release(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        version = importlib.import_module(name).__version__
    assert version.startswith(EXPECTED[name]), f"{name} is {version}, the answers hold for {EXPECTED[name]}*"


@pytest.mark.oracle
def test_torchvision_is_loaded_and_of_the_expected_release() -> None:
    # By way of the sweep, which stands in for the compiled operators: the registry's wheel has them for another build of PyTorch.
    sweep = importlib.import_module("sweep_torchvision")
    assert sweep.torchvision().__version__.startswith("0.28.")


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["torch", "keras", "tensorflow", "jax"])
def test_a_dialect_speaks_of_the_installed_release(name: str) -> None:
    from convwise import dialects

    assert EXPECTED[name] == dialects.get(name).release + "."


@pytest.mark.oracle
def test_keras_runs_on_tensorflow() -> None:
    keras = importlib.import_module("keras")
    assert keras.backend.backend() == "tensorflow"
