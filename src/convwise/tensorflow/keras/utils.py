"""`tf.keras.utils`: the same names as `convwise.keras.utils`."""

from __future__ import annotations

from convwise.keras.utils import *  # noqa: F403
