"""Functions of the model itself, and that none of them calls itself, be it through others."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from convwise.errors import ModelError
from convwise.readers.onnx import limits
from convwise.readers.onnx.attributes import read_attribute
from convwise.readers.onnx.graphs import Spans, check_outputs, duplicate, read_bodies, read_declared
from convwise.readers.onnx.nodes import default_domain, read_nodes
from convwise.readers.onnx.opsets import read_opsets
from convwise.readers.onnx.reading import Reading
from convwise.readers.onnx.schema import FUNCTION
from convwise.readers.onnx.structure import OnnxFunction
from convwise.readers.onnx.wire import fields, malformed, quoted, too_many_nodes, too_much

Call = tuple[str, str, str]
"""Domain, op_type and overload: what a node and a function have in common."""


def read_function(reading: Reading, start: int, stop: int) -> OnnxFunction:
    """The FunctionProto in these bytes.

    Raises:
        ModelError: CW404 to CW408.
    """
    budget = reading.budget
    budget.spend(start, 1)
    texts: dict[int, str] = {}
    lists: dict[int, list[str]] = {4: [], 5: [], 6: []}
    spans: dict[int, Spans] = {7: [], 9: [], 11: [], 12: []}
    for number, _, at, first, end in fields(reading.buffer, start, stop, FUNCTION, budget):
        if number in lists:
            budget.spend(at, 1)
            lists[number].append(reading.name(first, end))
        elif number in spans:
            if number == 7:
                budget.nodes -= 1
                if budget.nodes < 0:
                    raise too_many_nodes(at)
            spans[number].append((first, end))
        else:
            texts[number] = reading.name(first, end)
    name = texts.get(1, "")
    if not name:
        raise malformed(start, "a function without a name")
    defaults: dict[str, Any] = {}
    for first, end in spans[11]:
        read_attribute(reading, first, end, defaults, 1)
    try:
        nodes = read_nodes(reading, spans[7], 1)
        if len(set(lists[4])) < len(lists[4]):
            raise duplicate(start, "two inputs have one name")
        check_outputs(nodes, spans[7], dict.fromkeys(lists[4], "an input of the function"))
        read_bodies(reading)
    except ModelError as error:
        error.layer = f"{error.layer or 'the body'} of function {quoted(name)}"
        raise
    return OnnxFunction(
        name,
        default_domain(texts.get(10, "")),
        texts.get(13, ""),
        tuple(lists[4]),
        tuple(lists[5]),
        tuple(lists[6]),
        MappingProxyType(defaults),
        MappingProxyType(read_opsets(reading, spans[9])),
        nodes,
        MappingProxyType(read_declared(reading, spans[12])),
    )


def check_calls(functions: list[OnnxFunction], calls: list[set[Call]]) -> None:
    """Refuse functions that call themselves, directly, through others, or inside an If, and chains of too many calls.

    Raises:
        ModelError: CW408 for a circle and for a function that is there twice, CW405 for a chain that is too long.
    """
    places: dict[Call, int] = {}
    for place, function in enumerate(functions):
        key = function.domain, function.name, function.overload
        if key in places:
            raise ModelError(
                "CW408", f"function {quoted(function.name)} is there twice", hint="a call could mean either"
            )
        places[key] = place
    below = [sorted(places[key] for key in called & places.keys()) for called in calls]
    depth: dict[int, int] = {}
    for root in range(len(functions)):
        path: list[int] = []
        on_path: set[int] = set()
        stack = [(root, 0)]
        while stack:
            place, step = stack.pop()
            if step == 0:
                if place in depth:
                    continue
                if place in on_path:
                    circle = " -> ".join(
                        quoted(functions[each].name) for each in [*path[path.index(place) :][:8], place]
                    )
                    raise ModelError("CW408", f"function {quoted(functions[place].name)} calls itself", detail=circle)
                path.append(place)
                on_path.add(place)
            if step < len(below[place]):
                stack += [(place, step + 1), (below[place][step], 0)]
                continue
            path.pop()
            on_path.remove(place)
            depth[place] = 1 + max((depth[each] for each in below[place]), default=0)
            if depth[place] > limits.CALLS:
                raise too_much(0, f"functions that call functions, more than {limits.CALLS} deep")
