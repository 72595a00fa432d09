"""How long a start takes: `import convwise` over an empty interpreter, and `convwise why ...` from start to end.

    python bench/startup.py            20 runs of each
    python bench/startup.py --short    5 runs of each

The fastest run of each counts: everything slower is other programs' doing. The targets are at most 30 ms for the import
and at most 250 ms for a whole answer.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

LAYER = "Conv2D(32, (3, 3), strides=(2, 2), padding='valid')"
CHAIN = "nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.Flatten())"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import convwise": ["-c", "import convwise"],
    "import convwise, explain loaded": ["-c", "from convwise import explain"],
    "import typer": ["-c", "import typer"],
    "import rich.console": ["-c", "import rich.console"],
    "import numpy": ["-c", "import numpy"],
    "convwise --version": ["-m", "convwise", "--version"],
    "convwise why, one layer": ["-m", "convwise", "why", LAYER, "64x64x3"],
    "convwise why, five layers": ["-m", "convwise", "why", CHAIN, "3x64x64"],
    "convwise why --json": ["-m", "convwise", "why", LAYER, "64x64x3", "--json"],
    "convwise rule CW104": ["-m", "convwise", "rule", "CW104"],
    "convwise --help": ["-m", "convwise", "--help"],
}


def seconds(words: list[str], runs: int) -> float:
    """The fastest of `runs` runs of the interpreter with these words."""
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Print a row for each command: its time, what it costs over an empty interpreter, and the ratio of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="5 runs in place of 20")
    runs = 5 if parser.parse_args().short else 20
    empty = seconds(COMMANDS["python -c pass"], runs)
    print(f"{'start to end':<34}{'ms':>8}{'over empty':>12}{'ratio':>8}")
    for name, words in COMMANDS.items():
        took = seconds(words, runs)
        print(f"{name:<34}{took * 1000:>8.1f}{(took - empty) * 1000:>12.1f}{took / empty:>8.2f}")


if __name__ == "__main__":
    main()
