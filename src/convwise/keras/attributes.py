"""The arguments of a layer as Keras keeps them: one value for every axis, what was left open filled in."""

from __future__ import annotations

from typing import Any

from convwise.dialects.base import Layer
from convwise.dialects.keras.kinds import KINDS, canonical

WINDOWS = ("kernel_size", "strides", "pool_size", "dilation_rate", "output_size", "output_padding")


def as_keras(layer: Layer) -> dict[str, Any]:
    """What a layer's attributes and its configuration tell.

    >>> from convwise import dialects
    >>> from convwise.dialects.base import Call
    >>> layer = dialects.get("keras").read(Call("MaxPooling2D", (3,)), None)
    >>> as_keras(layer)["strides"], as_keras(layer)["data_format"]
    ((3, 3), 'channels_last')
    """
    found = dict(layer.arguments)
    family, rank = KINDS[canonical(layer.kind)]
    if "data_format" in found:
        found["data_format"] = str(found["data_format"] or "channels_last").lower()
    if family in ("max_pool", "average_pool") and found["strides"] is None:
        found["strides"] = found["pool_size"]
    for name in WINDOWS:
        if rank is not None and type(found.get(name)) is int:
            found[name] = (found[name],) * rank
    if family == "up_sampling" and rank != 1 and type(found["size"]) is int:
        found["size"] = (found["size"],) * (rank or 1)
    if family in ("zero_padding", "cropping"):
        name = "padding" if family == "zero_padding" else "cropping"
        found[name] = _edges(found[name], rank or 1)
    elif family in ("conv", "transpose", "depthwise", "separable"):
        found["padding"] = str(found["padding"]).lower()
    if "activation" in found and found["activation"] is None:
        found["activation"] = "linear"
    return found


def _edges(value: Any, rank: int) -> Any:
    """(before, after) for each axis; of one axis the pair itself."""
    if rank == 1:
        return (value, value) if type(value) is int else value
    sides = (value,) * rank if type(value) is int else value
    return tuple((side, side) if type(side) is int else side for side in sides)
