"""Options of a program: what `argparse` gives where the command line says nothing, which is what the text says of them."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Note, Unknown
from convwise.readers.echo import shown
from convwise.readers.source.state import Run
from convwise.readers.source.values import MISSING, Options, Parser, Ref

Keywords = list[tuple[str | None, Any]]

PARSER = "argparse.ArgumentParser"
GROUPS = frozenset({"add_argument_group", "add_mutually_exclusive_group"})
"""Methods whose results add options to the same parser."""

SWITCHES = {"store_true": False, "store_false": True}
"""Actions of options without a value, and what they are where the command line does not name them."""

MOST_TOLD = 8
CODE = "CW524"


def called(run: Run, parser: Parser, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """A method of a parser."""
    words = {word: value for word, value in keywords if word}
    if name in GROUPS:
        return parser
    if name == "add_argument":
        _add(parser, arguments, words)
    elif name == "set_defaults":
        parser.defaults.update(words)
    elif name in ("parse_args", "parse_known_args"):
        given = [value for value in (*arguments, *words.values()) if value is not None and value != []]
        found = run.unknown(node) if given else Options(dict(parser.defaults))
        return found if name == "parse_args" else (found, run.unknown(node))
    return run.unknown(node)


def _add(parser: Parser, flags: list[Any], words: dict[str, Any]) -> None:
    """`parser.add_argument("-k", "--kernel-size", type=int, default=3)`."""
    written = [flag for flag in flags if isinstance(flag, str)]
    long = [flag for flag in written if flag.startswith("--")]
    title = words.get("dest", next(iter((*long, *written)), None))
    if not isinstance(title, str) or len(written) != len(flags):
        return
    title = title.lstrip("-").replace("-", "_")
    action = words.get("action")
    value = words.get("default", SWITCHES.get(action, MISSING) if isinstance(action, str) else MISSING)
    if isinstance(value, str) and words.get("type") == Ref("builtins.int"):
        # A default that is a text is read as the command line is.
        value = int(value) if value.isdecimal() and len(value) < 20 else MISSING
    if value is MISSING or isinstance(value, Unknown) or not all(flag.startswith("-") for flag in written):
        parser.defaults.pop(title, None)
    else:
        parser.defaults[title] = value


def of_options(run: Run, options: Options, node: ast.Attribute) -> Any:
    """`args.kernel_size`: its default, which is told beside the answer; unknown where it has none."""
    if node.attr not in options.values:
        return run.unknown(node)
    value = options.values[node.attr]
    if node.attr not in options.set_by_the_text and isinstance(value, bool | int | str | tuple | list):
        run.options[node.attr] = shown(repr(value), 40)
    return value


def set_option(options: Options, name: str, value: Any) -> None:
    """`args.cuda = torch.cuda.is_available()`."""
    options.values[name] = value
    options.set_by_the_text.add(name)


def notes(run: Run) -> tuple[Note, ...]:
    """Which defaults were read, whatever for."""
    if not run.options:
        return ()
    told = [f"{name}={value}" for name, value in run.options.items()]
    more = f" and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    return (
        Note(CODE, f"options of the command line are taken at their defaults: {', '.join(told[:MOST_TOLD])}{more}"),
    )
