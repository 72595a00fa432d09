"""Broken files of every kind: each ends quickly, in a network or a ModelError, twice the same, and no prefix is another network.

`CONVWISE_FUZZ_MUTANTS=1000000 pytest tests/readers/test_onnx_fuzz.py` runs longer; `CONVWISE_FUZZ_SEED` starts elsewhere.
"""

from __future__ import annotations

import os
import random
import re
import time

import pytest

from convwise.errors import ModelError
from convwise.readers.onnx import OnnxModel, read_onnx
from readers import onnx_bytes as write

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


def answer(data: bytes) -> OnnxModel | str:
    """The network, or the error in full; any other error fails the test."""
    try:
        return read_onnx(data)
    except ModelError as error:
        return str(error)


def check(data: bytes, rng: random.Random) -> bool:
    """The invariants; whether the file was read."""
    started = time.perf_counter()
    read = answer(data)
    took = time.perf_counter() - started
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


def test_another_error_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> OnnxModel:
        raise IndexError

    monkeypatch.setitem(globals(), "read_onnx", broken)
    with pytest.raises(IndexError):
        check(b"", random.Random(0))
