"""What the build of the kernels says when it cannot build. Halide need not be there: a stand-in is imported for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from convwise import machine
from convwise.engine.families import FAMILIES

STAND_IN = "import sys\nfrom unittest.mock import MagicMock\nsys.modules['halide'] = MagicMock()\n"
IMPORTED = "from pathlib import Path\nfrom convwise.engine.isa import AVX2\nfrom convwise.engine.kernels import build\n"
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needed = pytest.mark.skipif(COMPILER is None, reason="no C compiler here")


def child(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([environment.pop("PYTHONPATH", ""), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", STAND_IN + IMPORTED + code, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, **environment},
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a build that gave up."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert not done.stderr.startswith("Traceback"), done.stderr
    assert not done.stdout
    return done.stderr.strip()


MAIN = "sys.exit(build.main(sys.argv[1:]))"


def test_an_instruction_set_that_is_not_known() -> None:
    assert said(child(MAIN, "--isas", "avx2,mmx")) == "no instruction set 'mmx'; there are avx512, avx2, sse2, neon"


def test_no_compiler(tmp_path: Path) -> None:
    told = said(child(MAIN, "--isas", "avx2", "--into", str(tmp_path), PATH=str(tmp_path), CC="cc"))
    assert told == "no C compiler was found to link with (cc, gcc or clang)"
    assert not list(tmp_path.iterdir())


def test_an_architecture_without_kernels(tmp_path: Path) -> None:
    code = "build.machine.architecture = lambda: 'riscv'\n" + MAIN
    assert said(child(code, "--isas", "all", "--into", str(tmp_path))) == "no kernels exist for riscv"


@needed
def test_a_kernel_that_does_not_compile(tmp_path: Path) -> None:
    """Each program is compiled by a process of its own, whose last words are handed on."""
    broken, into = tmp_path / "broken", tmp_path / "into"
    broken.mkdir()
    (broken / "halide.py").write_text("raise ImportError('a Halide that is broken')\n")
    told = said(child(MAIN, "--isas", "avx2", "--into", str(into), "--jobs", "2", PYTHONPATH=str(broken)))
    assert told.startswith("a kernel did not compile: ")
    assert told.endswith("ImportError: a Halide that is broken")
    assert not (into / "convwise_kernels.so").exists()
    assert not (into / "kernels.json").exists()


@needed
def test_c_that_does_not_compile(tmp_path: Path) -> None:
    source = tmp_path / "wrong.c"
    source.write_text("int f(void) { return nothing_of_this_name; }\n")
    code = (
        "try:\n    build._compile_c(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))\n"
        "except build.BuildError as error:\n    print(error)"
    )
    done = child(code, str(COMPILER), str(source), str(tmp_path))
    assert done.stdout.startswith("wrong.c did not compile: "), done.stderr
    assert "nothing_of_this_name" in done.stdout


@needed
def test_all_c_of_the_kernels_compiles_without_a_warning(tmp_path: Path) -> None:
    """What Halide is needed for are two lists that winograd.c includes."""
    code = (
        "folder = Path(sys.argv[1])\n"
        "(folder / 'entries.h').write_text('\\n'.join(build.winograd.entries(AVX2).values()))\n"
        "(folder / 'numbers.h').write_text(build.winograd.NUMBERS)\n"
        "print(*build.SOURCES)"
    )
    done = child(code, str(tmp_path))
    assert done.returncode == 0, done.stderr
    sources = done.stdout.split()
    assert {Path(source).name for source in sources} == {
        "packing.c",
        "threads.c",
        "memory.c",
        "finishing.c",
        "groups.c",
        "spreading.c",
        "winograd.c",
    }
    for source in sources:
        command = [str(COMPILER), "-std=gnu11", "-O1", "-Wall", "-Werror", "-fPIC", "-I", str(tmp_path), "-c", source]
        made = subprocess.run([*command, "-o", str(tmp_path / "made.o")], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr


@pytest.mark.parametrize("name", ["kernels/depthwise/last.py", "families/depthwise.py", "tiles.py", "kernels/memory.c"])
def test_a_family_is_built_again_when_what_it_is_built_from_changes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tiles among them: a program and its plan that differ in a tile's rows would answer wrongly."""
    copied = tmp_path / "engine"
    shutil.copytree(machine.ENGINE, copied, ignore=shutil.ignore_patterns("lib", "__pycache__"))
    monkeypatch.setattr(machine, "ENGINE", copied)
    machine._shared.cache_clear()
    before = {family: machine.digest(family) for family in FAMILIES}
    changed = copied / name
    changed.write_text(changed.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    machine._shared.cache_clear()
    after = {family: machine.digest(family) for family in FAMILIES}
    machine._shared.cache_clear()
    wanted = {"depthwise"} if "depthwise" in name else set(FAMILIES)
    assert {family for family in FAMILIES if before[family] != after[family]} == wanted
