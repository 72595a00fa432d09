"""Check what a wheel and an sdist hold: all of the package, its type marker and licence; in the wheel the kernels and nothing else."""

import sys
import tarfile
import zipfile
from pathlib import Path

KERNELS = {f"convwise/engine/lib/{name}" for name in ("convwise_kernels.so", "kernels.json", "HALIDE-LICENSE.txt")}


def main(paths: list[str]) -> None:
    """Exit with a message where something is missing or too much."""
    source = {
        str(path.relative_to("src"))
        for path in Path("src/convwise").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "engine/lib" not in str(path)
    }
    for path in paths:
        if path.endswith(".whl"):
            with zipfile.ZipFile(path) as archive:
                names = set(archive.namelist())
            info = {name for name in names if ".dist-info/" in name}
            problems = [f"missing {name}" for name in sorted(source - names)]
            built = {name for name in names if name.startswith("convwise/engine/lib/")}
            problems += [f"unexpected {name}" for name in sorted(names - info - source - built)]
            problems += [f"missing {name}" for name in sorted(KERNELS - built)]
            with zipfile.ZipFile(path) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
            problems += [f"{size:,} bytes installed, more than 10 MB"] if size > 10_000_000 else []
            problems += [] if any(name.endswith("/LICENSE") for name in info) else ["missing LICENSE"]
        else:
            with tarfile.open(path) as archive:
                names = {name.partition("/")[2] for name in archive.getnames()}
            wanted = {f"src/{name}" for name in source} | {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"}
            problems = [f"missing {name}" for name in sorted(wanted - names)]
        if problems:
            sys.exit("\n".join([f"{path}:", *problems]))
        print(f"{Path(path).name}: {len(names)} files, complete")


if __name__ == "__main__":
    main(sys.argv[1:])
