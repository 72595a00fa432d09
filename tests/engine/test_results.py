"""Memory of large results: used again once nobody holds it, never before, and bounded."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import convwise as cw
from convwise.engine import results
from convwise.engine.results import LENT_FROM, MOST_BLOCKS, MOST_KEPT, empty

LARGE = (1, 3, 1500, 1001)
"""18 MB of float32."""


@pytest.fixture(autouse=True)
def none_kept() -> Iterator[None]:
    gc.collect()
    results._kept.clear()
    yield
    results._kept.clear()


def test_a_large_result_lies_where_the_last_one_lay_once_nobody_holds_that() -> None:
    first, place = empty(LARGE)
    first[...] = 1
    second, other = empty(LARGE)
    second[...] = 2
    assert other != place
    assert not np.shares_memory(first, second)
    del first
    third, again = empty(LARGE)
    assert again == place
    assert place % 64 == 0
    third[...] = 3
    assert (second == 2).all()


@pytest.mark.parametrize("hold", [lambda y: y[0, 1, 2:, ::-3], lambda y: y.reshape(-1)[7:8], memoryview, np.asarray])
def test_whatever_still_reads_a_result_keeps_it(hold: object) -> None:
    assert callable(hold)
    result, _ = empty(LARGE)
    result[...] = np.arange(result.size, dtype=np.float32).reshape(LARGE)
    held = hold(result)
    expected = np.array(held)
    del result
    gc.collect()
    for _ in range(3):
        other, _ = empty(LARGE)
        other[...] = -1
        assert not np.shares_memory(other, np.asarray(held))
    np.testing.assert_array_equal(np.asarray(held), expected)


def test_a_result_is_an_ordinary_array() -> None:
    result, place = empty(LARGE)
    assert type(result) is np.ndarray
    assert (result.shape, result.dtype, result.ctypes.data) == (LARGE, np.dtype(np.float32), place)
    assert result.flags.c_contiguous
    assert result.flags.writeable
    result[...] = 0.5
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(result[:, :, :5])), result[:, :, :5])


def test_blocks_are_lent_to_results_that_are_a_little_smaller_and_to_no_others() -> None:
    first, place = empty((1, 3, 2600, 1001))
    del first
    others = [empty(LARGE), empty((1, 3, 2601, 1001)), empty((1, 3, 2400, 1001))]
    assert [other == place for _, other in others] == [False, False, True]


def test_what_is_kept_is_bounded() -> None:
    several = [empty(LARGE)[0] for _ in range(MOST_BLOCKS + 2)]
    del several
    assert len(results._kept) == MOST_BLOCKS
    result, _ = empty((MOST_KEPT // 4 + 1,))
    del result
    assert len(results._kept) == MOST_BLOCKS
    small, _ = empty((LENT_FROM // 8,))
    del small
    assert len(results._kept) == MOST_BLOCKS
    two = [empty((MOST_KEPT // 8 + 100,))[0] for _ in range(2)]
    del two
    assert sum(block.nbytes for block in results._kept.values()) <= MOST_KEPT


def test_threads_never_share_a_block() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            result, _ = empty(LARGE)
            part = result.reshape(-1)[:: 1 << 12]
            part[...] = number
            if not (part == number).all():
                wrong.append(number)
            del result, part

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_kept_is_given_up_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = empty(LARGE)
    del first
    assert results._kept
    asked, real = [], np.empty

    def short(*at: object, **named: object) -> np.ndarray:
        asked.append(len(results._kept))
        if results._kept:
            raise MemoryError
        return real(*at, **named)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(np, "empty", short)
    result, _ = empty((1, 3, 3000, 1001))
    assert (result.nbytes, asked) == (4 * 3 * 3000 * 1001, [1, 0])


def test_a_result_that_outlives_its_module_says_nothing() -> None:
    code = (
        "import sys, convwise.engine.results as r\n"
        "sys.mod, sys.main = r, sys.modules['__main__']\n"
        "keep = r.empty((5000, 1000))[0]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_convolutions_and_pools_lie_there() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1, 3, 610, 900), np.float32)
    w = rng.standard_normal((9, 3, 3, 2), np.float32)
    conv = cw.Conv(w, padding="same")
    before = conv(x)
    expected, place = before.copy(), before.ctypes.data
    if conv._prepared:  # Without kernels NumPy serves, which asks the system.
        del before
        assert conv(x).ctypes.data == place
    np.testing.assert_array_equal(conv(x), expected)
    np.testing.assert_array_equal(cw.conv2d(x, w, padding="same"), expected)
