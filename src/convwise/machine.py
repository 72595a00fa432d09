"""The processor underneath, and the kernel library that was built for it; looked up without NumPy and without loading anything."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from convwise.escaping import escape
from convwise.instructions import Isa, usable

ENGINE = Path(__file__).parent / "engine"
LIBRARY = ENGINE / "lib" / "convwise_kernels.so"
MANIFEST = ENGINE / "lib" / "kernels.json"
SHARED_SOURCES = (
    *("isa.py", "tiles.py", "transforms.py", "winograd_tiles.py"),
    *("kernels/common.py", "kernels/turning.py"),
    *(
        "kernels/buffer.h",
        "kernels/finishing.c",
        "kernels/groups.c",
        "kernels/memory.c",
        "kernels/memory.h",
        "kernels/packing.c",
        "kernels/pool.h",
        "kernels/spreading.c",
        "kernels/threads.c",
    ),
)
QUOTAS = (("/sys/fs/cgroup/cpu.max",), ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"))
"""Where Linux says what time a container may use: the quota and its period in microseconds, in one file or in two."""

SWITCH = "CONVWISE_KERNELS"
"""Environment: "off" keeps NumPy, the name of an instruction set forbids better ones."""
THREADS = "CONVWISE_THREADS"
"""Environment: how many threads a call may take where it does not say."""
MOST_THREADS = 1024
"""What the pool of `kernels/threads.c` takes."""


@dataclass(frozen=True, slots=True)
class Built:
    """What the build left behind: for each instruction set the symbols, for each family the digest of its sources."""

    halide: str
    isas: tuple[str, ...]
    symbols: frozenset[str]
    families: dict[str, str]


@lru_cache(maxsize=1)
def cpuinfo() -> dict[str, str]:
    """The first processor's fields in /proc/cpuinfo; empty on systems without it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return fields


@lru_cache(maxsize=1)
def flags() -> frozenset[str]:
    """The processor's instruction sets as Linux names them; empty where the system does not say."""
    fields = cpuinfo()
    return frozenset((fields.get("flags") or fields.get("Features") or "").split())


def architecture() -> str:
    """x86-64, arm-64, or what the system calls it."""
    name = platform.machine().lower()
    return {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "arm-64", "arm64": "arm-64"}.get(name, name)


def cores() -> int:
    """The processors that this process may use, those of its container's quota where that is less, rounded up."""
    try:
        found = len(os.sched_getaffinity(0)) or 1
    except AttributeError:
        found = os.cpu_count() or 1
    return min([found, *quotas()])


def quotas() -> list[int]:
    """The processors that a container may keep busy, as far as a quota says (docs.kernel.org, cgroup-v2, cpu.max)."""
    found = []
    for paths in QUOTAS:
        try:
            told = " ".join(Path(path).read_text(encoding="utf-8") for path in paths).split()
            quota, period = (int(value) for value in told)
        except (OSError, ValueError):  # no such file, or "max"
            continue
        if quota > 0 and period > 0:
            found.append(max(1, -(-quota // period)))
    return found


def digest(family: str) -> str:
    """What a family's kernels were built from; a library of other sources must not be called.

    Its tiles stand beside its costs: a change of these asks for a build, too.
    """
    state, folder = _shared().copy(), ENGINE / "kernels" / family
    state.update((ENGINE / "families" / f"{family}.py").read_bytes())
    # A file, or a folder of some.
    sources = sorted(path for path in folder.glob("*") if path.suffix in (".py", ".c"))
    for path in sources or [folder.with_suffix(".py")]:
        state.update(path.read_bytes())
    return state.hexdigest()[:16]


@lru_cache(maxsize=1)
def _shared() -> hashlib._Hash:
    state = hashlib.sha256()
    for name in SHARED_SOURCES:
        state.update((ENGINE / name).read_bytes())
    return state


def built() -> Built | None:
    """The manifest of the kernel library; None where no library was built, or its manifest cannot be read."""
    try:
        told: Any = json.loads(MANIFEST.read_text(encoding="utf-8"))
        return Built(told["halide"], tuple(told["isas"]), frozenset(told["symbols"]), dict(told["families"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Selected:
    """What of the kernel library this processor uses."""

    built: Built
    isa: Isa
    symbols: frozenset[str]


def select() -> Selected | str:
    """The kernels for this processor, or why NumPy must serve instead. Reads the manifest, not the library."""
    switch = os.environ.get(SWITCH, "").strip().lower()
    if switch == "off":
        return f"{SWITCH} is off"
    found = built()
    if found is None:
        return missing()
    isas = [isa for isa in usable(architecture(), flags()) if isa.name in found.isas]
    if switch and switch not in [isa.name for isa in isas]:
        names = ", ".join(isa.name for isa in isas)
        return f"{SWITCH}={escape(switch)}, but the kernels that can be used are for {names or 'other processors'}"
    isas = [isa for isa in isas if switch in ("", isa.name)]
    if not isas:
        return f"the kernels were built for {', '.join(found.isas)}, which this processor does not run"
    fresh = {family for family, told in found.families.items() if _digest_or_none(family) == told}
    ending = f"_{isas[0].name}"
    symbols = frozenset(name for name in found.symbols if name.endswith(ending) and name.split("_")[1] in fresh)
    if not symbols:
        return "the kernels were built from other sources than these; build them anew"
    return Selected(found, isas[0], symbols)


def _digest_or_none(family: str) -> str | None:
    try:
        return digest(family)
    except OSError:
        return None


def missing() -> str:
    """Why there is no kernel library here, as far as the build wrote it down."""
    try:
        return (MANIFEST.parent / "why.txt").read_text(encoding="utf-8").strip()
    except OSError:
        return "no kernels were built when convwise was installed"
