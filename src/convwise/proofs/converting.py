"""The weights, inputs and outputs of one framework as those of another."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convwise.errors import ArgumentError
from convwise.proofs.weights import Slot, moved, slots

if TYPE_CHECKING:
    from convwise.answers.porting.port import Port
    from convwise.answers.porting.reading import Chain

Array = NDArray[Any]
Canonical = dict[tuple[int, int, str], Array]
"""Weights in the engine's layout, by (layer, op, the engine's name)."""


class StateArray(np.ndarray[Any, Any]):
    """A plain array that PyTorch's `load_state_dict` takes as it is: it turns into a tensor when PyTorch asks."""

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        torch = sys.modules["torch"]

        def tensor(value: Any) -> Any:
            return torch.from_numpy(np.array(value)) if isinstance(value, StateArray) else value

        named = {name: tensor(value) for name, value in (kwargs or {}).items()}
        return function(*(tensor(value) for value in args), **named)


def as_array(name: str, value: Any) -> Array:
    """A plain array from an array, a tensor or a variable.

    Raises:
        ArgumentError: CW605.
    """
    detach = getattr(value, "detach", None)
    try:
        array = np.asarray(detach().cpu() if detach is not None else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError("CW605", f"{name} is no array: {error}", received=type(value).__name__) from None
    if array.dtype.kind not in "fiub":
        raise ArgumentError(
            "CW605",
            f"{name} has dtype {array.dtype}, not numbers",
            received=str(array.dtype),
            hint="pass arrays of float32",
        )
    return array


def chain_slots(chain: Chain) -> list[tuple[int, Slot]]:
    """The weights of a chain in its framework's order, with the number of their layer."""
    found = []
    for number, flow in enumerate(chain.flows):
        found += [(number, slot) for slot in slots(flow.layer, [step.input for step in flow.flows])]
    return found


def canonical(chain: Chain, weights: Any) -> Canonical:
    """The weights of a chain, as its framework holds them, in the engine's layout.

    Raises:
        ArgumentError: CW605.
    """
    wanted = chain_slots(chain)
    arrays = _picked(chain, wanted, weights)
    result: Canonical = {}
    for (number, slot), array in zip(wanted, arrays, strict=True):
        name = _full_name(chain, number, slot)
        if slot.shape is not None and array.shape != slot.shape:
            raise ArgumentError(
                "CW605",
                f"{name} has shape {array.shape} where {slot.shape} is needed",
                layer=chain.layers[number].kind,
                received=array.shape,
                detail=f"{chain.layers[number].call.text or chain.layers[number].kind} on {chain.flows[number].input}",
                hint="pass the weights of the very layer that was ported, in its framework's own layout",
            )
        result[number, slot.op, slot.role] = slot.way.there(array)
    return result


def _full_name(chain: Chain, number: int, slot: Slot) -> str:
    layer = chain.layers[number]
    lead = layer.name if layer.name else str(number) if len(chain.layers) > 1 else ""
    dot = "." if chain.dialect == "torch" else "/"
    return f"{lead}{dot}{slot.name}" if lead else slot.name


def _picked(chain: Chain, wanted: Sequence[tuple[int, Slot]], weights: Any) -> list[Array]:
    names = [_full_name(chain, number, slot) for number, slot in wanted]
    if isinstance(weights, Mapping):
        return _by_name(names, weights)
    if not isinstance(weights, list | tuple):
        raise ArgumentError(
            "CW605",
            f"weights are a list or a dict of arrays, not {type(weights).__name__}",
            received=type(weights).__name__,
            hint="Keras: layer.get_weights(); PyTorch: layer.state_dict()",
        )
    arrays = [as_array(f"weight {place}", value) for place, value in enumerate(weights)]
    if chain.dialect == "torch":
        # The counter of batches that BatchNorm keeps is no weight.
        arrays = [array for array in arrays if array.ndim]
    if len(arrays) == len(names):
        return arrays
    # A layer that runs again has its weights once.
    once = [name for (number, _), name in zip(wanted, names, strict=True) if not chain.layers[number].shared]
    held = dict(zip(once, arrays, strict=False))
    if not len(held) == len(once) == len(arrays) or not held.keys() >= set(names):
        raise _wrong_number(len(arrays), once)
    return [held[name] for name in names]


def _by_name(names: Sequence[str], weights: Mapping[Any, Any]) -> list[Array]:
    kept = {str(name): value for name, value in weights.items() if not str(name).endswith("num_batches_tracked")}
    if all(name in kept for name in names):
        if len(kept) > len(names):
            raise _wrong_number(len(kept), names)
        return [as_array(name, kept[name]) for name in names]
    # Names of the user's own attributes: their order is the layers' order, and their last word is the weight's.
    found = list(kept.items())
    if len(found) != len(names):
        raise _wrong_number(len(found), names)
    for (name, _), wanted in zip(found, names, strict=True):
        last, expected = name.replace("/", ".").rpartition(".")[2], wanted.replace("/", ".").rpartition(".")[2]
        if last.partition(":")[0] != expected:
            raise ArgumentError(
                "CW605",
                f"a weight is called {name!r} where {wanted!r} is needed",
                received=name,
                hint=f"the weights are: {', '.join(names)}",
            )
    return [as_array(name, value) for name, value in found]


def _wrong_number(count: int, names: Sequence[str]) -> ArgumentError:
    return ArgumentError(
        "CW605",
        f"{count} weights where {len(names)} are needed",
        received=count,
        detail=f"the weights are: {', '.join(names) or 'none'}",
        hint="pass all weights of the layer that was ported, and no others",
    )


def fed(port: Port, weights: Canonical) -> list[list[dict[str, Array]]]:
    """For each stage and each of its ops, the weights in the engine's layout, by the engine's names."""
    told = []
    for stage in port.stages:
        each = []
        for feeds in stage.feeds:
            each.append({role: moved(weights.get((fetch.layer, fetch.op, fetch.role)), fetch) for role, fetch in feeds})
        told.append(each)
    return told


def target_weights(port: Port, weights: Canonical) -> list[tuple[int, Slot, Array]]:
    """The target's weights as it holds them, in its order, with the number of their stage."""
    found = []
    for number, (stage, arrays) in enumerate(zip(port.stages, fed(port, weights), strict=True)):
        if stage.layer is not None:
            for slot in slots(stage.layer):
                array = np.ascontiguousarray(slot.way.back(arrays[slot.op][slot.role]))
                found.append((number, slot, array))
    return found


def convert_weights(port: Port, weights: Any) -> Any:
    """See `Port.convert_weights`."""
    found = target_weights(port, canonical(port.source, weights))
    if port.to in ("keras", "tensorflow"):
        return [array for _, _, array in found]
    if port.to == "onnx":
        return {f"w{number}": array for number, (_, _, array) in enumerate(found)}
    if port.to == "jax":
        return _nested(port, found)
    single = len(port.stages) == 1
    state: dict[str, Any] = {}
    for number, slot, array in found:
        lead = "" if single else f"{number}."
        state[f"{lead}{slot.name}"] = array.view(StateArray)
        if slot.name == "running_var":
            state[f"{lead}num_batches_tracked"] = np.zeros((), np.int64).view(StateArray)
    return state


def _nested(port: Port, found: list[tuple[int, Slot, Array]]) -> dict[Any, Any]:
    """For `nnx.update`: the weights by name, of a Sequential by the number of the layer and name."""
    if len(port.stages) == 1:
        return {slot.name: array for _, slot, array in found}
    layers: dict[int, dict[str, Array]] = {}
    for number, slot, array in found:
        layers.setdefault(number, {})[slot.name] = array
    return {"layers": layers} if layers else {}


def convert_input(port: Port, x: Any) -> Array:
    """See `Port.convert_input`."""
    array = as_array("x", x)
    order = port.enters.axes
    chain = port.source
    place = -1 if chain.channels_last or len(order) < 3 else 1 - len(order)
    ranked = array.ndim in (len(order), len(order) - 1) and array.ndim > 0
    if ranked and not chain.assumed and chain.input[place] not in (None, array.shape[place]):
        raise ArgumentError(
            "CW605",
            f"x has {array.shape[place]} channels where the port takes {chain.input[place]}",
            received=array.shape,
            hint="pass an input of the source, in its own order of axes",
        )
    return np.ascontiguousarray(array.transpose(_for(array, order, "x")))


def convert_output(port: Port, y: Any) -> Array:
    """See `Port.convert_output`."""
    array = as_array("y", y)
    leaves = port.leaves
    if leaves.shuffled:
        if array.shape[-1:] != (leaves.count(),):
            raise ArgumentError(
                "CW605", f"y has shape {array.shape}; its last axis needs {leaves.count()} cells", received=array.shape
            )
        split = array.reshape((*array.shape[:-1], *(leaves.cells[axis] for axis in leaves.order)))
        lead = array.ndim - 1
        back = [leaves.order.index(axis) for axis in range(len(leaves.order))]
        return np.ascontiguousarray(
            split.transpose((*range(lead), *(lead + axis for axis in back))).reshape(array.shape)
        )
    back = [leaves.axes.index(axis) for axis in range(len(leaves.axes))]
    return np.ascontiguousarray(array.transpose(_for(array, tuple(back), "y")))


def _for(array: Array, order: tuple[int, ...], name: str) -> tuple[int, ...]:
    """The order of the axes for this array, which may come without the batch.

    Raises:
        ArgumentError: CW605.
    """
    if array.ndim == len(order):
        return order
    if array.ndim == len(order) - 1 and order[0] == 0:
        return tuple(axis - 1 for axis in order[1:])
    raise ArgumentError(
        "CW605",
        f"{name} has {array.ndim} axes where {len(order)} are needed",
        received=array.shape,
        hint="give it with the batch",
    )
