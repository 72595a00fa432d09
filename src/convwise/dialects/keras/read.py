"""From a call to a layer: bind the arguments, refuse what Keras refuses in its order and words, resolve the rest into ops."""

from __future__ import annotations

from convwise.dialects.base import Call, Layer, Note, Value, bind, nearest
from convwise.dialects.keras import activations, augmentation, moves, windows, words
from convwise.dialects.keras.foreign import foreign
from convwise.dialects.keras.kinds import AUGMENTING, INPUTS, KINDS, NAMES, REMOVED, UNMODELLED, canonical
from convwise.dialects.keras.reading import Reading
from convwise.dialects.keras.releases import KIND_SINCE, before, settle
from convwise.dialects.keras.signatures import WITHOUT_BASE, parameters
from convwise.errors import CodeError, ConvwiseError, Meant, Refusal
from convwise.ops import Op

NESTING = 3
"""How deep a layer may stand inside another one's `activation=`."""


def read(call: Call, release: str | None = None) -> Layer:
    """The layer that a call means in Keras.

    Raises:
        CodeError: CW302 unknown, CW303 to CW306 and CW311 arguments that cannot be bound, CW314 a value is missing, CW317 not modelled.
        Refusal: CW2xx, with Keras's words in `quote`. ShapeError: CW210, CW107. ArgumentError: CW603.
    """
    return _read(call, settle(release), 0)


def _read(call: Call, release: str, depth: int) -> Layer:
    kind = canonical(call.kind)
    if kind not in KINDS:
        raise _no_layer(kind)
    since = KIND_SINCE.get(kind)
    if since and before(release, since):
        raise Refusal(
            "CW208",
            f"Keras {release} has no {kind}",
            layer=f"Keras {call.kind}",
            received=call.kind,
            hint=f"it came with Keras {since}",
        )
    family, rank = KINDS[kind]
    arguments = _bound(call, kind, family, release)
    reading = Reading(kind, family, rank, release, arguments, call)
    words.check_base(reading)

    def nested(inner: Call) -> tuple[Op, ...]:
        if depth >= NESTING or canonical(inner.kind) not in NAMES:
            return ()
        return _read(inner, release, depth + 1).ops

    ops = _resolve(reading, nested)
    name = arguments.get("name")
    return Layer(
        dialect="keras",
        release=release,
        kind=call.kind,
        arguments=arguments,
        ops=ops,
        rank=_rank(reading),
        channels_last=_channels_last(arguments),
        notes=_notes(reading),
        name=name if isinstance(name, str) and name else None,
        call=call,
    )


def _resolve(reading: Reading, nested: windows.Reader) -> tuple[Op, ...]:
    match reading.family:
        case "conv" | "depthwise" | "separable":
            return windows.convolution(reading, nested)
        case "transpose":
            return windows.transpose(reading, nested)
        case "dense":
            return moves.dense(reading, nested)
        case "activation":
            return activations.activation_layer(reading, nested)
        case family:
            words.check_trimmings(reading)
            return SIMPLE[family](reading)


SIMPLE = {
    **dict.fromkeys(("max_pool", "average_pool"), windows.pool),
    **dict.fromkeys(("global_max", "global_average"), windows.global_pool),
    **dict.fromkeys(("adaptive_max", "adaptive_average"), windows.adaptive_pool),
    "zero_padding": moves.zero_padding,
    "cropping": moves.cropping,
    "up_sampling": moves.up_sampling,
    "resizing": moves.resizing,
    "center_crop": moves.center_crop,
    "flatten": moves.flatten,
    "reshape": moves.reshape,
    "permute": moves.permute,
    "repeat_vector": moves.repeat_vector,
    "batch_norm": activations.batch_norm,
    **dict.fromkeys(("layer_norm", "group_norm", "unit_norm", "rms_norm"), activations.other_norm),
    **dict.fromkeys(
        ("dropout", "alpha_dropout", "gaussian_dropout", "gaussian_noise", "spatial_dropout"), activations.rate_layer
    ),
    "relu": activations.relu_layer,
    "leaky_relu": activations.leaky_relu_layer,
    "prelu": activations.prelu_layer,
    "elu": activations.elu_layer,
    "softmax": activations.softmax_layer,
    "rescaling": activations.rescaling_layer,
    **dict.fromkeys(AUGMENTING, augmentation.layer),
    **dict.fromkeys(("identity", "masking", "activity_regularization"), activations.plain_layer),
}


def _bound(call: Call, kind: str, family: str, release: str) -> dict[str, Value]:
    try:
        return bind(call, parameters(kind, release), "Keras", foreign(family))
    except CodeError as error:
        if error.code in ("CW305", "CW311") and family not in WITHOUT_BASE:
            value = dict(call.kwargs).get(str(error.received))
            if error.received == "activity_regularizer":
                error.quote = "got multiple values for keyword argument 'activity_regularizer'"
                raise
            error.quote = f"Unrecognized keyword arguments passed to {kind}: {{{error.received!r}: {value!r}}}"
        raise


def _no_layer(kind: str) -> ConvwiseError:
    if kind in REMOVED:
        quote = f"module 'keras.layers' has no attribute '{kind}'"
        return Refusal(
            "CW208", f"Keras 3 has no {kind}", layer=None, received=kind, quote=quote, hint=f"write {REMOVED[kind]}"
        )
    if kind in UNMODELLED:
        return CodeError(
            "CW317",
            f"convwise does not model Keras's {kind}",
            received=kind,
            hint="leave it out, or ask about the layers before it",
        )
    if kind in INPUTS:
        return CodeError(
            "CW317",
            f"{kind} declares an input and is no layer by itself",
            received=kind,
            hint="ask about the layer after it",
        )
    near = nearest(kind, KINDS)
    return CodeError(
        "CW302", f"Keras has no layer {kind!r}", received=kind, hint=Meant(f"did you mean {near}?") if near else ""
    )


def _rank(reading: Reading) -> int | None:
    """Spatial axes; a permutation and a reduction of vectors tell theirs by their arguments."""
    if reading.family == "permute":
        return len(reading.arguments["dims"]) - 1 or None
    return reading.rank


def _channels_last(arguments: dict[str, Value]) -> bool:
    return str(arguments.get("data_format") or "channels_last").lower() != "channels_first"


def _notes(reading: Reading) -> tuple[Note, ...]:
    sentence = words.torch_reading(reading)
    return (*reading.notes, Note("CW508", sentence)) if sentence else tuple(reading.notes)
