"""A forward traced by torch.fx with open sizes, and read while it is traced.

Python's own questions on the way (`if x.shape != y.shape`, `len`, `range(n)`) are answered from what is known so far; where
the answer depends on the input's size, it is the one for the given input shape, and a note says so.
"""

from __future__ import annotations

import builtins
import dis
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, currentframe, signature
from types import FrameType, ModuleType
from typing import Any

from convwise.ops import Shape
from convwise.readers.echo import shown
from convwise.readers.torch_live import calls
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.modules import Modules
from convwise.readers.torch_live.pieces import Pieces
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.values import NotKnown, Real, Tensor, floor_of, is_term, number, truth

CREATING = ("zeros", "ones", "empty", "full", "arange", "rand", "randn", "linspace")
FRAMEWORK = ("torch", "_operator", "operator", "math", "builtins", "torchvision")
SIGNS = {"add": "+", "iadd": "+", "sub": "-", "isub": "-", "mul": "*", "imul": "*", "truediv": "/", "floordiv": "//"}
SIGNS |= {"matmul": "@", "getitem": "[]", "pow": "**", "mod": "%", "neg": "-", "setitem": "[]="}
SPECIALISED = "CW422"


class NeedsShape(Exception):  # noqa: N818 (it says what is missing)
    """A question of the forward's own code that only an input shape answers."""


class NeedsData(Exception):  # noqa: N818 (it says what is missing)
    """A question of the forward's own code that only the values of a tensor answer."""


@dataclass(slots=True)
class Reading:
    """The traced forward, read as far as it has been traced; `free` and `seen` are the sources' shapes by name."""

    torch: ModuleType
    root: Any
    building: Building
    modules: Modules
    free: Mapping[str, Shape | None]
    seen: Mapping[str, Shape | None]
    values: dict[Any, Any] = field(default_factory=dict)
    sources: list[tuple[str, Tensor]] = field(default_factory=list)
    skipped: frozenset[str] = frozenset()
    paths: dict[str, Any] = field(default_factory=dict)
    last: Any = None

    def advance(self, graph: Any) -> None:
        """Read the nodes that have been added since."""
        node = self.last.next if self.last is not None else next(iter(graph.nodes), None)
        while node is not None and node.op != "root":
            self.values[node] = self._node(node)
            self.last = node
            node = node.next

    def _node(self, node: Any) -> Any:
        if node.op == "placeholder":
            return self._source(str(node.target))
        if node.op == "get_attr":
            return self._stored(str(node.target))
        args, words = self._mapped(node.args), self._mapped(node.kwargs)
        if node.op == "output":
            return args[0]
        if node.op == "call_module":
            path = str(node.target)
            return self.modules.call(self.paths[path], path, args, words)
        scope = next(reversed(node.meta.get("nn_module_stack", {}).values()), ("",))[0]
        name, kind = (str(node.target), f".{node.target}") if node.op == "call_method" else named(node.target)
        place = Place(self.building, f"{scope}.{name}" if scope else name, kind, scope)
        return calls.call(place, name, args, words)

    def _source(self, name: str) -> Any:
        plain = name.rpartition("_")[0]
        if name in self.skipped or plain in self.skipped:
            return None
        if name.startswith("*"):
            return NotKnown(name)
        tensor = self.building.source(name, self.free.get(name), self.seen.get(name))
        self.sources.append((name, tensor))
        return tensor

    def _stored(self, path: str) -> Any:
        owner, _, name = path.rpartition(".")
        module = self.paths.get(owner, self.root)
        for holder in ("_parameters", "_buffers"):
            value = vars(module)[holder].get(name)
            if value is not None:
                return self.building.stored(path, value, holder == "_parameters")
        value = vars(module).get(name)
        return self.building.stored(path, value, False) if isinstance(value, self.torch.Tensor) else NotKnown(path)

    def path(self, module: Any, found: Callable[[Any], str]) -> str:
        """Where the module stands; one that the forward makes for itself is called by its class."""
        try:
            return found(module)
        except NameError:
            path = self.building.unique(type(module).__name__)
            self.paths[path] = module
            return path

    def _mapped(self, value: Any) -> Any:
        """The node's arguments with nodes replaced by their values."""
        if isinstance(value, self.torch.fx.Node):
            return self.values[value]
        if isinstance(value, list | tuple):
            return tuple(self._mapped(part) for part in value)
        if isinstance(value, dict):
            return {key: self._mapped(part) for key, part in value.items()}
        if isinstance(value, slice):
            return slice(self._mapped(value.start), self._mapped(value.stop), self._mapped(value.step))
        return value

    # ------------------------------------------------------------------ what Python asks

    def truth(self, value: Any, what: str) -> bool:
        if isinstance(value, Tensor):
            raise NeedsData(f"which way the forward goes depends on the values of '{what}'")
        found = truth(value, [None] * len(self.building.tensors))
        if found is None:
            found = truth(value, self.building.seen) if self.building.guided else None
            if found is None:
                raise NeedsShape(f"'{what}' decides which way the forward goes")
            self._specialised(f"which way '{what}' goes")
        return found

    def integer(self, value: Any, what: str) -> int:
        if isinstance(value, Real):
            value = floor_of(value)
        if isinstance(value, int):
            return value
        if isinstance(value, Tensor):
            raise NeedsData(f"the forward asks for the value of '{what}'")
        found = number(value, self.building.seen) if is_term(value) and self.building.guided else None
        if found is None:
            raise NeedsShape(f"the number '{what}' is asked for")
        self._specialised(f"the number '{what}' = {found}")
        return found

    def _specialised(self, what: str) -> None:
        shapes = ", ".join("x".join(map(str, shape)) for shape in self.seen.values() if shape is not None)
        self.building.note(
            SPECIALISED, f"{shown(what, 120)} is what it is for an input of {shapes}; other sizes may differ"
        )

    def asserted(self, value: Any, proxy: Any) -> bool:
        """`assert h % 32 == 0`: a condition on the sizes, kept as a node; what values must be is taken to hold."""
        if isinstance(value, bool):
            return value
        if not isinstance(value, Tensor):
            calls.checked(Place(self.building, "assert", "assert"), (value,))
        return True

    def length(self, value: Any, what: str) -> int:
        if isinstance(value, Tensor):
            return self.integer(self.building.size(value, 0), what)
        if isinstance(value, Pieces):
            return self.integer(value.many, what)
        if isinstance(value, tuple | list | dict):
            return len(value)
        raise NeedsShape(f"the length of '{what}' is asked for")


def named(target: Any) -> tuple[str, str]:
    """The name by which a function is looked up, and PyTorch's word for it; a function of the user's own has no name here."""
    name = str(getattr(target, "__name__", type(target).__name__))
    if name == "__get__":
        name = str(getattr(target.__self__, "__name__", name))
        return name, f".{name}"
    home = str(getattr(target, "__module__", None) or "")
    if type(target).__name__ == "OpOverload":
        return name.partition(".")[0], f"aten.{name}"
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
        return name, SIGNS.get(name, name)
    if not home and hasattr(target, "__objclass__"):
        return name, f".{name}"
    if home and home.partition(".")[0] not in FRAMEWORK:
        return f"a function of your own, {name}", name
    if home in ("_operator", "operator"):
        return name, SIGNS.get(name, name)
    if home == "builtins" and name in ("max", "min"):
        return name, name
    if home == "math":
        return (f"{name}_of" if name in ("ceil", "floor", "prod") else name), f"math.{name}"
    if home.startswith(("torch.nn.functional", "torch._C._nn", "torch._jit_internal")):
        return name, f"F.{name}"
    return name, name if home.startswith("torchvision") else f"torch.{name}"


def defaults(module: Any) -> dict[str, Any]:
    """The arguments of the forward that have a plain default: they keep it."""
    found = {}
    for name, parameter in signature(type(module).forward).parameters.items():
        default = parameter.default
        if default is not Parameter.empty and (default is None or isinstance(default, bool | int | float | str)):
            found[name] = default
    return found


def trace(reading: Reading) -> Any:
    """The forward's output, with the network in `reading.building`.

    Raises:
        NeedsShape: where the forward's own code asks for something that depends on the input's size.
        Exception: whatever the trace or the user's code raises.
    """
    torch = reading.torch
    fx = torch.fx
    creating = tuple(vars(torch)[name] for name in CREATING)
    # Without this, max(size, 0) would ask which is larger, and torch.zeros would refuse a size that is no number.
    tracer = fx.Tracer(autowrap_modules=(math,), autowrap_functions=(*creating, max, min))
    tracer.proxy_buffer_attributes = True
    tracer._autowrap_search += [torch, builtins]
    tracer.is_leaf_module = lambda module, path: reading.modules.is_leaf(module)
    proxy = _proxy_class(fx, reading)
    tracer.proxy = lambda node: proxy(node, tracer)
    plain = defaults(reading.root)
    reading.skipped = frozenset(plain)
    reading.paths = dict(reading.root.named_modules(remove_duplicate=False))
    path_of = tracer.path_of_module
    tracer.path_of_module = lambda part: reading.path(part, path_of)
    with torch.device("meta"):
        graph = tracer.trace(reading.root, concrete_args=plain or None)
    reading.advance(graph)
    return reading.values[reading.last]


def _proxy_class(fx: ModuleType, reading: Reading) -> type:
    """The proxy of torch.fx, which also answers `len`, `int`, `bool` and iteration where the answer is known."""

    def value(proxy: Any) -> Any:
        reading.advance(proxy.node.graph)
        return reading.values.get(proxy.node)

    def iterate(proxy: Any) -> Iterator[Any]:
        found = value(proxy)
        frame = currentframe()
        if isinstance(found, Pieces) and frame is not None and takes_apart(frame.f_back) == found.parts:
            return iter([proxy[place] for place in range(found.parts)])
        count = reading.length(found, str(proxy.node))
        return iter([proxy[place] for place in range(count)])

    def decide(proxy: Any) -> bool:
        frame = currentframe()
        if frame is not None and is_assert(frame.f_back):
            return reading.asserted(value(proxy), proxy)
        return reading.truth(value(proxy), written(proxy.node))

    def keys(proxy: Any) -> Any:
        found = value(proxy)
        return list(found) if isinstance(found, dict) else []

    def assign(proxy: Any, index: Any, new: Any) -> None:
        proxy.tracer.create_proxy("call_function", operator.setitem, (proxy, index, new), {})

    answers: dict[str, Callable[..., Any]] = {
        "__len__": lambda proxy: reading.length(value(proxy), written(proxy.node)),
        "__int__": lambda proxy: reading.integer(value(proxy), written(proxy.node)),
        "__float__": lambda proxy: float(reading.integer(value(proxy), written(proxy.node))),
        "__index__": lambda proxy: reading.integer(value(proxy), written(proxy.node)),
        "__bool__": decide,
        "__iter__": iterate,
        "__setitem__": assign,
        "keys": keys,
        "__getattr__": lambda proxy, name: attribute(proxy, name),
    }
    attribute = type("AnsweringAttribute", (fx.proxy.Attribute,), dict(answers))
    return type("AnsweringProxy", (fx.Proxy,), dict(answers))


def takes_apart(frame: FrameType | None) -> int | None:
    """How many names the statement that runs in the frame takes a tuple apart into; None where it does something else."""
    if frame is None or frame.f_lasti < 0:
        return None
    code = frame.f_code.co_code
    found = dis.opname[code[frame.f_lasti]] == "UNPACK_SEQUENCE"
    return code[frame.f_lasti + 1] if found else None


RAISING = ("LOAD_ASSERTION_ERROR", "LOAD_COMMON_CONSTANT")
"""How the code behind a failed `assert` begins, in Python 3.11 to 3.13 and from 3.14 on."""


def is_assert(frame: FrameType | None) -> bool:
    """Whether the jump that runs in the frame ends in an `assert` that fails, or leads around one."""
    if frame is None or frame.f_lasti < 0:
        return False
    steps = [step for step in dis.get_instructions(frame.f_code) if step.opname not in ("CACHE", "NOT_TAKEN")]
    at = next((n for n, step in enumerate(steps) if step.offset >= frame.f_lasti and "JUMP" in step.opname), None)
    if at is None or at + 1 == len(steps):
        return False
    behind = steps[at + 1]
    if "IF_FALSE" in steps[at].opname:
        behind = next((step for step in steps if step.offset == steps[at].argval), behind)
    return behind.opname == RAISING[0] or (behind.opname == RAISING[1] and behind.argval is AssertionError)


def written(node: Any, depth: int = 0) -> str:
    """The question as it stood in the forward, roughly: `x.shape[2] != y.shape[2]`."""
    if node.op in ("placeholder", "get_attr", "call_module"):
        return str(node.target if node.op != "call_module" else node.name)
    if depth > 6:
        return "..."

    def part(value: Any) -> str:
        if isinstance(value, slice):
            ends = (value.start, value.stop) if value.step is None else (value.start, value.stop, value.step)
            return ":".join("" if end is None else part(end) for end in ends)
        return written(value, depth + 1) if hasattr(value, "op") and hasattr(value, "graph") else repr(value)

    args = [part(value) for value in node.args]
    if node.op == "call_method":
        return f"{args[0]}.{node.target}({', '.join(args[1:])})"
    name, sign = named(node.target)
    if name == "getattr":
        return f"{args[0]}.{node.args[1]}"
    if name == "getitem":
        return f"{args[0]}[{args[1]}]"
    sign = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}.get(name, sign)
    if (len(args) == 2 and not sign[0].isalpha()) or sign in ("==", "!="):
        return f"{args[0]} {sign} {args[1]}"
    return f"{sign}({', '.join(args)})"
