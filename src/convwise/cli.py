"""The command line: words in, text and an exit code out. What the words are stands in `commands` and `words`.

Exit codes: 0 it worked; 1 the answer is "no"; 2 the request could not be understood; 3 a bug of ours; 130 Ctrl-C.
Answers, the "no" included, go to standard output; misunderstandings and bugs to standard error. With `--json` there is
exactly one JSON object on standard output, whatever happened.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

from convwise.words import Wanted, plain

if TYPE_CHECKING:
    from convwise.answers.porting.asked import Diffed, Ported
    from convwise.ask import Answer, Checked, Inspected, Rules, Sized, Solved, Why
    from convwise.errors import ConvwiseError
    from convwise.rules import Rule

FORMATS = ("full", "concise")
INTERRUPTED = 130

PLAINER = str.maketrans(
    {
        "\N{MIDDLE DOT}": "-",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LESS-THAN OR EQUAL TO}": "<=",
        "\N{GREATER-THAN OR EQUAL TO}": ">=",
        "\N{NOT EQUAL TO}": "!=",
        "\N{FULL BLOCK}": "#",
        "\N{LIGHT SHADE}": ".",
        "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
        "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
        "\N{BULLET}": "*",
    }
)
"""Typographic signs in ASCII, for terminals that have nothing else."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line on `argv` (default: the process's own) and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            code = _run(words)
        except Exception as error:  # whatever it is, the user gets a sentence and not our insides
            if isinstance(error, OSError):
                raise
            from convwise.ask import bug

            code = show(bug(error), as_json="--json" in words, form="full")
        _flush()
        # Python has no stream where the caller closed it, and what is written to none gets lost without a word.
        if sys.stdout is None and (code < 2 or "--json" in words):
            return _unwritten("standard output is closed")
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader went away, as `head` does: nothing is wrong
        _silence(sys.stdout)
        return 0
    except OSError as error:
        _silence(sys.stdout)
        return _unwritten(error.strerror or str(error))
    return code


def _unwritten(reason: str) -> int:
    """Say that the answer got lost, where even that can be written; the exit code."""
    try:
        if sys.stderr is not None:
            print(f"convwise: the answer cannot be written: {reason}", file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)
    return 2


def _run(words: list[str]) -> int:
    told: Wanted | int | None = plain(words)
    if told is None:
        from convwise.commands import UsageError, parse

        # Without a command nothing was asked, so the help stands where misunderstandings do; a shell that completes asks without words.
        asked = words or "_CONVWISE_COMPLETE" in os.environ
        try:
            with nullcontext() if asked else redirect_stdout(sys.stderr):
                told = parse(words or ["--help"])
        except UsageError as error:
            return show(error.told, as_json="--json" in words, form="full", usage=error.usage)
    if isinstance(told, Wanted):
        return respond(told.request, as_json=told.as_json, form=told.form, shown=told.shown)
    return told if words else 2


def respond(
    request: Mapping[str, Any], *, as_json: bool, form: str | None, shown: Mapping[str, Any] | None = None
) -> int:
    """Answer a request on standard output or standard error; the exit code."""
    from convwise.ask import attempt
    from convwise.errors import ArgumentError

    form = form or "full"
    if form not in FORMATS:
        wrong = ArgumentError(
            "CW606", f"no format {form[:40]!r}", received=form[:40], hint=f"the formats are {' and '.join(FORMATS)}"
        )
        return show(wrong, as_json=as_json, form="full")
    outcome = attempt(request, files=True)
    if shown and request.get("command") == "inspect":
        return _show_trace(outcome, form, shown, as_json)
    if shown and not as_json:
        return _show_laid_out(outcome, form, shown)
    return show(outcome, as_json=as_json, form=form)


def _show_laid_out(outcome: Answer | ConvwiseError, form: str, shown: Mapping[str, Any]) -> int:
    """A table as Markdown, or all solutions."""
    from convwise.ask import Solved, exit_code

    if shown.get("markdown"):
        from convwise.answers.porting.supports import Supports

        table = getattr(outcome, "answer", None)
        if isinstance(table, Supports):
            _write(sys.stdout, table.markdown())
            return exit_code(outcome)
    if isinstance(outcome, Solved):
        from convwise.faces.fit import fit

        text = _solved(outcome, form, color(sys.stdout), everything=bool(shown.get("all")))
        _write(sys.stdout, fit(text, width()) if form == "full" else text)
        return 0
    return show(outcome, as_json=False, form=form)


def _show_trace(outcome: Answer | ConvwiseError, form: str, shown: Mapping[str, Any], as_json: bool) -> int:
    """A network laid out as asked: its rows sorted, folded or filtered; as a table, JSON or CSV."""
    from convwise.ask import Inspected
    from convwise.faces.networks import chosen, render_trace

    if not isinstance(outcome, Inspected):
        return show(outcome, as_json=as_json, form=form)
    wrong = _not_laid_out(shown, as_json)
    if wrong is not None:
        return show(wrong, as_json=as_json, form=form)
    rows = {name: shown.get(name) for name in ("only", "grep", "sort")}
    if as_json or shown.get("csv"):
        from dataclasses import replace

        some = replace(outcome.trace, rows=tuple(chosen(outcome.trace.rows, **rows)))
        if as_json:
            return show(replace(outcome, trace=some), as_json=True, form=form)
        _write(sys.stdout, some.csv().rstrip("\n"))
        return 0
    if form == "concise":
        return show(outcome, as_json=False, form=form)
    layout: dict[str, Any] = {**rows, "depth": shown.get("depth"), "symbolic": outcome.symbolic}
    _write(sys.stdout, render_trace(outcome.trace, width(), color(sys.stdout), **layout))
    return 0


def _not_laid_out(shown: Mapping[str, Any], as_json: bool) -> ConvwiseError | None:
    """What is wrong with the layout asked for."""
    from convwise.errors import ArgumentError
    from convwise.faces.networks import SORTS

    if as_json and shown.get("csv"):
        return ArgumentError("CW606", "--json and --csv cannot both be printed", hint="give one of them")
    sort, depth = shown.get("sort"), shown.get("depth")
    if sort is not None and sort not in SORTS:
        return ArgumentError("CW606", f"no order {sort!r}", received=sort, hint=f"the orders are {', '.join(SORTS)}")
    if depth is not None and (as_json or shown.get("csv")):
        what = "--json" if as_json else "--csv"
        fact = f"--depth {depth} folds rows of the table, and {what} has a row a node"
        return ArgumentError("CW606", fact, received=depth, hint="leave --depth out: each row names its module")
    return None


def show(outcome: Answer | ConvwiseError, *, as_json: bool, form: str, usage: str = "") -> int:
    """Write an outcome where it belongs; the exit code."""
    from convwise.ask import exit_code, to_json
    from convwise.faces.fit import fit

    code = exit_code(outcome)
    if as_json:
        import json

        _write(sys.stdout, json.dumps(to_json(outcome), default=repr, allow_nan=False))
        return code
    stream = sys.stdout if code < 2 or hasattr(outcome, "failures") else sys.stderr
    text = _text(outcome, form, width(), color(stream))
    if (form == "full" and not hasattr(outcome, "answer")) or (stream is not None and stream.isatty()):
        text = fit(text, width())
    _write(stream, f"{usage}\n{text}" if usage else text)
    return code


def width() -> int:
    """Columns of the terminal; 100 where there is none (COLUMNS overrides both)."""
    return max(shutil.get_terminal_size((100, 24)).columns, 20)


def color(stream: TextIO | None) -> bool:
    """Whether to colour: only a terminal, and not where NO_COLOR is set or the terminal is dumb."""
    if stream is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def _text(outcome: Answer | ConvwiseError, form: str, columns: int, colored: bool) -> str:
    from convwise.answers.planned import Planned
    from convwise.ask import Checked, Doctor, Inspected, Rules, Sized, Solved, Why
    from convwise.errors import ConvwiseError

    match outcome:
        case Why():
            return _why(outcome, form, columns, colored)
        case Inspected() | Sized() | Checked():
            return _network(outcome, form, columns, colored)
        case Solved():
            return _solved(outcome, form, colored)
        case Rules():
            return _rules(outcome, form, columns, colored)
        case Doctor():
            from convwise.faces import pages

            return (
                pages.report_line(outcome.report)
                if form == "concise"
                else pages.report_page(outcome.report, columns, colored)
            )
        case ConvwiseError():
            return _error(outcome, form, columns, colored)
        case Planned():
            from convwise.escaping import escape
            from convwise.faces.fit import fit

            return escape(outcome.lines) if form == "concise" else fit(str(outcome), columns)
        case _:
            return _of_two(outcome, form, columns, colored)


def _why(outcome: Why, form: str, columns: int, colored: bool) -> str:
    from convwise.ask import failure
    from convwise.faces.text import render, render_lines, render_many

    if form == "concise":
        return render_lines([failure(result) or result for result in outcome.results], outcome.inputs)
    if len(outcome.inputs) > 1:
        return render_many(outcome.results, outcome.inputs, width=columns, color=colored)
    told = []
    for result in outcome.results:
        error = failure(result)
        told.append(
            render(result, width=columns, color=colored) if error is None else _error(error, form, columns, colored)
        )
    return "\n\n".join(told)


def _network(outcome: Inspected | Sized | Checked, form: str, columns: int, colored: bool) -> str:
    from convwise.ask import Checked, Sized
    from convwise.escaping import escape
    from convwise.faces import networks
    from convwise.faces.fit import fit

    if isinstance(outcome, Sized):
        every = (outcome, *outcome.others)
        if form == "concise":
            names = [f"{escape(one.legal.input)}: " if outcome.others else "" for one in every]
            lines = [networks.render_sizes_line(one.legal, one.near) for one in every]
            return "\n".join(name + line for name, line in zip(names, lines, strict=True))
        text = "\n\n".join(
            networks.render_sizes(one.legal, one.near, one.remade, one.dialect, columns) for one in every
        )
        told = [line for note in outcome.notes for line in networks.finding_lines(note)]
        return fit("\n".join([text, *told]), columns) if told else text
    if isinstance(outcome, Checked):
        if form == "concise":
            return networks.render_finding_lines(outcome.findings, outcome.inputs, outcome.works)
        # Examples of rules are laid out here too, so lines are folded before they are set in.
        return fit(networks.render_findings(outcome.findings, outcome.inputs, outcome.works), columns)
    if form == "concise":
        return networks.render_trace_line(outcome.trace, outcome.symbolic)
    return networks.render_trace(outcome.trace, columns, colored, symbolic=outcome.symbolic)


def _of_two(outcome: Diffed | Ported, form: str, columns: int, colored: bool) -> str:
    from convwise.answers.porting.asked import Diffed
    from convwise.faces import porting

    answer = outcome.difference if isinstance(outcome, Diffed) else outcome.answer
    return porting.render_line(answer) if form == "concise" else porting.folded(answer, columns, colored)


def _solved(outcome: Solved, form: str, colored: bool, everything: bool = False) -> str:
    from convwise.faces.solutions import render_solution, render_solution_lines

    if form == "concise":
        return render_solution_lines(outcome.solution)
    return render_solution(outcome.solution, colored, everything)


def _error(error: ConvwiseError, form: str, columns: int, colored: bool) -> str:
    if error.code == "CW901":  # nothing else of ours is trusted to tell it
        return str(error)
    from convwise.faces.text import render_error, render_line

    return render_line(error) if form == "concise" else render_error(error, width=columns, color=colored)


def _rules(outcome: Rules, form: str, columns: int, colored: bool) -> str:
    from convwise.faces import pages

    if outcome.listed:
        return pages.rule_list(outcome.rules, columns, colored)
    rule = outcome.rules[0]
    return (
        pages.rule_line(rule) if form == "concise" else pages.rule_page(rule, example(rule, columns), columns, colored)
    )


def example(rule: Rule, columns: int) -> str:
    """What a rule's example prints: run here where it is a question, else as recorded."""
    from convwise.ask import attempt
    from convwise.rules import Asked

    if isinstance(rule.example, Asked):
        return _text(attempt(rule.example.request, files=True), "full", columns - 2, False)
    return "" if rule.example is None else rule.example.message


def _write(stream: TextIO | None, text: str) -> None:
    """Write a line or more; what the stream cannot encode is written in plainer signs, never an error."""
    if stream is None:
        return
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(PLAINER).encode(encoding, "replace").decode(encoding)
    stream.write(text + "\n")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _silence(stream: TextIO | None) -> None:
    """Send what is still buffered nowhere, so that the interpreter's own last flush is quiet too."""
    if stream is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
