"""What JAX and flax answer: their shape rules and the lowering to the compiler's language, which checks the windows once more.

Nothing is compiled, which would take most of the time; test_jax_agreement.py runs some of the same calls on zeros.
"""

from __future__ import annotations

import os
import warnings

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
from dialect_cases import Case, Truth, Value
from flax import linen, nnx
from jax import lax

from convwise.dialects.base import Array

REDUCTIONS = {"lax.add": lax.add, "lax.max": lax.max}


def real(value: Value) -> Value:
    if isinstance(value, Array):
        return jnp.zeros(value.shape)
    if isinstance(value, str) and value in REDUCTIONS:
        return REDUCTIONS[value]
    return tuple(real(item) for item in value) if isinstance(value, tuple) else value


def applied(case: Case):
    """(a function of the data, whether it gives the parameters too)."""
    module, name = case.kind.split(".")
    arguments = [real(value) for value in case.args]
    words = {word: real(value) for word, value in case.kwargs}
    if module == "lax":
        return lambda x: (vars(lax)[name](x, *arguments, **words), ())
    if module == "nn" and name[0].islower():
        return lambda x: (vars(linen)[name](x, *arguments, **words), ())
    if module == "nn":
        made = vars(linen)[name](*arguments, **words)

        def both(x):
            output, variables = made.init_with_output(jax.random.key(0), x)
            return output, variables.get("params", ())

        return both
    layer = nnx.eval_shape(lambda: vars(nnx)[name](*arguments, **words, rngs=nnx.Rngs(0)))
    graph, parameters, rest = nnx.split(layer, nnx.Param, ...)

    def run(x):
        weights = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), parameters)
        others = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), rest)
        return nnx.merge(graph, weights, others)(x), weights

    return run


def run(case: Case, *, compiled: bool = False) -> Truth:
    """`compiled`: the call is compiled and run on zeros, which takes some tens of milliseconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function = applied(case)
            data = jax.ShapeDtypeStruct(case.shape, jnp.float32)
            lowered = jax.jit(function).lower(data)
            output, parameters = lowered.out_info
            if compiled:
                output, _ = lowered.compile()(jnp.zeros(case.shape))
        except Exception as error:
            return Truth(None, str(error) or type(error).__name__)
    count = sum(int(leaf.size) for leaf in jax.tree.leaves(parameters))
    return Truth(tuple(output.shape), parameters=count if case.kind.startswith(("nn.", "nnx.")) else None)
