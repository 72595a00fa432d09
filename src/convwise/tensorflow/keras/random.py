"""`tf.keras.random`: the same names as `convwise.keras.random`."""

from __future__ import annotations

from convwise.keras.random import *  # noqa: F403
