"""`keras.backend`: the few words that snippets use."""

from __future__ import annotations

from convwise.keras.state import clear_session

__all__ = ["backend", "clear_session", "floatx", "image_data_format"]


def backend() -> str:
    return "numpy"


def floatx() -> str:
    return "float32"


def image_data_format() -> str:
    return "channels_last"
