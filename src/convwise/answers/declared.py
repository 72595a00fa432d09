"""A Keras model that declares its input has its weights from then on: what is fed to it later meets those.

Keras's own rules (functional.py, input_spec.py): a last axis of 1 is added or taken off where the ranks differ by one; a
functional model asks for the declared sizes, a Sequential model for what its layers' weights take.
"""

from __future__ import annotations

from dataclasses import replace

from convwise.answers.explanation import show
from convwise.answers.taken import built
from convwise.dialects.base import Dialect, LayerFlow
from convwise.errors import ShapeError
from convwise.ops import Shape, elements
from convwise.readers.source import Found


def fed(spoken: Dialect, found: Found) -> Found:
    """The model with the weights of its declaration, and what reaches its first layer; where it cannot be made, as it is declared.

    Raises:
        ShapeError: CW101 or CW110 where Keras refuses the array before any layer sees it.
    """
    declared, given = found.declared, found.input_shape
    if declared is None or given is None or given[1:] == declared[1:]:
        return found
    try:
        flows = _flows(spoken, found, declared)
    except ShapeError:
        return replace(found, input_shape=declared[1:], batched=False, declared=None)
    if found.functional:
        _check_sizes(declared, given)
    shape = _of_rank(declared, given)
    return replace(found, layers=tuple(built(flow) for flow in flows), input_shape=shape, batched=True)


def _flows(spoken: Dialect, found: Found, declared: Shape) -> list[LayerFlow]:
    flows: list[LayerFlow] = []
    for layer in found.layers:
        flows.append(spoken.flow(layer, flows[-1].output if flows else declared))
    return flows


def _of_rank(declared: Shape, given: Shape) -> Shape:
    if len(given) == len(declared) + 1 and given[-1] == 1:
        return given[:-1]
    if len(given) == len(declared) - 1 and declared[-1] == 1:
        return (*given, 1)
    if len(given) == len(declared):
        return given
    raise ShapeError(
        "CW101",
        f"declared for {show(declared)}, which has {len(declared)} axes; {show(given)}, which is fed to it, has {len(given)}",
        layer="Keras model",
        received=given,
        quote=f"Expected shape {declared}, but input has incompatible shape {given}",
        hint=_hint(declared, given),
    )


def _check_sizes(declared: Shape, given: Shape) -> None:
    """A functional model looks at its input before its layers do, without a last axis of 1 on either side."""
    ours, theirs = (shape[:-1] if shape[-1:] == (1,) else shape for shape in (declared, given))
    if any(None not in (one, other) and one != other for one, other in zip(ours, theirs, strict=False)):
        raise ShapeError(
            "CW110",
            f"declared for {show(declared)}, and {show(given)} is fed to it",
            layer="Keras model",
            received=given,
            quote=f"expected shape={declared}, found shape={theirs}",
            hint=_hint(declared, given),
        )


def _hint(declared: Shape, given: Shape) -> str:
    """The array turned into what was declared where its cells are those of whole samples; else what to feed."""
    sample, cells = declared[1:], elements(given)
    one = elements(sample)
    if one and cells is not None and cells % one == 0:
        return f"x.reshape({', '.join(map(str, (-1, *sample)))}) makes it {show((cells // one, *sample))}"
    return f"feed {show((None, *sample))}, or declare the input for what is fed"
