"""Layers, models and objects of the text applied to wires: each application is a node, named by its place in the model."""

from __future__ import annotations

import ast
import re
from typing import Any

from convwise.dialects.base import Layer, Unknown
from convwise.dialects.keras.kinds import MERGES
from convwise.errors import CodeError, ConvwiseError
from convwise.graph import Work
from convwise.ops.several import Concat, Elementwise, Opaque, Unsqueeze
from convwise.readers.source import applying as chains
from convwise.readers.source import attributes, collecting
from convwise.readers.source.functions import invoke
from convwise.readers.source.graphs import inner, sequences
from convwise.readers.source.graphs.asking import followed, shape
from convwise.readers.source.graphs.wiring import (
    End,
    WiredModel,
    Wiring,
    around,
    doubt_of,
    doubted,
    entered,
    flat,
    lost,
)
from convwise.readers.source.state import Run
from convwise.readers.source.values import SELF_CHAIN, Chain, Function, Instance, Made, Tensor
from convwise.readers.torch_live import output_sizes
from convwise.readers.torch_live.values import NotFollowed
from convwise.readers.torch_live.values import Tensor as Wire

Keywords = list[tuple[str | None, Any]]

NO_ARRAYS = ("training", "mask")


def applied(run: Run, graph: Wiring, target: Any, arguments: list[Any], keywords: Keywords, node: ast.AST) -> Any:
    """`target(x)`, where `target` is a layer, a chain, an object of the text, or a model of wires."""
    run.spend()
    line = chains.line_of(node)
    words = [(name, value) for name, value in keywords if name not in NO_ARRAYS]
    if isinstance(target, Made) and target.kind.endswith("Loss"):
        return run.unknown(node)
    attributes.use(target)
    if not arguments and not words:
        return run.unknown(node)
    if isinstance(target, Made | Chain | WiredModel):
        doubt = next((found for found in map(doubt_of, flat([arguments, words])) if found is not None), None)
        if doubt is not None:
            return doubted(run, doubt)
    if isinstance(target, WiredModel):
        return replayed(run, graph, target, arguments, words, node)
    unknown = next((part for part in arguments if isinstance(part, Unknown)), None)
    if unknown is not None and run.within and isinstance(target, Made | Chain):
        return lost(run, node, f"the text does not say what {unknown.text} is")
    start, before = len(graph.building.nodes), len(run.tensors)
    outermost = not run.within and not run.prefix and not graph.inside
    graph.inside += 1
    try:
        arguments = [_entered(run, graph, value, target, place) for place, value in enumerate(arguments)]
        words = [(name, entered(run, graph, value)) for name, value in words]
        value = _applied(run, graph, target, arguments, words, node)
    finally:
        graph.inside -= 1
    if outermost and isinstance(target, Chain | Instance):
        doubts = tuple(tensor.doubt for tensor in run.tensors[before:] if tensor.doubt is not None)
        graph.ends.append(End(target, value, start, len(graph.building.nodes), line, doubts))
    return value


def _entered(run: Run, graph: Wiring, value: Any, target: Any, place: int) -> Any:
    """An argument as wires; an array without a shape is the input that the model declares."""
    declared = target.declared if isinstance(target, Chain | Instance) else None
    if isinstance(value, Tensor) and value.doubt is None:
        if id(value) not in graph.roots and isinstance(target, Instance):
            names = parameters(target)
            if place < len(names):
                graph.names.setdefault(id(value), names[place])
        if value.shape is None and declared is not None and id(value) not in graph.roots:
            value.shape, value.batched, value.entry = declared.shape, declared.batched, True
    elif isinstance(value, Unknown) and not isinstance(target, Instance):
        value = Tensor(None)
    return entered(run, graph, value)


def parameters(instance: Instance) -> list[str]:
    """The parameters of an object's forward that have no default, without self."""
    cls = instance.cls
    method = cls.methods.get(cls.forward) if cls is not None and cls.forward else None
    if not isinstance(method, Function):
        return []
    spec = method.node.args
    names = [part.arg for part in (*spec.posonlyargs, *spec.args)][1:]
    return names[: len(names) - len(spec.defaults)] if spec.defaults else names


def alone(run: Run, graph: Wiring, target: Any, tensor: Tensor, line: int) -> Any:
    """A model that nothing is put into, on the inputs that it declares or that its forward takes."""
    inputs = [tensor]
    if isinstance(target, Instance) and tensor.entry:
        inputs += [Tensor(None, line=line, entry=True) for _ in parameters(target)[1:]]
    node = ast.Pass(lineno=line, col_offset=0, end_lineno=line, end_col_offset=0)
    return applied(run, graph, target, list(inputs), [], node)


def _applied(
    run: Run,
    graph: Wiring,
    target: Any,
    arguments: list[Any],
    words: Keywords,
    node: ast.AST,
    label: str | None = None,
) -> Any:
    attributes.use(target)
    title = label if label is not None else path_of(run, graph, target)
    if isinstance(target, Made):
        graph.alive.append(target)
        return made(run, graph, target, arguments, words, node, title)
    if isinstance(target, Chain):
        return _along(run, graph, target, arguments, words, node, title, labelled=label is not None)
    if isinstance(target, Instance):
        return _through(run, graph, target, arguments, words, node, title, labelled=label is not None)
    # What stands where a layer should: the walk of chains says best why it is none.
    return doubted(run, chains.no_layer(target))


def path_of(run: Run, graph: Wiring, target: Any) -> str | None:
    """The name under which the object around holds the layer: `up1`, `blocks.0.conv`; else the layer's own."""
    owner = around(run)
    if owner is not None:
        known = graph.paths.get(id(owner), {})
        if id(target) not in known:
            known = graph.paths[id(owner)] = _held(owner)
        if id(target) in known:
            return known[id(target)]
    return target.name if isinstance(target, Made | Chain | Instance) else None


def _held(owner: Instance) -> dict[int, str]:
    found: dict[int, str] = {}
    pending: list[tuple[str, Any, int]] = [
        (name, value, 0) for name, value in reversed(owner.attributes.items()) if name != SELF_CHAIN
    ]
    own = owner.attributes.get(SELF_CHAIN)
    if isinstance(own, Chain):
        found[id(own)] = ""
        pending += [(name or str(place), member, 1) for place, (name, member) in enumerate(own.members)]
    while pending:
        path, value, depth = pending.pop()
        if isinstance(value, Made | Chain | Instance):
            found.setdefault(id(value), path)
        if depth > 8:
            continue
        if isinstance(value, Chain):
            pending += [
                (f"{path}.{name or place}", part, depth + 1) for place, (name, part) in enumerate(value.members)
            ]
        elif isinstance(value, list | tuple):
            pending += [(f"{path}.{place}", part, depth + 1) for place, part in enumerate(value)]
        elif isinstance(value, dict):
            pending += [(f"{path}.{key}", part, depth + 1) for key, part in value.items()]
    return found


# Chains and objects


def _along(
    run: Run,
    graph: Wiring,
    chain: Chain,
    arguments: list[Any],
    words: Keywords,
    node: ast.AST,
    title: str | None,
    *,
    labelled: bool = False,
) -> Any:
    """Through the members of a Sequential; all that one gives goes into the next."""
    if chain.doubt is not None:
        return doubted(run, chain.doubt)
    if chain.kind != "Sequential":
        return lost(run, node, f"a {chain.kind} is not applied as a whole")
    value = arguments[0] if arguments else None
    extra = chains.extra(chain, arguments, words, Wire)
    if extra is not None:
        return lost(run, node, f"what a {chain.kind} does with {extra} is not modelled")
    inside = bool(labelled or run.within or run.prefix or around(run))
    with run.named(title if inside else None):
        for place, (name, member) in enumerate(chain.members):
            if isinstance(member, Tensor):
                continue
            run.spend()
            doubt = doubt_of(value)
            if doubt is not None:
                return doubted(run, doubt)
            label = name or (str(place) if chain.dialect == "torch" or not isinstance(member, Made) else member.name)
            value = _applied(run, graph, member, [value], [], node, label or "")
    return value


def _through(
    run: Run,
    graph: Wiring,
    instance: Instance,
    arguments: list[Any],
    words: Keywords,
    node: ast.AST,
    title: str | None,
    *,
    labelled: bool = False,
) -> Any:
    """Through the forward or call of an object of the text."""
    inside = bool(labelled or run.within or run.prefix)
    cls = instance.cls
    own = instance.attributes.get(SELF_CHAIN)
    with run.named(title if inside else None):
        if cls is None or cls.forward is None:
            if not isinstance(own, Chain):
                return lost(run, node, "the text does not show what it makes of its input")
            run.within += 1
            try:
                return _along(run, graph, own, arguments, words, node, None)
            finally:
                run.within -= 1
        first = next((part for part in arguments if isinstance(part, Wire)), None)
        chains.build(run, instance, run.unknown(node) if first is None else shape(run, graph, first, node), node)
        method = cls.methods[cls.forward]
        bound = Function(method.node, method.scope, cls.forward, owner=instance, called=True, within=method.within)
        run.within += 1
        try:
            value = invoke(run, bound, arguments, words, node if hasattr(node, "lineno") else method.node)
        finally:
            run.within -= 1
            for part in instance.attributes.values():
                chains.use_all(part)
    if not any(isinstance(part, Wire) or doubt_of(part) is not None for part in flat(value)):
        return doubted(run, chains.no_result(instance, value, chains.line_of(node)))
    return value


# Layers


def made(
    run: Run, graph: Wiring, target: Made, arguments: list[Any], words: Keywords, node: ast.AST, title: str | None
) -> Any:
    """One layer applied to its wires."""
    wires = [part for part in flat([arguments, [value for _, value in words]]) if isinstance(part, Wire)]
    dialect = run.forced or target.dialect or target.leaning or run.dialect or collecting.DEFAULT_DIALECT
    name = ".".join([*run.prefix, title]) if run.prefix and title else title or ".".join(run.prefix)
    name = name or (target.kind.lower() if dialect == "torch" else snake(target.kind.rpartition(".")[2]))
    try:
        if dialect == "keras" and target.kind in (*MERGES, "Concatenate") and target.problem is None:
            collecting.check_changes(target, ("axis",))
            work = merge(target)
            return _emitted(run, graph, target, work, ranked(run, graph, work, wires, target.kind, title), node, name)
        if dialect == "torch" and target.kind.startswith("MaxUnpool"):
            return _unpooled(run, graph, target, arguments, words, node, title)
        if dialect == "keras" and target.kind == "Lambda" and target.inner is not None and target.problem is None:
            return inner.computed(run, graph, target, target.inner, arguments, title or snake(target.kind))
        if dialect == "keras" and inner.is_model(target.inner) and target.problem is None:
            return _stepwise(run, graph, target, wires, node, title or snake(target.kind), name)
        if dialect == "keras" and target.kind in sequences.ARGUMENTS and target.problem is None:
            collecting.check_changes(target, sequences.ARGUMENTS[target.kind][0])
            return sequences.applied(run, graph, target, arguments, words, node, name)
        size = _size_asked(target, words, arguments)
        if len(wires) != 1 and size is None:
            return lost(run, node, f"{target.kind} is applied to {len(wires)} arrays")
        extra = None if size is not None else chains.extra(target, arguments, words, Wire)
        if extra is not None:
            return lost(run, node, f"what {target.kind} does with {extra} is not modelled")
        layer = collecting.read_made(run, dialect, target.name, target, graph.read)
    except ConvwiseError as error:
        return doubted(run, error)
    if size is not None:
        wire = arguments[0] if arguments else dict(words).get("input")
        return _sized(run, graph, target, layer.named(name), wire, size, node, name)
    out = _emitted(run, graph, target, layer.named(name), wires[:1], node, name)
    return (out, out) if layer.arguments.get("return_indices") is True else out


def _stepwise(run: Run, graph: Wiring, target: Made, wires: list[Wire], node: ast.AST, label: str, name: str) -> Any:
    """A model of the text in a TimeDistributed."""
    whole = target.inner.target if target.inner is not None else None

    def through(wire: Wire) -> Any:
        if isinstance(whole, WiredModel):
            return replayed(run, graph, whole, [wire], [], node)
        return _applied(run, graph, whole, [wire], [], node, label)

    return inner.at_every_step(run, graph, wires, node, name, through)


def snake(kind: str) -> str:
    """Keras's own name for a layer without one.

    >>> snake("Conv2D"), snake("BatchNormalization"), snake("GlobalAveragePooling2D"), snake("ReLU")
    ('conv2d', 'batch_normalization', 'global_average_pooling2d', 're_lu')
    """
    found = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", found).lower()


def merge(target: Made) -> Work:
    """What a merge layer of Keras does.

    Raises:
        CodeError: CW314 where its axis is not in the text.
    """
    if target.kind in MERGES:
        return Elementwise(MERGES[target.kind])
    words = dict(target.call.kwargs)
    return concat(words.get("axis", target.call.args[0] if target.call.args else -1), target.call.line)


def ranked(run: Run, graph: Wiring, work: Work, wires: list[Wire], kind: str, name: str | None = None) -> list[Wire]:
    """Keras gives merged tensors of fewer axes new ones behind the batch; joined ones it leaves alone."""
    try:
        ranks = [len(graph.building.shape(wire)) for wire in wires]
    except NotFollowed:
        return wires
    most = max(ranks, default=0)
    if not isinstance(work, Elementwise):
        return wires
    place = graph.place(run, f"{name or snake(kind)}.expand", kind)
    return [
        place.one(Unsqueeze(tuple(range(1, 1 + most - rank))), wire) if 0 < rank < most else wire
        for wire, rank in zip(wires, ranks, strict=True)
    ]


def concat(axis: Any, line: int | None) -> Concat:
    if type(axis) is not int or not -64 < axis < 64:
        said = axis.text if isinstance(axis, Unknown) else repr(axis)
        raise CodeError("CW314", f"the axis of a concatenation is {said}, no number in the text", detail=f"line {line}")
    return Concat(axis)


def _emitted(run: Run, graph: Wiring, target: Made, work: Work, wires: list[Wire], node: ast.AST, name: str) -> Any:
    if not wires:
        return lost(run, node, f"{target.kind} is applied to nothing")
    # A layer counts its own weights; a parameter that goes into it is counted before.
    wires = [
        graph.place(run, "parameter", "nn.Parameter").pointwise(wire)
        if graph.building.tensors[wire.number].stored
        else wire
        for wire in wires
    ]
    graph.written(node if hasattr(node, "lineno") else target.call.line or 0)
    (out,) = graph.building.emit(name, target.kind, work, wires, module=name, lazy=True)
    graph.weights[len(graph.building.nodes) - 1] = target.holder
    graph.made[len(graph.building.nodes) - 1] = target
    graph.written(node if hasattr(node, "lineno") else target.call.line or 0)
    return out


def _size_asked(target: Made, words: Keywords, arguments: list[Any]) -> Any:
    """What `ConvTranspose2d(...)(x, output_size=...)` asks for; None where it does not."""
    if not target.kind.startswith("ConvTranspose"):
        return None
    return arguments[1] if len(arguments) > 1 else dict(words).get("output_size")


def _sized(run: Run, graph: Wiring, target: Made, layer: Layer, wire: Any, size: Any, node: ast.AST, name: str) -> Any:
    """The cells that are missing to `output_size` are put at the end."""
    if not isinstance(wire, Wire):
        return lost(run, node, "output_size is not known")
    out = _emitted(run, graph, target, output_sizes.smallest(layer), [wire], node, name)
    place = graph.place(run, f"{title_of(name)}.output_size", target.kind)
    try:
        padded = output_sizes.to_size(place, layer, out, size)
    except NotFollowed as reason:
        return lost(run, node, str(reason))
    graph.written(node)
    return padded


def _unpooled(
    run: Run, graph: Wiring, target: Made, arguments: list[Any], words: Keywords, node: ast.AST, title: str | None
) -> Any:
    """MaxUnpool reads the places of maxima too: it is the function of its name with the layer's arguments."""
    given = dict(zip(("kernel_size", "stride", "padding"), target.call.args, strict=False)) | dict(target.call.kwargs)
    given |= {name: value for name, value in words if name} | dict(zip(("output_size",), arguments[2:], strict=False))
    place = graph.place(run, title or target.kind.lower(), target.kind)
    return followed(run, graph, place, f"max_unpool{target.kind[-2:]}", arguments[:2], given, node)


def title_of(name: str) -> str:
    return name.rpartition(".")[2]


# Models of wires


def replayed(run: Run, graph: Wiring, model: WiredModel, arguments: list[Any], words: Keywords, node: ast.AST) -> Any:
    """A model called on other wires: its nodes once more, with the same weights."""
    parts = [part for part in flat([arguments, [value for _, value in words]]) if isinstance(part, Wire | Tensor)]
    if not any(isinstance(part, Wire) or part.entry for part in parts):
        return run.unknown(node)
    wires = entered(run, graph, parts)
    if len(wires) != len(model.inputs):
        return lost(run, node, f"the model takes {len(model.inputs)} arrays and is called with {len(wires)}")
    model.used = True
    building = graph.building
    mapped = {building.tensors[inner.number].name: outer for inner, outer in zip(model.inputs, wires, strict=True)}
    nodes = list(building.nodes)
    run.spend(len(nodes))
    needed = ancestors(graph, [part for part in flat(model.outputs) if isinstance(part, Wire)], set(mapped))
    title = model.name
    for place in sorted(needed):
        run.spend()
        inner = nodes[place]
        numbers = [mapped.get(name) for name in inner.inputs]
        if None in numbers or isinstance(inner.work, Opaque):
            return lost(run, node, "a part of the model does not follow from its inputs")
        name = f"{title}.{inner.name}" if title else inner.name
        outs = building.emit(
            name, inner.kind, inner.work, [n for n in numbers if n is not None], outputs=len(inner.outputs), module=name
        )
        graph.written(graph.lines[place])
        if place in graph.weights:
            graph.weights[len(building.nodes) - 1] = graph.weights[place]
        if place in graph.made:
            graph.made[len(building.nodes) - 1] = graph.made[place]
        mapped |= dict(zip(inner.outputs, outs, strict=True))
    return _mapped(graph, model.outputs, mapped)


def _mapped(graph: Wiring, value: Any, mapped: dict[str, Wire]) -> Any:
    if isinstance(value, Wire):
        return mapped[graph.building.tensors[value.number].name]
    if isinstance(value, list | tuple):
        return [_mapped(graph, part, mapped) for part in value]
    if isinstance(value, dict):
        return {key: _mapped(graph, part, mapped) for key, part in value.items()}
    return value


def ancestors(graph: Wiring, wires: list[Wire], stops: set[str]) -> set[int]:
    """The places of the nodes that the wires come from, back to the tensors called `stops`."""
    wanted = {graph.building.tensors[wire.number].name for wire in wires} - stops
    found: set[int] = set()
    for place in range(len(graph.building.nodes) - 1, -1, -1):
        node = graph.building.nodes[place]
        if not wanted.isdisjoint(node.outputs):
            found.add(place)
            wanted |= set(node.inputs) - stops
    return found
