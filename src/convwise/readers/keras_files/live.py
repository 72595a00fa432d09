"""Live Keras models, by their own `get_config` and nothing else of theirs: no forward pass, no weights, no import of Keras."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from convwise.errors import ModelError
from convwise.graph import Network
from convwise.ops import Shape
from convwise.readers.echo import shown
from convwise.readers.keras_files.read import read_keras_config


def read_live_keras(model: object, *, input_shape: Shape | None = None) -> Network | None:
    """The network of a live Keras 3 model, on any backend; None if it is no Keras model, or Keras has not been imported.

    Raises:
        ModelError: CW402 where its get_config fails or tells no layers (a subclass of Model whose call is code), CW411 to CW417 as for files.
    """
    keras = sys.modules.get("keras")
    if keras is None or not _is_model(keras, model):
        return None
    kind = type(model).__name__
    try:
        config = model.get_config()  # type: ignore[attr-defined]
    except Exception as error:  # the code of any layer may run here and raise anything
        raise _opaque(kind, f"its get_config fails: {shown(str(error), 120)}") from None
    if not isinstance(config, dict) or "layers" not in config:
        raise _opaque(kind, "its get_config tells no layers, and its call is code, which is never run")
    return read_keras_config(config, input_shape=input_shape)


def _is_model(keras: ModuleType, model: object) -> bool:
    holder = vars(keras).get("models") or sys.modules.get("keras.models")
    cls = vars(holder).get("Model") if isinstance(holder, ModuleType) else None
    return isinstance(cls, type) and isinstance(model, cls)


def _opaque(kind: str, what: str) -> ModelError:
    name: Any = shown(kind, 60)
    return ModelError(
        "CW402",
        f"this object is a {name}: {what}",
        received=name,
        hint="give a Sequential or functional model, or its source text",
    )
