"""Live PyTorch modules as networks, without data: traced with open sizes, else run on meta tensors of one size.

torch is never imported here: it is there because the caller has the module. The module is left as it was.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from convwise.dialects.base import Note
from convwise.errors import ConvwiseError, ModelError, Refusal
from convwise.graph import Network, Source
from convwise.ops import Layout, Shape
from convwise.ops.several import Opaque
from convwise.readers.echo import shown
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.keeping import has_hooks, kept
from convwise.readers.torch_live.modules import Modules
from convwise.readers.torch_live.recording import record
from convwise.readers.torch_live.sources import (
    IMAGES,
    channels_last,
    first_guess,
    given_shapes,
    input_names,
    others,
    solved,
    wanted,
)
from convwise.readers.torch_live.tracing import NeedsData, NeedsShape, Reading, trace
from convwise.readers.torch_live.values import NotFollowed, Tensor, tensors_in

Traced = tuple[Building, list[tuple[str, Tensor]], Any]


def is_module(value: object) -> bool:
    """Whether the value is a module of a torch that has been imported."""
    torch = sys.modules.get("torch")
    nn = vars(torch).get("nn") if torch is not None else None
    return nn is not None and isinstance(value, nn.Module)


def read_live_torch(module: Any, input_shape: Any = None) -> Network:
    """The network of a PyTorch module: every layer and function of its forward, with open sizes where that can be.

    `input_shape` is one shape, with or without the batch, or one for each input (a mapping by name, or in order). It is
    what the network declares; forwards whose own code asks for sizes need it.

    Raises:
        ModelError: CW401 no module; CW421 a forward that cannot be read; CW422 one that needs an input shape to be read.
        ArgumentError: CW601, CW606 for an input shape that does not belong to it.
    """
    torch = sys.modules.get("torch")
    if torch is None or not is_module(module):
        kind = type(module).__name__
        hint = "give program.module(), which is one" if kind == "ExportedProgram" else ""
        article = "an" if kind[:1] in "AEIOU" else "a"
        raise ModelError("CW401", f"{article} {kind} is no torch.nn.Module", received=kind, hint=hint)
    module = _unwrapped(module)
    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError(
            "CW421",
            f"a {shown(type(module).__name__, 60)} is compiled, and its forward is no longer Python",
            received=type(module).__name__,
            hint="give the module that it was made from, or export it to ONNX and read the file",
        )
    names = input_names(module)
    given = given_shapes(names, input_shape)
    with kept(torch, module):
        (building, sources, value), given = _traced(torch, module, names, given, first_guess(torch, module))
    return _network(module, building, sources, value, given)


def _unwrapped(module: Any) -> Any:
    """The module itself, without DataParallel or torch.compile around it."""
    for name, kind in (
        ("module", "DataParallel"),
        ("module", "DistributedDataParallel"),
        ("_orig_mod", "OptimizedModule"),
    ):
        if type(module).__name__ == kind and name in vars(module)["_modules"]:
            return _unwrapped(vars(module)["_modules"][name])
    return module


def _batched(shape: Shape, guess: Shape | None) -> Shape:
    """One sample where the shape has no batch."""
    return (1, *shape) if guess is not None and len(guess) > 2 and len(shape) == len(guess) - 1 else shape


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A trace with these shapes, open and given; what was found, or why nothing."""

    free: dict[str, Shape | None]
    given: dict[str, Shape]
    found: Traced | None
    failure: Exception | None = None

    @property
    def doubts(self) -> tuple[bool, int]:
        """How much speaks against the shapes: no trace at all, then the nodes that do not take what reaches them."""
        if self.found is None:
            return True, 0
        return False, self.found[0].refused + self.found[0].opaque

    @property
    def works(self) -> bool:
        return self.doubts == (False, 0)


def _attempt(torch: ModuleType, module: Any, free: dict[str, Shape | None], given: dict[str, Shape]) -> _Attempt:
    try:
        return _Attempt(free, given, _by_trace(torch, module, free, given))
    except Exception as error:  # the user's forward runs here, and may raise anything
        return _Attempt(free, given, None, error)


def _traced(
    torch: ModuleType, module: Any, names: Sequence[str], given: dict[str, Shape], guess: Shape | None
) -> tuple[Traced, dict[str, Shape]]:
    """The forward by the first way that works, with the shapes as they were taken: traced, traced again with a better guess, run on meta tensors."""
    best = _guessed(torch, module, names, given, guess)
    found, given = best.found, best.given
    if isinstance(best.failure, Refusal) and (best.failure.code != "CW101" or given):
        # How many axes there are is a guess as long as no shape is given.
        raise best.failure
    if found is not None and not found[0].opaque and list(tensors_in(found[2])):
        return found, given
    complete = len(given) == len(names) and all(None not in shape for shape in given.values()) and names
    if complete:
        recorded = _by_record(torch, module, given, best.failure)
        if recorded is not None and (found is None or recorded[0].opaque < found[0].opaque):
            return recorded, given
    if found is not None and list(tensors_in(found[2])):
        return found, given
    raise _unreadable(module, names, best.failure, bool(complete))


def _guessed(
    torch: ModuleType, module: Any, names: Sequence[str], given: dict[str, Shape], guess: Shape | None
) -> _Attempt:
    """The trace with the shapes that the forward takes: those that its first layers ask for, else others near them."""
    taken = {name: _batched(shape, guess) for name, shape in given.items()} if len(names) == 1 else given
    best = _attempt(torch, module, {name: _free(taken.get(name), guess) for name in names}, taken)
    if better := _better(best):
        best = _attempt(torch, module, best.free | better, taken)
    best = _nearest(torch, module, best, given)
    exact = _channels(best)
    return best if exact is None else _attempt(torch, module, exact, best.given)


def _nearest(torch: ModuleType, module: Any, best: _Attempt, given: dict[str, Shape]) -> _Attempt:
    """The attempt, or one with other shapes where less speaks against them."""
    for name in best.free:
        for free, shapes in _others(best, name, given):
            if best.works or isinstance(best.failure, NeedsShape | NeedsData):
                return best
            other = _attempt(torch, module, free, shapes)
            best = other if other.doubts < best.doubts else best
    return best


def _channels(best: _Attempt) -> dict[str, Shape | None] | None:
    """The one input's shape with the channels that its first convolution leaves it; None where they are known, or several suit."""
    shape = next(iter(best.free.values())) if len(best.free) == 1 and not best.given else None
    if shape is None or best.found is None or not best.works:
        return None
    building, ((name, tensor), *_), _ = best.found
    stored = {known.name: known.free for known in building.tensors if known.is_stored and known.free is not None}
    found = solved(building.nodes, stored, building.tensors[tensor.number].name, shape)
    return None if found is None else {name: found}


def _others(
    best: _Attempt, name: str, given: dict[str, Shape]
) -> Iterator[tuple[dict[str, Shape | None], dict[str, Shape]]]:
    """Other shapes that one input may have: a given one with or without a batch in front; any near a guessed one."""
    if name in given:
        # Without a batch in front where one was put there; with one where the layers ask for an axis more.
        shape = given[name] if best.given[name] != given[name] else _batched(given[name], _wanted(best).get(name))
        if shape != best.given[name]:
            yield best.free | {name: _free(shape, None)}, best.given | {name: shape}
        return
    for shape in others(best.free[name] or IMAGES):
        yield best.free | {name: shape}, best.given


def _by_trace(torch: ModuleType, module: Any, free: dict[str, Shape | None], given: dict[str, Shape]) -> Traced:
    building = Building(guided=len(given) == len(free) and bool(free))
    modules = Modules(torch, building)
    if modules.is_leaf(module):
        sources = [(name, building.source(name, free[name], given.get(name))) for name in free]
        return building, sources, modules.call(module, "", tuple(tensor for _, tensor in sources), {})
    if vars(torch).get("fx") is None:
        raise NotFollowed("torch.fx is not loaded")
    reading = Reading(torch, module, building, modules, free, given)
    value = trace(reading)
    return building, reading.sources, value


def _by_record(torch: ModuleType, module: Any, given: dict[str, Shape], failure: Exception | None) -> Traced | None:
    building = Building(guided=True)
    try:
        value, sources = record(torch, module, building, given)
    except Exception:  # as above: what fails on meta tensors has no other way
        return None
    why = f" ({_said(failure)})" if failure is not None else ""
    shapes = ", ".join("x".join(map(str, shape)) for shape in given.values())
    text = f"the forward cannot be traced with open sizes{why}: it was run on meta tensors of {shapes}, and sizes that it computes are those of this input"
    building.note("CW422", text)
    return building, sources, value


def _free(shape: Shape | None, guess: Shape | None) -> Shape | None:
    """The shape with the batch and the spatial sizes open."""
    if shape is None:
        return guess
    return (None, *shape[1:2], *(None,) * (len(shape) - 2)) if shape else shape


def _wanted(attempt: _Attempt) -> dict[str, Shape | None]:
    """What the forward's first layers say of each input."""
    if attempt.found is None:
        return {}
    building, sources, _ = attempt.found
    return {name: wanted(building.nodes, building.tensors[tensor.number].name) for name, tensor in sources}


def _better(attempt: _Attempt) -> dict[str, Shape | None]:
    """The shapes to trace with instead; of an input whose shape is given, whether its channels stand last."""
    better: dict[str, Shape | None] = {}
    for name, shape in _wanted(attempt).items():
        given = attempt.given.get(name)
        if given is None and shape is not None:
            better[name] = shape
        elif given is not None and shape is not None and channels_last(shape) and len(given) == len(shape):
            better[name] = (*shape[:-1], given[-1])
    return {name: shape for name, shape in better.items() if shape != attempt.free[name]}


def _unreadable(module: Any, names: Sequence[str], failure: Exception | None, tried: bool) -> ModelError:
    kind = shown(type(module).__name__, 60)
    if not tried and names and failure is not None and not isinstance(failure, NeedsData):
        return ModelError(
            "CW422",
            f"the forward of {kind} cannot be read without an input shape",
            received=kind,
            detail=_said(failure),
            hint=f"give input_shape=, such as {'(1, 3, 224, 224)' if len(names) == 1 else f'one shape each for {chr(44).join(names)}'}",
        )
    return ModelError(
        "CW421",
        f"the forward of {kind} cannot be read",
        received=kind,
        detail=_said(failure),
        hint="give a part of it that takes and gives tensors, or export it to ONNX and read the file",
    )


def _said(failure: Exception | None) -> str:
    """What went wrong, in one line."""
    if failure is None:
        return "it gives no tensor"
    if isinstance(failure, NeedsShape | NeedsData):
        return shown(str(failure), 200)
    text = failure.fact if isinstance(failure, ConvwiseError) else str(failure)
    return shown(f"{type(failure).__name__}: {text}".splitlines()[0] if text else type(failure).__name__, 200)


def _network(
    module: Any, building: Building, sources: list[tuple[str, Tensor]], value: Any, given: dict[str, Shape]
) -> Network:
    tensors = building.tensors
    made = []
    for name, tensor in sources:
        known = tensors[tensor.number]
        shape = given.get(name) or known.free
        if shape is None:
            raise ModelError(
                "CW422",
                f"nothing says how many axes the input {name!r} of {shown(type(module).__name__, 60)} has",
                received=name,
                hint="give input_shape=",
            )
        made.append(Source(known.name, shape, Layout(channels_last=channels_last(known.free))))
    read = {name for node in building.nodes for name in node.inputs}
    stored = {known.name: known.free or () for known in tensors if known.is_stored and known.name in read}
    outputs = tuple(dict.fromkeys(tensors[tensor.number].name for tensor in tensors_in(value)))
    notes = (*building.notes, *_notes(module, building))
    return Network(type(module).__name__, "torch", tuple(made), tuple(building.nodes), outputs, notes, dict(stored))


def _notes(module: Any, building: Building) -> list[Note]:
    notes = []
    unknown = [node.name for node in building.nodes if isinstance(node.work, Opaque)]
    if unknown:
        text = f"what {len(unknown)} steps do to shapes is not known: {', '.join(unknown[:4])}{' ...' if len(unknown) > 4 else ''}"
        notes.append(Note("CW421", text if len(unknown) > 1 else f"what '{unknown[0]}' does to shapes is not known"))
    named = list(module.named_parameters())
    left = {id(part) for part in building.uncounted(part for _, part in named)}
    unused = [(name, part) for name, part in named if id(part) in left]
    unused = [(name, part) for name, part in unused if type(part).__name__ != "UninitializedParameter"]
    if unused:
        count = sum(int(part.numel()) for _, part in unused)
        homes = list(dict.fromkeys(name.partition(".")[0] for name, _ in unused))
        mode = "training" if module.training else "evaluation"
        text = f"{count:,} parameters are not used by this forward in {mode} mode: {', '.join(homes[:4])}{' ...' if len(homes) > 4 else ''}"
        notes.append(Note("CW421", text))
    if has_hooks(module):
        notes.append(Note("CW421", "the module has forward hooks; what they change is not seen"))
    return notes
