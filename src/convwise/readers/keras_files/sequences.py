"""Layers on sequences: recurrences, embeddings, attention, and a layer applied at every step.

Each becomes the dense layers that it is made of, so that its weights and multiply-adds are counted exactly; heads and gates only split the
width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from convwise.dialects.base import Layer
from convwise.graph import Work
from convwise.ops import Dense, Norm, Pointwise
from convwise.ops.several import Arithmetic, Attention, Constant, Opaque, ReshapeTo, SizeOf, Term
from convwise.readers.keras_files.fields import kind_of
from convwise.readers.keras_files.layers import Made, made
from convwise.readers.keras_files.state import Growing, Step, add
from convwise.readers.keras_files.wiring import CallOf, Reference

GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
STATES = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}
FLATTENING = ("Flatten", "GlobalAveragePooling", "GlobalMaxPooling")


class Unknown(Exception):  # noqa: N818 (no error: the layer is opaque then)
    """Why a layer's effect cannot be told."""


@dataclass(frozen=True, slots=True)
class At:
    """One call of a layer: where its nodes go, what it was built for, and the tensors that go in by their names."""

    growing: Growing
    kind: str
    name: str
    place: str
    config: Mapping[str, Any]
    built: Mapping[str, Any]
    call: CallOf
    names: Mapping[Reference, str]
    first: bool
    frozen: bool

    def step(self, works: tuple[Work, ...], *inputs: str, label: str = "", outputs: int = 1) -> str:
        """Nodes one after the other; the name of the tensor that the last of them gives."""
        name = f"{self.name}.{label}" if label else self.name
        counts = (None, None) if self.first else (0, 0)
        trainable = 0 if self.frozen else counts[1]
        made_ = Step(name, self.kind, works, inputs, self.place, self.name, outputs, counts[0], trainable)
        return add(self.growing, made_)[0]

    def tensors(self) -> list[Reference]:
        """The tensors of the call, in order; a mask says nothing of shapes."""
        named = sorted((pair for pair in self.call.kwargs.items() if "mask" not in pair[0]), key=by_place)
        args = [*self.call.args, *(value for _, value in named)]
        found: list[Reference] = []
        for one in args:
            parts = one if isinstance(one, list | tuple) else (one,)
            found += [part for part in parts if isinstance(part, Reference)]
        if not found:
            raise Unknown(f"{self.kind} reads no tensor that is known")
        return found

    def whole(self, key: str, default: Any = None) -> int:
        value = self.config.get(key, default)
        if type(value) is not int or not 0 < value < 2**31:
            raise Unknown(f"its {key} is {kind_of(value)}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.config.get(key, default)
        if not isinstance(value, bool | None):
            raise Unknown(f"its {key} is {kind_of(value)}")
        return bool(value)

    def shape(self, *keys: str) -> tuple[int | None, ...] | None:
        """A shape that the layer was built for, under the first of these keys; None where the file does not tell."""
        holder: Any = self.built.get("shapes_dict", self.built)
        value = next((holder[key] for key in keys if isinstance(holder, dict) and key in holder), None)
        if not isinstance(value, list | tuple) or not all(one is None or type(one) is int for one in value):
            return None
        return tuple(value)

    def features(self, *keys: str) -> int | None:
        shape = self.shape(*keys)
        return shape[-1] if shape else None

    def rank(self, tensor: Reference, *keys: str) -> int:
        shape = self.shape(*keys)
        rank = tensor.rank if tensor.rank is not None else len(shape) if shape is not None else None
        if rank is None or not 0 < rank <= 16:
            raise Unknown("the file does not tell how many axes go in")
        return rank


def by_place(word: tuple[str | None, Any]) -> int:
    """Attention's tensors by name stand in the order in which it takes them by place."""
    order = ("query", "value", "key")
    return order.index(word[0]) if word[0] in order else len(order)


def called(at: At) -> tuple[str, ...] | None:
    """The tensors that a layer on sequences gives; None where the layer is of another kind.

    What is not known of it makes one opaque node, with the reason.
    """
    rule = RULES.get(at.kind)
    if rule is None:
        return None
    marks = len(at.growing.nodes)
    try:
        return rule(at)
    except Unknown as reason:
        del at.growing.nodes[marks:]
        inputs = tuple(at.names[one] for one in at.call.tensors)
        return (at.step((Opaque(str(reason)),), *inputs),)


def _sizes(count: int) -> tuple[Term, ...]:
    return tuple(SizeOf(0, axis) for axis in range(count))


def _recurrent(at: At) -> tuple[str, ...]:
    return _recurrence(at, at, 1)


def _bidirectional(at: At) -> tuple[str, ...]:
    inner = at.config.get("layer")
    config = inner.get("config") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(config, dict) or inner.get("class_name") not in GATES:
        raise Unknown("the layer in it is no LSTM, GRU or SimpleRNN")
    if at.config.get("merge_mode", "concat") is None:
        raise Unknown("both directions are given apart")
    own = At(
        at.growing,
        str(inner["class_name"]),
        at.name,
        at.place,
        config,
        at.built,
        at.call,
        at.names,
        at.first,
        at.frozen,
    )
    return _recurrence(at, own, 2)


def _recurrence(at: At, own: At, ways: int) -> tuple[str, ...]:
    """X W + h U with so many gates side by side; GRU has a second bias where it resets behind the product."""
    (x, *more) = at.tensors()
    if more:
        raise Unknown("it is called with states")
    if at.rank(x, "input_shape", "sequences_shape") != 3:
        raise Unknown("it takes three axes: batch, steps and features")
    units, gates, bias = own.whole("units"), GATES[own.kind], own.flag("use_bias", True)
    second = bias and own.kind == "GRU" and own.flag("reset_after", True)
    features = at.features("input_shape", "sequences_shape")
    works: list[Work] = [(Dense(features, ways * gates * units, bias),), Constant((*_sizes(2), ways * units))]
    works.append((Dense(ways * units, gates * units, second),))
    if second and ways == 2:
        works.append((Pointwise("bias", params=gates * units),))
    width = ways * units if at.config.get("merge_mode", "concat") == "concat" else units
    rest = (width,)
    works.append(Constant((*_sizes(2 if own.flag("return_sequences") else 1), *rest)))
    out = at.step(tuple(works), at.names[x])
    if not own.flag("return_state"):
        return (out,)
    states = STATES[own.kind] * ways
    return (out, *(at.step((Constant((SizeOf(0, 0), units)),), out, label="state") for _ in range(states)))


def _conv_recurrent(at: At) -> tuple[str, ...]:
    """A convolution of every step and one of the state before it, which keeps its size; four gates side by side."""
    (x, *more) = at.tensors()
    if more:
        raise Unknown("it is called with states")
    rank, axes = at.rank(x, "input_shape"), int(at.kind[-2])
    if rank != axes + 3:
        raise Unknown(f"it takes {axes + 3} axes: batch, steps, {axes} of a map and channels")
    filters, first = at.whole("filters"), at.config.get("data_format") == "channels_first"
    words = ("kernel_size", "strides", "padding", "dilation_rate", "data_format")
    given = {word: at.config[word] for word in words if word in at.config}
    steady: dict[str, Any] = {word: given[word] for word in ("kernel_size", "data_format") if word in given}
    inside = _convolution(at, axes, {**given, "filters": 4 * filters, "use_bias": at.flag("use_bias", True)})
    again = _convolution(at, axes, {**steady, "filters": 4 * filters, "padding": "same", "use_bias": False})
    merged = ReshapeTo((Arithmetic("multiply", SizeOf(0, 0), SizeOf(0, 1)), *_sizes(rank)[2:]))
    state = (filters, *_sizes(axes + 2)[2:]) if first else (*_sizes(axes + 1)[1:], filters)
    y = at.step((merged, inside), at.names[x], label="input")
    y = at.step((Constant((SizeOf(0, 0), *state)), again), y, label="recurrent")
    kept = (SizeOf(1, 0), SizeOf(1, 1)) if at.flag("return_sequences") else (SizeOf(1, 0),)
    out = at.step((Constant((*kept, *state)),), y, at.names[x])
    if not at.flag("return_state"):
        return (out,)
    states = (at.step((Constant((SizeOf(1, 0), *state)),), y, at.names[x], label="state") for _ in range(2))
    return (out, *states)


def _convolution(at: At, axes: int, config: dict[str, Any]) -> Layer:
    kind = f"Conv{axes}D"
    found = made(kind, {"class_name": kind}, config, at.place, at.growing.layers).work
    if not isinstance(found, Layer):
        raise Unknown(found.reason if isinstance(found, Opaque) else "its convolution is not told")
    return found


def _embedding(at: At) -> tuple[str, ...]:
    (x, *_) = at.tensors()
    rank = at.rank(x, "input_shape")
    rows, width = at.whole("input_dim"), at.whole("output_dim")
    works: tuple[Work, ...] = (Constant((*_sizes(rank), width)), (Pointwise("embedding", params=rows * width),))
    return (at.step(works, at.names[x]),)


def _multi_head(at: At) -> tuple[str, ...]:
    heads, width = at.whole("num_heads"), at.whole("key_dim")
    deep = at.whole("value_dim", at.config.get("key_dim")) if at.config.get("value_dim") is not None else width
    gate = heads * deep if at.flag("use_gate") else 0
    return _attention(at, heads * width + gate, heads * width, heads * deep, heads * width, heads * deep)


def _grouped(at: At) -> tuple[str, ...]:
    width = at.whole("head_dim")
    query, others = at.whole("num_query_heads") * width, at.whole("num_key_value_heads") * width
    gate = query if at.flag("use_gate") else 0
    return _attention(at, query + gate, others, others, query, query)


def _attention(at: At, query: int, key: int, value: int, meeting: int, mixed: int) -> tuple[str, ...]:
    """Projections of the queries, keys and values to so many features, attention of all heads, and a projection back."""
    tensors = at.tensors()
    if at.call.kwargs.get("return_attention_scores"):
        raise Unknown("it gives its scores too")
    if not 2 <= len(tensors) <= 3:
        raise Unknown(f"it is called with {len(tensors)} tensors")
    q, v = tensors[:2]
    k = tensors[2] if len(tensors) == 3 else v
    bias, rank = at.flag("use_bias", True), at.rank(q, "query_shape")
    inside = at.features("query_shape")
    out = _last(at.config.get("output_shape"), inside)
    names = at.names
    if q == v == k:
        parts = [at.step(((Dense(inside, query + key + value, bias),),), names[q], label="query_key_value")]
    else:
        parts = [at.step(((Dense(inside, query, bias),),), names[q], label="query")]
        values = at.features("value_shape")
        if k == v:
            parts.append(at.step(((Dense(values, key + value, bias),),), names[v], label="key_value"))
        else:
            parts.append(at.step(((Dense(at.features("key_shape"), key, bias),),), names[k], label="key"))
            parts.append(at.step(((Dense(values, value, bias),),), names[v], label="value"))
    axes = at.config.get("attention_axes")
    if not isinstance(axes, list | tuple) or not all(type(axis) is int and -rank <= axis < rank for axis in axes):
        axes = range(1, rank - 1)
    attended = at.step((Attention(tuple(axes), 0, meeting, mixed),), *parts, label="attention")
    return (at.step(((Dense(mixed, out, bias),),), attended),)


def _last(shape: Any, inside: int | None) -> int:
    """The features that an attention layer gives: as it is told, else those of its queries."""
    if isinstance(shape, list | tuple) and len(shape) == 1:
        shape = shape[0]
    found = inside if shape is None else shape
    if type(found) is not int or not 0 < found < 2**31:
        raise Unknown("the file does not tell how many features it gives")
    return found


def _dot(at: At) -> tuple[str, ...]:
    """Attention and AdditiveAttention: the queries' steps with the values' features; at most a scale is stored."""
    tensors = at.tensors()
    if not 2 <= len(tensors) <= 3 or at.call.kwargs.get("return_attention_scores"):
        raise Unknown("it gives its scores too, or is called with other than two or three tensors")
    query, value = tensors[:2]
    if at.rank(query) != 3 or at.rank(value) != 3:
        raise Unknown("it takes three axes: batch, steps and features")
    asked = at.names[query]
    if at.kind == "AdditiveAttention" and at.flag("use_scale", True):
        asked = at.step(((Norm("scale", axes=(-1,), center=False),),), asked, label="scale")
    params = int(at.flag("use_scale")) + int(at.config.get("score_mode") == "concat") if at.kind == "Attention" else 0
    scale: Work = (Pointwise("attention", params=params),)
    # Scores of sums multiply nothing; their weights are those of the mean alone.
    meeting = 0 if at.kind == "AdditiveAttention" or at.config.get("score_mode") == "concat" else None
    return (at.step((Attention(meeting=meeting), scale), asked, at.names[value]),)


def _distributed(at: At) -> tuple[str, ...]:
    """A layer at every step: the steps are put into the batch, and taken out of it again."""
    (x, *_) = at.tensors()
    rank = at.rank(x, "input_shape")
    inner = at.config.get("layer")
    config = inner.get("config") if isinstance(inner, dict) else None
    if rank < 3 or not isinstance(inner, dict) or not isinstance(config, dict):
        raise Unknown("the layer in it is not told")
    kind = str(inner.get("class_name"))
    found: Made = made(kind, inner, config, at.place, at.growing.layers)
    if not isinstance(found.work, Layer | tuple):
        reason = found.work.reason if isinstance(found.work, Opaque) else f"convwise does not model it on {kind}"
        raise Unknown(reason)
    merged = ReshapeTo((Arithmetic("multiply", SizeOf(0, 0), SizeOf(0, 1)), *_sizes(rank)[2:]))
    y = at.step((merged, found.work), at.names[x], label="steps")
    after = 2 if kind.startswith(FLATTENING) and not config.get("keepdims") else rank - 1
    if kind in ("Reshape", "RepeatVector"):
        raise Unknown(f"convwise does not model it on {kind}")
    back = ReshapeTo((SizeOf(1, 0), SizeOf(1, 1), *_sizes(after)[1:]))
    return (at.step((back,), y, at.names[x]),)


RULES: dict[str, Callable[[At], tuple[str, ...]]] = {
    **dict.fromkeys(GATES, _recurrent),
    "Bidirectional": _bidirectional,
    **{f"ConvLSTM{axes}D": _conv_recurrent for axes in (1, 2, 3)},
    "Embedding": _embedding,
    "MultiHeadAttention": _multi_head,
    "GroupQueryAttention": _grouped,
    "GroupedQueryAttention": _grouped,
    "Attention": _dot,
    "AdditiveAttention": _dot,
    "TimeDistributed": _distributed,
}
"""Layers of Keras that are more than one call of the dialect."""
