"""From a model's configuration to nodes: nested models are opened, and every call of a layer becomes a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convwise.dialects.keras.kinds import KINDS, canonical
from convwise.graph import Declared
from convwise.ops.several import Opaque, Unsqueeze
from convwise.readers.echo import shown
from convwise.readers.keras_files import sequences
from convwise.readers.keras_files.fields import counted, malformed, shape_of
from convwise.readers.keras_files.layers import Made, known, made, own
from convwise.readers.keras_files.limits import AXES
from convwise.readers.keras_files.operations import Plan, modelled, planned
from convwise.readers.keras_files.state import Growing, Place, Step, add, unwired
from convwise.readers.keras_files.wires import Key, Row, Wired, is_functional, is_model, rows_of, wire
from convwise.readers.keras_files.wiring import CallOf, Reference, Stored, leaves

OLD_OPERATIONS = frozenset({"TFOpLambda", "SlicingOpLambda"})
OPERATIONS = ("keras.src.ops.", "keras.ops.")

Names = Mapping[Reference, str]
Shape = tuple[int | None, ...]


def read_model(
    growing: Growing, config: dict[str, Any], place: Place, given: CallOf | None, names: Names
) -> tuple[str, ...]:
    """The tensors that a model gives; `given` is the call with which it is called, None for the outermost one."""
    if is_functional(config):
        return _functional(growing, config, place, given, names)
    tensors = None if given is None else [names[ref] for ref in given.tensors]
    return _sequential(growing, config, place, tensors)


def _functional(
    growing: Growing, config: dict[str, Any], place: Place, given: CallOf | None, names: Names
) -> tuple[str, ...]:
    wired = growing.done.get(id(config))
    if wired is None:
        wired = growing.done[id(config)] = wire(config, place)
    entered = {} if given is None else _entered(wired, place, given, names)
    made_by: dict[Key, tuple[str, ...]] = {}
    for key in wired.order:
        row = wired.rows[key[0]]
        if row.kind != "InputLayer":
            growing.spend(row.place, place.depth)
            local = {ref: _tensor(made_by, wired, ref, row.place) for ref in wired.feeds[key]}
            made_by[key] = _call(growing, row, row.calls[key[1]], local, place, wired.asked.get(key, 1))
        elif given is None:
            made_by[key] = (growing.source(row.name, declared(row.config, row.place)),)
        elif row.name in entered:
            made_by[key] = (entered[row.name],)
        else:
            raise unwired(row.place, "this InputLayer is none of the model's inputs", layer=f"'{shown(row.name, 60)}'")
    return tuple(_tensor(made_by, wired, ref, place.keys) for ref in wired.outputs)


def _tensor(made_by: Mapping[Key, tuple[str, ...]], wired: Wired, ref: Reference, place: str) -> str:
    """The tensor's name; how many a layer gives is known only once it has run."""
    found = made_by[wired.places[ref.layer], ref.call]
    if ref.tensor >= len(found):
        fact = f"layer '{shown(ref.layer, 60)}' gives {counted(len(found), 'tensor')}, and the one numbered {ref.tensor} is asked for"
        raise unwired(place, fact, received=ref.tensor)
    return found[ref.tensor]


def declared(config: Mapping[str, Any], place: str) -> Shape:
    """An InputLayer's shape, in Keras 3's word for it or Keras 2's."""
    key = "batch_shape" if "batch_shape" in config else "batch_input_shape"
    return shape_of(config.get(key), place, key)


def _entered(wired: Wired, place: Place, given: CallOf, names: Names) -> dict[str, str]:
    """The tensors that a nested model is called with, by the names of its InputLayers."""
    wanted = [ref.layer for ref in leaves(wired.inputs)]
    first = given.args[0] if given.args else None
    if isinstance(first, dict) and not isinstance(wired.inputs, dict) and set(wanted) <= set(first):
        tensors = [leaf for name in wanted for leaf in leaves(first[name]) if isinstance(leaf, Reference)]
    else:
        tensors = list(given.tensors)
    if len(tensors) != len(wanted):
        fact = f"the model takes {counted(len(wanted), 'tensor')} and is called with {len(tensors)}"
        raise unwired(place.keys, fact, received=len(tensors))
    return {name: names[ref] for name, ref in zip(wanted, tensors, strict=True)}


def _call(growing: Growing, row: Row, call: CallOf, names: Names, place: Place, asked: int) -> tuple[str, ...]:
    """One call of a layer or of a nested model; `asked` is how many of its tensors are read."""
    frozen = row.config.get("trainable") is False
    if is_model(row.kind, row.config):
        below = place.below(row.name, row.place, frozen)
        return read_model(growing, row.config, below, call, names)
    if (
        row.kind in sequences.RULES
        and own(row.entry, row.kind)
        and all(isinstance(one, Reference) for one in call.sources)
    ):
        first = growing.first_count(row.entry)
        at = sequences.At(
            *(growing, row.kind, place.named(row.name), row.place, row.config),
            *(_built(growing, row, call, names), call, names, first, frozen or place.frozen),
        )
        found = sequences.called(at)
        if found is not None:
            return found
    plan, trainable = _plan(growing, row, call, names)
    inputs = tuple(growing.stored(one.shape) if isinstance(one, Stored) else names[one] for one in plan.inputs)
    name = place.named(row.name)
    if plan.merges:
        inputs = _ranked(growing, plan, inputs, row, name)
    first = growing.first_count(row.entry)
    outputs = asked if isinstance(plan.works[-1], Opaque) else plan.outputs
    params = None if first else 0
    trainable = 0 if frozen or place.frozen or not first else trainable
    return add(growing, Step(name, plan.kind, plan.works, inputs, row.place, name, outputs, params, trainable))


def _built(growing: Growing, row: Row, call: CallOf, names: Names) -> dict[str, Any]:
    """The shapes that the layer was built for: as the file tells, or those that its first call gave it, where a legacy file tells nothing."""
    told = row.entry.get("build_config")
    if isinstance(told, dict):
        return told
    shapes = [growing.seen(names[one]) for one in call.tensors]
    named = {
        f"{word}_shape": growing.seen(names[one]) for word, one in call.kwargs.items() if isinstance(one, Reference)
    }
    query, value, *key = (*shapes, *shapes[-1:]) if shapes else (None, None)
    found = {"input_shape": query, "query_shape": query, "value_shape": value, "key_shape": key[0] if key else value}
    return {word: shape for word, shape in (found | named).items() if shape is not None}


def _operation(row: Row) -> bool:
    """Whether the row is a call of keras.ops; a legacy file names its class alone, and layers have a type besides."""
    module = row.entry.get("module")
    if module is None and own(row.entry, row.kind):
        layer = canonical(row.kind) in KINDS or known(row.kind)
        typed = not row.config.keys().isdisjoint(("dtype", "trainable"))
        ranked = any(one.rank is not None for call in row.calls for one in call.tensors)
        return modelled(row.kind) and not (layer and (typed or not ranked))
    return isinstance(module, str) and f"{module}.".startswith(OPERATIONS)


def _plan(growing: Growing, row: Row, call: CallOf, names: Names) -> tuple[Plan, int | None]:
    """What a call does, and how many numbers training changes where its ops do not tell."""
    if row.kind in OLD_OPERATIONS:
        return planned(str(row.config.get("function")), row.config, call), None
    if _operation(row):
        return planned(row.kind, row.config, call), None
    layer = _layer(growing, row, _built(growing, row, call, names))
    inputs = call.sources
    kind = shown(row.kind, 60)
    if isinstance(layer.work, Opaque):
        return Plan(kind, (layer.work,), inputs), layer.trainable
    if not inputs or (layer.most is not None and len(inputs) > layer.most):
        return Plan(kind, (Opaque(f"{kind} is called with {counted(len(inputs), 'tensor')}"),), inputs), None
    return Plan(kind, (layer.work,), inputs, merges=layer.merges), layer.trainable


def _layer(growing: Growing, row: Row, built: Mapping[str, Any] | None = None) -> Made:
    found = growing.done.get(id(row.entry))
    if found is None:
        entry = row.entry if built is None else {**row.entry, "build_config": built}
        found = growing.done[id(row.entry)] = made(row.kind, entry, row.config, row.place, growing.layers)
    assert isinstance(found, Made)
    return found


def _ranked(growing: Growing, plan: Plan, inputs: tuple[str, ...], row: Row, name: str) -> tuple[str, ...]:
    """Keras gives merged tensors of fewer axes new ones behind the batch; their ranks stand in the file."""
    ranks = [one.rank if isinstance(one, Reference) else len(one.shape) for one in plan.inputs]
    most = max((rank or 0 for rank in ranks), default=0)
    if None in ranks or most > AXES:
        return inputs
    found = []
    for tensor, rank in zip(inputs, ranks, strict=True):
        if rank is not None and 0 < rank < most:
            work = Unsqueeze(tuple(range(1, 1 + most - rank)))
            (tensor,) = add(growing, Step(f"{name}.expand", plan.kind, (work,), (tensor,), row.place, name))
        found.append(tensor)
    return tuple(found)


# Sequential


def _sequential(growing: Growing, config: dict[str, Any], place: Place, given: Sequence[str] | None) -> tuple[str, ...]:
    """Layers one after the other; each takes all that the one before gives."""
    entries = rows_of(config, place)
    tensors = [growing.source(*_start(config, entries, growing, place))] if given is None else list(given)
    for row in entries:
        if row.kind == "InputLayer":
            continue
        growing.spend(row.place, place.depth)
        call = CallOf(tuple(Reference("", 0, number) for number in range(len(tensors))))
        names = dict(zip(call.tensors, tensors, strict=True))
        tensors = list(_call(growing, row, call, names, place, 1))
    return tuple(tensors)


def _start(config: Mapping[str, Any], entries: Sequence[Row], growing: Growing, place: Place) -> tuple[str, Declared]:
    """The name and shape of what a Sequential model takes: its InputLayer's, or what it or its first layer was built for."""
    if not entries:
        raise malformed(place.keys, "the model has no layers", received="no layers", hint="add layers before saving it")
    first = entries[0]
    if first.kind == "InputLayer":
        return first.name, declared(first.config, first.place)
    for key, holder, where in (
        ("build_input_shape", config, place.keys),
        ("batch_input_shape", first.config, first.place),
        ("batch_shape", first.config, first.place),
    ):
        if holder.get(key) is not None:
            return "input", shape_of(holder[key], where, key)
    if is_model(first.kind, first.config):
        return _inner_start(first, growing, place)
    return "input", growing.open_shape(_layer(growing, first).work, place.keys)


def _inner_start(first: Row, growing: Growing, place: Place) -> tuple[str, Declared]:
    below = place.below(first.name, first.place, False)
    if is_functional(first.config):
        wired = wire(first.config, below)
        inner = [wired.rows[wired.places[ref.layer]] for ref in leaves(wired.inputs)]
        if len(inner) != 1:
            raise malformed(
                below.keys, f"the first model in a Sequential takes {len(inner)} tensors", received=len(inner)
            )
        return inner[0].name, declared(inner[0].config, inner[0].place)
    return _start(first.config, rows_of(first.config, below), growing, below)
