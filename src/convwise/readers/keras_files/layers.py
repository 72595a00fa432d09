"""What one layer of a configuration does: Keras's own layers through the dialect, merges as ops on several tensors, and the rest opaque."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from convwise import dialects
from convwise.dialects.base import Call, Layer, Unknown, Value, built
from convwise.dialects.keras.activations import ACTIVATIONS
from convwise.dialects.keras.kinds import KINDS, MERGES, REMOVED, UNMODELLED, canonical
from convwise.dialects.keras.releases import CURRENT
from convwise.dialects.keras.signatures import TRIMMINGS, parameters
from convwise.errors import CodeError, ShapeError
from convwise.graph import Work
from convwise.ops import Dense, Norm, Pointwise
from convwise.ops.several import Concat, Elementwise, Opaque, ResizeTo
from convwise.readers.echo import shown
from convwise.readers.keras_files.fields import kind_of, malformed

SKIPPED = frozenset(
    {"name", "dtype", "trainable", "autocast", "input_shape", "input_dim", "activity_regularizer", "seed"}
)
"""Arguments that no size and no count depends on, or that are read elsewhere."""

DEEPEST = 8
UNSEEN = frozenset({"CW302", "CW314", "CW317"})
"""Codes with which the dialect says that it does not know a layer, or a value in it."""

SHAPE_KEEPING = frozenset(
    f"Random{what}"
    for what in (
        *("Brightness", "ColorDegeneration", "ColorJitter", "Contrast", "ElasticTransform", "Erasing", "Flip"),
        *("GaussianBlur", "Grayscale", "Hue", "Invert", "Perspective", "Posterization", "Rotation", "Saturation"),
        *("Sharpness", "Shear", "Translation", "Zoom"),
    )
)
"""Augmentation, which changes values only; RandomCrop alone gives another size."""

OWN = ("keras", "tf_keras")
APPLICATIONS = ("keras.src.applications.", "keras.applications.")


@dataclass(frozen=True, slots=True)
class Made:
    """What a layer does in every one of its calls. `most` is how many tensors go in, None for any number.

    `trainable` is set where training leaves the layer's numbers alone, or changes others than its ops tell.
    """

    kind: str
    work: Work
    most: int | None = 1
    trainable: int | None = None

    @property
    def merges(self) -> bool:
        return isinstance(self.work, Elementwise)


def made(kind: str, entry: Mapping[str, Any], config: dict[str, Any], place: str, seen: dict[str, Layer]) -> Made:
    """The layer of class `kind`; `seen` keeps layers by their words.

    Raises:
        ModelError: CW414 where its configuration lacks something. Refusal, ShapeError: as the dialect refuses it.
    """
    module = entry.get("module")
    if isinstance(module, str) and module.startswith(APPLICATIONS):
        return _of_applications(kind, config, place)
    if not own(entry, kind):
        return _opaque(kind, f"{_name(kind)} is a layer of your own, whose code is never run")
    name = config.get("name")
    if kind in MERGES:
        found = Made(kind, Elementwise(MERGES[kind]), None)
    elif kind in OTHERS:
        found = OTHERS[kind](kind, config, place)
    elif canonical(kind) in KINDS:
        found = _layer(kind, config, place, name if isinstance(name, str) else None, seen)
        found = replace(found, work=_for_weights(found.work, entry.get("build_config")))
    else:
        found = _opaque(kind, _why_not(kind))
    return found


def own(entry: Mapping[str, Any], kind: str) -> bool:
    """Whether the layer is one of Keras's, not one of the user's with that name."""
    module = entry.get("module")
    keras = module is None or (isinstance(module, str) and module.partition(".")[0] in OWN)
    return keras and (entry.get("registered_name") in (None, kind) or "registered_name" not in entry)


def known(kind: str) -> bool:
    """Whether the class is one of Keras's layers that are read here, besides those of the dialect."""
    return kind in MERGES or kind in OTHERS


def _opaque(kind: str, reason: str) -> Made:
    return Made(kind, Opaque(reason), None)


def _name(kind: str) -> str:
    return shown(kind, 60)


def _why_not(kind: str) -> str:
    if kind == "Lambda":
        return "a Lambda holds code, which is never run"
    if kind in UNMODELLED or kind in REMOVED:
        return f"convwise does not model Keras's {kind}"
    return f"{_name(kind)} is no layer of Keras; the code of a layer of your own is never run"


def _layer(kind: str, config: dict[str, Any], place: str, name: str | None, seen: dict[str, Layer]) -> Made:
    where = f"'{shown(name, 60)}' (Keras {kind})" if name else f"Keras {kind}"
    call = layer_call(kind, config)
    # Not the call itself: to Python 1, 1.0 and True are equal, to Keras they are not.
    key = f"{kind}{call.kwargs}"
    if key in seen:
        return Made(kind, seen[key].named(name))
    try:
        layer = seen[key] = dialects.get("keras").read(call, None)
    except CodeError as error:
        if error.code in UNSEEN:
            return _opaque(kind, error.fact)
        raise malformed(place, error.fact, layer=where, received=error.received) from None
    except ShapeError as error:
        error.layer = f"{where} at {place}" if place else where
        raise
    return Made(kind, layer.named(name))


def _for_weights(work: Work, build_config: Any) -> Work:
    """A dense layer or a convolution with the features or channels that its stored weights are made for."""
    shape = build_config.get("input_shape") if isinstance(build_config, dict) else None
    if not isinstance(work, Layer) or not work.ops or not isinstance(shape, list | tuple) or len(shape) < 2:
        return work
    size = shape[-1] if isinstance(work.ops[0], Dense) or work.channels_last else shape[1]
    return built(work, size) if type(size) is int and 0 < size < 2**63 else work


@lru_cache(maxsize=256)
def _taken(kind: str) -> frozenset[str]:
    names = {parameter.name for parameter in parameters(canonical(kind), CURRENT)}
    return frozenset(name for name in names - SKIPPED if not name.endswith(TRIMMINGS))


def layer_call(kind: str, config: Mapping[str, Any], depth: int = 0) -> Call:
    """The constructor's call with the words that it knows; a configuration may hold more, of this release or another."""
    taken = _taken(kind)
    return Call(kind, (), tuple((name, _word(name, config[name], depth)) for name in config if name in taken))


def _word(name: str, value: Any, depth: int) -> Value:
    if name == "activation":
        return _activation(value, depth)
    if name == "axis" and isinstance(value, list | tuple) and len(value) == 1:
        return _value(value[0], depth)
    return _value(value, depth)


def _value(value: Any, depth: int) -> Value:
    if isinstance(value, list | tuple):
        return Unknown("a deep list") if depth > DEEPEST else tuple(_value(one, depth + 1) for one in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return Unknown(kind_of(value))


def _activation(value: Any, depth: int) -> Value:
    """A name, a function of the user's own by its name only, or a layer as a call."""
    if value is None or value == "linear":
        return value
    if isinstance(value, str):
        return value if value in ACTIVATIONS or value == "glu" else Unknown(shown(value, 60))
    if not isinstance(value, dict):
        return Unknown(kind_of(value))
    kind, config = value.get("class_name"), value.get("config")
    if kind == "function" and isinstance(config, str):
        own = value.get("module") not in (None, "builtins") and str(value.get("module")).startswith("keras")
        return config if own and config in ACTIVATIONS else Unknown(shown(config, 60))
    if isinstance(kind, str) and isinstance(config, dict) and canonical(kind) in KINDS and depth < DEEPEST:
        return layer_call(kind, config, depth + 1)
    return Unknown(shown(str(kind), 60))


def _concatenate(kind: str, config: dict[str, Any], place: str) -> Made:
    return Made(kind, Concat(whole(config, "axis", place, -1)), None)


def whole(config: Mapping[str, Any], key: str, place: str, default: int | None = None) -> int:
    """A whole number of at most 64 bits.

    Raises:
        ModelError: CW414.
    """
    found = config.get(key, default)
    if type(found) is not int or not -(2**63) <= found < 2**63:
        raise malformed(place, f"'{key}' is {kind_of(found)} where a whole number is needed", received=found)
    return found


def _shape_keeping(kind: str, config: dict[str, Any], place: str) -> Made:
    return Made(kind, (Pointwise(kind),))


def _random_crop(kind: str, config: dict[str, Any], place: str) -> Made:
    sizes = (whole(config, "height", place), whole(config, "width", place))
    return Made(kind, ResizeTo((-3, -2) if config.get("data_format") != "channels_first" else (-2, -1), sizes))


def _normalization(kind: str, config: dict[str, Any], place: str) -> Made:
    """Keras's Normalization: stored mean, variance and a count of samples, unless they are given as numbers."""
    axis = config.get("axis", -1)
    axes = tuple(axis) if isinstance(axis, list | tuple) else () if axis is None else (axis,)
    if any(type(one) is not int or not -64 <= one < 64 for one in axes):
        raise malformed(place, f"'axis' is {kind_of(axis)} where whole numbers are needed", received=axis)
    if config.get("mean") is not None:
        return Made(kind, (Pointwise("normalization"),))
    if not axes:
        return Made(kind, (Pointwise("normalization", params=3),), trainable=0)
    norm = Norm("moments", axes=axes, scale=False, center=False, moments=True)
    return Made(kind, (norm, Pointwise("normalization", params=1)), trainable=0)


OTHERS: dict[str, Callable[[str, dict[str, Any], str], Made]] = {
    "Concatenate": _concatenate,
    "Normalization": _normalization,
    "RandomCrop": _random_crop,
    **dict.fromkeys(SHAPE_KEEPING, _shape_keeping),
}
"""Layers of Keras that are not single calls of the dialect."""


def _of_applications(kind: str, config: dict[str, Any], place: str) -> Made:
    """The few layers that keras.applications brings with it."""
    match kind:
        case "LayerScale":
            return Made(kind, (Pointwise("layer_scale", params=whole(config, "projection_dim", place)),))
        case "StochasticDepth":
            return Made(kind, (Pointwise("stochastic_depth"),))
        case "CustomScaleLayer":
            return Made(kind, Elementwise("add"), None)
        case _:
            return _opaque(kind, f"convwise does not model {_name(kind)} of keras.applications")
