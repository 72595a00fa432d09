"""JAX as the target of a port: flax.nnx modules, and functions of arrays between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from convwise import dialects
from convwise.answers.porting import to_arrays
from convwise.answers.porting.composing import listing
from convwise.answers.porting.draft import Target
from convwise.answers.porting.stages import Stage
from convwise.errors import ConvwiseError
from convwise.ops import Norm, Op, Pointwise, Pool, Resize, Shape

NAMES = {
    "np": "jnp",
    "nn": "nnx",
    "mean": "jnp.mean",
    "max": "jnp.max",
    "take": "jnp.take",
    "array": "jnp.array",
    "keep": "keepdims",
    "total": "jnp.sum",
    "any": "jnp.any({}, -1, keepdims=True)",
    "logsumexp": "jax.nn.logsumexp",
    "standard": "({x} - jnp.mean({x}, {axes}, keepdims=True)) / jnp.sqrt(jnp.var({x}, {axes}, keepdims=True) + {epsilon})",
    "batch": "x.shape[0]",
    "shape": "x.shape",
    "pool": "nnx.avg_pool({x}, {kernel}, strides={stride})",
}


WEIGHTED = '''\
class Weighted(nnx.Module):
    """A function of x and of weights with these shapes."""

    def __init__(self, function, **shapes):
        self.function, self.names = function, tuple(shapes)
        for name, shape in shapes.items():
            setattr(self, name, nnx.Param(jnp.zeros(shape)))

    def __call__(self, x):
        return self.function(x, *(getattr(self, name)[...] for name in self.names))
'''


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
    if isinstance(op, Pointwise) and op.kind == "prelu":
        shared: Any = dict(op.options).get("shared_axes", ())
        slopes = tuple(1 if axis in shared else size or 1 for axis, size in enumerate(shape) if axis)
        return f"Weighted(lambda x, alpha: jnp.where(x > 0, x, alpha * x), alpha={slopes})"
    if isinstance(op, Resize) and op.mode in ("lanczos3", "lanczos5") and not op.align_corners:
        sizes = ", ".join(str(op.out(axis, size or 0)) for axis, size in enumerate(shape[1:-1]))
        return f"jax.image.resize(x, (x.shape[0], {sizes}, x.shape[-1]), {op.mode!r}, antialias=False)"
    return "x" if to_arrays.keeps(op) else to_arrays.express(op, shape, NAMES)


def is_module(stage: Stage) -> bool:
    """Whether a stage is a module that holds weights, not a function of `x`."""
    return stage.text.startswith("Weighted(") or (
        stage.layer is not None and stage.text.startswith("nnx.") and "rngs=" in stage.text
    )


def compose(stages: Sequence[Stage], shape: Shape) -> str:
    """Modules and functions in one nnx.Sequential."""
    calls = [stage.text if is_module(stage) else f"lambda x: {stage.text}" for stage in stages] or ["lambda x: x"]
    text = "\n".join(calls)
    weighted = "Weighted(" in text
    lines = [
        *(["import jax"] if "jax." in text else []),
        *(["import jax.numpy as jnp"] if "jnp." in text or weighted else []),
        *(["from jax import lax"] if "lax." in text else []),
        *(["from flax import linen as nn"] if " nn." in text else []),
        "from flax import nnx",
    ]
    comments = [stage.comment for stage in stages] or [""]
    body = listing("nnx.Sequential(", calls, ")", comments)
    moments = "layer.eval()  # inference: fixed moments\n" if "BatchNorm" in text else ""
    return "\n".join(lines) + (f"\n\n\n{WEIGHTED}\n\n" if weighted else "\n\n") + body + moments


TARGET = Target("jax", True, to_arrays.adapt, to_arrays.more, texts, express, compose)
