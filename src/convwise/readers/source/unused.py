"""What a PyTorch model of the text holds and its forward passes by, such as a head that runs in training only."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from convwise import dialects
from convwise.dialects.base import Note, run_ops
from convwise.errors import ConvwiseError
from convwise.ops import Layout
from convwise.readers.echo import shown
from convwise.readers.source.state import Run
from convwise.readers.source.values import SELF_CHAIN, Chain, Held, Instance, Made
from convwise.readers.source.weighted import with_lengths

MOST_NAMED = 4


def unused_layers(run: Run, model: Any, applied: Container[object]) -> tuple[Note, ...]:
    """A note of the parameters that count in PyTorch and stand in no layer of the answer; `applied` are the ids of what does."""
    if not isinstance(model, Instance) or model.cls is None or model.cls.dialect != "torch":
        return ()
    counts: dict[str, int] = {}
    registered = set()
    for home, part in _held(run, model):
        registered.add(id(part))
        if id(part) not in applied and (count := _parameters(run, part)):
            counts[home] = counts.get(home, 0) + count
    fact = "{count:,} parameters are not used by this forward in evaluation mode: {homes}"
    notes = (Note("CW421", _counted(fact, counts)),) if counts else ()
    return (*notes, *_unregistered(run, model, registered, applied))


def _counted(fact: str, counts: dict[str, int]) -> str:
    homes = [shown(home, 60) for home in counts]
    named = f"{', '.join(homes[:MOST_NAMED])}{' ...' if len(homes) > MOST_NAMED else ''}"
    return fact.format(count=sum(counts.values()), homes=named)


def _unregistered(run: Run, model: Instance, registered: set[int], applied: Container[object]) -> tuple[Note, ...]:
    """A note of the parameters that run and that PyTorch does not know of, since a plain list, tuple or dictionary holds them."""
    counts: dict[str, int] = {}
    pending: list[tuple[str, Any, bool]] = [("", model, False)]
    seen: set[tuple[int, bool]] = set()
    for home, owner, plain in pending:
        run.spend()
        if (id(owner), plain) in seen:
            continue
        seen.add((id(owner), plain))
        if isinstance(owner, Made) and plain and id(owner) not in registered and id(owner) in applied:
            counts[home] = counts.get(home, 0) + _parameters(run, owner)
        inside = owner.values() if isinstance(owner, dict) else owner if isinstance(owner, list | tuple) else None
        if inside is not None:
            pending += [(home, part, True) for part in inside]
        else:
            pending += [(home or name, part, plain) for name, part in _parts(owner)]
    fact = "{count:,} parameters are in a plain list, tuple or dictionary ({homes}): PyTorch neither trains nor saves them; nn.ModuleList or nn.ModuleDict registers them"
    return (Note("CW421", _counted(fact, counts)),) if sum(counts.values()) else ()


def _held(run: Run, model: Instance) -> Iterator[tuple[str, Made | Held]]:
    """Every layer and array that PyTorch registers, once, with the model's attribute that holds it; plain lists register nothing."""
    pending = list(_parts(model))
    seen: set[int] = set()
    for home, part in pending:
        run.spend()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Made | Held):
            yield home, part
        pending += [(home, inner) for _, inner in _parts(part)]


def _parts(owner: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(owner, Chain):
        yield from ((name or str(place), part) for place, (name, part) in enumerate(owner.members))
    elif isinstance(owner, Instance):
        for name, part in owner.attributes.items():
            yield from _parts(part) if name == SELF_CHAIN else ((name, part),)


def _parameters(run: Run, part: Made | Held) -> int:
    """How many there are; 0 where that is not known, as of a loss or a metric."""
    if isinstance(part, Held):
        return part.numel() if part.counted and part.shape is not None else 0
    if part.stranger or part.problem is not None:
        return 0
    try:
        layer = with_lengths(dialects.get("torch").read(part.call, run.release), part.normed)
        flow = run_ops(layer, (None,) * ((layer.rank or 2) + 2), Layout())
    except ConvwiseError:
        return 0
    return sum(one.trainable or 0 for one in flow.flows)
