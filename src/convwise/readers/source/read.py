"""The door: a text, checked, unwrapped, parsed, walked, and its layers read by their dialects."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from convwise import dialects
from convwise.dialects.base import Layer, Note
from convwise.errors import CodeError, ConvwiseError
from convwise.ops import Shape
from convwise.readers.echo import escaped, shown
from convwise.readers.endings import CONTENT, like_a_path
from convwise.readers.source import options, wrapping
from convwise.readers.source.collecting import DEFAULT_DIALECT, collect, nothing_found
from convwise.readers.source.expressions import evaluate
from convwise.readers.source.limits import checked
from convwise.readers.source.parsing import parse, told, too_complex
from convwise.readers.source.result import Found, Snippet
from convwise.readers.source.state import Budget, Run
from convwise.readers.source.statements import execute

INVISIBLE = "\u200b\u200c\u200d\u2060\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\ufeff"
"""Bidirectional controls and characters without width: what a human reads is not what is there."""


def read_text(
    text: str, *, dialect: str | None = None, release: str | None = None, input_shape: Shape | None = None
) -> Snippet:
    """Every layer or chain in a source text, with its input; the text is never executed.

    Args:
        text: one layer, a chain, a snippet, Markdown with code blocks, or a printed model or summary.
        dialect: "keras", "torch", "tensorflow", "jax" or "onnx"; decided from imports, prefixes and spelling unless given.
        release: the framework's release that its dialect reads the layers for.
        input_shape: the input that is asked about; a Keras summary that shows none is worked out from it.

    Returns:
        A Snippet with at least one Found. A Found that could not be read has an `error` and no layers; if no Found of
        the text can be read, the first error is raised.

    Raises:
        CodeError: CW301 syntax, CW302 unknown layer, CW303-CW306 arguments, CW307 no layers, CW308 too complex, CW311 mixed
            frameworks, CW312 not text, CW313 numbers, CW314 values that are not given, CW315 no straight line, CW316 traceback.
        Refusal: the framework refuses the layer.
        ArgumentError: CW602, CW603, CW606.

    >>> snippet = read_text("Conv2D(32, 3, strides=2, input_shape=(64, 64, 3))")
    >>> snippet.dialect, snippet.found[0].layers[0].kind, snippet.found[0].input_shape
    ('keras', 'Conv2D', (64, 64, 3))
    """
    if dialect is not None:
        dialects.get(dialect)
    text = checked(text)
    notes = _suspicious(text)
    try:
        snippet = _read(text, Reading(dialect, release, Budget(), input_shape))
    except RecursionError:
        raise too_complex("calls are nested too deeply") from None
    except CodeError as error:
        raise _of_path(text, error) from None
    return _settled(replace(snippet, notes=(*notes, *snippet.notes)) if notes else snippet, text, dialect)


def _of_path(text: str, error: CodeError) -> CodeError:
    """The error; of a text that can only be a path, that text is wanted: a text is not opened, wherever it comes from."""
    if error.code not in ("CW301", "CW307") or not like_a_path(text):
        return error
    return CodeError("CW307", "no layers in the text: it is a path", received=shown(text), hint=CONTENT)


def read_layer(text: str, dialect: str | None = None, release: str | None = None) -> tuple[Layer, ...]:
    """The layers of a text that is one layer or one chain.

    Raises:
        CodeError: CW309 where it holds several; else as `read_text`.

    >>> [layer.kind for layer in read_layer("nn.Conv2d(3, 16, 3)")]
    ['Conv2d']
    """
    found = read_text(text, dialect=dialect, release=release).found
    if len(found) > 1:
        raise CodeError(
            "CW309", f"{len(found)} layers or chains, where one is read", received=len(found), hint="give one of them"
        )
    return found[0].layers


def _settled(snippet: Snippet, text: str, dialect: str | None) -> Snippet:
    """The snippet, if any of it could be read; else its first error.

    Parts of a model with branches, put together by nothing and without an input, are no answer: the branch is.
    """
    errors = [found.error for found in snippet.found if found.error is not None]
    if len(errors) == len(snippet.found):
        for error in errors[:1]:
            _point_to_networks(error, text, dialect)
            raise error
    branch = next((error for error in errors if error.code == "CW315"), None)
    whole = [found for found in snippet.found if found.error is None and found.input_shape is not None]
    if branch is not None and not whole and _point_to_networks(branch, text, dialect):
        raise branch
    return snippet


def _point_to_networks(error: ConvwiseError, text: str, dialect: str | None) -> bool:
    """Whether the text can be read as a network; the error's hint then says how."""
    if error.code not in ("CW314", "CW315"):
        return False
    from convwise.readers.source.graphs import read_network_text

    try:
        network = read_network_text(text, dialect)
    except ConvwiseError:
        return False
    way = f"`convwise inspect FILE` follows the branches of this text ({len(network.nodes)} steps), and so does convwise.read"
    error.hint = f"{error.hint}; {way}" if error.hint else way
    return True


def _suspicious(text: str) -> tuple[Note, ...]:
    if text.isascii():
        return ()
    found = sorted({letter for letter in INVISIBLE if letter in text})
    if not found:
        return ()
    line = text.count("\n", 0, min(text.index(letter) for letter in found)) + 1
    names = ", ".join(escaped(letter) for letter in found)
    return (Note("CW511", f"line {line} holds invisible characters ({names}): the text may not be what it looks like"),)


def _read(text: str, reading: Reading) -> Snippet:
    try:
        tree = parse(text)
    except SyntaxError as error:
        return _unwrapped(text, error, reading)
    return walk(text, tree, reading)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the caller asked for, and the budget that all pieces of the text share."""

    dialect: str | None
    release: str | None
    budget: Budget
    input_shape: Shape | None = None


def walk(text: str, tree: ast.Module, reading: Reading, offset: int = 0) -> Snippet:
    """Everything in one piece of code, which begins after `offset` lines of the whole text.

    Raises:
        CodeError: CW307, or CW302 if a name was nearly a layer's.
    """
    if offset:
        ast.increment_lineno(tree, offset)
    run = _run(text, tree, reading, offset)
    found = collect(run)
    if not found:
        nothing = nothing_found(run)
        if nothing.code != "CW307":
            raise nothing  # a name that is nearly a layer's
        # Lines copied out of a forward: they begin with a name, and only where there is nothing else is it the input.
        run = _run(text, tree, reading, offset, loose=True)
        found = collect(run)
        if not found:
            raise run.lost or nothing
    branches = any(tensor.doubt is not None for tensor in run.tensors)
    return Snippet(_dialect(run.dialect, found), tuple(found), (*run.notes, *options.notes(run)), branches)


def _run(text: str, tree: ast.Module, reading: Reading, offset: int, *, loose: bool = False) -> Run:
    run = Run(text, evaluate, execute, reading.dialect, reading.release, reading.budget, offset, loose=loose)
    for statement in tree.body:
        execute(run, [statement], run.scope)
    return run


def _dialect(said: str | None, found: list[Found]) -> str:
    layers = [layer.dialect for one in found for layer in one.layers]
    return max(sorted(set(layers)), key=layers.count) if layers else said or DEFAULT_DIALECT


def _unwrapped(text: str, error: SyntaxError, reading: Reading) -> Snippet:
    """A text that is no Python as it stands: Markdown, a printed model, code in a wrapping, or an error."""
    blocks = wrapping.fenced(text)
    if blocks:
        return _blocks(blocks, reading)
    return _piece(text, error, reading, 0)


def _piece(text: str, error: SyntaxError, reading: Reading, offset: int) -> Snippet:
    """A piece without fences that is no Python as it stands."""
    from convwise.readers.source import printed

    model = printed.read(text, reading.dialect, reading.release, reading.input_shape)
    if model is not None:
        return model
    for candidate, what in wrapping.bare(text):
        try:
            tree = parse(candidate)
        except SyntaxError:
            continue
        return _with_note(walk(candidate, tree, reading, offset), what)
    wrapping.check_traceback(text)
    raise told(error, text, offset)


def _with_note(snippet: Snippet, what: str) -> Snippet:
    note = Note("CW510", what if what == wrapping.SIGNS_READ else f"{what} were taken off the text")
    return replace(snippet, notes=(*snippet.notes, note)) if what else snippet


def _blocks(blocks: list[wrapping.Block], reading: Reading) -> Snippet:
    """The code blocks of a Markdown text, each read by itself; one that is no code is passed over if others are."""
    snippets: list[Snippet] = []
    errors: list[CodeError] = []
    for block in blocks:
        try:
            snippets.append(_block(block, reading))
        except CodeError as error:
            if block.sure and error.code != "CW307":
                lost = Found((), None, None, block.offset + 1, error=error)
                snippets.append(Snippet(reading.dialect or DEFAULT_DIALECT, (lost,)))
            errors.append(error)
    if not snippets:
        raise errors[0]
    found = tuple(one for snippet in snippets for one in snippet.found)
    notes = tuple(dict.fromkeys(note for snippet in snippets for note in snippet.notes))
    said = next(
        (snippet.dialect for snippet in snippets if any(one.layers for one in snippet.found)), snippets[0].dialect
    )
    return Snippet(
        _dialect(said, list(found)),
        found,
        (*notes, Note("CW510", "Markdown around the code was taken off")),
        any(snippet.branches for snippet in snippets),
    )


def _block(block: wrapping.Block, reading: Reading) -> Snippet:
    try:
        tree = parse(block.text)
    except SyntaxError as error:
        return _piece(block.text, error, reading, block.offset)
    return walk(block.text, tree, reading, block.offset)
