"""Print the n-th command of the README that installs from the checkout: what `.ci/run` runs as it stands."""

import re
import sys
from pathlib import Path

FENCED = re.compile(r"^```(?:console|sh|shell|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Every `pip install . && ...` line in the fenced blocks, prompts taken off."""
    lines = [line.removeprefix("$ ").strip() for block in FENCED.findall(text) for line in block.splitlines()]
    return [line for line in lines if re.match(r"""pip install ["']?\.(\[|["']|\s).*&& """, line)]


if __name__ == "__main__":
    found = commands(Path("README.md").read_text(encoding="utf-8"))
    number = int(sys.argv[1])
    if len(found) < number:
        sys.exit(f"README.md has {len(found)} such commands, wanted number {number}")
    print(found[number - 1])
