"""The Keras dialect: Keras 3 on TensorFlow, measured with Keras 3.15.1 on TensorFlow 2.21 on a CPU."""

from __future__ import annotations

from convwise.dialects.base import Dialect
from convwise.dialects.keras.enter import enter
from convwise.dialects.keras.flow import flow
from convwise.dialects.keras.kinds import KINDS, NAMES, canonical
from convwise.dialects.keras.read import read
from convwise.dialects.keras.releases import CURRENT, RELEASES
from convwise.dialects.keras.respell import pads, respell
from convwise.dialects.keras.signatures import parameters
from convwise.dialects.keras.spell import spell

DIALECT = Dialect(
    name="keras",
    title="Keras",
    release=CURRENT,
    releases=RELEASES,
    kinds=NAMES,
    read=read,
    enter=enter,
    flow=flow,
    spell=spell,
    respell=respell,
    pads=pads,
)


def parameter_names(kind: str) -> tuple[str, ...]:
    """The arguments of a layer in the order of its constructor; none where there is no such layer.

    >>> parameter_names("MaxPool2D")[:4]
    ('pool_size', 'strides', 'padding', 'data_format')
    """
    found = parameters(canonical(kind), CURRENT) if canonical(kind) in KINDS else ()
    return tuple(parameter.name for parameter in found)


__all__ = ["DIALECT", "parameter_names"]
