"""Compiled kernels and what a process around them may do: odd arrays, small stacks, broken libraries, a clean import."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import python

from convwise.engine import Conv, conv2d, native

LIBRARY = native.library()
needed = pytest.mark.skipif(LIBRARY is None, reason="no kernels here")
RNG = np.random.default_rng(0)

LAYERS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "direct": ((2, 5, 9, 10), (7, 5, 3, 2), {"stride": (1, 2), "padding": 1}),
    "winograd": ((1, 9, 9, 10), (11, 9, 3, 3), {"padding": 1}),
    "depthwise": ((2, 6, 9, 10), (6, 1, 3, 3), {"padding": (1, 0), "groups": 6}),
    "grouped": ((2, 6, 9, 10), (9, 2, 3, 3), {"groups": 3}),
    "first": ((2, 3, 9, 10), (7, 3, 3, 3), {"stride": 2, "padding": 1}),
    "planes": ((2, 5, 9, 10), (7, 5, 1, 1), {}),
}
"""Shapes of input and weights, and options, of a layer for each family."""


def layer(family: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Whole numbers, whose sums are exact in every order."""
    x, w, options = LAYERS[family]
    arrays = (RNG.integers(-9, 10, shape).astype(np.float32) for shape in (x, w, w[:1]))
    return (*arrays, options)  # type: ignore[return-value]


def same(family: str, got: np.ndarray, wanted: np.ndarray) -> bool:
    if family != "winograd":
        return np.array_equal(got, wanted)
    return got.shape == wanted.shape and bool(abs(got - wanted).max() <= 4e-6 * abs(wanted).max())


@needed
@pytest.mark.parametrize("family", LAYERS)
def test_all_64_alignments(family: str) -> None:
    """Input, weights and bias begin at every byte of a cache line, those that no float32 begins at among them."""
    x, w, bias, options = layer(family)
    wanted = conv2d(x, w, bias, algorithm="windows", **options)
    raw = np.zeros(max(x.nbytes, w.nbytes) + 256, np.uint8)
    start = -raw.ctypes.data % 64

    def placed(array: np.ndarray, offset: int, room: np.ndarray) -> np.ndarray:
        part = room[start + offset : start + offset + array.nbytes].view(np.float32).reshape(array.shape)
        part[...] = array
        return part

    for offset in range(64):
        assert same(family, conv2d(placed(x, offset, raw), w, bias, algorithm=family, **options), wanted), offset
        assert same(family, conv2d(x, placed(w, offset, raw), bias, algorithm=family, **options), wanted), offset
        assert same(family, conv2d(x, w, placed(bias, offset, raw), algorithm=family, **options), wanted), offset


@needed
@pytest.mark.parametrize("family", LAYERS)
def test_what_lies_between_the_numbers_is_neither_read_nor_written(family: str) -> None:
    """NaN in the gaps of a view: one that were read would be seen, one that were written too."""
    x, w, bias, options = layer(family)
    wanted = conv2d(x, w, bias, algorithm="windows", **options)
    spread = np.full([2 * size + 3 for size in x.shape], np.nan, np.float32)
    view = spread[tuple(slice(1, 1 + 2 * size, 2) for size in x.shape)]
    view[...] = x
    before = spread.tobytes()
    for _ in range(2):
        assert same(family, conv2d(view, w, bias, algorithm=family, **options), wanted)
    assert spread.tobytes() == before


@needed
@pytest.mark.parametrize("family", LAYERS)
def test_a_residual_that_is_the_input_or_overlaps_with_it(family: str) -> None:
    """Neither is written, so that both are still what they were afterwards."""
    x, w, bias, options = layer(family)
    conv = Conv(w, bias, algorithm=family, activation="relu", **options)
    shape = conv(x).shape
    pool = RNG.integers(-9, 10, 4 * max(x.size, int(np.prod(shape)))).astype(np.float32)
    for shift in (0, 1, 7, x.size // 2):
        data = pool[: x.size].reshape(x.shape)
        residual = pool[shift : shift + int(np.prod(shape))].reshape(shape)
        before = pool.tobytes()
        wanted = Conv(w, bias, algorithm="windows", activation="relu", **options)(data.copy(), residual.copy())
        assert same(family, conv(data, residual), wanted)
        assert pool.tobytes() == before


@needed
@pytest.mark.parametrize("family", LAYERS)
def test_arrays_that_nobody_else_holds(family: str) -> None:
    """Temporaries, converted copies among them, live until the kernel is done; the result outlives everything."""
    x, w, bias, options = layer(family)
    wanted = conv2d(x, w, bias, algorithm="windows", **options)
    results = []
    for _ in range(30):
        for kind in ("<f4", ">f4", "f2"):
            results.append(Conv((w + 0).astype(kind), bias + 0, algorithm=family, **options)((x + 0).astype(kind)))
            np.full(x.shape, np.nan, np.float32)
        gc.collect(0)
    for result in results:
        assert result.base is None or result.flags.writeable
        assert np.allclose(result.astype(np.float32), wanted, rtol=2e-3, atol=2e-3 * abs(wanted).max())
        assert not np.isnan(result).any()


@needed
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("algorithm", ["direct", None])
def test_weights_that_are_not_finite_meet_padding_as_numpy_says(value: float, algorithm: str | None) -> None:
    """0 times infinity is NaN, on padding too, as in PyTorch: no kernel leaves such a product out."""
    x, w = np.ones((1, 9, 9, 10), np.float32), np.ones((8, 9, 3, 3), np.float32)
    w[2, 3, 0, 1] = value
    for padding in (1, 4):
        got = conv2d(x, w, padding=padding, algorithm=algorithm)
        wanted = conv2d(x, w, padding=padding, algorithm="windows")
        assert np.array_equal(got, wanted, equal_nan=True)
        assert np.isnan(got[0, 2, 0]).any()


@needed
def test_large_finite_numbers_stay_finite_where_the_exact_kernel_is_asked_for() -> None:
    """Winograd adds up a few inputs before it multiplies: its documented limit, and the way out."""
    x, w = np.zeros((1, 16, 12, 12), np.float32), np.zeros((16, 16, 3, 3), np.float32)
    x[0, :, 4:8, 4:8], w[:, :, 1, 1] = 1e38, 1 / 16
    exact = conv2d(x, w, padding=1, algorithm="direct")
    assert np.isfinite(exact).all()
    assert np.isclose(exact.max(), 1e38)


MXCSR = """
import ctypes
def mxcsr():
    state = (ctypes.c_uint32 * 8)()
    assert ctypes.CDLL("libm.so.6").fegetenv(state) == 0
    return state[7] & ~0x3F        # the lowest six are flags of what happened, not settings
"""

HYGIENE = """
import locale, os, signal, sys, threading, warnings
before = None
def state():
    return (
        [signal.getsignal(number) for number in signal.valid_signals()], locale.setlocale(locale.LC_ALL), list(warnings.filters),
        warnings.showwarning, dict(os.environ), os.getcwd(), sys.path[:], sys.excepthook, sys.getrecursionlimit(),
        threading.stack_size(), sys.getswitchinterval(), mxcsr(), os.umask(0o22),
    )
os.umask(0o22)
import numpy as np
errors = np.geterr()
before = state()
import convwise as cw
x = np.ones((1, 16, 20, 20), "f4")
for threads in (1, 3):
    for layout in ("NCHW", "NHWC"):
        cw.Conv(np.ones((16, 20 if layout == "NHWC" else 16, 3, 3), "f4"), layout=layout, activation="silu", threads=threads)(x)
cw.max_pool2d(x, 2)
after = state()
assert before == after, [(a, b) for a, b in zip(before, after) if a != b]
assert np.geterr() == errors
print("clean")
"""


@needed
@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="reads glibc's fenv_t of x86-64")
def test_importing_and_running_change_nothing_of_the_process() -> None:
    """Signals, locale, warnings, environment, floating point control (a library with fast-math sets it when it is loaded)."""
    done = python(["-c", MXCSR + HYGIENE])
    assert done.stdout.strip() == "clean", done.stderr


@needed
@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="reads glibc's fenv_t of x86-64")
def test_a_changed_control_word_would_be_seen() -> None:
    code = (
        MXCSR + "one = mxcsr()\nstate = (ctypes.c_uint32 * 8)()\nm = ctypes.CDLL('libm.so.6')\n"
        "m.fegetenv(state)\nstate[7] |= 0x8040\nm.fesetenv(state)\nprint(mxcsr() != one)"
    )
    assert python(["-c", code]).stdout.strip() == "True"


STACKS = """
import resource, threading
resource.setrlimit(resource.RLIMIT_STACK, (256 * 1024, 256 * 1024))      # what threads of the kernels' pool get
import numpy as np
from convwise.engine import Conv
from test_kernels_hostile import LAYERS, layer, same
wrong = []
def work():
    for family in LAYERS:
        x, w, bias, options = layer(family)
        for layout in ("NCHW", "NHWC"):
            data = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
            told = {**options, "layout": layout, "activation": "silu"}
            got = Conv(w, bias, algorithm=family, threads=3, **told)(data)
            wanted = Conv(w, bias, algorithm="windows", **told)(data)
            if abs(got - wanted).max() > 4e-6 * max(abs(wanted).max(), 1000):
                wrong.append((family, layout))
threading.stack_size(64 * 1024)
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(wrong or "right")
"""


@needed
def test_threads_with_small_stacks() -> None:
    done = python(["-c", STACKS])
    assert done.stdout.strip() == "right", (done.returncode, done.stderr[-2000:])


SERVED = """
import warnings
from pathlib import Path
from convwise import machine
machine.LIBRARY = Path({library!r})
machine.MANIFEST = Path({manifest!r})
import numpy as np, convwise as cw
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for _ in range(3):
        assert cw.conv2d(np.ones((1, 2, 5, 5), "f4"), np.ones((3, 2, 3, 3), "f4")).max() == 18
    assert cw.plan((1, 2, 5, 5), (3, 2, 3, 3)).kernel is None
from convwise.engine import native
print(len(told), native.why_none())
"""

BROKEN = ["missing", "empty", "half", "almost whole", "text", "another program's", "without our symbols", "a folder"]


def broken(how: str, folder: Path) -> Path:
    place, whole = folder / "library.so", native.machine.LIBRARY.read_bytes()
    if how == "a folder":
        place.mkdir()
    elif how == "without our symbols":
        import _ctypes

        shutil.copy(_ctypes.__file__, place)
    elif how != "missing":
        cut = {"empty": 0, "half": len(whole) // 2, "almost whole": len(whole) - 1, "text": 0, "another program's": 64}
        content = {"text": b"not a library\n" * 99, "another program's": whole[:18] + b"\xb7\x00" + whole[20:]}
        place.write_bytes(content.get(how, whole[: cut[how]]))
    return place


@needed
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_library_is_told_once_and_numpy_serves(how: str, tmp_path: Path) -> None:
    code = SERVED.format(library=str(broken(how, tmp_path)), manifest=str(native.machine.MANIFEST))
    done = python(["-c", code])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 the kernel library does not load: "), done.stdout


@needed
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"halide": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_manifest_means_no_kernels(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "kernels.json").write_bytes(content)
    code = SERVED.format(library=str(native.machine.LIBRARY), manifest=str(tmp_path / "kernels.json"))
    done = python(["-c", code])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0 no kernels were built when convwise was installed"


@needed
def test_symbols_that_the_manifest_makes_up_are_not_called(tmp_path: Path) -> None:
    """A library and a manifest of two builds: nothing of it is used, since a missing kernel would be found in the middle of a call."""
    told = json.loads(native.machine.MANIFEST.read_text(encoding="utf-8"))
    told["symbols"] += [f"cw_direct_made_up_{isa}" for isa in told["isas"]]
    (tmp_path / "kernels.json").write_text(json.dumps(told), encoding="utf-8")
    code = SERVED.format(library=str(native.machine.LIBRARY), manifest=str(tmp_path / "kernels.json"))
    done = python(["-c", code])
    assert done.stdout.startswith("1 the kernel library does not load: "), (done.stdout, done.stderr)
    assert "made_up" in done.stdout


@needed
def test_every_instruction_set_of_this_processor_gives_the_same() -> None:
    """An older processor is one that says less of itself: the kernels for it are run here."""
    told = native.machine.built()
    assert told is not None
    names = [
        isa.name
        for isa in native.machine.usable(native.machine.architecture(), native.machine.flags())
        if isa.name in told.isas
    ]
    code = (
        "import numpy as np\nfrom convwise.engine import conv2d, native\nfrom test_kernels_hostile import LAYERS\n"
        "rng = np.random.default_rng(3)\n"
        "for family, (x, w, options) in LAYERS.items():\n"
        "    a, b = (rng.integers(-9, 10, shape).astype('f4') for shape in (x, w))\n"
        "    print(native.library().isa.name, [float(v) for v in np.rint(conv2d(a, b, algorithm=family, **options).ravel()[::7]) + 0.0])"
    )
    found = {name: python(["-c", code], CONVWISE_KERNELS=name) for name in names}
    assert all(done.returncode == 0 for done in found.values()), [done.stderr[-500:] for done in found.values()]
    numbers = {name: done.stdout.replace(name, "") for name, done in found.items()}
    assert len(set(numbers.values())) == 1
    assert all(done.stdout.count(name) == len(LAYERS) for name, done in found.items())


FAULTS = """
import resource
import numpy as np
from convwise.engine import Conv
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
most = 0
for layout in ("NCHW", "NHWC"):
    for side in (40, 48, 56, 64, 72):
        x = np.ones((1, 16, side, side) if layout == "NCHW" else (1, side, side, 16), "f4")
        conv = Conv(np.ones((16, 16, 3, 3), "f4"), padding=1, layout=layout, threads=2)
        for _ in range(5):
            conv(x)
        before = faults()
        for _ in range(50):
            conv(x)
        most = max(most, (faults() - before) / 50)
print(most)
"""


@needed
@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults as Linux does")
def test_a_small_layer_does_not_get_new_pages_in_every_call() -> None:
    """glibc gave the end of its heap back to the system after each call, and the next one got it back page by page."""
    done = python(["-c", FAULTS])
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 10
