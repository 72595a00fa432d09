"""Emitted code, executed in the framework it was written for, beside the source in its own."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from porting_cases import Case
from porting_source import output_of

from convwise.answers.porting.port import Port, port
from convwise.proofs.converting import chain_slots

Array = Any
TARGETS = ("torch", "keras", "tensorflow", "jax", "onnx")


def executed(code: str) -> Any:
    """What the code calls `layer`."""
    space: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, space)
    return space["layer"]


def source_layer(case: Case) -> Any:
    """The source, live."""
    if case.dialect == "torch":
        return executed(f"from torch import nn\nlayer = {case.text}\nlayer.eval()")
    text = re.sub(r"\b(?=[A-Z]\w*\()", "layers.", case.text).replace("layers.Sequential", "keras.Sequential")
    return executed(f"import keras\nfrom keras import layers\nlayer = {text}\nlayer.build((None, *{case.input[1:]}))")


def randomised(dialect: str, layer: Any, generator: np.random.Generator) -> Any:
    """The layer's own weights, replaced by random ones; as the framework hands them out."""
    if dialect == "keras":
        fresh = [_random(one.path, tuple(one.shape), generator) for one in layer.weights if "seed" not in one.path]
        kept = [one for one in layer.weights if "seed" not in one.path]
        for variable, value in zip(kept, fresh, strict=True):
            variable.assign(value)
        return fresh
    import torch

    state = layer.state_dict()
    for name, value in state.items():
        if value.ndim:
            state[name] = torch.from_numpy(_random(name, tuple(value.shape), generator))
    layer.load_state_dict(state)
    return state


def _random(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    values = generator.standard_normal(shape) * 0.5
    return (np.abs(values) + 0.5 if "var" in name else values).astype(np.float32)


def called(dialect: str, layer: Any, x: Array) -> Array:
    """The layer's output in inference."""
    if dialect == "torch":
        import torch

        layer.eval()
        with torch.no_grad():
            return layer(torch.from_numpy(np.ascontiguousarray(x))).numpy()
    return np.asarray(layer(x, training=False) if _takes_training(layer) else layer(x))


def _takes_training(layer: Any) -> bool:
    return type(layer).__name__ in ("Sequential", "BatchNormalization", "Dropout", "SpatialDropout2D")


def target_output(to: str, layer: Any, weights: Any, x: Array) -> Array:
    """What the executed code gives with these weights."""
    if to == "torch":
        called("torch", layer, x)  # lazy layers make their weights
        layer.load_state_dict(weights)
        return called("torch", layer, x)
    if to == "keras":
        if weights:
            layer.set_weights(weights)
        return called("keras", layer, x)
    if to == "tensorflow":
        return np.asarray(layer(x, weights))
    if to == "jax":
        from flax import nnx

        if weights:
            nnx.update(layer, weights)
        return np.asarray(layer(x))
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(layer.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.ascontiguousarray(x), **weights})[0]


def source_output(case: Case, x: Array, generator: np.random.Generator) -> tuple[Array, Any]:
    """What the live source gives, and its own weights."""
    source = source_layer(case)
    if case.dialect == "torch":
        called("torch", source, x)  # lazy layers make their weights
    weights = randomised(case.dialect, source, generator)
    return called(case.dialect, source, x), weights


def derived_output(case: Case, found: Port, x: Array, generator: np.random.Generator) -> tuple[Array, Any]:
    """The same for a source that is itself emitted code."""
    slots = [slot for _, slot in chain_slots(found.source)]
    weights = [_random("var" if slot.role == "variance" else slot.name, slot.shape or (), generator) for slot in slots]
    held: Any = weights
    if case.dialect == "jax":
        held = {slot.name: array for slot, array in zip(slots, weights, strict=True)}
    elif case.dialect == "onnx":
        held = {f"w{number}": array for number, array in enumerate(weights)}
    return target_output(case.dialect, executed(case.via.code), held, x), weights


def written_output(case: Case, found: Port, x: Array, generator: np.random.Generator) -> tuple[Array, Any]:
    """The same for a source of TensorFlow's, JAX's or ONNX's own words."""
    slots = chain_slots(found.source)
    weights = [_random("var" if s.role == "variance" else s.name, s.shape or (), generator) for _, s in slots]
    single = len(found.source.layers) == 1
    names = [slot.name if single else f"{number}/{slot.name}" for number, slot in slots]
    return output_of(case.dialect, case.text, weights, names, x), weights


def compared(case: Case, to: str, seed: int) -> tuple[Port, float]:
    """The port, and its largest difference from the source as a share of the largest output."""
    generator = np.random.default_rng(seed)
    found = port(case.text, to=to, input_shape=case.input, dialect=case.dialect)
    x = generator.standard_normal(case.input).astype(np.float32)
    if case.via:
        expected, weights = derived_output(case, found, x, generator)
    elif case.dialect in ("keras", "torch"):
        expected, weights = source_output(case, x, generator)
    else:
        expected, weights = written_output(case, found, x, generator)
    output = target_output(to, executed(found.code), found.convert_weights(weights), found.convert_input(x))
    received = found.convert_output(output)
    assert received.shape == expected.shape, (case, found.code, received.shape, expected.shape)
    same = (expected == received) | (np.isnan(expected) & np.isnan(received))
    gap = np.where(same, 0.0, np.abs(expected - received))
    largest = float(np.abs(expected[np.isfinite(expected)]).max(initial=1e-6))
    worst = float(gap.max(initial=0.0))
    return found, (worst if np.isfinite(worst) else float("inf")) / largest
