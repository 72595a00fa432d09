"""`tf.keras.backend`: the same names as `convwise.keras.backend`."""

from __future__ import annotations

from convwise.keras.backend import *  # noqa: F403
