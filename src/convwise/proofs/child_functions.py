"""In the child process: tensorflow's functions, and jax's with the layers of flax, on arrays."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from math import inf
from typing import Any

import numpy as np

Told = Mapping[str, Any]


def arguments_of(layer: Told, held: Sequence[Any], listed: type) -> dict[str, Any]:
    """What is set, weights put in; sequences are `listed`, as the framework likes them."""
    return {name: _value(value, held, listed) for name, value in layer["arguments"].items() if value is not None}


def _value(value: Any, held: Sequence[Any], listed: type) -> Any:
    if isinstance(value, dict):
        return held[value["weight"]].reshape(value["shape"])
    return listed(_value(one, held, listed) for one in value) if isinstance(value, list) else value


def run_tensorflow(layers: Sequence[Told], x: Any, held: list[Any]) -> tuple[Any, str]:
    """Functions of tf and tf.nn; a dropout does nothing in inference."""
    tf = import_module("tensorflow")
    value = tf.constant(x)
    for layer in layers:
        *where, name = layer["kind"].split(".")[1:]
        if name == "dropout":
            continue
        words = arguments_of(layer, held, list)
        _give_shape(words, layer, value)
        function = vars(tf.nn)[name] if where else vars(tf)[name]
        value = function(value, **words)
        if layer["bias"] is not None:
            order = "N..C" if layer["channels_last"] else "NC.."
            value = tf.nn.bias_add(value, held[layer["bias"]], order)
    return value.numpy(), f"tensorflow {tf.__version__}"


def _give_shape(words: dict[str, Any], layer: Told, value: Any) -> None:
    """An output's shape that names the batch, as the data has it."""
    for name in ("shape", "output_shape"):
        if words.get(name) == "output":
            words[name] = [value.shape[0] if size is None else size for size in layer["output"]]


REDUCTIONS = {"max": -inf, "add": 0.0}
"""What lax.reduce_window starts from."""


def run_jax(layers: Sequence[Told], x: Any, held: list[Any]) -> tuple[Any, str]:
    """Functions of jax.lax and jax.numpy, modules of flax.linen and flax.nnx, in inference."""
    jax = import_module("jax")
    value = import_module("jax.numpy").asarray(x)
    flax = import_module("flax.linen") if any(layer["kind"].startswith("nn") for layer in layers) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for layer in layers:
            value = _applied(layer, value, held, flax)
    told = "" if flax is None else f", flax {import_module('flax').__version__}"
    return np.asarray(value), f"jax {jax.__version__}{told}"


def _applied(layer: Told, value: Any, held: Sequence[Any], flax: Any) -> Any:
    module, name = layer["kind"].split(".")
    words = arguments_of(layer, held, tuple)
    _give_shape(words, layer, value)
    if words.get("mode", "constant") != "constant":
        words.pop("constant_values", None)
    if name == "Dropout":
        return value
    if module == "nnx":
        return _nnx(name, words, layer, held)(value)
    if module == "nn" and name[0].isupper():
        return _linen(name, words, layer, held, value)
    lax = import_module("jax.lax")
    modules = {"lax": lax, "jnp": import_module("jax.numpy"), "nn": flax}
    if "computation" in words:
        words["init_value"] = REDUCTIONS[words["computation"]]
        words["computation"] = vars(lax)[words["computation"]]
    return vars(modules[module])[name](value, **words)


def _nnx(name: str, words: dict[str, Any], layer: Told, held: Sequence[Any]) -> Any:
    nnx, jnp = import_module("flax.nnx"), import_module("jax.numpy")
    made = vars(nnx)[name](**{**words, "rngs": nnx.Rngs(0)})
    made.set_attributes(deterministic=True, use_running_average=True, raise_if_not_found=False)
    nnx.update(made, {slot: jnp.asarray(held[number]) for slot, number in layer["weights"]})
    return made


def _linen(name: str, words: dict[str, Any], layer: Told, held: Sequence[Any], value: Any) -> Any:
    if name == "BatchNorm":
        words["use_running_average"] = True
    made = vars(import_module("flax.linen"))[name](**words)
    variables: dict[str, dict[str, Any]] = {"params": {}, "batch_stats": {}}
    for slot, number in layer["weights"]:
        variables["batch_stats" if slot in ("mean", "var") else "params"][slot] = held[number]
    return made.apply(variables, value)
