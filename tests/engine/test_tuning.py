"""`tune=True`: the fastest of the planner's candidates, remembered in a file that nobody has to trust."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.engine import Conv, native, notebook, plan, planning, tuning
from convwise.engine.problem import Choice
from convwise.errors import ArgumentError

needed = pytest.mark.skipif(native.library() is None, reason="no kernels here")
SHAPES: tuple[Any, Any] = ((1, 16, 18, 19), (24, 16, 3, 3))
OPTIONS: dict[str, Any] = {"padding": 1, "layout": "NCHW", "threads": 1}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(notebook.PLACE, str(tmp_path / "cache"))
    monkeypatch.setattr(tuning, "ROUND", 1e-4)
    tuning.forget()
    return tmp_path / "cache"


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds by kernel instead of a clock: {"": seconds of those not named}; the counter under "measured"."""
    told = {"": 1.0, "measured": 0.0}

    class Fake:
        def __init__(self, arrays: object, choice: Choice, kernels: object) -> None:
            self.symbol = choice.symbol

        def seconds(self) -> float:
            told["measured"] += 1
            return next((value for name, value in told.items() if name and name in self.symbol), told[""])

        quick = seconds

    monkeypatch.setattr(tuning, "_Contender", Fake)
    return told


def tuned() -> Any:
    return plan(*SHAPES, **OPTIONS, tune=True)


@needed
def test_the_fastest_is_taken_and_told(timed: dict[str, float], folder: Path) -> None:
    assert plan(*SHAPES, **OPTIONS).algorithm == "winograd"
    timed["direct_8x2"] = 0.5
    found = tuned()
    assert found.kernel is not None
    assert "direct_8x2" in found.kernel
    assert found.measured.gain == 2.0
    text = re.sub(r"\s+", " ", str(found))
    assert "measured 500,000 us, the fastest of " in text
    assert "the cost model's own, cw_winograd" in text
    assert "takes 1,000,000 us, 2.00 times as long" in text
    assert f"remembered in {folder / 'measured.json'}" in text
    assert "winograd: not faster when measured; the cost model expects about 0." in text
    assert found.to_dict()["measured"]["gain"] == 2.0
    assert json.loads(json.dumps(found.to_dict()))["measured"]["again"] is False


@needed
def test_it_is_measured_once(timed: dict[str, float]) -> None:
    timed["direct_8x2"] = 0.5
    first, count = tuned(), timed["measured"]
    assert count > 0
    assert tuned().measured == replace(first.measured, again=True)
    tuning.forget()
    from_file = tuned()
    assert timed["measured"] == count
    assert from_file.kernel == first.kernel
    assert from_file.measured == replace(first.measured, again=True)
    assert "known from before in " in str(from_file)


@needed
def test_a_little_faster_is_noise(timed: dict[str, float]) -> None:
    timed["direct_8x2"] = 0.99
    found = tuned()
    assert found.algorithm == "winograd"
    assert found.measured.gain == 1.0
    assert "as the cost model chose" in str(found)


@needed
@pytest.mark.parametrize("other", [{"threads": 2}, {"layout": "NHWC"}, {"activation": "relu"}, {"padding": 0}])
def test_another_problem_is_measured_anew(timed: dict[str, float], other: dict[str, Any]) -> None:
    tuned()
    count = timed["measured"]
    shape = SHAPES[0] if other.get("layout") != "NHWC" else (1, 18, 19, 16)
    plan(shape, SHAPES[1], **{**OPTIONS, **other}, tune=True)
    assert timed["measured"] > count


@needed
@pytest.mark.parametrize("part", ["version", "library", "processor", "candidates"])
def test_another_machine_or_release_is_measured_anew(
    timed: dict[str, float], monkeypatch: pytest.MonkeyPatch, part: str, tmp_path: Path
) -> None:
    import convwise

    tuned()
    count = timed["measured"]
    tuning.forget()
    tuning._here.cache_clear()
    if part == "version":
        monkeypatch.setattr(convwise, "__version__", "999")
    elif part == "library":
        (tmp_path / "other.so").write_bytes(b"other")
        monkeypatch.setattr(tuning.machine, "LIBRARY", tmp_path / "other.so")
    elif part == "processor":
        monkeypatch.setattr(tuning.machine, "cpuinfo", lambda: {"model name": "another"})
    else:
        kept = tuning._choices
        monkeypatch.setattr(tuning, "_choices", lambda *told: kept(*told)[:-1])
    try:
        tuned()
    finally:
        tuning._here.cache_clear()
    assert timed["measured"] > count


def contents(key: str, good: dict[str, Any]) -> dict[str, bytes]:
    """Files that are damaged, foreign or hostile."""

    def entry(value: Any) -> bytes:
        return json.dumps({"form": 1, "entries": {key: value}}).encode()

    return {
        "empty": b"",
        "half": entry(good)[:-9],
        "binary": bytes(range(256)),
        "a list": b"[]",
        "another form": json.dumps({"form": 2, "entries": {key: good}}).encode(),
        "no entries": b'{"form": 1, "entries": 3}',
        "deep": b"[" * 100_000,
        "too large": b" " * (notebook.MOST_BYTES + 1) + entry(good),
        "an entry of text": entry("fast"),
        "a kernel of no candidate": entry({**good, "symbol": "cw_pool_max_nhwc_avx512"}),
        "numbers of no candidate": entry({**good, "cut": good["cut"].replace("extra=(", "extra=(9")}),
        "numbers of another type": entry({**good, "cut": {"a": 1}}),
        "seconds below zero": entry({**good, "seconds": -1.0}),
        "no number": entry(good).replace(b'"seconds": ', b'"seconds": NaN, "was": '),
    }


NAMES = sorted(contents("", {"cut": ""}))


@needed
@pytest.mark.parametrize("damage", NAMES)
def test_a_damaged_file_is_a_miss(timed: dict[str, float], folder: Path, damage: str) -> None:
    timed["direct_8x2"] = 0.5
    first, count = tuned(), timed["measured"]
    ((key, good),) = json.loads((folder / "measured.json").read_bytes())["entries"].items()
    tuning.forget()
    (folder / "measured.json").write_bytes(contents(key, good)[damage])
    again = tuned()
    assert timed["measured"] > count
    assert again.kernel == first.kernel
    tuning.forget()
    count = timed["measured"]
    assert tuned().measured.again, "and the file is whole again"
    assert timed["measured"] == count


@needed
@pytest.mark.parametrize("obstacle", ["folder", "pipe", "file as folder", "loop"])
def test_what_is_no_file_harms_nothing(timed: dict[str, float], folder: Path, obstacle: str) -> None:
    if obstacle == "file as folder":
        folder.write_text("in the way")
    else:
        folder.mkdir()
        place = folder / "measured.json"
        if obstacle == "folder":
            place.mkdir()
        elif obstacle == "pipe":
            os.mkfifo(place)
        else:
            place.symlink_to(place)
    assert tuned().measured.seconds == 1.0


@needed
def test_a_file_system_that_cannot_be_written(
    timed: dict[str, float], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a refusal of the system, since root writes into read-only folders."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError("read-only")

    monkeypatch.setattr(notebook.tempfile, "mkstemp", refuse)
    found, count = tuned(), timed["measured"]
    assert found.measured.file is None
    assert "remembered by this process alone" in str(found)
    assert tuned().measured.again
    assert timed["measured"] == count
    assert not (folder / "measured.json").exists()


@needed
@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder(timed: dict[str, float], folder: Path) -> None:
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert tuned().measured.file is None


@needed
def test_a_write_that_fails_leaves_the_old_file_whole(
    timed: dict[str, float], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned()
    before = (folder / "measured.json").read_bytes()

    def refuse(*_: Any) -> Any:
        raise OSError("no space")

    monkeypatch.setattr(notebook.os, "replace", refuse)
    assert notebook.write("other", {}) is False
    assert (folder / "measured.json").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["measured.json", "measured.lock"]


def test_where_the_file_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(notebook.PLACE, "off")
    assert notebook.path() is None
    assert notebook.write("key", 1) is False
    assert notebook.read("key") is None
    monkeypatch.delenv(notebook.PLACE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert notebook.path() == tmp_path / "convwise" / "measured.json"
    monkeypatch.setenv("HOME", "/home/somebody")
    for nothing in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", nothing)
        assert notebook.path() == Path("/home/somebody/.cache/convwise/measured.json")

    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(notebook.Path, "home", homeless)
    assert notebook.path() is None


def test_the_file_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "MOST", 10)
    for number in range(15):
        assert notebook.write(f"key {number}", number)
    assert [notebook.read(f"key {number}") for number in range(15)] == [None] * 5 + list(range(5, 15))
    monkeypatch.setattr(notebook, "MOST_BYTES", 300)
    assert notebook.write("long", "x" * 200)
    assert notebook.read("long") == "x" * 200
    assert (folder / "measured.json").stat().st_size <= 300


WRITER = """
import os, sys, time
from convwise.engine import notebook
open(sys.argv[2] + sys.argv[1], "w").close()
while not all(os.path.exists(sys.argv[2] + name) for name in "ab"):
    time.sleep(0.001)
for number in range(150):
    assert notebook.write(f"{sys.argv[1]} {number}", number)
    assert notebook.read(f"{sys.argv[1]} {number}") == number
"""


def test_two_processes_write_at_once(folder: Path, tmp_path: Path) -> None:
    """Every entry of both is there, and neither ever sees half a file."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, name, f"{tmp_path}/ready-"], env=environment) for name in "ab"
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert [notebook.read(f"{name} {number}") for name in "ab" for number in range(150)] == [*range(150)] * 2


@needed
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("activation", [None, "silu"])
def test_a_tuned_convolution_gives_the_same(groups: int, activation: str | None) -> None:
    """Really measured, on every candidate."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 16, 13, 14)).astype(np.float32)
    w = rng.standard_normal((20, 16 // groups, 3, 3)).astype(np.float32)
    options = {"padding": 1, "groups": groups, "activation": activation, "threads": 2}
    wanted = Conv(w, **options, algorithm="windows")(x)
    conv = Conv(w, **options, tune=True)
    for _ in range(2):
        assert abs(conv(x) - wanted).max() <= 4e-6 * abs(wanted).max()
    assert notebook.path() is not None
    assert len(json.loads(notebook.path().read_bytes())["entries"]) == 1  # type: ignore[union-attr]
    residual = rng.standard_normal(wanted.shape).astype(np.float32)
    assert np.allclose(conv(x, residual), Conv(w, **options)(x, residual), rtol=1e-4, atol=1e-4)


@needed
def test_what_takes_too_long_or_too_much_is_not_measured(
    timed: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    big = plan((64, 512, 512, 512), (512, 512, 3, 3), padding=1, tune=True)
    assert big.measured is None
    assert "not measured: one call is expected to take" in str(big)
    monkeypatch.setattr(tuning, "memory", lambda: 1000)
    assert "a quarter of the memory" in str(tuned())
    assert not timed["measured"]


@needed
def test_an_algorithm_asked_for_stays(timed: dict[str, float]) -> None:
    timed["winograd"] = 0.1
    found = plan(*SHAPES, **OPTIONS, algorithm="direct", tune=True)
    assert found.algorithm == "direct"
    assert found.measured is not None
    assert found.measured.model_kernel.startswith("cw_direct")


def test_tune_is_true_or_false() -> None:
    for wrong in (1, "yes", None):
        with pytest.raises(ArgumentError, match="tune must be True or False") as told:
            plan(*SHAPES, tune=wrong)  # type: ignore[arg-type]
        assert told.value.code == "CW606"
        with pytest.raises(ArgumentError, match="tune must be True or False"):
            Conv(np.ones((1, 1, 1, 1), np.float32), tune=wrong)  # type: ignore[arg-type]


def test_without_kernels_there_is_nothing_to_measure() -> None:
    code = (
        "import numpy as np, convwise as cw\n"
        "assert cw.Conv(np.ones((1, 1, 1, 1), 'f4'), tune=True)(np.ones((1, 2, 2), 'f4')).sum() == 4\n"
        "print(cw.plan((1, 1, 2, 2), (1, 1, 1, 1), tune=True).reason)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CONVWISE_KERNELS": "off"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "no kernels: CONVWISE_KERNELS is off"


@needed
def test_candidates_are_more_than_the_families() -> None:
    kernels = native.library()
    assert kernels is not None
    asked = tuning._choices
    found: list[Choice] = []

    def seen(*told: Any) -> list[Choice]:
        found.extend(asked(*told))
        return found

    tuning._choices = seen
    try:
        tuned()
    finally:
        tuning._choices = asked
    assert len(found) > len({choice.family for choice in found}) >= 2
    assert planning.choose is not tuning.choose
