"""Requests about a whole network: inspect, sizes, check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convwise.ask.form import check_model, listed, wrong
from convwise.ask.outcomes import Checked, Inspected, Sized
from convwise.errors import ShapeError

if TYPE_CHECKING:
    from convwise.answers.network.legal import LegalSizes
    from convwise.graph import Network
    from convwise.ops import Shape


def answer_network(request: Mapping[str, Any], files: bool) -> Inspected | Sized | Checked:
    from convwise.readers.models import read

    model = request["model"]
    check_model(model, files)
    if files and model == "-":
        from convwise.readers.files import read_path_or_text

        model, _ = read_path_or_text(model)
    shape = _given(request.get("input"))
    one = None if isinstance(shape, Mapping) else shape
    network = read(model, input_shape=one, dialect=request.get("dialect"))
    if request["command"] == "inspect":
        return _inspected(network, shape, bool(request.get("symbolic")))
    if request["command"] == "check":
        from convwise.answers.network.checking import known_levels, with_levels
        from convwise.answers.network.flowing import given_shapes

        levels = known_levels(request.get("levels") or {})
        found = network.check(shape)
        # Whether it works is no matter of what a project makes of a code.
        works = all(one.level != "error" for one in found)
        inputs = given_shapes(network, shape)
        return Checked(tuple(with_levels(found, levels)), bool(request.get("strict")), inputs, works)
    return _sized(network, request.get("near"), request.get("input_name"))


def _given(value: Any) -> Shape | dict[str, Shape] | None:
    """The input of a network: one shape, or for several inputs `a=1x3x224x224,b=1x10` or an object of shapes by name."""
    from convwise.answers.inputs import as_shape

    if isinstance(value, str) and "=" in value:
        parts = [part.rpartition("=") for part in value.split(",")]
        if len({name.strip() for name, _, _ in parts}) < len(parts) or not all(name for name, _, _ in parts):
            raise wrong("shapes by name are written a=1x3x224x224,b=1x10", value)
        value = {name.strip(): shape for name, _, shape in parts}
    if isinstance(value, Mapping):
        return {name: as_shape(listed(shape)) for name, shape in value.items()}
    return None if value is None else as_shape(listed(value))


def _inspected(network: Network, shape: Shape | dict[str, Shape] | None, symbolic: bool) -> Inspected:
    """With letters where they are asked for, or where the sizes of the input are open."""
    try:
        trace = network.trace(shape)
    except ShapeError as error:
        told = "convwise sizes MODEL --near SIZE tells every size that works, and the nearest"
        error.hint = f"{error.hint}\n{told}" if error.hint else told
        raise
    return Inspected(trace, network.symbolic() if symbolic or trace.open else None)


def _sized(network: Network, near: Any, name: str | None) -> Sized:
    from convwise.answers.explanation import Finding
    from convwise.answers.inputs import as_shape
    from convwise.answers.network.legal import legal_of
    from convwise.answers.network.symbolic import follow

    symbolic = follow(network)
    legal = legal_of(symbolic, name)
    names = [legal.input] if name is not None else list(dict.fromkeys(axis.source for axis in symbolic.keys))
    sizes = None if near is None else as_shape(listed(near))
    every = [legal if one == legal.input else legal_of(symbolic, one) for one in names]
    # One size for all axes suits every input; sizes an axis are meant for the inputs that have so many.
    wanted = [one for one in every if sizes is None or len(sizes) in (1, len(one))]
    if sizes is not None and (None in sizes or not wanted):
        raise wrong(
            f"{len(sizes)} sizes for {len(legal)} axes ({', '.join(legal)})", near, "give one for all, or one an axis"
        )
    first, *others = [_sized_input(network, one, sizes if one in wanted else None) for one in every]
    notes = tuple(Finding(note.code, "note", note.text) for note in network.notes if note.code == "CW512")
    return replace(first, others=tuple(others), notes=notes)


def _sized_input(network: Network, legal: LegalSizes, sizes: Shape | None) -> Sized:
    from convwise.answers.network.features import remade
    from convwise.answers.network.fitting import fits

    if sizes is None:
        return Sized(legal, dialect=network.dialect)
    wanted = [size for size in (sizes * len(legal) if len(sizes) == 1 else sizes) if size is not None]
    near = fits(network, wanted, legal.input)
    legal_already = all(fit.below == fit.size for fit in near)
    # For a printed model whose order is not shown there is no layer that is known to be at fault.
    return Sized(
        legal, near, () if legal_already or network.unordered else remade(network, wanted, legal.input), network.dialect
    )
