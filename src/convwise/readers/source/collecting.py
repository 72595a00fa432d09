"""From what the walk has met to the answer: each chain with its input, read by its dialect."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from convwise import dialects
from convwise.dialects.base import TITLES, Layer
from convwise.dialects.keras.enter import pools_in_model
from convwise.errors import CodeError, ConvwiseError, Meant
from convwise.ops import Shape
from convwise.readers.echo import shown
from convwise.readers.source import applying, classes, layer_attributes, making, tensors, training, weighted
from convwise.readers.source.changing import BEHAVIOUR
from convwise.readers.source.functions import invoke, required_parameters
from convwise.readers.source.result import Found
from convwise.readers.source.state import MOST_LAYERS, Run
from convwise.readers.source.unused import unused_layers
from convwise.readers.source.values import SELF_CHAIN, Applicable, Chain, Instance, Made, Tensor

DEFAULT_DIALECT = "keras"
MOST_FOUND = 500
"""Layer-input pairs of one text."""

Placed = tuple[tuple[str | None, Made], ...]


@dataclass(frozen=True, slots=True)
class Head:
    """A chain as it was applied: its layers by name, and the shape that went in, `given` if an array was.

    `whole` is the model or layer that was applied as a whole, if one was; `in_model` says that Keras builds a model of the
    layers instead of calling them on an array.
    """

    placed: Placed
    shape: Shape | None
    batched: bool
    given: bool
    line: int | None
    doubt: ConvwiseError | None
    whole: Applicable | None
    in_model: bool
    altered: ConvwiseError | None = None

    @property
    def model(self) -> Chain | None:
        """The model that an array was given to."""
        return self.whole if self.given and isinstance(self.whole, Chain) else None


def collect(run: Run) -> list[Found]:
    """Every layer or chain of the text with its input, in the order of the lines."""
    _finish(run)
    _last_joins(run)
    heads = _heads(run)
    if not heads:
        for function in list(run.functions):
            if not function.called:
                invoke(run, function, [], [], function.node)
        _finish(run)
        _last_joins(run)
        heads = _heads(run)
    if len(heads) > MOST_FOUND:
        raise CodeError(
            "CW308",
            f"the text holds {len(heads):,} layer-input pairs, at most {MOST_FOUND} are read",
            hint="give the part that matters",
        )
    cache: dict[int, Layer] = {}
    run.spend(sum(len(head.placed) for head in heads))
    return [_found(run, head, cache) for head in sorted(heads, key=lambda head: head.line or 0)]


def _finish(run: Run) -> None:
    """Follow what the text defines but does not use: functions without parameters, classes, models, layers."""
    for function in list(run.functions):
        if not function.called and not required_parameters(function):
            invoke(run, function, [], [], function.node)
    for cls in classes.unused(run):
        classes.instantiate(run, cls, [], [], ast.Pass())
    _set_aside(run)
    # What holds others comes first: its forward uses them, and then they are no answers by themselves.
    whole = [target for target in run.objects if not isinstance(target, Made)]
    for target in sorted(whole, key=lambda target: target.held):
        if not isinstance(target, Instance) or _applies(target):
            _apply_alone(run, target)
    for made in [target for target in run.objects if isinstance(target, Made)]:
        if not made.stranger:
            _apply_alone(run, made)


def _last_joins(run: Run) -> None:
    """Branches of known inputs that meet, and nothing comes after: the chains up to there are not the whole answer."""
    taken = {id(part) for tensor in run.tensors for part in tensor.merged}
    for tensor in run.tensors:
        if not tensor.join or tensor.used or id(tensor) in taken:
            continue
        run.spend(len(tensor.merged))
        roots = [_root(run, part) for part in tensor.merged]
        known = len({id(root) for root in roots}) == 1 or all(root.shape is not None for root in roots)
        if len(roots) > 1 and known and all(part.doubt is None for part in tensor.merged):
            tensors.insist(tensor)


def _root(run: Run, tensor: Tensor) -> Tensor:
    while tensor.parent is not None:
        tensor = tensor.parent
        run.spend()
    return tensor


def _set_aside(run: Run) -> None:
    """A model that a later one is a part of, `Sequential(*list(model.children())[:-1])`, is no answer by itself."""
    later: dict[int, list[set[int]]] = {}  # by their first members
    for target in reversed(run.objects):
        if isinstance(target, Chain) and target.kind == "Sequential" and target.members:
            members = [id(member) for _, member in target.members]
            parts, whole = [part for member in members for part in later.get(member, ())], set(members)
            run.spend(len(parts))
            target.used = target.used or any(part < whole for part in parts)
            later.setdefault(members[0], []).append(whole)


def _apply_alone(run: Run, target: Applicable) -> None:
    """A layer or model that nothing is put into, on the input that it declares."""
    if target.used:
        return
    line = target.call.line if isinstance(target, Made) else target.line
    start = Tensor(None, line=line, entry=True)
    if target.declared is not None:
        start = Tensor(target.declared.shape, line=line, entry=True, batched=target.declared.batched)
    applying.apply(run, target, start, line or 0)


def _applies(instance: Instance) -> bool:
    """Whether an object of the text can be applied at all; lines of a constructor alone make none."""
    return bool((instance.cls and instance.cls.forward) or instance.attributes.get(SELF_CHAIN))


def _heads(run: Run) -> list[Head]:
    """The last arrays of all chains; the same chain without an input is told once, and not beside one with an input."""
    found: dict[Any, Head] = {}
    given: set[tuple[int, ...]] = set()
    for tensor in run.tensors:
        if tensor.used or tensor.faint:
            continue
        head = _head(run, tensor)
        if not head.placed and head.doubt is None:
            continue
        layers = tuple(id(layer) for _, layer in head.placed)
        if head.given:
            given.add(layers)
        found.setdefault(
            (layers, head.shape, head.line, id(head.doubt)) if head.given else (layers, id(head.doubt)), head
        )
    return [head for key, head in found.items() if head.given or key[0] not in given]


def _head(run: Run, tensor: Tensor) -> Head:
    trail: list[tuple[tuple[str | None, Made], ...]] = []
    step = tensor
    length = 0
    altered: list[tuple[ConvwiseError, bool]] = []
    while step.parent is not None:
        altered += [step.altered] if step.altered is not None else []
        if isinstance(step.target, Chain) and step.target.altered is not None:
            altered.append((step.target.altered, True))
        trail.append(step.placed)
        length += len(step.placed)
        step = step.parent
        run.spend()
    if length > MOST_LAYERS:
        raise CodeError(
            "CW308",
            f"a chain of {length:,} layers, at most {MOST_LAYERS:,} are read",
            hint="give the part that matters",
        )
    placed = tuple(pair for part in reversed(trail) for pair in part)
    whole = tensor.target if tensor.base is not None and tensor.base.parent is None else None
    shape, batched = step.shape, step.batched
    declared = placed[0][1].declared if placed else None
    if shape is None and declared is not None:
        shape, batched = declared.shape, declared.batched
    # Keras runs a Sequential and a functional model on no array first; a subclass's call only on arrays.
    declares = step.entry and step.shape is not None and not isinstance(tensor.target, Instance)
    return Head(
        placed,
        shape,
        batched,
        given=step.shape is not None and not step.entry,
        line=tensor.line,
        doubt=tensor.doubt,
        whole=whole,
        in_model=isinstance(tensor.target, Chain) or declares,
        altered=_altered(tensor, step, altered),
    )


def _altered(tensor: Tensor, root: Tensor, met: list[tuple[ConvwiseError, bool]]) -> ConvwiseError | None:
    """What changes values between the layers; what a script does to the output of the last one is not in the network."""
    met = met if root.altered is None or root is tensor else [*met, root.altered]
    if met and met[0] is tensor.altered and not met[0][1] and not root.entry:
        met = met[1:]
    return met[-1][0] if met else None


def _found(run: Run, head: Head, cache: dict[int, Layer]) -> Found:
    """One chain, read by its dialect; where that fails, the error takes the place of the layers."""
    name = head.whole.name if head.whole is not None else None
    try:
        if head.doubt is not None:
            raise head.doubt
        dialect = _spoken(run, head.placed)
        layers = _read(run, dialect, head.placed, cache)
        if dialect == "keras" and head.in_model:
            pools_in_model(layers)
        if training.rests(run, head.model or head.whole):
            layers = tuple(training.at_rest(layer) for layer in layers)
    except ConvwiseError as error:
        return Found((), head.shape, name, head.line, error=error)
    batched = head.batched if dialect == "keras" and head.shape is not None else None
    notes = unused_layers(run, head.whole, {made.holder for _, made in head.placed})
    title = head.whole.cls.name if isinstance(head.whole, Instance) and head.whole.cls else ""
    found = Found(layers, head.shape, name, head.line, notes, batched=batched, title=title, altered=head.altered)
    declared = head.model.declared if head.model is not None and dialect == "keras" else None
    if head.model is None or declared is None or len(declared.shape) - declared.batched < 1:
        return found
    shape = (None, *declared.shape[declared.batched :])
    return replace(found, declared=shape, functional=head.model.functional)


def _read(run: Run, dialect: str, placed: Placed, cache: dict[int, Layer]) -> tuple[Layer, ...]:
    """The layers of a chain by its dialect; one that is applied again has its weights at its first place."""
    layers: list[Layer] = []
    met: set[int] = set()
    counts = layer_attributes.counts(run, [made for _, made in placed])
    for (name, made), own in zip(placed, counts, strict=True):
        layer = read_made(run, dialect, name, made, cache)
        shared = made.holder in met
        layers.append(layer if not shared and own is None else replace(layer, shared=shared, counted=own))
        met.add(made.holder)
    return tuple(layers)


def _spoken(run: Run, placed: Placed) -> str:
    """The one dialect of a chain.

    Raises:
        CodeError: CW311 where two frameworks are mixed.
    """
    if run.forced:
        return run.forced
    said = {made.dialect: made for _, made in placed if made.dialect}
    if said:
        said |= {
            made.leaning: made
            for _, made in placed
            if made.leaning and made.dialect is None and made.leaning not in said
        }
    if len(said) > 1:
        words = " and ".join(
            f"{shown(made.call.text, 40)} is {TITLES[dialect]}'s" for dialect, made in said.items() if dialect
        )
        # Keras's models run functions of TensorFlow; the reader of branches follows both.
        raise CodeError(
            "CW315" if set(said) == {"keras", "tensorflow"} else "CW311",
            f"two frameworks in one chain: {words}",
            hint="a chain speaks to one framework; write all layers in its words",
        )
    if said:
        return next(dialect for dialect in said if dialect)
    leanings = [made.leaning for _, made in placed if made.leaning]
    return leanings[0] if leanings else run.dialect or DEFAULT_DIALECT


def read_made(run: Run, dialect: str, name: str | None, made: Made, cache: dict[int, Layer]) -> Layer:
    """One layer by its dialect.

    Raises:
        ConvwiseError: with the layer's name, and its line where the text has several.
    """
    known = cache.get(id(made))
    if known is not None and known.dialect == dialect:
        return known if known.name == name else known.named(name)
    try:
        if made.problem is not None:
            raise made.problem
        layer = dialects.get(dialect).read(made.call, run.release)
        check_changes(made, layer.arguments)
        layer = training.told(run, made, weighted.with_lengths(layer, made.normed))
    except ConvwiseError as error:
        _improve(run, error, dialect, name, made)
        raise
    cache[id(made)] = layer = layer.named(name)
    return layer


NO_SIZES = frozenset(
    {"name", "trainable", "dtype", "device", "p", "rate", "eps", "epsilon", "momentum", "inplace", "seed"}
)
"""Arguments of a layer that may change after it was made: none of them decides a shape."""


def check_changes(made: Made, words: Iterable[str]) -> None:
    """Raises CodeError CW315 where an attribute that the layer works by was changed after it was made."""
    for word, doubt in made.changed.items():
        if (word in words and word not in NO_SIZES) or word in (*BEHAVIOUR, "weight"):
            raise doubt


def _improve(run: Run, error: ConvwiseError, dialect: str, name: str | None, made: Made) -> None:
    error.dialect, error.call = dialect, made.call
    kind = f"{TITLES.get(dialect, dialect)} {shown(made.kind, 40)}"
    if error.code != "CW302":
        error.layer = f"'{shown(name, 60)}' ({kind})" if name else error.layer or kind
    else:
        _suggest(error, dialect, made)
    if "\n" in run.text.strip() and made.call.line and f"line {made.call.line}" not in error.detail:
        place = f"line {made.call.line}: {shown(made.call.text)}"
        error.detail = f"{error.detail}\n{place}" if error.detail else place


def _suggest(error: ConvwiseError, dialect: str, made: Made) -> None:
    """The nearest known name, with the module that has it."""
    if isinstance(error.hint, Meant):
        return
    near = making.closest(made.kind, dialect)
    if near and made.problem is None:
        prefix = {"keras": "keras.layers.", "torch": "nn."}.get(near[0], "")
        error.hint = f"did you mean {prefix}{near[1]}?"


def nothing_found(run: Run) -> CodeError:
    """What to say of a text without layers: the name that was nearly one, or what is read."""
    for target in run.objects:
        if isinstance(target, Made) and target.stranger and not target.used:
            near = making.closest(target.kind, run.dialect)
            if near:
                return _unknown_layer(target.kind, target.call.line, near)
    for name, line in run.strangers:
        near = making.closest(name, run.dialect)
        if near and near[1].lower() == name.lower().replace("_", ""):
            return _unknown_layer(name, line, near)
    return CodeError(
        "CW307",
        "no layers in the text",
        hint="give a layer such as Conv2D(32, 3) or nn.Conv2d(3, 16, 3), a Sequential, or the code of a model",
    )


def _unknown_layer(name: str, line: int | None, near: tuple[str, str]) -> CodeError:
    prefix = {"keras": "keras.layers.", "torch": "nn."}.get(near[0], "")
    return CodeError(
        "CW302",
        f"unknown layer {shown(name, 60)}",
        received=shown(name, 60),
        detail=f"line {line}" if line else "",
        hint=f"did you mean {prefix}{near[1]}?",
    )
