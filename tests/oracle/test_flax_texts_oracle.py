"""Networks of flax in source text against flax, which runs the same text."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from readers.test_reader_flax import ANSWERS, TEXTS

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("name", TEXTS)
def test_shapes_and_parameters(name: str) -> None:
    import jax
    from flax import nnx

    shape, outputs, params = ANSWERS[name]
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(TEXTS[name], name, "exec", dont_inherit=True), space)
    cls = [one for one in space.values() if inspect.isclass(one) and one.__module__ == "snippet"][-1]
    data = jax.ShapeDtypeStruct(shape, "float32")
    if issubclass(cls, nnx.Module):
        model = cls(rngs=nnx.Rngs(0))
        model.eval()
        result = nnx.eval_shape(lambda model, x: model(x), model, data)
        weights = jax.tree.leaves(nnx.state(model, nnx.Param))
    else:
        words = {"train": False} if "train" in inspect.signature(cls.__call__).parameters else {}
        made = jax.eval_shape(lambda x: cls().init_with_output(jax.random.PRNGKey(0), x, **words), data)
        result, weights = made[0], jax.tree.leaves(made[1]["params"])
    assert [tuple(one.shape) for one in jax.tree.leaves(result)] == outputs
    assert sum(one.size for one in weights) == params
