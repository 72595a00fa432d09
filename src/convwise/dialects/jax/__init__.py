"""JAX (jax.lax of 0.10) with flax (linen and nnx of 0.12): how they spell, resolve and refuse layers. Neither is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from convwise.axis import Pads, causal_pads
from convwise.dialects.base import Call, Dialect, Layer, LayerFlow, Value, nearest
from convwise.dialects.changes import of
from convwise.dialects.jax.functions import DATA, FOREIGN, KINDS, LAYERS
from convwise.dialects.jax.spelling import anew, spell
from convwise.dialects.kinds import around, enter, flow_kind, read_kind, settle_release
from convwise.dialects.writing import respell as respelled
from convwise.errors import CodeError, Meant, Refusal, ShapeError
from convwise.ops import Conv, ConvTranspose, Layout, Permute, Pool, Shape

RELEASE = "0.10"
RELEASES = ("0.8.0", RELEASE)
"""Those that were run. Of 0.8 it is 0.8.0 alone: 0.8.1 changed an argument (see `convwise.dialects.changes`)."""
LATER: dict[tuple[str, str], str] = {("lax.conv_transpose", "use_consistent_padding"): "jax-consistent-padding"}
"""(function, argument) -> the change of the release table that brought it."""


def read(call: Call, release: str | None = None) -> Layer:
    """The layer that `call` means; a function's call is without the data.

    Raises:
        Refusal: what JAX or flax refuses whatever the data, with its words in `quote`.  ShapeError: CW210.
        CodeError: CW302 to CW306, CW311, CW314, CW317.  ArgumentError: CW603.
    """
    settled = settle_release("JAX", release, RELEASES)
    kind = KINDS.get(call.kind)
    if kind is None:
        near = nearest(call.kind, KINDS)
        hint = Meant(f"did you mean {near}?") if near else "see jax.lax, flax.linen and flax.nnx"
        raise CodeError(
            "CW302", f"JAX and flax have no {call.kind!r} that convwise knows", received=call.kind, hint=hint
        )
    names = {parameter.name for parameter in kind.parameters}
    if "rngs" in names and "rngs" not in dict(call.kwargs) and call.kind != "nnx.Dropout":
        # A layer is no other for its random numbers, so a short text may leave them out.
        call = replace(call, kwargs=(*call.kwargs, ("rngs", None)))
    _check_since(call, settled)
    return read_kind("jax", kind, call, settled, FOREIGN)


def _check_since(call: Call, release: str) -> None:
    """Arguments that came after this release.

    Raises:
        Refusal: CW208, with JAX's words.
    """
    since = {change.key: change.since for change in of("jax")}
    for (kind, name), key in LATER.items():
        if call.kind == kind and name in dict(call.kwargs) and release in RELEASES[:-1]:
            raise Refusal(
                "CW208",
                f"{name} came with JAX {since[key]}; this is {release}",
                layer=f"JAX {call.kind}",
                received=call.text or None,
                axis=name,
                hint=f"leave {name} out, or use JAX {since[key]} or later",
                quote=f"{kind.partition('.')[2]}() got an unexpected keyword argument '{name}'",
            )


def flow(layer: Layer, shape: Shape) -> LayerFlow:
    """What the layer does to data of this shape.

    Raises:
        ShapeError: with JAX's words in `quote` where it has some. Where JAX gives an array without elements and says
            nothing, `detail` names its shape.
    """
    kind = KINDS[layer.kind]
    try:
        return flow_kind(kind, layer, tuple(shape))
    except ShapeError as error:
        if error.code == "CW108":
            error.code, error.hint = "CW210", "pad less, or take a larger input"
            error.detail = "JAX wraps or mirrors several times over, and gives the same size"
        elif error.code in ("CW103", "CW104") and not error.quote:
            empty = _empty(layer, tuple(shape))
            if empty is not None and 0 in empty:
                error.detail = (
                    f"{error.detail}\nJAX itself gives an array without elements, {empty}, and says nothing".strip()
                )
            elif empty is None:
                error.quote = "Negative padding is larger than the size of the corresponding dimension"
        raise


def _empty(layer: Layer, shape: Shape) -> Shape | None:
    """The shape of the array that JAX gives where no window fits; None where it refuses after all."""
    rank = layer.rank or 0
    functional = layer.kind.startswith("lax.")
    lead = () if functional else shape[: len(shape) - rank - 1]
    current = shape[len(lead) :]
    layout = Layout(layer.channels_last, functional)
    for op in layer.ops:
        if isinstance(op, Permute):
            current = tuple(current[axis] for axis in op.order)
        elif isinstance(op, Conv | ConvTranspose | Pool):
            batch, channels, spatial = layout.split(current)
            outs = tuple(_cells(op, place, size) for place, size in enumerate(spatial))
            if any(out is not None and out < 0 for out in outs):
                return None
            current = layout.join(batch, channels if isinstance(op, Pool) else op.out_channels, outs)
    return (*lead, *current)


def _cells(op: Conv | ConvTranspose | Pool, place: int, size: int | None) -> int | None:
    """How many cells one axis has, 0 where no window fits; -1 where JAX does not crop that much."""
    window = op.windows[place]
    if size is None:
        return None
    if isinstance(op, ConvTranspose):
        extra = op.output_padding[place] if op.output_padding else 0
        # Dilating no cells leaves none: one cell less than what a single one gives.
        return max(window.transposed(size, extra) if size else window.transposed(1, extra) - 1, 0)
    axis = window.over(size)
    return -1 if axis.padded < 0 and isinstance(op, Conv) else max(axis.out, 0)


def respell(layer: Layer, changes: Mapping[str, Value]) -> str:
    """The user's own call with `changes` made, in the user's own style."""
    return respelled(layer, KINDS[layer.kind].parameters, changes, anew)


def pads(layer: Layer, pads: tuple[Pads, ...]) -> Mapping[str, Value] | None:
    """A pair for each axis; a transposed convolution is told how far its dilated data is padded, not what is cut off its output."""
    op = layer.window_op
    if "padding" not in layer.arguments or op is None or len(op.windows) != len(pads):
        return None
    if isinstance(op, ConvTranspose):
        reaches = [causal_pads(window.kernel, window.dilation).low for window in op.windows]
        return {"padding": tuple((reach - cut.low, reach - cut.high) for reach, cut in zip(reaches, pads, strict=True))}
    if any(min(pad.low, pad.high) < 0 for pad in pads):
        return None
    if not any(pad.total for pad in pads):
        return {"padding": "VALID"}
    pairs = tuple((pad.low, pad.high) for pad in pads)
    if layer.kind != "lax.reduce_window":
        return {"padding": pairs}
    return {"padding": around(pairs, (0, 0), layer.channels_last)}


DIALECT = Dialect("jax", "JAX", RELEASE, RELEASES, frozenset(KINDS), read, enter, flow, spell, respell, pads)

__all__ = ["DATA", "DIALECT", "KINDS", "LAYERS", "enter", "flow", "read", "respell", "spell"]
