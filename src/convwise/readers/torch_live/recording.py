"""A forward run on meta tensors, which have shapes and no data: the way for code that cannot be traced with open sizes.

A copy of the module whose parameters are meta tensors is run once; every call of a function and of a leaf module is read as
it happens. Sizes that the code computes are the numbers for this one input.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from types import ModuleType
from typing import Any

from convwise.ops import Shape
from convwise.ops.several import Constant
from convwise.readers.torch_live import calls
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.keeping import HOOKS
from convwise.readers.torch_live.modules import Modules
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.tracing import CREATING, named
from convwise.readers.torch_live.values import Tensor, tensors_in

UNASKED = frozenset(
    ("__set__", "shape", "grad", "size", "dim", "numel", "is_floating_point", "is_complex", "stride", "__hash__")
)
UNASKED |= frozenset(
    ("is_contiguous", "__len__", "__repr__", "__format__", "requires_grad_", "storage_offset", "element_size")
)


class Recorder:
    """Values of the run by their identity; `alive` keeps them from being replaced by others of the same identity."""

    def __init__(self, torch: ModuleType, module: Any, building: Building) -> None:
        self.torch = torch
        self.building = building
        self.modules = Modules(torch, building)
        self.known: dict[int, Tensor] = {}
        self.alive: list[Any] = []
        self.inside = 0
        self.scopes: list[str] = []
        self.originals = dict(module.named_modules(remove_duplicate=False))
        self.parameters = dict((*module.named_parameters(remove_duplicate=False), *module.named_buffers()))
        self.copied: dict[int, str] = {}

    def source(self, name: str, value: Any, shape: Shape) -> tuple[str, Tensor]:
        tensor = self.building.source(name, shape, shape)
        self._know(value, tensor)
        return name, tensor

    def _know(self, value: Any, tensor: Tensor) -> None:
        self.known[id(value)] = tensor
        self.alive.append(value)

    def read(self, value: Any) -> Any:
        """A value of the run as the handlers take it."""
        if isinstance(value, self.torch.Tensor):
            return self._tensor(value)
        if isinstance(value, dict):
            return {key: self.read(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return tuple(self.read(part) for part in value)
        if isinstance(value, slice):
            return slice(self.read(value.start), self.read(value.stop), self.read(value.step))
        return value

    def _tensor(self, value: Any) -> Tensor:
        if id(value) in self.known:
            return self.known[id(value)]
        path = self.copied.get(id(value))
        if path is not None:
            original = self.parameters[path]
            tensor = self.building.stored(path, original, isinstance(original, self.torch.nn.Parameter))
        else:
            shape = tuple(int(size) for size in value.shape)
            tensor = self.building.emit("constant", "constant", Constant(shape), ())[0]
        self._know(value, tensor)
        return tensor

    def wrote(self, found: Any, value: Any, inputs: Any, name: str) -> None:
        """What a call gave: the handler's tensors are those of the run, where their shapes agree."""
        real = [part for part in flat(value) if isinstance(part, self.torch.Tensor)]
        made = list(tensors_in(found))
        if len(made) < len(real):
            made += [Tensor(-1)] * (len(real) - len(made))
        for part, tensor in zip(real, made, strict=False):
            shape = tuple(int(size) for size in part.shape)
            if tensor.number < 0 or self.building.tensors[tensor.number].seen != shape:
                tensor = self.building.settled(tensor, shape, tuple(dict.fromkeys(tensors_in(inputs))), name)
                self.building.note("CW422", f"what '{name}' does to sizes is as recorded for the given input")
            self._know(part, tensor)

    def function(self, function: Any, args: tuple[Any, ...], words: dict[str, Any], value: Any) -> None:
        if self.inside or not any(isinstance(part, self.torch.Tensor) for part in flat(value)):
            return
        name, kind = named(function)
        if name in UNASKED:
            return
        scope = self.scopes[-1] if self.scopes else ""
        place = Place(self.building, f"{scope}.{name}" if scope else name, kind, scope)
        given = self.read(args), self.read(words)
        self.wrote(calls.call(place, name, *given), value, given, place.name)

    def entered(self, path: str, leaf: bool) -> None:
        self.scopes.append(path)
        self.inside += leaf

    def left(self, path: str, leaf: bool, args: Any, words: Any, value: Any) -> None:
        self.scopes.pop()
        self.inside -= leaf
        if leaf and not self.inside:
            given = self.read(args), self.read(words)
            self.wrote(self.modules.call(self.originals[path], path, *given), value, given, path)


def flat(value: Any) -> list[Any]:
    """All parts of nested lists, tuples and dicts."""
    if isinstance(value, list | tuple):
        return [one for part in value for one in flat(part)]
    if isinstance(value, dict):
        return [one for part in value.values() for one in flat(part)]
    return [value]


def record(
    torch: ModuleType, module: Any, building: Building, shapes: dict[str, Shape]
) -> tuple[Any, list[tuple[str, Tensor]]]:
    """(output, sources) of a run on meta tensors of these shapes.

    Raises:
        Exception: whatever the user's code raises on meta tensors.
    """
    recorder = Recorder(torch, module, building)
    twin = on_meta(torch, module, recorder)
    for path, part in twin.named_modules():
        _listen(recorder, part, path, recorder.modules.is_leaf(part) and path != "")
    inputs = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    sources = [recorder.source(name, inputs[name], shapes[name]) for name in shapes]

    creating = tuple(vars(torch)[name] for name in CREATING)

    def on_call(mode: Any, function: Any, types: Any, args: Any = (), words: Any = None) -> Any:
        words = dict(words or {})
        if function in creating:
            words.setdefault("device", "meta")
        value = function(*args, **words)
        recorder.function(function, tuple(args), words, value)
        return value

    mode = type("RecordingMode", (torch.overrides.TorchFunctionMode,), {"__torch_function__": on_call})
    with torch.no_grad(), mode():
        value = twin(**inputs)
    return recorder.read(value), sources


def _listen(recorder: Recorder, part: Any, path: str, leaf: bool) -> None:
    part.register_forward_pre_hook(lambda module, args: recorder.entered(path, leaf))
    part.register_forward_hook(
        lambda module, args, words, value: recorder.left(path, leaf, args, words, value), with_kwargs=True
    )


def on_meta(torch: ModuleType, module: Any, recorder: Recorder) -> Any:
    """A copy of the module without data and without the user's hooks; nothing is shared with it."""
    memo: dict[int, Any] = {}
    for name, value in recorder.parameters.items():
        empty = torch.empty_like(value, device="meta")
        if isinstance(value, torch.nn.Parameter):
            empty = torch.nn.Parameter(empty, requires_grad=value.requires_grad)
        memo.setdefault(id(value), empty)
        recorder.copied[id(memo[id(value)])] = name
    twin = copy.deepcopy(module, memo)
    for part in twin.modules():
        for name in HOOKS:
            vars(part)[name] = OrderedDict()
    recorder.alive.append(memo)
    return twin
