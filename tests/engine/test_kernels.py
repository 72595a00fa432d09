"""Compiled kernels: right on random problems, inside their buffers, and unharmed by what users do to processes."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import ISAS, Case, cases, drawn_for, expected, scale
from processes import POSSIBLE, compile_c, guard, python

from convwise.engine import Conv, conv2d, native, plan
from convwise.engine.options import ALGORITHMS
from convwise.errors import ArgumentError, ConvwiseError, ShapeError

KERNELS = native.library() is not None
BUILT = native.library()
CONVS = tuple(
    name
    for name in ("direct", "winograd", "depthwise", "grouped", "first", "planes")
    if BUILT is not None and any(symbol.startswith(f"cw_{name}_") for symbol in BUILT.symbols)
)
needed = pytest.mark.skipif(not KERNELS, reason="no kernels here")


def test_kernels_are_in_use_where_they_can_be_built() -> None:
    """Falls back in silence nowhere: on such a machine an installation without kernels is a defect."""
    if os.environ.get("CONVWISE_KERNELS"):
        pytest.skip("chosen by CONVWISE_KERNELS")
    buildable = (
        sys.platform == "linux" and os.uname().machine == "x86_64" and (3, 11) <= sys.version_info[:2] <= (3, 13)
    )
    if not buildable or not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("kernels are not built here")
    assert native.why_none() is None, (
        "pip install . builds them, or: python -m convwise.engine.kernels.build (needs halide)"
    )


def check(case: Case, family: str | None) -> None:
    x, w, bias = case.arrays()
    wanted = expected(case)
    try:
        result = Conv(w, bias, algorithm=family, threads=case.threads, **case.options())(
            x, case.residual_like(wanted.shape)
        )
    except ArgumentError as error:
        if error.code != "CW607":
            raise
        return
    assert result.shape == wanted.shape
    assert result.dtype == np.float32
    if family in ("direct", "pointwise", "depthwise", "grouped", "first", "planes") and case.activation not in (
        "silu",
        "hardswish",
    ):
        assert np.array_equal(result, wanted)
    else:
        assert np.allclose(result, wanted, rtol=1e-5, atol=4e-6 * scale(case))


@needed
@pytest.mark.parametrize("family", [*CONVS, None])
def test_every_kernel_gives_the_answer(family: str | None) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(drawn_for(family))
    def every(case: Case) -> None:
        check(case, family)

    every()


@needed
@pytest.mark.parametrize("isa", ISAS or ["none"])
@pytest.mark.parametrize("family", [*CONVS, "edges", "long", "near_nchw"])
def test_no_byte_outside_is_touched(family: str, isa: str, tmp_path: Path) -> None:
    fenced = compile_c("fenced_malloc.c", tmp_path) if POSSIBLE else None
    assert "cases between forbidden pages" in guard("kernel_guard.py", family, "60", isa=isa, preload=fenced)


@needed
def test_the_fence_bites() -> None:
    """One number read past the end ends the process: else the test above proves nothing."""
    code = (
        "import numpy as np; from kernel_cases import Fence\n"
        "a = Fence().of(np.ones(10, np.float32), at_end=True)\n"
        "print(np.lib.stride_tricks.as_strided(a, (11,)).sum())"
    )
    assert python(["-c", code]).returncode < 0


RNG = np.random.default_rng(0)
X = RNG.integers(-9, 10, (2, 20, 17, 19)).astype(np.float32)
W = RNG.integers(-9, 10, (33, 20, 3, 3)).astype(np.float32)
B = RNG.integers(-9, 10, 33).astype(np.float32)
Y = conv2d(X, W, B, padding=1, algorithm="windows")


@needed
@pytest.mark.parametrize("family", CONVS)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_memory_orders_give_the_same_numbers(family: str, layout: str) -> None:
    try:
        conv = Conv(W, B, padding=1, layout=layout, algorithm=family)
        conv(X if layout == "NCHW" else X.transpose(0, 2, 3, 1))
    except ArgumentError:
        pytest.skip(f"{family} does not run this layer")
    x, y = (X, Y) if layout == "NCHW" else (X.transpose(0, 2, 3, 1), Y.transpose(0, 2, 3, 1))
    spread = np.zeros([3 * n for n in x.shape], np.float32)
    spread[::3, ::3, ::3, ::3] = x
    same = np.array_equal if family != "winograd" else lambda a, b: np.allclose(a, b, rtol=0, atol=4e-6 * abs(b).max())
    bytes_ = np.zeros(x.nbytes + 64, np.uint8)
    for offset in range(1, 64, 7):
        place = bytes_[offset : offset + x.nbytes].view(np.float32).reshape(x.shape)
        place[...] = x
        assert same(conv(place), y), offset
    locked = x.copy()
    locked.flags.writeable = False
    broadcast = np.broadcast_to(x[:1, :1, :1, :1], x.shape)
    for other in (
        np.ascontiguousarray(x),
        np.asfortranarray(x),
        spread[::3, ::3, ::3, ::3],
        x[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1],
        locked,
        x.astype(">f4"),
    ):
        assert same(conv(other), y)
    wanted = Conv(W, B, padding=1, layout=layout, algorithm="windows")(np.ascontiguousarray(broadcast))
    assert same(conv(broadcast), wanted)


@needed
@pytest.mark.parametrize("family", CONVS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e-42])
@pytest.mark.parametrize("activation", [None, "relu", "silu", "hardswish"])
def test_special_values_reach_the_outputs_that_read_them(family: str, value: float, activation: str | None) -> None:
    x = X.copy()
    x[1, 3, 8, 9] = value
    options = {"padding": 1, "activation": activation}
    try:
        result = conv2d(x, W, B, algorithm=family, **options)
    except ArgumentError:
        pytest.skip(f"{family} does not run this layer")
    wanted = conv2d(x, W, B, algorithm="windows", **options)
    if family == "winograd":
        seen = ~np.isfinite(wanted)
        assert not np.isfinite(result[seen & np.isnan(wanted)]).any()
        return
    assert np.array_equal(np.isnan(result), np.isnan(wanted))
    assert np.allclose(result, wanted, rtol=1e-5, atol=1e-4, equal_nan=True)


@needed
def test_eight_threads_at_once() -> None:
    conv = Conv(W, B, padding=1, algorithm="direct")
    wrong = []

    def work(seed: int) -> None:
        for turn in range(20):
            x = np.random.default_rng(seed + turn).integers(-9, 10, X.shape).astype(np.float32)
            if not np.array_equal(conv(x), conv2d(x, W, B, padding=1, algorithm="windows")):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(100 * seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


FORK = """
import ctypes, os, signal, threading, numpy as np
from convwise.engine import Conv
rng = np.random.default_rng(0)
conv = Conv(rng.standard_normal((32, 32, 3, 3)).astype("f4"), padding=1, threads=3)
x = rng.standard_normal((1, 32, 40, 40)).astype("f4")
y = conv(x)
stop = []
def spin():
    while not stop:
        assert np.array_equal(conv(x), y)
threads = [threading.Thread(target=spin) for _ in range(2)]
[thread.start() for thread in threads]
for _ in range(10):
    child = os.fork()
    if not child:
        os._exit(0 if np.array_equal(conv(x), y) and np.array_equal(conv(x), y) else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.append(1)
[thread.join() for thread in threads]
assert np.array_equal(conv(x), y)
child = ctypes.PyDLL(None).fork()  # a library's own, of which Python does not hear
if not child:
    signal.alarm(20)
    os._exit(0 if np.array_equal(conv(x), y) and len(os.listdir("/proc/self/task")) == 3 else 1)
assert os.waitpid(child, 0)[1] == 0
print("right")
"""


@needed
def test_a_fork_before_during_and_after_use() -> None:
    done = python(["-W", "ignore", "-c", FORK])
    assert done.stdout.strip() == "right", done.stderr


HELD = """
import os, signal, sys, threading, time, numpy as np
import convwise.torch.nn.functional as functional
from convwise import torch
from convwise.engine import conv2d, native, remembered
x, w = (np.arange(size, dtype="f4").reshape(shape) for size, shape in ((540, (2, 3, 9, 10)), (108, (4, 3, 3, 3))))
right = conv2d(x, w, algorithm="windows")
held = {"library": native._loading, "weights": remembered._shelf.lock}[sys.argv[1]]
taken = threading.Event()
def hold():
    with held:
        taken.set()
        time.sleep(0.2)
thread = threading.Thread(target=hold)
thread.start()
taken.wait()
child = os.fork()
if not child:
    signal.alarm(20)  # what waits for ever ends so
    same = np.allclose(conv2d(x, w), right) and np.allclose(functional.conv2d(torch.tensor(x), torch.tensor(w)).numpy(), right)
    os._exit(0 if same else 1)
print(os.waitpid(child, 0)[1], np.allclose(conv2d(x, w), right))
thread.join()
"""


@needed
@pytest.mark.parametrize("held", ["library", "weights"])
def test_a_fork_waits_for_what_another_thread_holds(held: str) -> None:
    done = python(["-W", "ignore", "-c", HELD, held])
    assert done.stdout.strip() == "0 True", done.stderr


SIGNAL = """
import os, signal, threading, time, numpy as np
from convwise.engine import Conv
signal.signal(signal.SIGINT, signal.default_int_handler)
x = np.ones((1, 64, 700, 700), "f4")
conv = Conv(np.zeros((128, 64, 3, 3), "f4"), padding=1, algorithm="direct", threads=1)
conv(x)
start = time.perf_counter()
conv(x)
whole = time.perf_counter() - start
sent = []
def interrupt():
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(whole / 10, interrupt).start()
try:
    while True:
        conv(x)
except KeyboardInterrupt:
    print((time.perf_counter() - sent[0]) / whole)
"""


@needed
def test_ctrl_c_is_heard_soon() -> None:
    """Relative to the whole call, so that a busy machine does not matter."""
    done = python(["-c", SIGNAL])
    assert float(done.stdout) < 0.5, (done.stdout, done.stderr)


MODE = """
import numpy as np
tiny = np.array([1e-40], "f4")
from convwise.engine import conv2d
y = conv2d(np.full((1, 1, 1, 1), 1e-40, "f4"), np.ones((1, 1, 1, 1), "f4"), threads=2)
assert y.item() == tiny.item() != 0, y
assert (tiny * np.float32(1)).item() != 0
print("right")
"""


@needed
def test_denormals_stay() -> None:
    assert python(["-c", MODE]).stdout.strip() == "right"


@needed
@pytest.mark.parametrize("threads", ["0", "many", "-1", "2.0"])
def test_a_wrong_number_of_threads_in_the_environment_is_named(threads: str) -> None:
    code = "import numpy as np, convwise as cw; cw.conv2d(np.ones((1, 1, 3, 3), 'f4'), np.ones((1, 1, 1, 1), 'f4'))"
    done = python(["-c", code], CONVWISE_THREADS=threads)
    assert f"CONVWISE_THREADS must be an integer from 1 to 1024, not {threads!r}" in done.stderr


@needed
def test_a_kernel_that_cannot_run_says_why() -> None:
    for family in ALGORITHMS:
        if family in ("direct", "windows", "reference"):
            continue
        with pytest.raises(
            ArgumentError, match=f"{family} cannot run here: kernels compute float32, and this is float64"
        ) as told:
            conv2d(np.ones((1, 2, 5, 5)), np.ones((2, 2, 3, 3)), algorithm=family)
        assert told.value.code == "CW607"


def test_without_kernels_numpy_serves() -> None:
    code = (
        "import numpy as np, convwise as cw\nfrom convwise.engine import native\n"
        "x, w = np.ones((1, 2, 5, 5), 'f4'), np.ones((3, 2, 3, 3), 'f4')\n"
        "assert cw.conv2d(x, w, algorithm='direct')[0, 0, 0, 0] == cw.conv2d(x, w).max() == 18\n"
        "print(native.why_none())"
    )
    assert python(["-c", code], CONVWISE_KERNELS="off").stdout.strip() == "CONVWISE_KERNELS is off"


@needed
@settings(max_examples=120, deadline=None)
@given(st.data())
def test_slices_of_rows_and_images_give_the_same(data: st.DataObject) -> None:
    """Long work is cut into calls of a few rows; here after very few multiply-adds."""
    from convwise.engine import compiled

    point = cases(kernels=st.just(1), padding=st.just(0), each_in=st.integers(1, 40), each_out=st.integers(1, 40))
    case = data.draw(st.one_of(cases(most=20), point))
    kept = compiled.SLICE
    compiled.SLICE = data.draw(st.integers(100, 100_000))
    try:
        check(case, data.draw(st.sampled_from([*CONVS, None])))
    finally:
        compiled.SLICE = kept


@needed
@pytest.mark.parametrize("stride", [1, (2, 1), 2])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_1x1_layer_of_many_multiply_adds_is_whole(layout: str, stride: object) -> None:
    """More than one call takes: 10**9 for each thread."""
    rng = np.random.default_rng(7)
    down, across = (stride, stride) if isinstance(stride, int) else (2, 1)
    x = rng.integers(-3, 4, (1, 66 * down, 64 * across, 512)).astype(np.float32)
    w = rng.integers(-3, 4, (512, 512, 1, 1)).astype(np.float32)
    wanted = x[:, ::down, ::across] @ w[:, :, 0, 0].T
    data = x if layout == "NHWC" else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    result = conv2d(data, w, stride=stride, layout=layout, threads=1)
    assert np.array_equal(result if layout == "NHWC" else result.transpose(0, 2, 3, 1), wanted)


@needed
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(drawn_for("direct"), drawn_for(None)), st.lists(st.integers(0, 30), min_size=6, max_size=6))
def test_one_convolution_takes_inputs_of_several_sizes(case: Case, more: list[int]) -> None:
    """The kernel, its tiles and whether groups are computed together may differ; packed weights are shared where they can be."""
    x, w, bias = case.arrays()
    options = case.options()
    conv, plain = Conv(w, bias, threads=case.threads, **options), Conv(w, bias, algorithm="windows", **options)
    # Rounding is told by the largest sum, which a clamp may cut off.
    sums = Conv(w, bias, algorithm="windows", **{**options, "activation": None})
    rows, columns = (1, 2) if case.layout == "NHWC" else (2, 3)
    rng = np.random.default_rng(case.seed)
    for down, across in zip(more[::2], more[1::2], strict=True):
        shape = list(x.shape)
        shape[rows] += down
        shape[columns] += across
        other = rng.integers(-4, 5, shape).astype(np.float32)
        wanted = plain(other)
        largest = max(float(abs(sums(other)).max(initial=0)), 1.0)
        assert np.allclose(conv(other), wanted, rtol=1e-5, atol=4e-6 * largest)


@needed
@pytest.mark.parametrize("algorithm", [None, "direct"])
def test_groups_computed_together_and_apart_have_weights_of_their_own(algorithm: str | None) -> None:
    rng = np.random.default_rng(8)
    w = rng.integers(-4, 5, (192, 32, 5, 5)).astype(np.float32)
    options = {"padding": 2, "groups": 2, "layout": "NHWC"}
    conv = Conv(w, threads=4, algorithm=algorithm, **options)
    for shape in ((1, 37, 37, 64), (1, 13, 36, 64), (1, 44, 44, 64), (1, 50, 45, 64)):
        x = rng.integers(-4, 5, shape).astype(np.float32)
        wanted = conv2d(x, w, algorithm="windows", **options)
        assert np.allclose(conv(x), wanted, rtol=1e-5, atol=4e-6 * float(abs(wanted).max()))


@needed
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(kernels=st.sampled_from([1, 1, 2]), steps=st.integers(1, 4), padding=st.sampled_from([0, 0, 0, 1])))
def test_rows_that_a_window_steps_over_are_left_out(case: Case) -> None:
    check(case, None)


@needed
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("stride", [2, 5])
def test_rows_that_a_window_steps_over_take_no_room(layout: str, stride: int) -> None:
    """57 rows in steps are planned as the rows that are read."""

    def planned(rows: int, step: int) -> tuple[object, ...]:
        shape = (1, 64, rows, 90) if layout == "NCHW" else (1, rows, 90, 64)
        found = plan(
            shape, (32, 64, 1, 3), stride=(step, 2), padding=(0, 1), threads=1, layout=layout, algorithm="direct"
        )
        return found.tiles, found.workspace

    assert planned(57, stride) == planned(-(-57 // stride), 1)


@needed
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(), st.integers(1, 20))
def test_sums_in_parts_give_the_same(case: Case, depth: int) -> None:
    """Many channels are added up by several calls, each on top of what is there; here after very few."""
    from convwise.engine import planning
    from convwise.engine.families import direct

    kept, direct._depths = (
        direct._depths,
        lambda problem, block, form: (min(depth, problem.channels // problem.groups),),
    )
    try:
        planning.choose.cache_clear()
        check(case, "direct")
    finally:
        direct._depths = kept
        planning.choose.cache_clear()


@needed
def test_one_thread_is_one_after_two() -> None:
    """A pool that was larger once goes on with all its threads, unless it is told to end."""
    x, w = np.ones((1, 200, 200, 64), np.float32), np.ones((64, 64, 5, 5), np.float32)
    # Packing for Winograd multiplies matrices, after which NumPy's own threads stay busy for a while.
    convs = [Conv(w, threads=threads, layout="NHWC", algorithm="direct") for threads in (2, 1)]
    for conv in convs:
        conv(x)
    wall, busy = time.perf_counter(), time.process_time()
    for _ in range(5):
        convs[1](x)
    assert time.process_time() - busy < 1.2 * (time.perf_counter() - wall) + 0.02


@needed
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_slice_of_a_long_layer_has_work_for_every_thread(threads: int) -> None:
    from convwise.axis import Pads, Window
    from convwise.engine.calls import problem_of
    from convwise.engine.compiled import SLICE, _slices
    from convwise.engine.planning import choose
    from convwise.machine import cores

    threads = min(threads, cores())  # more of them do no more between two looks at Ctrl-C
    axis = Window(3, dilation=6, padding=Pads(6, 6)).over(70)
    asked = problem_of((1, 512, 70, 70), 512, 1, [axis, axis], "NHWC", threads=threads)
    assert asked is not None
    choice = choose(asked, "direct")
    assert choice is not None
    assert choice.macs > SLICE * threads
    *_, rows = _slices(asked, choice, (1, 1, 1, 1), (1, 1, 1, 1), 1)
    assert rows >= min(threads * dict(choice.tiles)["rows of a task"], 70)


@needed
@pytest.mark.parametrize("exponent", [20, 29, 31, 40, 62])
@pytest.mark.parametrize("option", ["stride", "padding", "dilation"])
def test_numbers_that_leave_32_bits_do_no_harm(option: str, exponent: int) -> None:
    """ctypes would cut them off in silence."""
    x, w = np.ones((1, 3, 5, 5), np.float32), np.ones((2, 3, 2, 2), np.float32)
    options = {"stride": 2**exponent} if option != "dilation" else {}
    options |= {option: 2**exponent}
    for algorithm in (None, "direct"):
        try:
            result = conv2d(x, w, algorithm=algorithm, **options)
        except ShapeError as error:
            if error.code not in ("CW104", "CW107", "CW507"):
                raise
        else:
            assert np.array_equal(result, conv2d(x, w, algorithm="reference", **options))


def test_a_plan_tells_what_runs_and_why_not_the_others() -> None:
    found = plan((1, 64, 56, 56), (64, 64, 3, 3), padding=1, algorithm="direct" if KERNELS else None)
    text = str(found)
    assert "1 x 64 x 56 x 56 NCHW with 64 x 64 x 3 x 3 weights -> 1 x 64 x 56 x 56" in text
    assert "115,605,504 MACs" in text
    assert found.macs == 115_605_504
    if KERNELS:
        assert found.algorithm == "direct"
        assert {one.algorithm for one in found.rejected} >= {"winograd", "depthwise", "windows"}
        assert found.workspace <= 8 * 2**20
        assert found.done >= found.macs
    else:
        assert found.kernel is None
        assert "no kernels" in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (((1, 2, 3), (1, 1, 1)), "CW605", "w_shape must have 4 sizes"),
        (((1,), (1, 1, 1, 1)), "CW605", "x_shape must have 3 or 4 sizes"),
        (((1, 2, 5, 5), (1, 3, 1, 1)), "CW102", "channels"),
        (((1, 2, 5, 5), (1, 2, 7, 7)), "CW104", "7"),
        (((1, 2, 5, 0), (1, 2, 1, 1)), "CW606", "x_shape[3] must be an integer of at least 1"),
        (("no", (1, 2, 1, 1)), "CW606", "x_shape[0] must be an integer"),
    ],
)
def test_refused_plans(arguments: tuple[object, object], code: str, words: str) -> None:
    with pytest.raises(ConvwiseError) as told:
        plan(*arguments)
    assert told.value.code == code
    assert words in str(told.value)
