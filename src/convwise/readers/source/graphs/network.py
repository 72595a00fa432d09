"""The door: a text walked with wires instead of chains, and what of its ends is the network."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace

from convwise import dialects
from convwise.dialects.base import Layer, Note, Unknown
from convwise.errors import CodeError, ConvwiseError, ShapeError
from convwise.graph import Network, Node, Source
from convwise.ops import Layout, Shape
from convwise.ops.several import Opaque
from convwise.readers.echo import shown
from convwise.readers.source import classes, options, training, wrapping
from convwise.readers.source.collecting import DEFAULT_DIALECT
from convwise.readers.source.expressions import evaluate
from convwise.readers.source.functions import invoke, required_parameters
from convwise.readers.source.graphs.applying import ancestors
from convwise.readers.source.graphs.entering import MOST_READINGS, Trials
from convwise.readers.source.graphs.members import holder
from convwise.readers.source.graphs.wiring import End, WiredModel, Wiring, flat
from convwise.readers.source.layer_attributes import counts
from convwise.readers.source.limits import checked
from convwise.readers.source.parsing import parse, told, too_complex
from convwise.readers.source.state import Run
from convwise.readers.source.statements import execute
from convwise.readers.source.unused import unused_layers
from convwise.readers.source.values import SELF_CHAIN, Chain, Class, Function, Instance, Made, Tensor
from convwise.readers.torch_live.values import Tensor as Wire

Tree = tuple[str, ast.Module, int]
MOST_TOLD = 4
"""Notes of what could not be followed."""


def read_network_text(text: str, dialect: str | None = None, *, input_shape: Shape | None = None) -> Network:
    """The network that a source text defines, branches included; the text is parsed and walked, never executed.

    Args:
        text: code of a functional Keras model or of a PyTorch module, or a snippet around it.
        dialect: "keras", "torch", "tensorflow", "jax" or "onnx"; decided from the text unless given.
        input_shape: the shape of the first input, in place of the one in the text.

    Raises:
        CodeError: CW315 with the statement that cannot be followed; CW309 several models; else as `read_text`.
        Refusal, ShapeError: a layer that the framework refuses, channels that do not match.

    >>> net = read_network_text('''
    ... x = Input((8, 8, 3))
    ... y = Conv2D(4, 3, padding="same")(x)
    ... z = Conv2D(4, 1)(x)
    ... model = Model(x, add([y, z]))''')
    >>> [node.name for node in net.nodes], net.outputs
    (['conv2d', 'conv2d_1', 'add'], ('add',))
    """
    if dialect is not None:
        dialects.get(dialect)
    text = checked(text)
    failure: ConvwiseError | None = None
    for piece, tree, offset in _trees(text):
        if offset:
            ast.increment_lineno(tree, offset)
        try:
            return _network(piece, tree, offset, dialect, input_shape)
        except RecursionError:
            raise too_complex("calls are nested too deeply") from None
        except ConvwiseError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _trees(text: str) -> list[Tree]:
    """The code in the text: all of it, the blocks of Markdown, or what is left without prompts."""
    try:
        return [(text, parse(text), 0)]
    except SyntaxError as error:
        found: list[Tree] = []
        pieces = [(block.text, block.offset) for block in wrapping.fenced(text)]
        for piece, offset in pieces or [(bare, 0) for bare, _ in wrapping.bare(text)]:
            try:
                found.append((piece, parse(piece), offset))
            except SyntaxError:
                continue
        if not found:
            raise told(error, text) from None
        return found if pieces else found[:1]


def _network(text: str, tree: ast.Module, offset: int, dialect: str | None, given: Shape | None) -> Network:
    """Read again where the first reading finds out what an input must be."""
    trials = Trials()
    for _ in range(MOST_READINGS):
        run, graph = _walked(text, tree, offset, dialect, given, trials.shapes)
        if not trials.next(run, graph, all(end.doubt is None for end in _ends(run, graph))):
            break
    return _decided(run, graph)


def _walked(
    text: str, tree: ast.Module, offset: int, dialect: str | None, given: Shape | None, better: Mapping[str, Shape]
) -> tuple[Run, Wiring]:
    graph = Wiring(dict(better), given)
    run = Run(text, evaluate, execute, dialect, None, offset=offset, graph=graph)
    for statement in tree.body:
        execute(run, [statement], run.scope)
    _finish(run, graph)
    if not graph.ends and not graph.models and not graph.building.nodes:
        for function in list(run.functions):
            if not function.called:
                invoke(run, function, [], [], function.node)
        _finish(run, graph, everything=True)
    return run, graph


def _finish(run: Run, graph: Wiring, *, everything: bool = False) -> None:
    """Follow what the text defines but does not use, as the walk of chains does.

    A class whose constructor asks for numbers is made up only where there is nothing else. Functions that nobody calls, such as the
    factories of other depths of a file, are no answers beside a model that the text itself runs.
    """
    runs = graph.ends or graph.models
    for function in [] if runs else list(run.functions):
        if not function.called and not required_parameters(function):
            invoke(run, function, [], [], function.node)
    for cls in classes.unused(run):
        if everything or not _asks(cls):
            made = classes.instantiate(run, cls, [], [], ast.Pass())
            graph.made_up += [made] if isinstance(made, Instance) else []
    whole = [target for target in run.objects if not isinstance(target, Made)]
    for target in sorted(whole, key=lambda target: target.held):
        applies = (
            not isinstance(target, Instance) or (target.cls and target.cls.forward) or SELF_CHAIN in target.attributes
        )
        if target.used or not applies:
            continue
        start = Tensor(None, line=target.line, entry=True)
        if target.declared is not None:
            start = Tensor(target.declared.shape, line=target.line, entry=True, batched=target.declared.batched)
        graph.apply(run, target, start, target.line or 0)


def _asks(cls: Class) -> bool:
    """Whether the constructor has parameters without a default."""
    constructor = cls.methods.get("__init__")
    return isinstance(constructor, Function) and required_parameters(constructor) > 1


# Which of the ends is the network


def _decided(run: Run, graph: Wiring) -> Network:
    ends = _ends(run, graph)
    if not ends:
        raise CodeError(
            "CW307",
            "no model in the text",
            hint="give the code of a model: a keras.Model, or a nn.Module with its forward",
        )
    for end in ends:
        if end.doubt is not None:
            _check_shapes(run, graph, end)
            raise end.doubt
    if len(ends) > 1:
        names = ", ".join(_title(end) for end in ends[:6])
        raise CodeError("CW309", f"{len(ends)} models in one text: {names}", hint="give the code of one of them")
    return _built(run, graph, ends[0])


def _ends(run: Run, graph: Wiring) -> list[End]:
    """The models that are no part of another one; loose wires only where there are none."""
    models = [_end_of(model) for model in graph.models if not model.used]
    models = [end for end in models if not _within_another(graph, end, models)]
    applied = {id(end.target): end for end in reversed(graph.ends)}
    read_later = [node.inputs for node in graph.building.nodes]
    ends = []
    for end in sorted(applied.values(), key=lambda end: end.start):
        names = {_name(graph, wire) for wire in end.wires}
        if not any(names.intersection(inputs) for inputs in read_later[end.stop :]):
            ends.append(end)
    covered = {place for end in models for place in ancestors(graph, list(end.wires), set())}
    ends = [end for end in ends if not set(range(end.start, end.stop)) <= covered or not end.wires]
    if models or ends:
        found = [end for end in (*models, *ends) if end.wires or end.doubt is not None]
        return _without_helpers(graph, found)
    return _loose(run, graph)


def _without_helpers(graph: Wiring, ends: list[End]) -> list[End]:
    """Classes that nothing makes an object of are no models beside one that the text makes, nor beside one with weights if they have none."""
    made_up = {id(made) for made in graph.made_up}
    made = [end for end in ends if id(end.target) not in made_up]
    if made or len(ends) < 2:
        return made or ends
    return [end for end in ends if any(end.start <= place < end.stop for place in graph.weights)] or ends


def _end_of(model: WiredModel) -> End:
    return End(model, model.outputs, 0, 0, model.line)


def _within_another(graph: Wiring, end: End, ends: Sequence[End]) -> bool:
    own = ancestors(graph, list(end.wires), set())
    for other in ends:
        if other is not end and end.wires:
            more = ancestors(graph, list(other.wires), set())
            if own < more or (
                own == more and ends.index(other) > ends.index(end) and set(end.wires) <= set(other.wires)
            ):
                return True
    return False


def _loose(run: Run, graph: Wiring) -> list[End]:
    """Wires that nothing reads, as the outputs of one network; a last statement in doubt is its doubt."""
    doubts = [tensor for tensor in run.tensors if tensor.doubt is not None]
    if doubts:
        return [End(None, doubts[0], 0, 0, 0)]
    read = {name for node in graph.building.nodes for name in node.inputs}
    outputs = [name for node in graph.building.nodes for name in node.outputs if name not in read]
    numbers = {known.name: Wire(number) for number, known in enumerate(graph.building.tensors)}
    return [End(None, [numbers[name] for name in outputs], 0, 0, 0)] if outputs else []


def _title(end: End) -> str:
    target = end.target
    if isinstance(target, Instance) and target.cls is not None:
        return shown(target.cls.name, 60)
    name = target.name if isinstance(target, WiredModel | Chain | Instance) else None
    return shown(name, 60) if name else f"the model of line {end.line}" if end.line else "Model"


def _name(graph: Wiring, wire: Wire) -> str:
    return graph.building.tensors[wire.number].name


def _check_shapes(run: Run, graph: Wiring, end: End) -> None:
    """Where a size is not known because an earlier layer of the model breaks, that layer is the answer.

    What else the text made, such as a block that is met alone because its model could not be followed, was put on inputs that it need not take.

    Raises:
        ShapeError: of that layer.
    """
    sources, layout = _sources(run, graph)
    nodes = _nodes(run, graph, _own(graph, end), layout)
    try:
        Network("", run.dialect or DEFAULT_DIALECT, sources, nodes, (), (), _stored(graph)).trace()
    except ShapeError:
        raise
    except ConvwiseError:
        return


def _own(graph: Wiring, end: End) -> set[int]:
    """The places of the nodes that were made for this end, and of those that they read; of all where nothing says whose they are."""
    made = graph.building.nodes[end.start : end.stop]
    if end.target is None or isinstance(end.target, WiredModel):
        return set(range(len(graph.building.nodes)))
    numbers = {known.name: Wire(number) for number, known in enumerate(graph.building.tensors)}
    read = [numbers[name] for node in made for name in node.inputs]
    return set(range(end.start, end.stop)) | ancestors(graph, read, set())


def _sources(run: Run, graph: Wiring) -> tuple[tuple[Source, ...], Layout]:
    layers = (node.work for node in graph.building.nodes if isinstance(node.work, Layer))
    keras = (run.dialect or DEFAULT_DIALECT) == "keras"
    layout = Layout(next((layer.channels_last for layer in layers if layer.rank), keras))
    return tuple(Source(name, shape, layout) for name, _, shape in graph.sources), layout


def _nodes(run: Run, graph: Wiring, kept: set[int], layout: Layout, resting: bool = False) -> tuple[Node, ...]:
    """The nodes at these places; a layer that is applied again has its weights counted at its first node. Of a `resting` model nothing is trained."""
    found = []
    counted: set[object] = set()
    made = {id(one): one for one in graph.alive if isinstance(one, Made)}
    places = sorted(kept)
    for place, own in zip(places, counts(run, [graph.made.get(place) for place in places]), strict=True):
        node = graph.building.nodes[place]
        if isinstance(node.work, Opaque):
            continue
        line = graph.lines[place]
        layer = graph.weights.get(place)
        # Beside its layer a node may count parameters that it reads.
        params, trainable = node.params, node.trainable
        if layer is not None:
            params = trainable = 0 if layer in counted else own
            owner = made.get(holder(layer) or 0)
            if owner is not None and training.is_trained(owner) is False:
                trainable = 0
        trainable = 0 if resting else trainable
        counted |= set() if layer is None else {layer}
        at = f"line {line}" if line else ""
        found.append(replace(node, layout=layout, place=at, params=params, trainable=trainable))
    return tuple(found)


def _built(run: Run, graph: Wiring, end: End) -> Network:
    sources, layout = _sources(run, graph)
    kept = ancestors(graph, list(end.wires), set())
    # What a forward computes and does not give back still has to work.
    kept |= set(range(end.start, end.stop))
    nodes = _nodes(run, graph, kept, layout, training.rests(run, end.target))
    read = {name for node in nodes for name in node.inputs}
    outputs = tuple(dict.fromkeys(_name(graph, wire) for wire in end.wires))
    asked = {_name(graph, wire) for wire in end.target.inputs} if isinstance(end.target, WiredModel) else set()
    sources = tuple(one for one in sources if one.name in read or one.name in outputs or one.name in asked)
    stored = _stored(graph)
    nodes = _reachable(nodes, {one.name for one in sources} | set(stored))
    stored = {name: shape for name, shape in stored.items() if name in read}
    for source in sources:
        if not source.declared:
            raise CodeError(
                "CW310",
                f"the text does not say how many axes the input {shown(source.name, 60)} has",
                hint="give its shape, such as 1x3x224x224",
            )
    title = _title(end) if end.target is not None else "Model"
    order = (
        {name: place for place, name in enumerate(_name(graph, wire) for wire in end.target.inputs)}
        if isinstance(end.target, WiredModel)
        else {}
    )
    sources = tuple(sorted(sources, key=lambda one: order.get(one.name, 0)))
    dialect = run.dialect or DEFAULT_DIALECT
    applied = {*graph.weights.values(), *graph.kept}
    notes = (
        *run.notes,
        *options.notes(run),
        *graph.building.notes,
        *_left_out(end),
        *unused_layers(run, end.target, applied),
    )
    told = dialect != "keras" or training.is_told(run, (one for one in graph.alive if isinstance(one, Made)))
    return Network(title, dialect, sources, nodes, outputs, notes, stored, untold=not told)


def _left_out(end: End) -> tuple[Note, ...]:
    """What is computed or given back and could not be followed: its conditions on the input are not known."""
    facts = [f"{doubt.fact}; what it asks of the input is left out" for doubt in end.doubts]
    for part in flat(end.value):
        if isinstance(part, Unknown):
            facts.append(f"{shown(part.text, 60)} is given back too, and the text does not say what it is")
    return tuple(Note("CW315", fact) for fact in dict.fromkeys(facts))[:MOST_TOLD]


def _stored(graph: Wiring) -> dict[str, Shape]:
    """The shapes of what the model keeps beside its layers, by name."""
    return {known.name: known.free or () for known in graph.building.tensors if known.is_stored}


def _reachable(nodes: tuple[Node, ...], sources: set[str]) -> tuple[Node, ...]:
    """The nodes whose inputs are all there: a statement in doubt that nothing needs leaves none behind it."""
    known = set(sources)
    found = []
    for node in nodes:
        if known.issuperset(node.inputs):
            known.update(node.outputs)
            found.append(node)
    return tuple(found)
