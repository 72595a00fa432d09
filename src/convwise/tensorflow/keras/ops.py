"""`tf.keras.ops`: the same names as `convwise.keras.ops`."""

from __future__ import annotations

from convwise.keras.ops import *  # noqa: F403
