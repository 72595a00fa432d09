"""Write the page of every code, docs/rules/CW104.md and so on, and their index, from `convwise.rules`.

    python docs/make_rules.py            write them
    python docs/make_rules.py --check    exit 1 where one is stale

Every example is run, so a page shows what the installed convwise really says.
"""

from __future__ import annotations

import sys
from pathlib import Path

from convwise import cli
from convwise.rules import FAMILIES, RULES, Asked, Rule

PLACE = Path(__file__).parent / "rules"
WIDTH = 92
MADE = "<!-- made by docs/make_rules.py from src/convwise/rules; edit there -->"


def page(rule: Rule) -> str:
    """One code's page in Markdown."""
    parts = [MADE, f"# {rule.code}: {rule.title}", rule.text]
    if rule.example is not None:
        shown = cli.example(rule, WIDTH)
        if isinstance(rule.example, Asked):
            parts += ["## Example", f"```console\n$ {rule.example.typed}\n{shown}\n```"]
        else:
            source = "\n".join(
                f"{'... ' if line.startswith(' ') else '>>> '}{line}" for line in rule.example.source.splitlines()
            )
            parts += ["## Example", f"```pycon\n{source}\n{shown}\n```"]
    parts += ["## What to do", rule.remedy]
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """The list of all codes."""
    parts = [
        MADE,
        "# Error codes and notes",
        "Every error and every note of convwise has a stable code. `convwise rule CW104` prints a page in the terminal.",
    ]
    for prefix, title in FAMILIES.items():
        rows = "\n".join(
            f"- [{code}]({code}.md) {rule.title}" for code, rule in RULES.items() if code.startswith(prefix)
        )
        parts += [f"## {prefix}xx: {title}", rows]
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """Every file below docs/rules and what it should hold."""
    return {"README.md": index(), **{f"{code}.md": page(rule) for code, rule in RULES.items()}}


def stale() -> list[str]:
    """The files that are missing, different, or no longer wanted."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in PLACE.glob("*.md")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main() -> int:
    """Write the pages, or check them."""
    wrong = stale()
    if "--check" in sys.argv[1:]:
        print("\n".join(wrong) or "the rule pages are up to date")
        return 1 if wrong else 0
    PLACE.mkdir(exist_ok=True)
    wanted = pages()
    for name in wrong:
        if name in wanted:
            (PLACE / name).write_text(wanted[name], encoding="utf-8")
        else:
            (PLACE / name).unlink()
    print(f"{len(wrong)} of {len(wanted)} pages written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
