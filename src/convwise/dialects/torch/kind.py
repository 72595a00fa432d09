"""What the dialect knows of one kind of layer, and how every kind is bound, read and run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from convwise.dialects.base import Call, Layer, LayerFlow, Parameter, Value, bind, run_ops
from convwise.dialects.kinds import Arguments, flow_checked, tell_call, too_long
from convwise.dialects.torch.foreign import foreign_words
from convwise.errors import ConvwiseError, Refusal, ShapeError
from convwise.ops import Layout, Op, Shape

RELEASE = "2.13"
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


def read_kind(kind: Kind, call: Call) -> Layer:
    """The layer that `call` means.

    Raises:
        Refusal, ShapeError, CodeError.
    """
    try:
        long = too_long(call)
        if long is not None:
            raise _overflow(*long)
        if kind.any_arguments:
            arguments: dict[str, Value] = {}
        else:
            words = None
            if any(name not in kind.names for name, _ in call.kwargs):
                words = foreign_words(kind.names)
            arguments = bind(call, kind.parameters, "PyTorch", words)
        ops = kind.resolve(kind, arguments)
    except ConvwiseError as error:
        tell_call(error, "PyTorch", call)
        if error.code == "CW303":
            _explain_missing(kind, call, error)
        raise
    return Layer("torch", RELEASE, call.kind, arguments, ops, rank=kind.rank, call=call)


def _overflow(place: str, bits: int) -> Refusal:
    """CW107 of a number that is not even printed."""
    return Refusal(
        "CW107",
        f"{place} is a number of {bits} bits, which does not fit into 64",
        received=f"{bits} bits",
        hint="sizes must be at most 2**63 - 1",
        quote="Overflow when unpacking long long",
    )


def _explain_missing(kind: Kind, call: Call, error: ConvwiseError) -> None:
    """`Conv2d(32, (3, 3))` is Keras's order: the filters first, and no input channels."""
    if "in_channels" in kind.names and len(call.args) == 2 and "kernel_size" not in dict(call.kwargs):
        first, second = call.args
        error.hint = f"PyTorch takes the input's channels first: nn.{kind.name}(in_channels, {first!r}, {second!r}); nn.Lazy{kind.name}({first!r}, {second!r}) finds them out by itself"


def flow_kind(kind: Kind, layer: Layer, shape: Shape) -> LayerFlow:
    """What `layer` does to `shape`.

    Raises:
        ShapeError: with PyTorch's words in `quote` where it has some.
    """
    return flow_checked(kind.run or partial(_run, kind), layer, shape)


def _run(kind: Kind, layer: Layer, shape: Shape) -> LayerFlow:
    if kind.check is not None:
        kind.check(layer, shape)
    return run_ops(layer, shape, layout_of(kind.rank, shape))


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
