"""`keras.models`."""

from __future__ import annotations

from convwise.keras.inputs import Input, InputLayer
from convwise.keras.model import Model
from convwise.keras.sequential import Sequential

__all__ = ["Input", "InputLayer", "Model", "Sequential"]
