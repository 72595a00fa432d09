"""`tf.keras.models`: the same names as `convwise.keras.models`."""

from __future__ import annotations

from convwise.keras.models import *  # noqa: F403
