"""`tf.keras.initializers`: the same names as `convwise.keras.initializers`."""

from __future__ import annotations

from convwise.keras.initializers import *  # noqa: F403
