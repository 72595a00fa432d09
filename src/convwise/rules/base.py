"""What a rule page holds, whichever code it is for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from convwise.escaping import escape


@dataclass(frozen=True, slots=True)
class Asked:
    """An example that anybody can type: a question to `convwise why`, or to another `command` about a whole network,
    whose one input is in `inputs`; the answer shows the code.
    """

    code: str
    inputs: tuple[str, ...] = ()
    want: str | None = None
    dialect: str | None = None
    release: str | None = None
    command: str = "why"

    @property
    def request(self) -> dict[str, Any]:
        """The question as `ask` takes it."""
        if self.command != "why":
            return {"command": self.command, "model": self.code, "input": self.inputs[0] if self.inputs else None}
        options = {"want": self.want, "dialect": self.dialect, "release": self.release}
        return {"command": "why", "code": self.code, "inputs": list(self.inputs), **options}

    @property
    def argv(self) -> tuple[str, ...]:
        """The words after `convwise`."""
        if self.command != "why":
            return (self.command, self.code, *(word for given in self.inputs for word in ("--input", given)))
        options = (("--want", self.want), ("--dialect", self.dialect), ("--release", self.release))
        return ("why", self.code, *self.inputs, *(word for pair in options if pair[1] for word in pair if word))

    @property
    def typed(self) -> str:
        """The question as it is typed into a shell."""
        return " ".join(("convwise", *map(_quoted, self.argv)))


def _quoted(word: str) -> str:
    """A word for a shell; one with characters that cannot be seen in bash's $'...', which takes escapes for them."""
    shown = "\n".join(map(escape, word.split("\n")))
    if shown == word:
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{escape(plain)}'"


@dataclass(frozen=True, slots=True)
class Written:
    """An example in Python, for codes that need a live object, an array or a file; `message` is what it prints.

    `needs` names a framework that must be installed for it. Without `raises` it is no error: the text is printed by the example itself.
    """

    source: str
    message: str
    needs: str | None = None
    raises: bool = True


Example = Asked | Written


@dataclass(frozen=True, slots=True)
class Rule:
    """The long text of one code: what it means, an example that really gives it, and what to do."""

    code: str
    title: str
    text: str
    remedy: str
    example: Example | None = None
