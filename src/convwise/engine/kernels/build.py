"""Builds the kernel library: every variant of every family to an object file, several at once, and one link.

    python -m convwise.engine.kernels.build                  for this machine's processor, into the source tree
    python -m convwise.engine.kernels.build --isas all       for all instruction sets of this architecture
    python -m convwise.engine.kernels.build --only direct    this family anew, the others from the last build's objects
    python -m convwise.engine.kernels.build --objects neon   compile for another architecture, check the objects, link nothing

Needs halide and a C compiler to link with. The same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from convwise import machine
from convwise.engine.isa import ALL, Isa, symbol, usable
from convwise.engine.kernels import winograd
from convwise.engine.kernels.table import FAMILIES, STAGES, TABLE

SOURCE = Path(__file__).parents[3]
ELF_MACHINES = {"x86-64": 62, "arm-64": 183}
CALLED = ("arrange", "transform", "finish", "groups")
EXPORTED = ("convwise_run", *(f"convwise_{name}_argv" for name in CALLED))
SOURCES = tuple(
    Path(__file__).parent / name
    for name in ("packing.c", "threads.c", "memory.c", "finishing.c", "groups.c", "spreading.c", "winograd/winograd.c")
)


class BuildError(Exception):
    """The library cannot be built here; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m convwise.engine.kernels.build", description=__doc__)
    parser.add_argument("--isas", default="native", help="native, all, or names such as avx2,sse2")
    parser.add_argument("--only", default="", help="families to compile anew")
    parser.add_argument("--objects", default="", help="compile for these instruction sets and check the objects")
    parser.add_argument("--into", type=Path, default=machine.LIBRARY.parent)
    parser.add_argument("--jobs", type=int, default=machine.cores())
    parser.add_argument("--compile", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.compile:
        _compile_asked()
        return 0
    try:
        if options.objects:
            return _check_objects(options.objects.split(","), options.jobs)
        told = build(options.into, isas_named(options.isas), options.jobs, tuple(filter(None, options.only.split(","))))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(told)
    return 0


def isas_named(text: str) -> tuple[Isa, ...]:
    """`native`, `all` of this architecture, or a list of names."""
    arch = machine.architecture()
    if text == "native":
        return usable(arch, machine.flags())[:1]
    if text == "all":
        return tuple(isa for isa in ALL if isa.arch == arch)
    known = {isa.name: isa for isa in ALL}
    try:
        return tuple(known[name] for name in text.split(","))
    except KeyError as error:
        raise BuildError(f"no instruction set {error}; there are {', '.join(known)}") from None


def build(folder: Path, isas: tuple[Isa, ...], jobs: int, only: tuple[str, ...] = ()) -> str:
    """Compile and link into `folder`; what was built, in a sentence.

    Raises:
        BuildError: without halide, a linker, or an instruction set that kernels exist for.
    """
    if not isas:
        raise BuildError(f"no kernels exist for {machine.architecture()}")
    linker = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if linker is None:
        raise BuildError("no C compiler was found to link with (cc, gcc or clang)")
    started = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        # The objects of an earlier build may be of other sources than those that a later `only` leaves alone.
        kept = folder / "objects"
        if not only:
            shutil.rmtree(kept, ignore_errors=True)
        objects = kept if only else Path(scratch)
        entries = {name: line for isa in isas for name, line in winograd.entries(isa).items()}
        (Path(scratch) / "entries.h").write_text("\n".join([*entries.values(), ""]), encoding="utf-8")
        (Path(scratch) / "numbers.h").write_text(winograd.NUMBERS, encoding="utf-8")
        with ThreadPoolExecutor() as beside:
            sources = [beside.submit(_compile_c, linker, source, Path(scratch)) for source in SOURCES]
            compiled = compile_all(objects, isas, jobs, only)
        symbols = [*entries, *(name for name in compiled if name.split("_")[1] in TABLE)]
        (Path(scratch) / "exports.map").write_text(_exports(symbols), encoding="utf-8")
        runtime = Path(scratch) / "runtime.o"
        _runtime(runtime, isas[0])
        target = Path(scratch) / machine.LIBRARY.name
        names = [f"{name}.o" for name in sorted(compiled)]
        command = [linker, "-shared", "-o", str(target)]
        command += [*(source.result() for source in sources), *names, str(runtime), "-lpthread", "-ldl", "-lm"]
        command += ["-Wl,--build-id=none", "-Wl,-s", "-Wl,--gc-sections", "-Wl,-z,noexecstack"]
        command += [f"-Wl,--version-script={scratch}/exports.map"]
        done = subprocess.run(command, cwd=objects, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"linking failed: {done.stderr.strip()[-500:]}")
        os.replace(shutil.copy(target, folder / "new.so"), folder / machine.LIBRARY.name)
    told = {
        "halide": _halide_version(),
        "isas": [isa.name for isa in isas],
        "families": _digests(only),
        "symbols": sorted(symbols),
    }
    (folder / machine.MANIFEST.name).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "why.txt").unlink(missing_ok=True)
    _licence(folder)
    size = (folder / machine.LIBRARY.name).stat().st_size
    listed = ", ".join(isa.name for isa in isas)
    return f"{len(symbols)} kernels for {listed}: {size / 1e6:.1f} MB in {time.perf_counter() - started:.1f} s"


def _digests(only: tuple[str, ...]) -> dict[str, str]:
    """What each family was built from. Those that were not compiled now keep what they had, where that is what their sources
    are: else the C that goes with them is of other sources than their objects.
    """
    before = machine.built()
    kept = before.families if before is not None and only else {}
    now = {family: machine.digest(family) for family in FAMILIES}
    return {
        family: digest if not kept or family in only or kept.get(family) == digest else "mixed"
        for family, digest in now.items()
    }


def compile_all(folder: Path, isas: Sequence[Isa], jobs: int, only: tuple[str, ...] = ()) -> list[str]:
    """All variants as object files in `folder`, by `jobs` processes; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = {
        symbol(family, variant, isa): (family, variant, isa.name)
        for isa in isas
        for family, variants in (STAGES | TABLE).items()
        for variant in variants(isa)
    }
    recompiled = {*only, *(STAGES if winograd.NAME in only else ())}
    wanted = [
        (row, str(folder / f"{name}.o"))
        for name, row in listed.items()
        if not only or row[0] in recompiled or not (folder / f"{name}.o").exists()
    ]
    # NumPy's threads, which nothing here needs, would wait busily for work.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    # Each worker takes the next program when it is free: they take very different times.
    waiting = iter(wanted)
    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        workers = [pool.submit(_feed, waiting, environment) for _ in range(min(jobs, len(wanted)))]
        failures = [told for worker in workers if (told := worker.result()) is not None]
    if failures:
        raise BuildError(f"a kernel did not compile: {failures[0].strip()[-1000:]}")
    return list(listed)


def _feed(waiting: Iterator[tuple[tuple[str, str, str], str]], environment: Mapping[str, str]) -> str | None:
    """A process that compiles one program after the other, as long as there are any; what it said where it failed."""
    command = [sys.executable, "-m", "convwise.engine.kernels.build", "--compile"]
    with (
        tempfile.TemporaryFile("w+") as told,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told, text=True, env=environment
        ) as worker,
    ):
        assert worker.stdin is not None
        assert worker.stdout is not None
        for work in waiting:
            try:
                print(json.dumps(work), file=worker.stdin, flush=True)
            except BrokenPipeError:
                break
            if not worker.stdout.readline():
                break
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.close()
        if worker.wait() == 0:
            return None
        told.seek(0)
        return told.read() or f"the compiling process ended with {worker.returncode}"


def _compile_asked() -> None:
    """Compile what the lines of standard input name, and answer each with a line.

    Each in a process of its own that starts from the same state: Halide numbers the names of all programs that a process
    makes, so that the bytes of one would depend on those before it.
    """
    known = {isa.name: isa for isa in ALL}
    for line in sys.stdin:
        (family, variant, isa), path = json.loads(line)
        process = os.fork()
        if process == 0:
            code = 1
            try:
                (STAGES | TABLE)[family](known[isa])[variant]().write(path, known[isa])
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(process, 0)
        if status:
            sys.exit(1)
        print(flush=True)


def _compile_c(compiler: str, source: Path, folder: Path) -> str:
    """The path of the object; what the build itself writes for C to include lies in `folder` too."""
    made = str(folder / f"{source.stem}.o")
    # Nothing asks for the flags that floating-point operations raise, and they keep a compiler from making vectors of choices.
    command = [
        compiler,
        "-std=gnu11",
        "-O3",
        "-fno-trapping-math",
        "-fPIC",
        "-I",
        str(folder),
        "-c",
        str(source),
        "-o",
        made,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{source.name} did not compile: {done.stderr.strip()[-500:]}")
    return made


def _runtime(path: Path, isa: Isa) -> None:
    import halide as hl

    hl.compile_standalone_runtime(str(path), hl.Target(f"{isa.arch}-linux"))


def _exports(symbols: Sequence[str]) -> str:
    """Nothing else is seen from outside, so that another Halide in the process cannot be mixed up with this one."""
    names = [*(f"{name}_argv" for name in sorted(symbols)), *EXPORTED]
    return "{ global: " + " ".join(f"{name};" for name in names) + " local: *; };\n"


def _halide_version() -> str:
    from importlib import metadata

    return metadata.version("halide")


def _licence(folder: Path) -> None:
    """Halide's runtime is inside the library, so its licence goes beside it."""
    from importlib import metadata

    for path in metadata.files("halide") or ():
        if path.name.upper().startswith("LICENSE"):
            (folder / "HALIDE-LICENSE.txt").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
            return


def _check_objects(names: Sequence[str], jobs: int) -> int:
    """Compile for another architecture and look at what came out: ELF, the right machine, the symbol inside."""
    with tempfile.TemporaryDirectory() as scratch:
        isas = isas_named(",".join(names))
        compiled = compile_all(Path(scratch), isas, jobs)
        total = 0
        for name in compiled:
            data = (Path(scratch) / f"{name}.o").read_bytes()
            total += len(data)
            wanted = next(ELF_MACHINES[isa.arch] for isa in isas if name.endswith(f"_{isa.name}"))
            if data[:4] != b"\x7fELF" or int.from_bytes(data[18:20], "little") != wanted:
                raise BuildError(f"{name}.o is no object for machine {wanted}")
            if f"{name}_argv".encode() not in data:
                raise BuildError(f"{name}.o does not define {name}_argv")
    print(f"{len(compiled)} objects for {', '.join(names)}, {total / 1e6:.1f} MB: all right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
