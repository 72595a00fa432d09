"""Build hook: compiles the convolution kernels into the wheel where that can be done, and says in it why where it cannot.

CONVWISE_KERNELS=off         build no kernels
CONVWISE_KERNELS=required    fail where none can be built
CONVWISE_BUILD_ISAS=all      kernels for all instruction sets of this architecture (a release), not this processor's alone
CONVWISE_BUILD_TAG=...       the platform tag of a release wheel, such as manylinux_2_28_x86_64
CONVWISE_BUILD_JOBS=2        compile so many at once
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HALIDE = "21.0.0"
PYTHONS = ((3, 11), (3, 12), (3, 13))
"""For these, PyPI has that Halide; it is needed for the build alone."""

LIBRARY = "convwise/engine/lib"


def why_not() -> str | None:
    """Why kernels cannot be built here at all."""
    if os.environ.get("CONVWISE_KERNELS", "").lower() == "off":
        return "CONVWISE_KERNELS was off when convwise was installed"
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"kernels are built on Linux with x86-64; this is {sys.platform} on {platform.machine()}"
    if sys.implementation.name != "cpython" or sys.version_info[:2] not in PYTHONS or platform.libc_ver()[0] != "glibc":
        here = f"{platform.python_implementation()} {platform.python_version()}"
        return f"Halide {HALIDE}, which compiles the kernels, has no release for {here} with {platform.libc_ver()[0] or 'this libc'}"
    if not any(map(shutil.which, (os.environ.get("CC") or "cc", "gcc", "clang"))):
        return "no C compiler was found to link the kernels with (cc, gcc or clang) when convwise was installed"
    return None


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles before the files are gathered; what it made is removed after them."""

    folder: tempfile.TemporaryDirectory[str] | None = None

    def dependencies(self) -> list[str]:
        return [] if why_not() else [f"halide=={HALIDE}"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        source = Path(self.root) / "src"
        if version == "editable":
            target = source / LIBRARY
        else:
            self.folder = tempfile.TemporaryDirectory()
            target = Path(self.folder.name)
        reason = why_not() or self._build(source, target)
        if reason:
            if os.environ.get("CONVWISE_KERNELS", "").lower() == "required":
                raise RuntimeError(reason)
            target.mkdir(parents=True, exist_ok=True)
            (target / "why.txt").write_text(reason + "\n", encoding="utf-8")
            self.app.display_warning(f"no kernels: {reason}")
        else:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{_platform_tag()}"
        if version != "editable":
            kept = [path for path in sorted(target.iterdir()) if path.is_file()]
            build_data["force_include"].update({str(path): f"{LIBRARY}/{path.name}" for path in kept})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self.folder is not None:
            self.folder.cleanup()

    def _build(self, source: Path, target: Path) -> str | None:
        """Why it failed, or None."""
        sys.path.insert(0, str(source))
        try:
            from convwise.engine.kernels.build import BuildError, build, isas_named

            isas = isas_named(os.environ.get("CONVWISE_BUILD_ISAS") or "native")
            told = build(target, isas, int(os.environ.get("CONVWISE_BUILD_JOBS") or len(os.sched_getaffinity(0))))
            self.app.display_info(told)
        except (BuildError, ImportError, OSError, ValueError) as error:
            return f"building the kernels failed: {error}"
        finally:
            sys.path.remove(str(source))
        return None


def _platform_tag() -> str:
    told = os.environ.get("CONVWISE_BUILD_TAG")
    return told or sysconfig.get_platform().replace("-", "_").replace(".", "_")
