"""JAX as the target of a port: flax.nnx modules, and functions of arrays between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from convwise import dialects
from convwise.answers.porting import to_arrays
from convwise.answers.porting.composing import listing
from convwise.answers.porting.draft import Target
from convwise.answers.porting.stages import Stage
from convwise.axis import Window
from convwise.errors import ConvwiseError
from convwise.ops import Norm, Op, Pool, Shape

NAMES = {
    "np": "jnp",
    "nn": "nnx",
    "mean": "jnp.mean",
    "max": "jnp.max",
    "take": "jnp.take",
    "array": "jnp.array",
    "keep": "keepdims",
    "pool": "nnx.avg_pool({x}, {kernel}, strides={stride})",
}


def texts(op: Op, shape: Shape) -> Iterator[str]:
    """The calls to try; dropout does nothing in inference, so it is not written."""
    if to_arrays.keeps(op):
        return
    with suppress(ConvwiseError):
        text = dialects.get("jax").spell((op,), True)
        if isinstance(op, Norm) and op.kind in ("layer", "group", "instance"):
            # flax's fast variance, a difference of squares, loses digits in float32.
            text = text.replace("rngs=", "use_fast_variance=False, rngs=")
        if isinstance(op, Pool) or not text.startswith("lax."):
            yield text


def express(op: Op, shape: Shape) -> str | None:
    return "x" if to_arrays.keeps(op) else to_arrays.express(op, shape, NAMES)


def same(windows: tuple[Window, ...], value: float) -> str | None:
    """Flax says 'SAME' itself."""
    return None


def is_module(stage: Stage) -> bool:
    """Whether a stage is a module that holds weights, not a function of `x`."""
    return stage.layer is not None and stage.text.startswith("nnx.") and "rngs=" in stage.text


def compose(stages: Sequence[Stage], shape: Shape) -> str:
    """Modules and functions in one nnx.Sequential."""
    calls = [stage.text if is_module(stage) else f"lambda x: {stage.text}" for stage in stages] or ["lambda x: x"]
    text = "\n".join(calls)
    lines = [
        *(["import jax"] if "jax." in text else []),
        *(["import jax.numpy as jnp"] if "jnp." in text else []),
        *(["from jax import lax"] if "lax." in text else []),
        *(["from flax import linen as nn"] if " nn." in text else []),
        "from flax import nnx",
    ]
    comments = [stage.comment for stage in stages] or [""]
    body = listing("nnx.Sequential(", calls, ")", comments)
    moments = "layer.eval()  # inference: fixed moments\n" if "BatchNorm" in text else ""
    return "\n".join(lines) + "\n\n" + body + moments


TARGET = Target("jax", True, to_arrays.adapt, to_arrays.more, texts, express, same, compose)
