"""The examples run as they stand, and their pictures are pictures."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import convwise

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def run(name: str, folder: Path, *arguments: str) -> str:
    path = EXAMPLES / name
    if not path.exists():
        pytest.skip("the examples are not beside the tests")
    home = str(Path(convwise.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": home, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, str(path), *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    return done.stdout


def read_png(path: Path) -> np.ndarray:
    """The pixels of a PNG as the example writes it, each block's checksum checked."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, blocks = 8, {}
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        assert struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0] == zlib.crc32(kind + body)
        blocks[kind] = body
        place += 12 + length
    width, height = struct.unpack(">II", blocks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(blocks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_the_photograph(tmp_path: Path) -> None:
    printed = run("photograph.py", tmp_path)
    assert "(180, 240, 3) -> (45, 60, 6)" in " ".join(printed.split())
    assert "│ filters (Conv2D)                │ (None, 90, 120, 6)     │            60 │" in printed
    pixels = read_png(tmp_path / "feature_maps.png")
    assert pixels.shape[2] == 3
    assert pixels.std() > 30


def test_a_picture_of_ones_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    (tmp_path / "own.ppm").write_bytes(b"P6 50 40 255\n" + picture.tobytes())
    np.save(tmp_path / "own.npy", picture)
    first = run("photograph.py", tmp_path, "own.ppm", "one.png")
    second = run("photograph.py", tmp_path, "own.npy", "other.png")
    assert "(40, 50, 3) -> (10, 12, 6)" in " ".join(first.split())
    assert second.replace("other.png", "one.png").split() == first.split()
    assert np.array_equal(read_png(tmp_path / "one.png"), read_png(tmp_path / "other.png"))


def test_shifted_by_one(tmp_path: Path) -> None:
    printed = run("shifted_by_one.py", tmp_path)
    assert "321 543 765  87" in printed
    assert "210 432 654 876" in printed
    assert "the same as Keras: True" in printed
