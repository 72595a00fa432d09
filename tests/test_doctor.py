"""The doctor tries the kernel library that it tells of: what damaged ones are told, in an installation of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import convwise
from convwise import machine

MEND = "install convwise again (pip install --force-reinstall --no-deps convwise)"
needed = pytest.mark.skipif(isinstance(machine.select(), str) or not machine.LIBRARY.exists(), reason="no kernels here")


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def of_another_processor(data: bytes) -> bytes:
    """e_machine of the ELF header says arm64."""
    return data[:18] + (183).to_bytes(2, "little") + data[20:]


def without_an_end(data: bytes) -> bytes:
    """The code and all behind it is zeros but the table of sections, so that nothing looks amiss before it runs."""
    return data[:4096] + bytes(len(data) - 8192) + data[-4096:]


def told(folder: Path, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "convwise", "doctor", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    source = Path(convwise.__file__).parent
    shutil.copytree(source, tmp_path / "convwise", ignore=shutil.ignore_patterns("__pycache__", "objects"))
    return tmp_path


@needed
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (half, "shorter than its own table says"),
        (of_another_processor, "the kernel library does not load"),
        (without_an_end, "the kernel library"),
        (lambda _: b"", "is no 64-bit ELF library"),
        (lambda _: b"<html>not found</html>" * 99, "is no 64-bit ELF library"),
        (None, "No such file"),
    ],
    ids=["half", "arm64", "zeros", "empty", "text", "gone"],
)
def test_a_damaged_library_is_told(installation: Path, damage: Callable[[bytes], bytes] | None, why: str) -> None:
    library = installation / machine.LIBRARY.relative_to(Path(convwise.__file__).parents[1])
    data = library.read_bytes()
    library.unlink()
    if damage is not None:
        library.write_bytes(damage(data))
    report = told(installation)
    missing = [line for line in report["missing"] if why in line]
    assert report["kernels"] is None
    assert len(missing) == 1, report["missing"]
    assert MEND in missing[0]


@needed
def test_a_whole_library_is_not_complained_of(installation: Path) -> None:
    report = told(installation)
    assert " for " in report["kernels"]
    assert not any("kernel" in line for line in report["missing"])


@needed
def test_kernels_that_are_switched_off_are_no_damage(installation: Path) -> None:
    report = told(installation, CONVWISE_KERNELS="off")
    assert report["kernels"] is None
    assert [line for line in report["missing"] if "kernel" in line] == [
        "no compiled kernels: CONVWISE_KERNELS is off; NumPy runs the layers, with the same numbers but slower"
    ]


@needed
def test_the_working_folder_is_not_searched_for_modules(installation: Path, tmp_path: Path) -> None:
    """A file numpy.py beside the user must not be run by the doctor's child."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('hijacked')", encoding="utf-8")
    code = "from convwise import doctor; print(doctor.broken_library())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(convwise.__file__).parents[1])},
        check=False,
    )
    assert done.stdout.strip() == "None", done.stderr


def test_the_switch_is_told_without_its_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    from convwise import machine

    monkeypatch.setenv("CONVWISE_KERNELS", "a\x1b[31m")
    monkeypatch.setattr(machine, "built", lambda: machine.Built("21", ("sse2",), frozenset(), {}))
    assert str(machine.select()).startswith("CONVWISE_KERNELS=a\\x1b[31m, but")


def test_the_page_of_the_doctor_has_no_control_characters() -> None:
    from dataclasses import replace

    from convwise.doctor import examine
    from convwise.faces.pages import report_page

    page = report_page(replace(examine(), machine="x\x1b[31m", missing=("y\x07",)), 100, color=False)
    assert "x\\x1b[31m" in page
    assert "y\\x07" in page
    assert all(char.isprintable() or char == "\n" for char in page)


@needed
def test_a_variable_that_stops_the_engine_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from convwise.doctor import examine
    from convwise.faces.pages import report_page

    monkeypatch.setenv("CONVWISE_THREADS", "abc")
    report = examine()
    assert report.missing[-1] == (
        "the engine does not start, and no layer runs: CONVWISE_THREADS must be an integer from 1 to 1024, not 'abc' [CW606]; "
        "unset CONVWISE_THREADS, or set it to the number of threads"
    )
    assert "runs on NumPy, with the same numbers" not in report_page(report, 200, color=False)
