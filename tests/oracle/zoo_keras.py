"""A U-Net and a feature pyramid in Keras, written for these tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers


def unet(channels: int = 3) -> Any:
    """Four levels with 'same' windows: the skips must fit."""
    image = x = keras.Input((None, None, channels))
    skips = []
    for filters in (4, 6, 8, 10):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(12, 3, padding="same")(x)
    for filters, skip in zip((10, 8, 6, 4), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = layers.Conv2D(filters, 3, padding="same")(layers.Concatenate()([skip, x]))
    return keras.Model(image, layers.Conv2D(2, 1)(x))


def unet_valid() -> Any:
    """The paper's: unpadded windows and its fixed crops."""
    image = x = keras.Input((None, None, 1))
    skips = []
    for filters in (4, 6, 8, 10):
        x = layers.Conv2D(filters, 3)(layers.Conv2D(filters, 3)(x))
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(12, 3)(layers.Conv2D(12, 3)(x))
    for filters, skip, crop in zip((10, 8, 6, 4), reversed(skips), (4, 16, 40, 88), strict=True):
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = layers.Concatenate()([layers.Cropping2D(crop)(skip), layers.Conv2D(filters, 2, padding="same")(x)])
        x = layers.Conv2D(filters, 3)(layers.Conv2D(filters, 3)(x))
    return keras.Model(image, x)


def fpn() -> Any:
    """From above by a factor of 2, added to the lateral."""
    image = x = keras.Input((None, None, 3))
    maps = []
    for filters in (6, 8, 10, 12):
        x = layers.Conv2D(filters, 3, strides=2, padding="same")(x)
        maps.append(layers.Conv2D(6, 1)(x))
    above = maps[-1]
    found = [above]
    for side in reversed(maps[:-1]):
        above = layers.Add()([side, layers.UpSampling2D()(above)])
        found.append(layers.Conv2D(6, 3, padding="same")(above))
    return keras.Model(image, found)


NETWORKS: dict[str, Callable[[], Any]] = {"u-net": unet, "u-net, fixed crops": unet_valid, "fpn": fpn}
