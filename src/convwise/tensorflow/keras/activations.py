"""`tf.keras.activations`: the same names as `convwise.keras.activations`."""

from __future__ import annotations

from convwise.keras.activations import *  # noqa: F403
