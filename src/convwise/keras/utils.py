"""`keras.utils`: seeds, and what snippets call beside layers."""

from __future__ import annotations

from convwise.keras.state import STREAM, clear_session

__all__ = ["clear_session", "set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Weights and random tensors start again from `seed`; the same seed gives the same numbers, not Keras's own."""
    STREAM.seed(seed)
