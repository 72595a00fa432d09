"""What the JSON of an exported program says: its inputs, what it stores, and its calls of PyTorch's own operators.

Source of the fields: `torch/_export/serde/schema.py` of PyTorch 2.13, and files that it and older versions wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from convwise.errors import ModelError
from convwise.readers.echo import shown
from convwise.readers.onnx import limits
from convwise.readers.torch_live.values import NotKnown

SAVE: Final = "save it again with torch.export.save"


@dataclass(frozen=True, slots=True)
class Ref:
    """A value of the program by its name: a tensor, or a number that follows from sizes."""

    name: str


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A parameter or buffer: where it stands in the module, and its sizes."""

    path: str
    shape: tuple[int, ...]
    trained: bool
    requires_grad: bool = True

    def numel(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor that goes in: `sizes` with None where the export left them open, `seen` those that it was made with; `bounds` are an axis, its
    smallest and its largest size, None where no largest one was given.
    """

    name: str
    sizes: tuple[int | None, ...]
    seen: tuple[int | None, ...]
    bounds: tuple[tuple[int, int, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One operator: the target as the file writes it, its arguments, the names of what it gives, and the module it stands in.

    An output is a name, or several where the operator gives a list.
    """

    target: str
    args: tuple[Any, ...]
    words: dict[str, Any]
    outputs: tuple[str | tuple[str, ...] | None, ...]
    module: str


@dataclass(frozen=True, slots=True)
class Program:
    """A whole exported program; `recorded` are sizes of its tensors, None for those that were left open, `guards` conditions as the file writes them."""

    title: str
    inputs: tuple[Input, ...]
    plain: dict[str, Any]
    stored: dict[str, StoredTensor]
    calls: tuple[Call, ...]
    outputs: tuple[Any, ...]
    recorded: dict[str, tuple[int | None, ...]]
    guards: tuple[Any, ...] = ()


def malformed(fact: str) -> ModelError:
    """CW406: the program's JSON is not what torch.export writes."""
    return ModelError("CW406", f"the exported program: {fact}", hint=SAVE)


def field(holder: Any, key: str, kind: type, where: str) -> Any:
    """A field of an object.

    Raises:
        ModelError: CW406 where it is missing or of another kind.
    """
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise malformed(f"{where} has no {kind.__name__} '{key}'")
    return value


def program_of(data: Any) -> Program:
    """The program in a file's JSON.

    Raises:
        ModelError: CW405, CW406.
    """
    module = field(data, "graph_module", dict, "the file")
    graph, signature = (field(module, key, dict, "graph_module") for key in ("graph", "signature"))
    ranges = data.get("range_constraints")
    values = field(graph, "tensor_values", dict, "the graph")
    recorded = {name: _sizes(value, f"tensor '{shown(name, 40)}'") for name, value in values.items()}
    inputs: list[Input] = []
    stored: dict[str, StoredTensor] = {}
    plain: dict[str, Any] = {}
    for spec in field(signature, "input_specs", list, "the signature"):
        kind, told = _one(spec, "an input")
        name, value = _argument(told)
        if name is None:
            plain |= {value.name: NotKnown(value.name)} if isinstance(value, Ref) else {}
        elif kind == "user_input" and name in recorded:
            inputs.append(_input(name, values[name], ranges if isinstance(ranges, dict) else {}))
        elif name in recorded:
            stored[name] = _stored(kind, told, name, recorded[name])
    nodes = field(graph, "nodes", list, "the graph")
    if len(nodes) > limits.NODES:
        raise ModelError(
            "CW405", f"the exported program has {len(nodes):,} calls, and at most {limits.NODES:,} are read"
        )
    calls = tuple(_call(node) for node in nodes)
    outputs = tuple(
        _value(_one(spec, "an output")[1].get("arg"))
        for spec in field(signature, "output_specs", list, "the signature")
        if _one(spec, "an output")[0] == "user_output"
    )
    # Programs of before 2.9 have no guards.
    checked = data.get("guards_code")
    guards = tuple(checked[: limits.NODES]) if isinstance(checked, list) else ()
    return Program(_title(nodes), tuple(inputs), plain, stored, calls, outputs, recorded, guards)


def _one(spec: Any, what: str) -> tuple[str, dict[str, Any]]:
    """The kind of a specification and what it says: an object with one field that is an object."""
    for kind, told in spec.items() if isinstance(spec, dict) else ():
        if isinstance(told, dict):
            return kind, told
    raise malformed(f"{what} says nothing")


def _argument(told: dict[str, Any]) -> tuple[str | None, Any]:
    """The name of the tensor that an input is; None and what it is instead, for a number."""
    arg = told.get("arg")
    if isinstance(arg, dict) and isinstance(arg.get("name"), str):
        return arg["name"], None
    value = _value(arg)
    tensor = isinstance(arg, dict) and "as_tensor" in arg and isinstance(value, Ref)
    return (value.name, None) if tensor else (None, value)


def _size(size: Any, where: str) -> int | None:
    """A size; None for an expression of sizes that were left open."""
    if isinstance(size, dict) and isinstance(size.get("as_expr"), dict):
        return None
    number: int = field(size, "as_int", int, f"a size of {where}")
    if number < 0:
        raise malformed(f"a size of {where} is {number}")
    return number


def _sizes(value: Any, where: str) -> tuple[int | None, ...]:
    sizes = field(value, "sizes", list, where)
    if len(sizes) > limits.AXES:
        raise malformed(f"{where} has {len(sizes):,} axes")
    found = tuple(_size(size, where) for size in sizes)
    if prod(size for size in found if size is not None) > limits.SIZE:
        raise ModelError("CW405", f"the exported program: {where} has the sizes {found}", hint=SAVE)
    return found


def _input(name: str, value: Any, ranges: Mapping[str, Any]) -> Input:
    """An input with its open sizes, those that the export was made with, and the bounds that it was given."""
    sizes = _sizes(value, f"input '{shown(name, 40)}'")
    seen: list[int | None] = []
    bounds: list[tuple[int, int, int | None]] = []
    for axis, (size, written) in enumerate(zip(sizes, value["sizes"], strict=True)):
        if size is not None:
            seen.append(size)
            continue
        told = written["as_expr"]
        hint = told.get("hint")
        example = hint.get("as_int") if isinstance(hint, dict) else None
        seen.append(example if type(example) is int and example >= 0 else None)
        limit = _bounds(told.get("expr_str"), ranges)
        bounds += [] if limit is None else [(axis, *limit)]
    return Input(name, sizes, tuple(seen), tuple(bounds))


def _bounds(expression: Any, ranges: Mapping[str, Any]) -> tuple[int, int | None] | None:
    """The smallest and the largest size of an axis that is a symbol by itself; None in place of a largest one that was not given."""
    if not isinstance(expression, str):
        return None
    # Older versions write `s53` where newer ones write `Symbol('s53', positive=True, integer=True)`.
    name = expression.partition("'")[2].partition("'")[0] if expression.startswith("Symbol('") else expression
    told = ranges.get(name)
    least, most = (told.get(key) for key in ("min_val", "max_val")) if isinstance(told, dict) else (None, None)
    # Versions before 2.9 write a number near 2**63 for no bound.
    highest = most if type(most) is int and most < limits.SIZE // 2 else None
    return (least if type(least) is int else 0), highest


def _stored(kind: str, told: dict[str, Any], name: str, sizes: tuple[int | None, ...]) -> StoredTensor:
    shape = tuple(size for size in sizes if size is not None)
    if len(shape) < len(sizes):
        raise malformed(f"'{shown(name, 40)}' is stored, and its sizes are open")
    path = next((told[key] for key in told if key.endswith("_name") and isinstance(told[key], str)), name)
    return StoredTensor(path, shape, kind == "parameter")


def _title(nodes: list[Any]) -> str:
    """The class of the whole module: the first of the modules that a call stands in."""
    for node in nodes:
        stack = _stack(node)
        # Calls that the export itself adds stand in no module's class.
        if stack and "." in stack[0][1]:
            return stack[0][1].rpartition(".")[2]
    return "ExportedProgram"


def _stack(node: Any) -> list[tuple[str, str]]:
    """(path, class) of the modules around a call, the outermost first: `L__self__a,a,torch.nn.modules.conv.Conv2d;...`."""
    metadata = node.get("metadata") if isinstance(node, dict) else None
    told = metadata.get("nn_module_stack") if isinstance(metadata, dict) else None
    parts = [part.split(",") for part in told.split(";")] if isinstance(told, str) else []
    return [(part[1], part[-1]) for part in parts if len(part) == 3]


def _call(node: Any) -> Call:
    target = field(node, "target", str, "a call")
    args, words = [], {}
    for given in field(node, "inputs", list, shown(target, 60)):
        name, value = field(given, "name", str, shown(target, 60)), _value(given.get("arg"))
        if given.get("kind") == 2:
            words[name] = value
        else:
            args.append(value)
    outputs = tuple(_output(one) for one in field(node, "outputs", list, shown(target, 60)))
    stack = _stack(node)
    return Call(target, tuple(args), words, outputs, stack[-1][0] if stack else "")


def _output(told: Any) -> str | tuple[str, ...] | None:
    value = _value(told)
    if isinstance(value, Ref):
        return value.name
    if isinstance(value, tuple):
        return tuple(part.name if isinstance(part, Ref) else "" for part in value)
    return None


PLAIN = ("as_int", "as_bool", "as_string", "as_float")
LISTS = ("as_ints", "as_bools", "as_strings", "as_floats")
NAMED = ("as_tensor", "as_sym_int", "as_sym_bool", "as_sym_float")
OTHERS = {"as_optional_tensor": "as_tensor"}


def _value(told: Any) -> Any:
    """An argument: the file says with each of what kind it is."""
    for word, value in told.items() if isinstance(told, dict) else ():
        kind = str(OTHERS.get(word, word))
        if kind in PLAIN:
            return _literal(value)
        if kind in LISTS:
            return tuple(_literal(part) for part in value) if isinstance(value, list) else NotKnown(kind)
        if kind in NAMED:
            return _named(value)
        if kind in (f"{one}s" for one in NAMED):
            return tuple(_named(part) for part in value) if isinstance(value, list) else NotKnown(kind)
        if kind == "as_optional_tensors":
            return tuple(_value(part) for part in value) if isinstance(value, list) else NotKnown(kind)
        if kind == "as_none":
            return None
        return NotKnown(kind)
    return NotKnown("an argument")


def _literal(value: Any) -> Any:
    if isinstance(value, str) and value in ("Infinity", "-Infinity", "NaN"):
        return float(value.replace("Infinity", "inf"))
    return value if value is None or isinstance(value, bool | int | float | str) else NotKnown("a value")


def _named(value: Any) -> Any:
    """`{"name": "x"}`, `{"as_name": "s0"}` or `{"as_int": 3}`."""
    if isinstance(value, dict):
        for key, told in value.items():
            if key in ("name", "as_name") and isinstance(told, str):
                return Ref(told)
            if key in PLAIN:
                return _literal(told)
    return NotKnown("a value")
