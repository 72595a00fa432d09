"""Which layers of a Keras text are trained: `trainable=False` where a layer is made, and `model.trainable = False` afterwards.

Keras hands the word down to everything that a model holds at that moment, and the last word counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from convwise.dialects.base import Call, Layer, Unknown, Value
from convwise.graph import UNTOLD
from convwise.readers.source.state import Run
from convwise.readers.source.values import Chain, Held, Instance, Made

WORD = "trainable"


def set_trainable(run: Run, owner: Any, value: Any, node: ast.AST) -> bool:
    """`owner.trainable = value` where that is all the statement does; False where the name has to be kept as well.

    What nobody knows may be any layer of the model: then no count of trained parameters is told.
    """
    if isinstance(owner, Unknown) or _is_unmade(run, owner):
        if run.dialect == "keras":
            _untold(run, node)
        return isinstance(owner, Unknown)
    if not _is_model(run, owner) or _dialect(run, owner) != "keras":
        return False
    if not isinstance(value, bool):
        _untold(run, node)
        return not isinstance(owner, Instance)
    for part in list(_held(run, owner)):
        if isinstance(part, Made):
            part.trainable = value
        elif isinstance(part, Held):
            if not value:
                _untold(run, node)  # an array has been counted where it was first read
        else:
            if rests(run, part) is not value and any(
                isinstance(inner, Made) and is_trained(inner) is not value for inner in _held(run, part)
            ):
                _untold(
                    run, node
                )  # TensorFlow passes over a word that the model has already, other backends hand it down
            run.resting[id(part)] = (part, not value)
    return not isinstance(owner, Instance)


def _is_unmade(run: Run, owner: Any) -> bool:
    """Whether the text names an object that it does not make and puts no layer into: what it holds nobody knows."""
    if not isinstance(owner, Instance) or owner.cls is not None:
        return False
    return not any(isinstance(part, Made | Held) for part in _held(run, owner))


def made_with(run: Run, words: dict[str, Any], node: ast.AST) -> None:
    """`Sequential([...], trainable=False)`, which a Sequential keeps for itself and a functional model hands down."""
    if words.get(WORD, True) is not True:
        _untold(run, node)


def _is_model(run: Run, value: Any) -> bool:
    return isinstance(value, Made | Chain | Instance) or (run.graph is not None and run.graph.is_model(value))


def _dialect(run: Run, owner: Any) -> str | None:
    said = owner.cls.dialect if isinstance(owner, Instance) and owner.cls else getattr(owner, "dialect", None)
    return said or run.dialect


def _untold(run: Run, node: ast.AST) -> None:
    if not run.untold:
        run.untold = True
        run.note("CW315", f"{run.place(node)}: {UNTOLD}, the text does not show which")


def _held(run: Run, owner: Any) -> Iterator[Any]:
    """Every model, layer and array that is in a model, and the model before them, once."""
    pending: list[Any] = [owner]
    seen: set[int] = set()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        run.spend()
        if isinstance(part, Held) or _is_model(run, part):
            yield part
        if isinstance(part, Chain):
            pending += [member for _, member in part.members]
        elif isinstance(part, Instance):
            pending += part.attributes.values()
        elif isinstance(part, list | tuple):
            pending += part
        elif isinstance(part, dict):
            pending += part.values()
        elif run.graph is not None and run.graph.is_model(part):
            pending += run.graph.layers_of(part)


def entry() -> Made:
    """The input as Keras's models count it among their layers; it holds nothing."""
    return Made("InputLayer", Call("InputLayer"), "keras")


def is_trained(made: Made) -> bool | None:
    """Whether training changes the layer's numbers; None where the text does not say, as where only a layer inside it rests."""
    inner = [value for value in (*made.call.args, *dict(made.call.kwargs).values()) if isinstance(value, Call)]
    if made.trainable is None and any(dict(call.kwargs).get(WORD, True) is not True for call in inner):
        return None
    said = dict(made.call.kwargs).get(WORD, True) if made.trainable is None else made.trainable
    return said if isinstance(said, bool) else None


def rests(run: Run, model: Any) -> bool:
    """Whether the model as a whole is not trained, whatever its layers say."""
    return run.resting.get(id(model), (None, False))[1]


def is_told(run: Run, layers: Iterable[Made]) -> bool:
    """Whether the text says of every layer, and of every array of a model at rest, what training does to it."""
    own = (owner for owner, resting in run.resting.values() if resting and isinstance(owner, Instance))
    arrays = any(isinstance(part, Held) for owner in own for part in owner.attributes.values())
    return not run.untold and not arrays and all(is_trained(made) is not None for made in layers)


def told(run: Run, made: Made, layer: Layer) -> Layer:
    """The layer as it is trained at the end of the text."""
    said = None if run.untold else is_trained(made)
    if layer.dialect != "keras" or layer.trained is said:
        return layer
    known: Value = Unknown(WORD) if said is None else said
    return replace(layer, arguments={**layer.arguments, WORD: known})


def at_rest(layer: Layer) -> Layer:
    """The layer in a model that is not trained as a whole."""
    return replace(layer, arguments={**layer.arguments, WORD: False})
