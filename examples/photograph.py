"""A picture through Keras layers, with NumPy alone: edge filters, a stride, a pooling, and the feature maps as a picture.

    python examples/photograph.py                 # draws a landscape and writes feature_maps.png
    python examples/photograph.py holiday.ppm     # your own picture (binary PPM, P6) or an .npy array (height, width, 3)

Every line of the model is Keras; only the import differs.
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

import convwise.keras as keras
from convwise.keras import layers

# What each filter looks for, as a 3 x 3 window on the grey picture.
FILTERS = {
    "edges left to right": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "edges top to bottom": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "rising diagonals": [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]],
    "falling diagonals": [[2, 1, 0], [1, 0, -1], [0, -1, -2]],
    "spots": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "light": [[1 / 9] * 3] * 3,
}


def draw(height: int = 180, width: int = 240) -> np.ndarray:
    """A landscape of (height, width, 3) between 0 and 1: sky, sun, mountains, a lake and a house."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / height, x / width
    picture = np.stack([0.35 + 0.5 * y, 0.6 + 0.25 * y, 0.95 - 0.1 * y], axis=-1)
    sun = np.hypot((x - 0.78) * width / height, y - 0.2) < 0.09
    picture[sun] = (1.0, 0.85, 0.3)
    ridge = 0.42 + 0.16 * np.abs(((x * 2.3 + 0.15) % 1.0) - 0.5) * 2 + 0.02 * np.sin(x * 60)
    mountains = y > ridge
    picture[mountains] = (0.42, 0.4, 0.5)
    picture[mountains & (y < ridge + 0.05)] = (0.95, 0.95, 0.98)
    picture[y > 0.68] = (0.3, 0.55, 0.3)
    lake = ((x - 0.72) / 0.24) ** 2 + ((y - 0.86) / 0.09) ** 2 < 1
    waves = 0.08 * np.sin(y * 190)[lake]
    picture[lake] = np.stack([0.25 + waves, 0.45 + waves, 0.75 + waves], axis=-1)
    picture[(x > 0.14) & (x < 0.4) & (y > 0.62) & (y < 0.85)] = (0.85, 0.75, 0.6)
    picture[(y > 0.5) & (y < 0.62) & (np.abs(x - 0.27) < (y - 0.48) * 1.2)] = (0.6, 0.2, 0.15)
    for left in (0.17, 0.32):
        picture[(x > left) & (x < left + 0.05) & (y > 0.67) & (y < 0.75)] = (0.2, 0.25, 0.35)
    picture[(x > 0.245) & (x < 0.295) & (y > 0.72) & (y < 0.85)] = (0.35, 0.2, 0.1)
    return picture.astype(np.float32)


def load(path: Path) -> np.ndarray:
    """A binary PPM of 8 bits, or an array saved by NumPy, as (height, width, 3) between 0 and 1."""
    if path.suffix == ".npy":
        array = np.load(path, allow_pickle=False).astype(np.float32)
        return array / 255 if array.max() > 1 else array
    kind, width, height, most, pixels = path.read_bytes().split(maxsplit=4)
    if kind != b"P6" or most != b"255":
        sys.exit(f"{path} is no 8-bit binary PPM; convert it first, for example: convert photo.jpg photo.ppm")
    return np.frombuffer(pixels, np.uint8).reshape(int(height), int(width), 3).astype(np.float32) / 255


def build(height: int, width: int) -> keras.Sequential:
    """Grey, then six filters at every second place, ReLU, and the largest of each 2 x 2."""
    model = keras.Sequential(
        [
            keras.Input((height, width, 3)),
            layers.Conv2D(1, 1, use_bias=False, name="grey"),
            layers.Conv2D(len(FILTERS), 3, strides=2, padding="same", activation="relu", name="filters"),
            layers.MaxPooling2D(2, name="strongest"),
        ]
    )
    model.get_layer("grey").set_weights([np.reshape([0.299, 0.587, 0.114], (1, 1, 3, 1))])
    kernel = np.stack([np.array(window, np.float32) for window in FILTERS.values()], axis=-1)[:, :, None, :]
    model.get_layer("filters").set_weights([kernel, np.zeros(len(FILTERS))])
    return model


def sheet(picture: np.ndarray, maps: np.ndarray, columns: int = 3) -> np.ndarray:
    """The picture above its feature maps, each stretched to its own range and faint lines made brighter, as (height, width, 3) bytes."""
    height, width, count = maps.shape
    scaled = np.sqrt(maps / np.maximum(maps.max(axis=(0, 1)), 1e-9))
    rows = -(-count // columns)
    gap, scale = 4, 2
    tile_h, tile_w = height * scale, width * scale
    top = np.asarray(layers.Resizing(columns * tile_h // 2, columns * tile_w // 2)(picture[None]))[0]
    page = np.ones((gap + top.shape[0] + rows * (tile_h + gap) + gap, columns * (tile_w + gap) + gap, 3), np.float32)
    left = (page.shape[1] - top.shape[1]) // 2
    page[gap : gap + top.shape[0], left : left + top.shape[1]] = top
    large = np.asarray(layers.UpSampling2D(scale)(scaled[None]))[0]
    for number in range(count):
        y = 2 * gap + top.shape[0] + number // columns * (tile_h + gap)
        x = gap + number % columns * (tile_w + gap)
        page[y : y + tile_h, x : x + tile_w] = large[..., number, None]
    return (page.clip(0, 1) * 255).round().astype(np.uint8)


def write_png(path: Path, pixels: np.ndarray) -> None:
    """An 8-bit RGB PNG with the standard library: signature, header, one block of deflated rows, end."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def block(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", zlib.compress(rows, 9)) + block(b"IEND", b"")
    )


def show(console: Console, pixels: np.ndarray) -> None:
    """The picture in the terminal: each character is two pixels, its upper and its lower half; without colour, its light."""
    columns = min(console.width - 2, 90)
    rows = max(2 * (pixels.shape[0] * columns // pixels.shape[1] // 2), 2)
    small = np.asarray(layers.Resizing(rows, columns)(pixels[None].astype(np.float32)))[0]
    small = small.clip(0, 255).astype(int)
    if console.color_system is None:
        for row in small[::2].mean(axis=-1):
            console.print("".join(" .:-=+*#%@"[int(light * 9.99 / 255)] for light in row), highlight=False)
        return
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        line = Text()
        for over, under in zip(upper.tolist(), lower.tolist(), strict=True):
            line.append("▀", style=f"rgb({over[0]},{over[1]},{over[2]}) on rgb({under[0]},{under[1]},{under[2]})")
        console.print(line)


def main(arguments: list[str]) -> None:
    console = Console()
    picture = load(Path(arguments[0])) if arguments else draw()
    model = build(*picture.shape[:2])
    model.summary()
    maps = model.predict(picture[None], verbose=0)[0]
    page = sheet(picture, maps)
    target = Path(arguments[1] if len(arguments) > 1 else "feature_maps.png")
    write_png(target, page)
    show(console, page)
    console.print("Left to right, row by row: " + ", ".join(FILTERS))
    console.print(
        f"{picture.shape} -> {maps.shape}: the stride halves the picture, the pooling halves it again. Written to {target}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
