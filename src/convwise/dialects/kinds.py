"""One kind of call as data, and how every kind is bound, read and run: what tensorflow, jax and onnx share.

PyTorch's kinds tell a batch by the number of axes and are their own; they share signatures, messages and the frame around a run.

A kind knows its parameters and three functions: `resolve` turns arguments into ops, `settle` fits them to an input
that decides part of them (groups that only the input's channels tell), and `check` raises what the framework refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from convwise.dialects.base import (
    TITLES,
    Array,
    Call,
    Entered,
    Layer,
    LayerFlow,
    Note,
    Parameter,
    Unknown,
    Value,
    bind,
    describe,
    known,
    nearest,
    run_ops,
)
from convwise.dialects.missing import names
from convwise.errors import ArgumentError, CodeError, ConvwiseError, Refusal, ShapeError
from convwise.ops import Layout, Norm, Op, Shape
from convwise.ops.shape import LARGEST, check_countable

Arguments = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Resolved:
    """What arguments mean: the ops, the spatial axes (None where any number goes), the order, and what else to say."""

    ops: tuple[Op, ...]
    rank: int | None = None
    channels_last: bool = False
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One layer or function: its name, its parameters (without the data), and its rules."""

    name: str
    parameters: tuple[Parameter, ...]
    resolve: Callable[[Kind, Arguments, str], Resolved]
    rank: int | None = None
    settle: Callable[[Layer, Shape], Layer] | None = None
    check: Callable[[Layer, Shape], None] | None = None
    family: str = ""
    leading: bool = False
    """Whether any number of axes may stand before the channels and the spatial ones, none at all included."""


def around(values: Iterable[Value], other: Value, channels_last: bool) -> tuple[Value, ...]:
    """Values of the spatial axes with `other` for the batch and the channels.

    >>> around((2, 3), 1, True), around((2, 3), 1, False)
    ((1, 2, 3, 1), (1, 1, 2, 3))
    """
    return (other, *values, other) if channels_last else (other, other, *values)


def parameters(text: str) -> tuple[Parameter, ...]:
    """Parameters from a signature in short: `a b=1 * c='x'`; `*` starts the keyword-only ones.

    >>> [(p.name, p.default) for p in parameters("strides=1 * data_format='NHWC'")]
    [('strides', 1), ('data_format', 'NHWC')]
    """
    found: list[Parameter] = []
    keyword_only = False
    for word in text.split():
        if word == "*":
            keyword_only = True
            continue
        name, equals, default = word.partition("=")
        given = (
            Parameter(name, _literal(default), keyword_only) if equals else Parameter(name, keyword_only=keyword_only)
        )
        found.append(given)
    return tuple(found)


WORDS: Mapping[str, Value] = {"None": None, "True": True, "False": False, "()": ()}


def _literal(text: str) -> Value:
    if text in WORDS:
        return WORDS[text]
    if text.startswith("'"):
        return text.strip("'")
    try:
        return int(text)
    except ValueError:
        return float(text)


LONGEST_NUMBER = 200
"""Bits of the longest number that is looked at: far more than any size, and short enough to be printed."""


def read_kind(dialect: str, kind: Kind, call: Call, release: str, foreign: Mapping[str, str] | None = None) -> Layer:
    """The layer that `call` means.

    Raises:
        Refusal, ShapeError, CodeError: with the layer's name and the call as it was received.
    """
    try:
        long = too_long(call)
        if long is not None:
            fact = f"a number of {long[1]} bits does not fit into 64"
            raise Refusal("CW107", fact, received=f"{long[1]} bits", hint="sizes are at most 2**63 - 1")
        arguments = bind(call, kind.parameters, TITLES[dialect], foreign)
        found = kind.resolve(kind, arguments, release)
    except ConvwiseError as error:
        if error.code == "CW317" and not error.hint:
            error.hint = "write this step in other words, or leave it out and ask about the layers around it"
        tell_call(error, TITLES[dialect], call)
        raise
    return Layer(
        dialect,
        release,
        call.kind,
        arguments,
        found.ops,
        rank=found.rank,
        channels_last=found.channels_last,
        notes=found.notes,
        call=call,
    )


def tell_call(error: ConvwiseError, title: str, call: Call) -> None:
    """An error that a call raised learns the layer and the text that was received, where it does not know them."""
    error.layer = error.layer or f"{title} {call.kind}"
    if error.received is None:
        error.received = call.text or None


def too_long(call: Call) -> tuple[str, int] | None:
    """The first argument with a number too long to be printed, and the number's bits; None where there is none.

    >>> too_long(Call("Conv2D", (8,), (("strides", (1, 2**300)),)))
    ('strides', 301)
    """
    for place, value in (*((f"argument {i}", item) for i, item in enumerate(call.args, 1)), *call.kwargs):
        stack: list[Value] = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, tuple):
                stack.extend(item)
            elif isinstance(item, Array) and item.shape is not None:
                stack.extend(item.shape)
            elif isinstance(item, int) and item.bit_length() > LONGEST_NUMBER:
                return place, item.bit_length()
    return None


def enter(layers: Sequence[Layer], shape: Shape) -> Entered:
    """`shape` with a batch of unknown size before it where the first layer of a certain rank would lack one.

    Raises:
        ShapeError: CW103 where a size is negative.
    """
    if any(size is not None and size < 0 for size in shape):
        raise ShapeError("CW103", "a size is negative", received=shape)
    first = first_of_a_rank(layers)
    if first is not None and first.rank is not None and len(shape) == first.rank + 1:
        return Entered((None, *shape), True)
    return Entered(tuple(shape))


def first_of_a_rank(layers: Sequence[Layer]) -> Layer | None:
    """The first layer that knows its number of spatial axes."""
    return next((layer for layer in layers if layer.rank is not None), None)


def flow_kind(kind: Kind, layer: Layer, shape: Shape) -> LayerFlow:
    """What `layer` does to `shape`.

    Raises:
        ShapeError: with the framework's words in `quote` where it has some.
    """
    return flow_checked(partial(_run, kind), layer, shape)


def flow_checked(run: Callable[[Layer, Shape], LayerFlow], layer: Layer, shape: Shape) -> LayerFlow:
    """What `run` makes of a shape of sizes that can be and be counted; an error learns the layer's name on the way."""
    try:
        for size in shape:
            if size is not None and size < 0:
                raise ShapeError("CW103", f"a size of {size} is negative", received=shape)
        result = run(layer, shape)
        check_countable(shape, result.output)
    except ConvwiseError as error:
        error.layer = error.layer or describe(layer)
        raise
    return result


def _run(kind: Kind, layer: Layer, shape: Shape) -> LayerFlow:
    if kind.settle is not None:
        layer = kind.settle(layer, shape)
    if kind.check is not None:
        kind.check(layer, shape)
    rank = layer.rank
    layout = Layout(layer.channels_last, True)
    if len(shape) < 2 and any(isinstance(op, Norm) and op.axes == "channels" for op in layer.ops):
        raise ShapeError("CW101", f"{len(shape)} axes where a batch and channels are needed", received=shape)
    if rank is None or not kind.leading or len(shape) == rank + 2 or len(shape) < rank + 1:
        return run_ops(layer, shape, layout)
    lead, tail = shape[: len(shape) - rank - 1], shape[len(shape) - rank - 1 :]
    result = run_ops(layer, tail, Layout(layer.channels_last, False))
    flows = tuple(replace(flow, input=(*lead, *flow.input), output=(*lead, *flow.output)) for flow in result.flows)
    return LayerFlow(layer, shape, (*lead, *result.output), flows)


def settle_release(title: str, release: object, known: Sequence[str]) -> str:
    """The release that was asked for, the newest where none was; a third number may follow the known two.

    Raises:
        ArgumentError: CW603, with those that are known.
    """
    if release is None:
        return known[-1]
    parts = str(release).strip().removeprefix("v").split(".")
    for one in known:
        own = one.split(".")
        if parts[: len(own)] == own and (len(own) > 2 or parts[2:] == [] or all(part.isdigit() for part in parts[2:3])):
            return one
    near = nearest(str(release), known)
    hint = f"known are {', '.join(known)}{f'; did you mean {near}?' if near else ''}"
    raise ArgumentError("CW603", f"no release {release!r} of {title} is known", received=str(release), hint=hint)


# Values ---------------------------------------------------------------------------------------------------------------


def integers(value: Value, name: str, *, least: int | None = None, quote: str = "") -> tuple[int, ...]:
    """A tuple of integers within 64 bits; a single one is a tuple of one.

    Raises:
        Refusal: CW204 another type, CW201 below `least`, CW107 beyond 64 bits.  CodeError: CW314.
    """
    known(value, name)
    items = value if isinstance(value, tuple) else (value,)
    for item in items:
        if type(item) is not int:
            raise wrong_type(name, value, "an integer", quote)
        if not -LARGEST - 1 <= item <= LARGEST:
            raise Refusal("CW107", f"{name} is {item}, which does not fit into 64 bits", received=item)
        if least is not None and item < least:
            fixed = tuple(max(one, least) for one in items if type(one) is int)
            hint = f"try {name}={fixed[0] if len(set(fixed)) == 1 else fixed}"
            fact = f"{name} is {show(value)}; it must be at least {least}"
            raise Refusal("CW201", fact, received=value, hint=hint, quote=quote)
    return items


def wrong_type(name: str, value: Value, wanted: str, quote: str = "") -> Refusal:
    """CW204, with the value that was probably meant."""
    hint = f"write {name} as {wanted}"
    if isinstance(value, float) and abs(value) < LARGEST and value == int(value):
        hint = f"write {name}={int(value)}"
    elif isinstance(value, bool):
        hint = f"write {name}={int(value)} if that is meant"
    elif isinstance(value, str) and value.strip().isdigit():
        hint = f"write {name}={value.strip()} without the quotes"
    received = show(value) if isinstance(value, Call | Unknown | Array) else value
    return Refusal("CW204", f"{name} is {show(value)}, not {wanted}", received=received, hint=hint, quote=quote)


def array(
    value: Value, name: str, axes: int | Iterable[int], hint: str = "", quote: str = ""
) -> tuple[int | None, ...]:
    """The shape of an array argument, or of `axes` unknown sizes where the text gives none.

    Raises:
        Refusal: CW204 where it is no array, CW101 where it has another number of axes.  CodeError: CW314.
    """
    wanted = (axes,) if isinstance(axes, int) else tuple(axes)
    if isinstance(value, Unknown) or (isinstance(value, Array) and value.shape is None):
        raise CodeError(
            "CW314",
            f"the shape of {name!r} is not in the text: {value.text}",
            received=value.text,
            hint=hint
            or (f"give the line that makes {value.text}" if names(value.text) else "write its shape in its place"),
        )
    shape = value.shape if isinstance(value, Array) else None
    if shape is None:
        raise wrong_type(name, value, "an array", quote)
    if len(shape) not in wanted:
        fact = f"{name} has {len(shape)} axes where {' or '.join(map(str, wanted))} are needed: {shape}"
        raise Refusal("CW101", fact, received=shape, axis=name, hint=hint, quote=quote)
    return shape


def show(value: Value) -> str:
    """A value as it stands in a message, cut where it is long."""
    if isinstance(value, Unknown | Array):
        return value.text
    if isinstance(value, Call):
        return value.text or value.kind
    if isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def truth(arguments: Arguments, name: str) -> bool:
    """The truth of an argument as Python takes it; False where the layer has no such argument.

    Raises:
        CodeError: CW314 where the text does not give it: parameters or shapes depend on it.
    """
    return bool(known(arguments.get(name, False), name))
