"""Output shown in documents: found, run again, and compared or rewritten.

A ```console block holds `$ command` lines, each followed by its output. Commands that are, or end in, a `convwise` call
are run as a fresh process, 100 columns wide, without colour. A part before `&&` (installing) is left out.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Shown:
    document: Path
    command: str
    output: str


def commands(document: Path) -> list[Shown]:
    """Every command in the document's console blocks with the output that stands below it."""
    found = []
    for block in BLOCK.findall(document.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + more.strip()
            found.append(Shown(document, command, output.rstrip("\n")))
    return found


def runnable(command: str) -> list[str] | None:
    """The words of the `convwise` call in a command; None where there is none."""
    words = shlex.split(command.rsplit("&&", 1)[-1])
    return words[1:] if words and words[0] == "convwise" else None


def run(words: list[str]) -> str:
    """What `convwise WORDS` prints on standard output."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    environment.pop("CONVWISE_FORMAT", None)
    done = subprocess.run(
        [sys.executable, "-m", "convwise", *words],
        capture_output=True,
        cwd=ROOT,
        env=environment,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    if done.returncode > 1:
        raise AssertionError(f"convwise {words} ended with {done.returncode}: {done.stderr}")
    return "\n".join(line.rstrip() for line in done.stdout.rstrip("\n").split("\n"))


def rewrite(document: Path) -> None:
    """The document with every shown output made anew."""
    text = document.read_text(encoding="utf-8")
    for shown in commands(document):
        words = runnable(shown.command)
        if words is None:
            continue
        fresh = run(words)
        at = text.index(f"$ {shown.command}\n") + len(shown.command) + 3
        text = (
            text[:at]
            + (fresh + "\n" if fresh else "")
            + text[at:].removeprefix(shown.output + "\n" if shown.output else "")
        )
    document.write_text(text, encoding="utf-8")
