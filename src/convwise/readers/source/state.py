"""What one reading of a text carries along: its lines, its budget, and everything it has met."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convwise.dialects.base import Note, Unknown
from convwise.errors import CodeError
from convwise.readers.echo import escaped, shown
from convwise.readers.source.values import Applicable, Class, Function, Scope, Tensor, truth

if TYPE_CHECKING:
    from convwise.readers.source.graphs.wiring import Wiring

STEPS = 40_000
"""Expressions and statements that one text may cost; an ordinary snippet costs a few hundred."""

MOST_FRUITLESS = 4_000
"""Steps of one loop outside of a forward that makes no layer, before the rest of it is passed over."""

DEEPEST_VALUE = 90
"""Expressions inside each other, calls of the text's own functions included; what lies deeper is not looked at."""

DEEPEST_CALLS = 32
"""Functions of the text followed into each other."""

MOST_LAYERS = 2_000

TRYING = "__init__"
"""What stands before the names of layers that a constructor applies."""


@dataclass(slots=True)
class Budget:
    """The steps that are left; the code blocks of one text share it."""

    left: int = STEPS


@dataclass
class Run:
    """The state of one reading. `offset` lines of the whole text stand before this piece of it. `evaluate` and `execute` are the two halves of the walk, handed to the parts they use; with a `graph`, tensors are its wires. A `loose` reading takes a name that the text does not bind for an array where a function of PyTorch is applied to it. `channels_first` is what Keras's layers take where they do not say it. `options` are those of the command line whose defaults were read, as texts. `resting` says of Keras's models, by their ids, whether they are not trained; it is `untold` which layers are where the text does not show it."""

    text: str
    evaluate: Callable[[Run, ast.expr, Scope], Any]
    execute: Callable[[Run, list[ast.stmt], Scope], Any]
    forced: str | None = None
    release: str | None = None
    budget: Budget = field(default_factory=lambda: Budget())
    offset: int = 0
    depth: int = 0
    calls: int = 0
    scope: Scope = field(default_factory=Scope)
    objects: list[Applicable] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    evidence: dict[str, int] = field(default_factory=dict)
    leanings: dict[str, int] = field(default_factory=dict)
    monsters: set[str] = field(default_factory=set)
    prefix: list[str] = field(default_factory=list)
    within: int = 0
    notes: list[Note] = field(default_factory=list)
    strangers: list[tuple[str, int]] = field(default_factory=list)
    following: list[Any] = field(default_factory=list)
    frames: list[Function] = field(default_factory=list)
    graph: Wiring | None = None
    loose: bool = False
    lost: CodeError | None = None
    options: dict[str, str] = field(default_factory=dict)
    channels_first: bool = False
    resting: dict[int, tuple[Any, bool]] = field(default_factory=dict)
    untold: bool = False
    onnx_names: dict[str, Tensor] = field(default_factory=dict)
    onnx_values: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    generators: dict[int, bool] = field(default_factory=dict)
    _lines: list[str] = field(default_factory=list)

    def spend(self, steps: int = 1) -> None:
        """Raises CodeError CW308 once the budget is used up."""
        self.budget.left -= steps
        if self.budget.left < 0:
            raise CodeError(
                "CW308",
                f"the text is too complex: reading it takes more than {STEPS:,} steps",
                hint="give the part that defines the layers, with shorter loops",
            )

    def keep(self, made: Applicable) -> None:
        if len(self.objects) >= MOST_LAYERS:
            raise CodeError(
                "CW308",
                f"the text makes more than {MOST_LAYERS:,} layers",
                received=MOST_LAYERS,
                hint="give the part that matters",
            )
        self.objects.append(made)

    def note(self, code: str, text: str) -> None:
        note = Note(code, text)
        if note not in self.notes:
            self.notes.append(note)

    def source(self, node: ast.AST, limit: int = 2_000) -> str:
        """The text of a node as it was written; columns of the parser are UTF-8 bytes."""
        first, last = _lines_of(node)
        if not first:
            return "?"
        if not self._lines:
            self._lines = self.text.split("\n")
        start, end = _columns_of(node)
        lines = self._lines[first - 1 - self.offset : last - self.offset]
        if not lines:
            return "?"
        lines[-1] = _slice(lines[-1], 0, end)
        lines[0] = _slice(lines[0], start, None)
        found = "\n".join(lines)
        return escaped(found if len(found) <= limit else found[:limit])

    def place(self, node: ast.AST) -> str:
        """`line 12: x = torch.cat([a, b])`: the place of a node, for an error's detail."""
        return f"line {_lines_of(node)[0]}: {shown(self.source(node, 400))}"

    def unknown(self, node: ast.AST) -> Unknown:
        return Unknown(shown(self.source(node, 400), 60))

    def yields(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
        """Whether a function is a generator; what is defined inside it is not looked at."""
        if id(node) not in self.generators:
            pending: list[ast.AST] = [] if isinstance(node, ast.Lambda) else list(node.body)
            found = False
            while pending and not found:
                part = pending.pop()
                found = isinstance(part, ast.Yield | ast.YieldFrom)
                if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
                    pending += ast.iter_child_nodes(part)
            self.generators[id(node)] = found
        return self.generators[id(node)]

    @property
    def dialect(self) -> str | None:
        """What the text has said so far about the framework it speaks to."""
        if self.forced:
            return self.forced
        counts = self.evidence or self.leanings
        return max(counts, key=lambda name: counts[name]) if counts else None

    @property
    def trying(self) -> bool:
        """Whether a constructor is followed: what it applies layers to is made up, to learn the sizes that come out."""
        return TRYING in self.prefix

    def truth(self, value: Any) -> bool | None:
        """Whether a condition holds; None where the text does not say."""
        return truth(value) if self.graph is None else self.graph.truth(self, value)

    @contextmanager
    def named(self, name: str | None) -> Iterator[None]:
        """Layers applied inside carry `name.` before their own names."""
        if not name:
            yield
            return
        self.prefix.append(name)
        try:
            yield
        finally:
            self.prefix.pop()


class Patience:
    """How long a loop of a script goes on without making a layer, as one that trains does."""

    def __init__(self, run: Run) -> None:
        self.run, self.made, self.left = run, len(run.objects), run.budget.left

    def is_over(self) -> bool:
        """Whether the rest of the loop is not worth its steps; a forward is followed to its end."""
        run = self.run
        if run.within or any(not getattr(one, "stranger", False) for one in run.objects[self.made :]):
            self.left = run.budget.left
        self.made = len(run.objects)
        return self.left - run.budget.left > MOST_FRUITLESS


def _lines_of(node: ast.AST) -> tuple[int, int]:
    if isinstance(node, ast.expr | ast.stmt | ast.excepthandler | ast.arg | ast.keyword | ast.alias):
        return node.lineno, node.end_lineno or node.lineno
    return 0, 0


def _columns_of(node: ast.AST) -> tuple[int, int | None]:
    if isinstance(node, ast.expr | ast.stmt | ast.excepthandler | ast.arg | ast.keyword | ast.alias):
        return node.col_offset, node.end_col_offset
    return 0, None


def _slice(line: str, start: int, end: int | None) -> str:
    if line.isascii():
        return line[start:end]
    return line.encode("utf-8")[start:end].decode("utf-8", "replace")
