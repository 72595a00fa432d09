"""Check what a wheel and an sdist hold: all of the package, its type marker and licence; in the wheel nothing else."""

import sys
import tarfile
import zipfile
from pathlib import Path


def main(paths: list[str]) -> None:
    """Exit with a message where something is missing or too much."""
    source = {
        str(path.relative_to("src"))
        for path in Path("src/convwise").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    for path in paths:
        if path.endswith(".whl"):
            with zipfile.ZipFile(path) as archive:
                names = set(archive.namelist())
            info = {name for name in names if ".dist-info/" in name}
            problems = [f"missing {name}" for name in sorted(source - names)]
            problems += [f"unexpected {name}" for name in sorted(names - info - source)]
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
