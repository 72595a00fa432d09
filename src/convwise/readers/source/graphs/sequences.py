"""Keras's layers on sequences as text: their calls get the configuration that a saved model has, and become what its layers become."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Call, Unknown
from convwise.dialects.keras.kinds import KINDS, canonical
from convwise.dialects.keras.releases import CURRENT
from convwise.dialects.keras.signatures import BASE, TRIMMINGS, parameters
from convwise.errors import CodeError, ConvwiseError
from convwise.ops.several import Opaque
from convwise.readers.echo import shown
from convwise.readers.keras_files import sequences
from convwise.readers.keras_files.state import Growing
from convwise.readers.keras_files.wiring import CallOf, Reference
from convwise.readers.source.graphs.wiring import Wiring, doubted
from convwise.readers.source.state import Run
from convwise.readers.source.values import Made
from convwise.readers.torch_live.building import Asking, lowered
from convwise.readers.torch_live.values import NotFollowed
from convwise.readers.torch_live.values import Tensor as Wire

RECURRENT = ("units", "activation", "recurrent_activation", "use_bias")
STEPPING = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "use_cudnn")
DROPPING = ("dropout", "recurrent_dropout", "seed", *STEPPING)
CONVOLVED = (
    *("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate"),
    *("activation", "recurrent_activation", "use_bias"),
)
ATTENTION = ("output_shape", "attention_axes", "sliding_window", "flash_attention", "use_gate", "seed")
HEADS = ("num_heads", "key_dim", "value_dim", "dropout", "use_bias")
GROUPS = ("head_dim", "num_query_heads", "num_key_value_heads", "dropout", "use_bias")

ARGUMENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "LSTM": (RECURRENT, ("unit_forget_bias", *DROPPING)),
    "GRU": (RECURRENT, ("reset_after", *DROPPING)),
    "SimpleRNN": (("units", "activation", "use_bias"), DROPPING),
    **{f"ConvLSTM{axes}D": (CONVOLVED, ("unit_forget_bias", *DROPPING)) for axes in (1, 2, 3)},
    "Bidirectional": (("layer", "merge_mode"), ()),
    "TimeDistributed": (("layer",), ()),
    "Embedding": (("input_dim", "output_dim"), ("mask_zero", "weights")),
    "MultiHeadAttention": (HEADS, ATTENTION),
    "GroupQueryAttention": (GROUPS, ATTENTION),
    "Attention": (("use_scale", "score_mode", "dropout", "seed"), ()),
    "AdditiveAttention": (("use_scale", "dropout"), ()),
}
"""What each takes by its place, and by name alone; what is behind these, nobody writes by its place."""


def applied(
    run: Run, graph: Wiring, target: Made, arguments: list[Any], words: list[Any], node: ast.AST, name: str
) -> Any:
    """The tensors that one call of the layer gives; a doubt where that is not known."""
    references: dict[Reference, Wire] = {}

    def read(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [read(one) for one in value]
        if not isinstance(value, Wire):
            return value
        found = Reference("", value.number, 0, len(graph.building.shape(value)))
        references[found] = value
        return found

    try:
        call = CallOf(
            tuple(map(read, arguments)), {word: read(value) for word, value in sorted(words, key=sequences.by_place)}
        )
        config = _config(target.call)
        built = {
            key: graph.building.shape(references[one])
            for keys, one in zip(("input query", "value", "key"), call.tensors, strict=False)
            for key in (f"{word}_shape" for word in keys.split())
        }
        names = {one: f"input {place}" for place, one in enumerate(references)}
        growing = Growing()
        at = sequences.At(growing, target.kind, name, "", config, built, call, names, first=True, frozen=False)
        outputs = sequences.called(at) or ()
    except (NotFollowed, sequences.Unknown) as reason:
        return _lost(run, target, str(reason))
    except ConvwiseError as error:
        return doubted(run, error)
    opaque = next((one.work for one in growing.nodes if isinstance(one.work, Opaque)), None)
    if opaque is not None:
        return _lost(run, target, opaque.reason)
    wires = _emitted(graph, target, growing, {names[one]: wire for one, wire in references.items()})
    found = tuple(wires[one] for one in outputs)
    graph.written(node if hasattr(node, "lineno") else target.call.line or 0)
    return found[0] if len(found) == 1 else found


def _lost(run: Run, target: Made, reason: str) -> Any:
    fact = f"`{shown(target.call.text, 60)}` cannot be followed: {shown(reason, 160)}"
    hint = "write what the text leaves open as numbers, or read the live model"
    return doubted(run, CodeError("CW315", fact, detail=f"line {target.call.line}", hint=hint))


def _emitted(graph: Wiring, target: Made, growing: Growing, wires: dict[str, Wire]) -> dict[str, Wire]:
    for number, one in enumerate(growing.nodes):
        inputs = [wires[name] for name in one.inputs]
        # A work's sizes are those of its inputs by their place; here they are asked of tensors by their number.
        places = {place: wire.number for place, wire in enumerate(inputs)}
        work = lowered(one.work, places) if isinstance(one.work, Asking) else one.work
        out = graph.building.emit(
            one.name, one.kind, work, inputs, outputs=len(one.outputs), module=one.module, lazy=True
        )
        graph.weights[len(graph.building.nodes) - 1] = (id(target), number)
        wires |= dict(zip(one.outputs, out, strict=True))
    return wires


def _config(call: Call) -> dict[str, Any]:
    """The call's arguments by their names.

    Raises:
        Unknown: where Keras has no such argument, or it is not known by its place.
    """
    if call.kind in ARGUMENTS:
        places, others = ARGUMENTS[call.kind]
        known = {*places, *others, *(name for name, _ in BASE)}
    elif canonical(call.kind) in KINDS:
        places = tuple(one.name for one in parameters(canonical(call.kind), CURRENT) if not one.keyword_only)
        known = {one.name for one in parameters(canonical(call.kind), CURRENT)}
    else:
        raise sequences.Unknown(f"convwise does not model Keras's {call.kind}")
    if len(call.args) > len(places):
        raise sequences.Unknown(f"an argument of {call.kind} is not known by its place")
    given = {**dict(zip(places, call.args, strict=False)), **dict(call.kwargs)}
    strange = next((name for name in given if name not in known and not name.endswith(TRIMMINGS)), None)
    if strange is not None:
        raise sequences.Unknown(f"convwise knows no argument {strange!r} of Keras's {call.kind}")
    for name, value in given.items():
        if isinstance(value, Unknown) and name in places and "activation" not in name:
            raise sequences.Unknown(f"the text does not give the value of {name}")
    return {name: _value(value) for name, value in given.items()}


def _value(value: Any) -> Any:
    """A layer in a layer as its class and configuration."""
    return {"class_name": value.kind, "config": _config(value)} if isinstance(value, Call) else value
