"""TensorFlow's functions (tf.nn of 2.21 on a CPU): how it spells, resolves and refuses them. It is never imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convwise.axis import Pads
from convwise.dialects import kinds
from convwise.dialects.base import Call, Dialect, Entered, Layer, LayerFlow, Value, nearest
from convwise.dialects.kinds import around, first_of_a_rank, flow_kind, read_kind, settle_release
from convwise.dialects.tensorflow.functions import DATA, FOREIGN, KINDS
from convwise.dialects.tensorflow.spelling import anew, spell
from convwise.dialects.writing import respell as respelled
from convwise.errors import CodeError, Meant
from convwise.ops import Shape

RELEASE = "2.21"
RELEASES = ("2.12", "2.20", RELEASE)
"""Those that were run: thousands of random calls gave the same sizes and refusals in each."""


def read(call: Call, release: str | None = None) -> Layer:
    """The layer that a call of a function means; the call is without the data.

    Raises:
        Refusal: what TensorFlow refuses whatever the data, with its words in `quote`.  ShapeError: CW210.
        CodeError: CW302 to CW306, CW311, CW314, CW317.  ArgumentError: CW603.
    """
    settled = settle_release("TensorFlow", release, RELEASES)
    kind = KINDS.get(call.kind)
    if kind is None:
        near = nearest(call.kind, KINDS)
        hint = Meant(f"did you mean {near}?") if near else "see the functions of tf.nn"
        raise CodeError(
            "CW302", f"TensorFlow has no function {call.kind!r} that convwise knows", received=call.kind, hint=hint
        )
    return read_kind("tensorflow", kind, call, settled, FOREIGN)


def enter(layers: Sequence[Layer], shape: Shape) -> Entered:
    """`shape` with a batch of unknown size before it where the first function of a certain rank would lack one.

    Raises:
        ShapeError: CW103 where a size is negative.
    """
    first = first_of_a_rank(layers)
    entered = kinds.enter(layers, shape)
    # These take their rank from the data: from three axes on the batch is taken to be among them.
    if first is not None and first.kind in ("tf.nn.max_pool", "tf.nn.avg_pool") and len(shape) != 2:
        return Entered(tuple(shape))
    return entered


def flow(layer: Layer, shape: Shape) -> LayerFlow:
    """What the function does to data of this shape, batch included.

    Raises:
        ShapeError: with TensorFlow's words in `quote` where it has some.
    """
    return flow_kind(KINDS[layer.kind], layer, tuple(shape))


def respell(layer: Layer, changes: Mapping[str, Value]) -> str:
    """The user's own call with `changes` made, in the user's own style."""
    return respelled(layer, KINDS[layer.kind].parameters, changes, anew)


def pads(layer: Layer, pads: tuple[Pads, ...]) -> Mapping[str, Value] | None:
    """A pair for each axis of the data, batch and channels included; not every function takes them."""
    if "padding" not in layer.arguments or any(min(pad.low, pad.high) < 0 for pad in pads):
        return None
    if not any(pad.total for pad in pads):
        return {"padding": "VALID"}
    pairs = tuple((pad.low, pad.high) for pad in pads)
    return {"padding": around(pairs, (0, 0), layer.channels_last)}


DIALECT = Dialect(
    "tensorflow", "TensorFlow", RELEASE, RELEASES, frozenset(KINDS), read, enter, flow, spell, respell, pads
)

__all__ = ["DATA", "DIALECT", "KINDS", "enter", "flow", "read", "respell", "spell"]
