"""The layers of a functional model, the order of their calls, and the tensors between them, read from its configuration once."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from convwise.readers.echo import shown
from convwise.readers.keras_files.fields import counted, malformed, mapping, rows, text
from convwise.readers.keras_files.operations import snake
from convwise.readers.keras_files.state import Place, unwired
from convwise.readers.keras_files.wiring import CallOf, Reference, call_of, ends, leaves

Key = tuple[int, int]
"""A layer's place in the model's list, and the number of its call."""

FIRST = -(1 << 40)
"""Before any layer that a file can hold: where the model's inputs stand in the order."""

NOTHING = CallOf(())
"""How an InputLayer is called."""


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of a functional model and all its calls."""

    name: str
    kind: str
    entry: Mapping[str, Any]
    config: dict[str, Any]
    calls: tuple[CallOf, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Wired:
    """A functional model, read once: its layers, the order of their calls, and which tensors go in and come out."""

    rows: tuple[Row, ...]
    order: tuple[Key, ...]
    feeds: Mapping[Key, tuple[Reference, ...]]
    inputs: Any
    outputs: tuple[Reference, ...]
    places: Mapping[str, int]
    asked: Mapping[Key, int]


def is_functional(config: Mapping[str, Any]) -> bool:
    return "input_layers" in config and "output_layers" in config


def is_model(kind: str, config: Mapping[str, Any]) -> bool:
    return "layers" in config and (kind == "Sequential" or is_functional(config))


def wire(config: dict[str, Any], place: Place) -> Wired:
    found: list[Row] = []
    places: dict[str, int] = {}
    for number, entry in enumerate(rows(config, "layers", place.keys)):
        row = row_of(entry, place.row(number))
        if row.name in places:
            raise unwired(row.place, f"two layers have the name '{shown(row.name, 60)}'", received=shown(row.name, 60))
        places[row.name] = number
        found.append(row)
    offsets = _offsets(found, places)
    feeds = {
        (number, call): tuple(_checked(ref, found, places, offsets, row.place) for ref in one.tensors)
        for number, row in enumerate(found)
        for call, one in enumerate(row.calls)
    }
    inputs = ends(config["input_layers"], place.keys)
    outputs = tuple(
        _checked(_output(ref, found, places), found, places, {}, place.keys)
        for ref in leaves(ends(config["output_layers"], place.keys))
    )
    _check_inputs(inputs, found, places, place)
    kept = tuple(_renumbered(row, offsets) if offsets else row for row in found)
    return Wired(
        kept, _ordered(feeds, found, places, inputs), feeds, inputs, outputs, places, _asked(feeds, outputs, places)
    )


def _asked(
    feeds: Mapping[Key, tuple[Reference, ...]], outputs: tuple[Reference, ...], places: Mapping[str, int]
) -> dict[Key, int]:
    """How many tensors of each call are read by somebody."""
    found: dict[Key, int] = {}
    for refs in (*feeds.values(), outputs):
        for ref in refs:
            key = (places[ref.layer], ref.call)
            found[key] = max(found.get(key, 1), ref.tensor + 1)
    return found


def rows_of(config: Mapping[str, Any], place: Place) -> list[Row]:
    """The layers of a Sequential. A class of one's own without get_config writes no name; it gets the one that Keras gives when it loads it."""
    entries = rows(config, "layers", place.keys)
    configs = [entry.get("config") for entry in entries if isinstance(entry, dict)]
    taken = {one["name"] for one in configs if isinstance(one, dict) and isinstance(one.get("name"), str)}
    found = []
    for number, entry in enumerate(entries):
        row = row_of(entry, place.row(number), nameless=True)
        if not row.name:
            base = snake(row.kind)
            name = next(one for n in count() if (one := f"{base}_{n}" if n else base) not in taken)
            taken.add(name)
            row = replace(row, name=name)
        found.append(row)
    return found


def row_of(entry: Any, place: str, nameless: bool = False) -> Row:
    if not isinstance(entry, dict):
        raise malformed(place, "a layer is no object", received=entry)
    kind = text(entry, "class_name", place)
    config = mapping(entry, "config", place)
    holder = entry if "name" in entry else config
    name = "" if nameless and "name" not in holder else text(holder, "name", place)
    nodes = rows(entry, "inbound_nodes", place) if "inbound_nodes" in entry else ()
    calls = tuple(call_of(node, f"{place}.inbound_nodes[{number}]") for number, node in enumerate(nodes))
    return Row(name, kind, entry, config, (NOTHING,) if kind == "InputLayer" else calls, place)


def _offsets(found: Sequence[Row], places: Mapping[str, int]) -> dict[str, int]:
    """Nested models whose calls are counted from 1: their own making was once call 0, and older Keras writes it so."""
    highest: dict[str, int] = {}
    for row in found:
        for call in row.calls:
            for ref in call.tensors:
                highest[ref.layer] = max(highest.get(ref.layer, 0), ref.call)
    return {
        name: 1
        for name, call in highest.items()
        if name in places
        and is_model(found[places[name]].kind, found[places[name]].config)
        and call == len(found[places[name]].calls) > 0
    }


def _moved(ref: Reference, offsets: Mapping[str, int]) -> Reference:
    by = offsets.get(ref.layer, 0)
    return Reference(ref.layer, max(ref.call - by, 0), ref.tensor, ref.rank) if by else ref


def _renumbered(row: Row, offsets: Mapping[str, int]) -> Row:
    def again(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: again(one) for name, one in value.items()}
        if isinstance(value, list):
            return [again(one) for one in value]
        return _moved(value, offsets) if isinstance(value, Reference) else value

    calls = tuple(CallOf(tuple(map(again, call.args)), again(dict(call.kwargs))) for call in row.calls)
    return Row(row.name, row.kind, row.entry, row.config, calls, row.place)


def _output(ref: Reference, found: Sequence[Row], places: Mapping[str, int]) -> Reference:
    """Where a functional model's outputs come from nested ones, their calls are counted from 1."""
    row = found[places[ref.layer]] if ref.layer in places else None
    if row is None or not is_model(row.kind, row.config) or ref.call == 0:
        return ref
    counted = is_functional(row.config) or ref.call >= len(row.calls)
    return Reference(ref.layer, ref.call - 1, ref.tensor, ref.rank) if counted else ref


def _checked(
    ref: Reference, found: Sequence[Row], places: Mapping[str, int], offsets: Mapping[str, int], place: str
) -> Reference:
    name = shown(ref.layer, 60)
    if ref.layer not in places:
        raise unwired(place, f"a tensor comes from layer '{name}', and there is none of that name", received=name)
    ref = _moved(ref, offsets)
    count = len(found[places[ref.layer]].calls)
    if ref.call >= count:
        fact = f"a tensor comes from call {ref.call} of layer '{name}', which is called {counted(count, 'time')}"
        raise unwired(place, fact, received=ref.call)
    return ref


def _check_inputs(inputs: Any, found: Sequence[Row], places: Mapping[str, int], place: Place) -> None:
    for ref in leaves(inputs):
        at = places.get(ref.layer)
        if at is None or found[at].kind != "InputLayer":
            name = shown(ref.layer, 60)
            raise unwired(place.keys, f"the model's input '{name}' is no InputLayer of it", received=name)


def _ordered(
    feeds: Mapping[Key, tuple[Reference, ...]], found: Sequence[Row], places: Mapping[str, int], inputs: Any
) -> tuple[Key, ...]:
    """Every call after those that it reads from, otherwise in the file's order; inputs first, in the model's order of them."""
    waiting: dict[Key, int] = {}
    readers: dict[Key, list[Key]] = {}
    for key, refs in feeds.items():
        before = {(places[ref.layer], ref.call) for ref in refs}
        waiting[key] = len(before)
        for one in before:
            readers.setdefault(one, []).append(key)
    first = {(places[ref.layer], 0): FIRST + number for number, ref in enumerate(leaves(inputs))}
    ready = [(first.get(key, key[0]), key[1], key) for key, count in waiting.items() if not count]
    heapq.heapify(ready)
    order: list[Key] = []
    while ready:
        key = heapq.heappop(ready)[2]
        order.append(key)
        for reader in readers.get(key, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, (reader[0], reader[1], reader))
    if len(order) < len(feeds):
        row = found[min(set(feeds) - set(order))[0]]
        name = shown(row.name, 60)
        raise unwired(row.place, "the layer waits for itself: the model has a circle", received=name, layer=f"'{name}'")
    return tuple(order)
