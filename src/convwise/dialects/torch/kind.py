"""What the dialect knows of one kind of layer, and how every kind is bound, read and run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from convwise.dialects.base import Call, Layer, LayerFlow, Parameter, Value, bind, run_ops
from convwise.dialects.torch.foreign import foreign_words
from convwise.errors import ConvwiseError, Refusal, ShapeError
from convwise.ops import Layout, Op, Shape
from convwise.ops.shape import check_countable

RELEASE = "2.13"
Arguments = Mapping[str, Value]
FIRST = Layout(channels_last=False, batched=True)
FIRST_UNBATCHED = Layout(channels_last=False, batched=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of layer: its parameters, how its arguments become ops, and what it does to a shape.

    `resolve` raises Refusal or CodeError; `check` raises the ShapeError that PyTorch's own words go with, before the ops
    run; `run` replaces `check` and the ops where a shape of another rank is taken too. `rank` counts spatial axes.
    """

    name: str
    parameters: tuple[Parameter, ...]
    resolve: Callable[[Kind, Arguments], tuple[Op, ...]]
    check: Callable[[Layer, Shape], None] | None = None
    run: Callable[[Layer, Shape], LayerFlow] | None = None
    rank: int | None = None
    any_arguments: bool = False

    @property
    def names(self) -> frozenset[str]:
        return frozenset(parameter.name for parameter in self.parameters)


def parameters(text: str) -> tuple[Parameter, ...]:
    """Parameters from a signature in short: `a b=1 * c='x'`; `*` starts the keyword-only ones.

    >>> [p.name for p in parameters("size alpha=0.1 * bias=True")]
    ['size', 'alpha', 'bias']
    """
    found: list[Parameter] = []
    keyword_only = False
    for word in text.split():
        if word == "*":
            keyword_only = True
            continue
        name, equals, default = word.partition("=")
        found.append(
            Parameter(name, DEFAULTS[default], keyword_only) if equals else Parameter(name, keyword_only=keyword_only)
        )
    return tuple(found)


DEFAULTS: dict[str, Value] = {
    "None": None,
    "True": True,
    "False": False,
    "0": 0,
    "1": 1,
    "-1": -1,
    "0.0": 0.0,
    "0.01": 0.01,
    "0.1": 0.1,
    "0.125": 0.125,
    "0.25": 0.25,
    "1/3": 1.0 / 3,
    "0.5": 0.5,
    "0.75": 0.75,
    "1.0": 1.0,
    "-1.0": -1.0,
    "20.0": 20.0,
    "1e-4": 1e-4,
    "1e-5": 1e-5,
    "'zeros'": "zeros",
    "'nearest'": "nearest",
    "'none'": "none",
    "'constant'": "constant",
}


def read_kind(kind: Kind, call: Call) -> Layer:
    """The layer that `call` means.

    Raises:
        Refusal, ShapeError, CodeError.
    """
    where = f"PyTorch {call.kind}"
    try:
        check_lengths(call)
        if kind.any_arguments:
            arguments: dict[str, Value] = {}
        else:
            words = None
            if any(name not in kind.names for name, _ in call.kwargs):
                words = foreign_words(kind.names)
            arguments = bind(call, kind.parameters, "PyTorch", words)
        ops = kind.resolve(kind, arguments)
    except ConvwiseError as error:
        error.layer = error.layer or where
        if error.received is None:
            error.received = call.text or None
        if error.code == "CW303":
            _explain_missing(kind, call, error)
        raise
    return Layer("torch", RELEASE, call.kind, arguments, ops, rank=kind.rank, call=call)


LONGEST_NUMBER = 200
"""Bits of the longest number that is looked at: far more than any size, and short enough to be printed."""


def check_lengths(call: Call) -> None:
    """Numbers that are too long to be printed are refused before anything prints them.

    Raises:
        Refusal: CW107.
    """
    for place, value in (*enumerate(call.args, 1), *call.kwargs):
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, tuple):
                stack.extend(item)
            elif isinstance(item, int) and item.bit_length() > LONGEST_NUMBER:
                name = f"argument {place}" if isinstance(place, int) else place
                fact = f"{name} is a number of {item.bit_length()} bits, which does not fit into 64"
                raise Refusal(
                    "CW107",
                    fact,
                    received=f"{item.bit_length()} bits",
                    hint="sizes must be at most 2**63 - 1",
                    quote="Overflow when unpacking long long",
                )


def _explain_missing(kind: Kind, call: Call, error: ConvwiseError) -> None:
    """`Conv2d(32, (3, 3))` is Keras's order: the filters first, and no input channels."""
    if "in_channels" in kind.names and len(call.args) == 2 and "kernel_size" in error.fact:
        first, second = call.args
        error.hint = f"PyTorch takes the input's channels first: nn.{kind.name}(in_channels, {first!r}, {second!r}); nn.Lazy{kind.name}({first!r}, {second!r}) finds them out by itself"


def flow_kind(kind: Kind, layer: Layer, shape: Shape) -> LayerFlow:
    """What `layer` does to `shape`.

    Raises:
        ShapeError: with PyTorch's words in `quote` where it has some.
    """
    try:
        for size in shape:
            if size is not None and size < 0:
                raise ShapeError("CW103", f"a size of {size} is negative", received=shape)
        if kind.run is not None:
            result = kind.run(layer, shape)
        else:
            if kind.check is not None:
                kind.check(layer, shape)
            result = run_ops(layer, shape, layout_of(kind.rank, shape))
        check_countable(shape, result.output)
    except ConvwiseError as error:
        error.layer = error.layer or _describe(layer)
        raise
    return result


def _describe(layer: Layer) -> str:
    return f"'{layer.name}' (PyTorch {layer.kind})" if layer.name else f"PyTorch {layer.kind}"


def layout_of(rank: int | None, shape: Shape) -> Layout:
    """PyTorch tells a batch by the number of axes alone."""
    return FIRST_UNBATCHED if rank is not None and len(shape) == rank + 1 else FIRST


def split(rank: int, shape: Shape) -> tuple[Shape, int | None, Shape]:
    """(batch, channels, spatial) of a shape with `rank` spatial axes, batched or not."""
    return layout_of(rank, shape).split(shape)


def on_tail(layer: Layer, shape: Shape, axes: int, op: Op) -> LayerFlow:
    """`op`, which knows one channel axis and spatial ones, on the last `axes` axes; those before are carried along."""
    lead = shape[: len(shape) - axes]
    tail = shape[len(shape) - axes :]
    result = run_ops(replace(layer, ops=(op,)), tail, FIRST_UNBATCHED)
    flows = tuple(replace(flow, input=(*lead, *flow.input), output=(*lead, *flow.output)) for flow in result.flows)
    return LayerFlow(layer, shape, (*lead, *result.output), flows)


def wrong_rank(fact: str, shape: Shape, quote: str, hint: str = "") -> ShapeError:
    """CW101."""
    return ShapeError("CW101", fact, received=shape, quote=quote if None not in shape else "", hint=hint)
