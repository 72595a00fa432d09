"""Broken files of every kind: each ends quickly, in a network or a ModelError, twice the same, and no prefix is another network.

`CONVWISE_FUZZ_MUTANTS=1000000 pytest tests/readers/test_onnx_fuzz.py` runs longer; `CONVWISE_FUZZ_SEED` starts elsewhere.
"""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path

import pytest
from readers import onnx_bytes as write

from convwise.errors import ModelError
from convwise.readers.onnx import OnnxModel, opening, read_onnx, wire

MUTANTS = int(os.environ.get("CONVWISE_FUZZ_MUTANTS", "3000"))
SEED = int(os.environ.get("CONVWISE_FUZZ_SEED", "0"))
SAMPLES = {**write.samples(), "chain": write.chain(12)}
NUMBERS = (0, 1, 2, 127, 128, 255, 2**31 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)


def mutant(data: bytes, rng: random.Random) -> bytes:
    """One to four changes of the kinds that break readers."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(8):
            case 0:
                out[at : at + 1] = bytes([out[at] ^ 1 << rng.randrange(8)]) if out else b""
            case 1:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 2:
                del out[at : at + rng.choice([1, 1, 2, 9, 60])]
            case 3:
                out[at:at] = rng.randbytes(rng.choice([1, 2, 5]))
            case 4:
                out[at : at + 1] = write.varint(rng.choice(NUMBERS), rng.choice([0, 0, 2]))
            case 5:
                out[at:at] = out[at : at + rng.randrange(1, 80)]
            case 6:
                other = rng.choice(list(SAMPLES.values()))
                start = rng.randrange(len(other))
                out[at : at + rng.randrange(40)] = other[start : start + rng.randrange(40)]
            case _:
                del out[at:]
    return bytes(out)


def answer(data: bytes | Path) -> OnnxModel | str:
    """The network, or the error in full; any other error fails the test."""
    try:
        return read_onnx(data)
    except ModelError as error:
        return str(error)


def check(data: bytes, rng: random.Random) -> bool:
    """The invariants; whether the file was read."""
    started = time.process_time()
    read = answer(data)
    took = time.process_time() - started
    assert took < 2, f"{took} s"
    assert repr(answer(data)) == repr(read)
    if isinstance(read, str):
        assert re.search(r"\[CW40[3-8]\]", read), read
        return False
    for size in {len(data) - 1, *(rng.randrange(len(data)) for _ in range(3))}:
        part = answer(data[:size])
        assert isinstance(part, str) or repr(part.graph) == repr(read.graph), size
    return True


@pytest.mark.parametrize("name", SAMPLES)
def test_mutants(name: str) -> None:
    read = 0
    count = MUTANTS // len(SAMPLES)
    for number in range(count):
        rng = random.Random(f"{name} {SEED} {number}")
        try:
            read += check(mutant(SAMPLES[name], rng), rng)
        except BaseException as error:
            error.add_note(f"mutant {number} of {name!r}, seed {SEED}")
            raise
    # Neither all nor nothing: the mutants must reach the inner parts.
    assert 0.02 * count < read < 0.9 * count


def test_a_file_in_pieces_says_what_its_bytes_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "WHOLE", 0)
    monkeypatch.setattr(wire, "WINDOW", 64)
    monkeypatch.setattr(wire, "AFTER_JUMP", 32)
    path = tmp_path / "model.onnx"
    for number in range(MUTANTS // 6):
        rng = random.Random(f"{SEED} {number}")
        data = rng.choice(list(SAMPLES.values()))
        data = mutant(data, rng) if number % 4 else data
        path.write_bytes(data)
        if data:
            assert repr(answer(path)) == repr(answer(data)), number


def test_another_error_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> OnnxModel:
        raise IndexError

    monkeypatch.setitem(globals(), "read_onnx", broken)
    with pytest.raises(IndexError):
        check(b"", random.Random(0))
