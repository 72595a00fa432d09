"""What is installed, what is in use, and what is missing; looked up without importing any of it."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from convwise import machine as machine_module

REQUIRED = ("numpy", "rich", "typer")
FRAMEWORKS = {
    "torch": ("torch",),
    "keras": ("keras",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly"),
    "jax": ("jax",),
    "onnx": ("onnx",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
}
"""The frameworks convwise is held against, and the distributions that bring each."""

INSTRUCTIONS = ("sse4_2", "avx", "fma", "avx2", "avx512f", "avx512_vnni", "amx_tile", "asimd", "neon", "sve")
ENGINE = "compiled kernels where there are some; NumPy, windows as one matrix product; a literal reference beside them"

WRONG = "the kernels of the library compute wrong numbers"
SLOWER = "NumPy runs the layers, with the same numbers but slower"
OFF = f"{machine_module.SWITCH}=off keeps NumPy"
LOADS = f"""
import sys, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
try:
    import numpy as np
    from convwise.engine import conv2d, native
    why = native.why_none()
    if why is None:
        got = conv2d(np.ones((1, 16, 9, 9), np.float32), np.ones((16, 16, 3, 3), np.float32), algorithm="direct")
        why = "" if (got == 144).all() else {WRONG!r}
except Exception as error:
    sys.exit(str(error) or type(error).__name__)
print(why)
"""
"""What a child runs to try the kernel library; it prints what is wrong, or ends with the error that stopped it."""
LONGEST = 60
"""Seconds that it may take."""
MEND = (
    "install convwise again (pip install --force-reinstall --no-deps convwise), or in a source tree build the library again "
    "(python -m convwise.engine.kernels.build)"
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One dialect, the release it holds for, and what of that framework is installed here.

    ONNX's release is an operator set, beside which a package's version says nothing: `installed` is None.
    """

    name: str
    release: str
    installed: str | None

    @property
    def tested(self) -> bool | None:
        """Whether the installed version is of that release; None where there is none."""
        return None if self.installed is None else (self.installed + ".").startswith(self.release + ".")


@dataclass(frozen=True, slots=True)
class Report:
    """Versions by name (None: not installed), the machine, the engine, and what is missing, in sentences."""

    convwise: str
    python: str
    packages: dict[str, str | None]
    machine: str
    cores: int
    instructions: tuple[str, ...]
    engine: str
    kernels: str | None
    frameworks: dict[str, str | None]
    dialects: tuple[Dialect, ...]
    missing: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "convwise": self.convwise,
            "python": self.python,
            "packages": self.packages,
            "machine": self.machine,
            "cores": self.cores,
            "instructions": list(self.instructions),
            "engine": self.engine,
            "kernels": self.kernels,
            "frameworks": self.frameworks,
            "dialects": [
                {"name": part.name, "release": part.release, "installed": part.installed, "tested": part.tested}
                for part in self.dialects
            ],
            "missing": list(self.missing),
        }


def examine() -> Report:
    """Look at this machine and this installation. Imports no framework and no NumPy."""
    import os

    from convwise import __version__, dialects

    packages = {name: version(name) for name in REQUIRED}
    frameworks = {name: next(filter(None, map(version, names)), None) for name, names in FRAMEWORKS.items()}
    beside = {name: found for name, found in frameworks.items() if name != "onnx"}
    selected = machine_module.select()
    if isinstance(selected, str):
        broken: str | None = f"no compiled kernels: {selected}; {SLOWER}"
    else:
        broken = None if packages["numpy"] is None else broken_library()
    spoken = tuple(Dialect(name, dialects.get(name).release, beside.get(name)) for name in dialects.NAMES)
    return Report(
        convwise=__version__,
        python=f"{platform.python_version()} ({platform.python_implementation()}, {sys.platform})",
        packages=packages,
        machine=machine(),
        cores=os.cpu_count() or 1,
        instructions=instructions(),
        engine=ENGINE,
        kernels=None if broken or isinstance(selected, str) else kernels(selected),
        frameworks=frameworks,
        dialects=spoken,
        missing=_missing(packages, spoken, broken),
    )


def kernels(selected: machine_module.Selected) -> str:
    """Which compiled kernels run here."""
    families = sorted({name.split("_")[1] for name in selected.symbols})
    built = selected.built
    return (
        f"{', '.join(families)} for {selected.isa.name} (built for {', '.join(built.isas)} with Halide {built.halide})"
    )


def broken_library() -> str | None:
    """What is wrong with the kernel library, and what to do; None where it loads and computes.

    A damaged one may end the process that loads it, so a child loads it, as the engine does, and convolves one image.
    """
    command = [sys.executable, "-P", "-c", LOADS, str(Path(__file__).parents[1])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"whether the kernel library loads could not be tried: {error}"
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return f"the kernel library ends the process that runs it ({name}): {MEND}; until then {OFF}"
    if done.returncode:
        words = "; ".join(line.strip() for line in done.stderr.splitlines()[-3:])
        return f"the engine does not start, and no layer runs: {words or 'no word why'}"
    why = done.stdout.strip()
    if why == WRONG:
        return f"{WRONG}: {MEND}; until then {OFF}"
    return f"no compiled kernels: {why}; {SLOWER}; {MEND}" if why else None


def version(distribution: str) -> str | None:
    """The installed version of a distribution; None where there is none.

    >>> version("no-such-distribution") is None
    True
    """
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def machine() -> str:
    """The processor's own name where the system tells it, else the architecture."""
    name = _cpuinfo("model name") or platform.processor()
    return f"{platform.machine()}, {name}" if name and name != platform.machine() else platform.machine()


def instructions() -> tuple[str, ...]:
    """The instruction sets that matter to convolutions and that this processor says it has; empty where it does not say."""
    flags = (_cpuinfo("flags") or _cpuinfo("Features") or "").split()
    return tuple(name for name in INSTRUCTIONS if name in flags)


def _cpuinfo(key: str) -> str | None:
    """One field of /proc/cpuinfo; None on systems without it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def _missing(packages: dict[str, str | None], spoken: tuple[Dialect, ...], broken: str | None) -> tuple[str, ...]:
    told = [f"{name} is not installed: pip install {name}" for name, found in packages.items() if found is None]
    told += [
        f"{part.name} {part.installed} is installed, but the dialect holds for {part.release}: an answer may differ from what yours does"
        for part in spoken
        if part.tested is False
    ]
    return (*told, broken) if broken else tuple(told)
