"""Live PyTorch modules as networks, without data: traced with open sizes, else run on meta tensors of one size.

torch is never imported here: it is there because the caller has the module. The module is left as it was.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from convwise.dialects.base import Note
from convwise.errors import ConvwiseError, ModelError, Refusal
from convwise.graph import Network, Source
from convwise.ops import Shape
from convwise.ops.several import Opaque
from convwise.readers.echo import shown
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.keeping import has_hooks, kept
from convwise.readers.torch_live.modules import Modules
from convwise.readers.torch_live.recording import record
from convwise.readers.torch_live.sources import first_guess, given_shapes, input_names, wanted
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
        raise ModelError("CW401", f"a {type(module).__name__} is no torch.nn.Module", received=type(module).__name__)
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
    guess = first_guess(torch, module)
    if len(names) == 1:
        given = {name: _batched(shape, guess) for name, shape in given.items()}
    with kept(torch, module):
        building, sources, value = _traced(torch, module, names, given, guess)
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


def _traced(
    torch: ModuleType, module: Any, names: Sequence[str], given: dict[str, Shape], guess: Shape | None
) -> Traced:
    """The forward by the first way that works: traced, traced again with a better guess, run on meta tensors."""
    free = {name: _free(given.get(name), guess) for name in names}
    failure: Exception | None = None
    found: Traced | None = None
    try:
        found = _by_trace(torch, module, free, given)
        better = {name: shape for name, shape in _better(found, free, given).items() if shape != free[name]}
        if better:
            found = _by_trace(torch, module, free | better, given)
    except Refusal as refusal:
        # How many axes there are is a guess as long as no shape is given.
        if refusal.code != "CW101" or given:
            raise
        failure = refusal
    except Exception as error:  # the user's forward runs here, and may raise anything
        failure = error
    if found is not None and not found[0].opaque and list(tensors_in(found[2])):
        return found
    complete = len(given) == len(names) and all(None not in shape for shape in given.values()) and names
    if complete:
        recorded = _by_record(torch, module, given, failure)
        if recorded is not None and (found is None or recorded[0].opaque < found[0].opaque):
            return recorded
    if found is not None and list(tensors_in(found[2])):
        return found
    raise _unreadable(module, names, failure, bool(complete))


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


def _better(found: Traced, free: dict[str, Shape | None], given: dict[str, Shape]) -> dict[str, Shape | None]:
    """What the forward itself says of inputs whose shape is not given."""
    nodes = found[0].nodes
    better: dict[str, Shape | None] = {}
    for name, tensor in found[1]:
        if name not in given:
            shape = wanted(nodes, found[0].tensors[tensor.number].name)
            if shape is not None:
                better[name] = shape
    return better


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
        made.append(Source(known.name, shape))
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
