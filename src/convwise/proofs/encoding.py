"""A chain's layers as plain data for the child process: names, arguments, and where each weight goes. No text goes over."""

from __future__ import annotations

from typing import Any

from convwise import dialects
from convwise.answers.porting.reading import CODE, Chain
from convwise.dialects.base import Array, Call, Layer, Unknown, Value
from convwise.errors import ArgumentError
from convwise.ops import Pool
from convwise.proofs.converting import chain_slots


def encoded(chain: Chain) -> list[dict[str, Any]]:
    """A row for each layer; weights are numbered in the order of `chain_slots`.

    Raises:
        ArgumentError: CW610 for an argument that is code of its own.
    """
    rows: list[dict[str, Any]] = []
    slots = chain_slots(chain)
    for number, flow in enumerate(chain.flows):
        layer = flow.layer
        own = [(slot.name, place) for place, (at, slot) in enumerate(slots) if at == number]
        left = [place for _, place in own]
        arguments = {
            name: _plain(layer, name, value, left) for name, value in layer.arguments.items() if name not in CODE
        }
        functional = layer.dialect == "tensorflow"
        rows.append(
            {
                "kind": layer.kind,
                "arguments": arguments,
                "weights": own,
                "bias": left[0] if functional and left else None,
                "rank": layer.rank,
                "channels_last": layer.channels_last,
                "output": list(flow.output),
                "release": layer.release,
            }
        )
    return rows


def _unknown(value: Value) -> bool:
    return isinstance(value, Call | Unknown)


def _plain(layer: Layer, name: str, value: Value, left: list[int]) -> Any:
    """A value as JSON; an array is the next of the layer's weights, a shape that names the batch is the output's own."""
    functional = layer.dialect in ("tensorflow", "jax")
    sized = name == "output_shape" or (name == "shape" and isinstance(value, tuple) and any(map(_unknown, value)))
    if functional and sized:
        return "output"
    if isinstance(value, Array):
        return {"weight": left.pop(0), "shape": list(value.shape or ())}
    if isinstance(value, dict):
        return {key: _plain(layer, name, one, left) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(layer, name, one, left) for one in value]
    if isinstance(value, Unknown) and layer.kind == "lax.reduce_window":
        # Its two texts were understood when the layer was read.
        op = layer.window_op
        return ("max" if isinstance(op, Pool) and op.kind == "max" else "add") if name == "computation" else 0
    if isinstance(value, Call) and layer.dialect == "keras":
        inner = dialects.get("keras").read(value, layer.release)
        kept = {key: _plain(inner, key, one, left) for key, one in inner.arguments.items() if key not in CODE}
        return {"kind": inner.kind, "arguments": kept}
    if _unknown(value):
        raise ArgumentError(
            "CW610",
            f"{layer.kind} is not run with {name}={value.text}, which is code",
            layer=layer.kind,
            received=value.text,
            hint=f"write {name} as plain values, or leave --real out: the reference needs no framework",
        )
    return value
