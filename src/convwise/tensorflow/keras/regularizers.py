"""`tf.keras.regularizers`: the same names as `convwise.keras.regularizers`."""

from __future__ import annotations

from convwise.keras.regularizers import *  # noqa: F403
