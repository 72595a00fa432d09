"""The ops that a dialect reads mean what the framework computes: same numbers on the same random data and weights."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import jax.numpy as jnp
import jax_cases
import numpy as np
import onnx_cases
import onnx_truth
import onnxruntime
import pytest
import tensorflow as tf
import tensorflow_cases
from dialect_cases import Case
from jax_truth import REDUCTIONS
from onnx import load_from_string, numpy_helper
from tensorflow_truth import function

from convwise import dialects
from convwise.dialects.base import Array, Layer
from convwise.dialects.jax.dimensions import dimensions
from convwise.engine.running import run
from convwise.errors import ConvwiseError
from convwise.ops import Conv, ConvTranspose, Layout, Permute

pytestmark = pytest.mark.oracle

CASES = 120
"""Random calls of each family; about two of three are taken."""


def numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


def evaluated(layer: Layer, x: Any, weights: list[dict[str, Any]]) -> Any:
    """The layer's ops by the reference; each convolution takes the next weights."""
    rank, left = layer.rank or 2, list(weights)
    lead = x.shape[: len(x.shape) - rank - 1]
    batched = len(lead) == 1
    result = x if batched else x.reshape((-1, *x.shape[len(lead) :]))
    layout = Layout(layer.channels_last)
    for op in layer.ops:
        given = left.pop(0) if isinstance(op, Conv | ConvTranspose) else {}
        result = run(op, result, given, layout if not isinstance(op, Permute) else Layout(), method="reference")
    return result if batched else result.reshape((*lead, *result.shape[1:]))


def settled(dialect: str, case: Case, release: str | None = None) -> Layer | None:
    """The layer as its input settles it; None where convwise refuses."""
    spoken = dialects.get(dialect)
    try:
        return spoken.flow(spoken.read(case.call, release), case.shape).layer
    except ConvwiseError:
        return None


def plain(kernel: Any, rank: int) -> Any:
    """(*sizes, in / groups, out) as (out, in / groups, *sizes)."""
    return kernel.transpose(rank + 1, rank, *range(rank))


def same(ours: Any, theirs: Any, case: Case) -> None:
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape, case.text
    finite = np.isfinite(theirs)  # a window wholly in padding has no maximum
    scale = max(float(np.abs(theirs[finite]).max(initial=0.0)), 1.0)
    assert np.abs(ours - theirs)[finite & np.isfinite(ours)].max(initial=0.0) <= 1e-4 * scale, (
        f"{case.text} on {case.shape}"
    )


def drawn(cases: Any, names: tuple[str, ...], seed: int) -> list[Case]:
    rng, draws, found = Random(seed), dict(cases.DRAWS), []
    while len(found) < CASES:
        name = names[len(found) % len(names)]
        case = draws[name](rng, name)
        # Windows that are few and small keep the literal loops short.
        found.append(replace(case, shape=tuple(min(size, 8) for size in case.shape)) if "Norm" in name else case)
    return found


TENSORFLOW = {
    "convolutions": tuple(f"tf.nn.{name}" for name in ("conv1d", "conv2d", "conv3d", "convolution", "atrous_conv2d")),
    "depthwise": ("tf.nn.depthwise_conv2d", "tf.nn.separable_conv2d"),
    "transposed": ("tf.nn.conv1d_transpose", "tf.nn.conv2d_transpose", "tf.nn.conv3d_transpose"),
    "pools": ("tf.nn.max_pool2d", "tf.nn.avg_pool2d", "tf.nn.avg_pool3d", "tf.nn.max_pool1d", "tf.nn.pool"),
}


@pytest.mark.parametrize("family", TENSORFLOW)
def test_tensorflow(family: str) -> None:
    compared, rng = 0, np.random.default_rng(5)
    for case in drawn(tensorflow_cases, TENSORFLOW[family], 31):
        layer = settled("tensorflow", case)
        if layer is None or 0 in case.shape or 1 in case.shape[1:-1]:
            continue  # on one cell TensorFlow 2.21's kernels with a stride give what the memory held before
        words = dict(case.kwargs)
        kernels = {name: numbers(rng, value.shape) for name, value in words.items() if isinstance(value, Array)}
        x = numbers(rng, case.shape)
        theirs = function(case.kind)(x, **{**_lists(words), **kernels})
        weights = []
        for name, kernel in kernels.items():
            rank = kernel.ndim - 2
            if name in ("filter", "depthwise_filter"):
                weights.append({"weight": kernel.reshape(*kernel.shape[:2], 1, -1).transpose(3, 2, 0, 1)})
            else:
                weights.append({"weight": plain(kernel, rank)})
        same(evaluated(layer, x, weights), theirs, case)
        compared += 1
    assert compared > CASES // 3


def _lists(words: dict[str, Any]) -> dict[str, Any]:
    return {name: _listed(value) for name, value in words.items() if not isinstance(value, Array)}


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


JAX = {
    "lax": ("lax.conv_general_dilated", "lax.conv", "lax.conv_with_general_padding"),
    "lax transposed": ("lax.conv_transpose",),
    "windows": ("lax.reduce_window", "nn.max_pool", "nn.avg_pool"),
    "flax": ("nn.Conv", "nn.ConvTranspose"),
}


@pytest.mark.parametrize("family", JAX)
def test_jax_and_flax(family: str) -> None:
    from flax import linen
    from jax import lax

    compared, rng = 0, np.random.default_rng(6)
    for case in drawn(jax_cases, JAX[family], 32)[: CASES // 2]:
        layer = settled("jax", case)
        if layer is None or 0 in case.shape:
            continue
        module, name = case.kind.split(".")
        words, x = dict(case.kwargs), numbers(rng, case.shape)
        weights: list[dict[str, Any]] = []
        if module == "nn" and name[0].isupper():
            made = vars(linen)[name](**words)
            rank = layer.rank or 2
            inner = case.shape[-1]
            op = layer.window_op
            kernel = numbers(rng, (*op.kernel, inner // (op.groups or 1), op.out_channels))
            flipped = words.get("transpose_kernel")
            if flipped:
                kernel = numbers(rng, (*op.kernel, op.out_channels, inner))
            bias = numbers(rng, (op.out_channels,))
            params = {"kernel": jnp.asarray(kernel), **({"bias": jnp.asarray(bias)} if op.bias else {})}
            theirs = made.apply({"params": params}, x)
            weights = [{"weight": _weight(op, kernel, rank, bool(flipped)), **({"bias": bias} if op.bias else {})}]
        else:
            call = vars(linen if module == "nn" else lax)[name]
            if "rhs" in words:
                kernel = numbers(rng, words["rhs"].shape)
                weights = [{"weight": _of_order(layer, kernel, words, name)}]
                words["rhs"] = jnp.asarray(kernel)
            if "computation" in words:
                words["computation"] = REDUCTIONS[words["computation"]]
            theirs = call(x, **words)
        same(evaluated(layer, x, weights), theirs, case)
        compared += 1
    assert compared > CASES // 6


def _weight(op: Any, kernel: Any, rank: int, flipped: bool) -> Any:
    """flax's kernel as the op's: a ConvTranspose of flax turns it over in space, unless transpose_kernel says no."""
    if isinstance(op, Conv):
        return plain(kernel, rank)
    spatial = tuple(range(rank))
    if flipped:  # (*sizes, out, in)
        return kernel.transpose(rank + 1, rank, *spatial)
    return np.flip(kernel, spatial).transpose(rank, rank + 1, *spatial)  # (*sizes, in, out)


def _of_order(layer: Layer, kernel: Any, words: dict[str, Any], name: str) -> Any:
    """A lax kernel as the op's, by the dimension numbers; turned over where the data is dilated."""
    where = dimensions(words.get("dimension_numbers"), kernel.ndim, transposed=name == "conv_transpose")
    out, inner = where.rhs.index("O"), where.rhs.index("I")
    spatial = [where.rhs.index(letter) for letter in where.spatial]
    if isinstance(layer.window_op, Conv):
        return kernel.transpose(out, inner, *spatial)
    if words.get("transpose_kernel"):
        return kernel.transpose(out, inner, *spatial)  # O and I have changed places, and nothing is turned over
    turned = np.flip(kernel, spatial)
    groups = layer.window_op.groups or 1
    parts = np.split(turned, groups, axis=out)
    return np.concatenate([part.transpose(inner, out, *spatial) for part in parts], axis=0)


ONNX = {
    "Conv": ("Conv",),
    "ConvTranspose": ("ConvTranspose",),
    "pools": ("MaxPool", "AveragePool", "LpPool"),
    "Pad": ("Pad",),
}


@pytest.mark.parametrize("family", ONNX)
def test_onnxruntime(family: str) -> None:
    compared, rng = 0, np.random.default_rng(7)
    for case in drawn(onnx_cases, ONNX[family], 33):
        layer = settled("onnx", case, onnx_cases.opset(case))
        if layer is None or any(note.code == "CW505" for note in layer.notes):
            continue
        model = load_from_string(onnx_truth.model(case))
        arrays = []
        for stored, value in zip(model.graph.initializer, case.args, strict=False):
            if isinstance(value, Array):
                arrays.append(numbers(rng, value.shape))
                stored.CopyFrom(numpy_helper.from_array(arrays[-1], stored.name))
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), onnx_truth.QUIET, providers=["CPUExecutionProvider"]
        )
        x = numbers(rng, case.shape)
        (theirs,) = session.run(None, {"x": x})
        weights = [dict(zip(("weight", "bias"), arrays, strict=False))] if arrays else []
        same(evaluated(layer, x, weights), theirs, case)
        compared += 1
    assert compared > CASES // 3


def test_tensorflow_was_loaded() -> None:
    assert tf.__version__.startswith("2.21.")
