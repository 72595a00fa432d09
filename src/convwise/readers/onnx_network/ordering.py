"""The nodes of a model in an order in which they can run, calls of the model's own functions replaced by their bodies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import Any

from convwise.errors import ModelError
from convwise.readers.echo import shown
from convwise.readers.onnx import OnnxFunction, OnnxGraph, OnnxModel, OnnxNode, OnnxReference
from convwise.readers.onnx.limits import NODES


@dataclass(slots=True)
class Step:
    """A node to be read, the version of its domain's operator set, and where it stands; nobody changes it."""

    node: OnnxNode
    version: int
    place: str


def called(node: OnnxNode) -> str:
    """The node as errors name it."""
    return f"'{shown(node.name)}' ({shown(node.op_type)})" if node.name else shown(node.op_type)


def ordered(steps: list[Step], given: Iterable[str]) -> list[Step]:
    """The steps so that each comes after those it reads from; as they stand if they are in order already.

    Raises:
        ModelError: CW408 where one reads what nothing gives, or they run in a circle.
    """
    there = {*given, ""}
    plain: dict[int, bool] = {}
    for step in steps:
        node = step.node
        # Equal nodes share their attributes, so each is looked at for bodies once.
        bare = plain.get(id(node.attributes))
        if bare is None:
            bare = plain[id(node.attributes)] = next(_bodies(node), None) is None
        if not there.issuperset(node.inputs if bare else _reads(node)):
            return _sorted(steps, [_reads(one.node) for one in steps], set(given))
        there.update(node.outputs)
    return steps


def _sorted(steps: list[Step], needs: list[set[str]], there: set[str]) -> list[Step]:
    made = {name: number for number, step in enumerate(steps) for name in step.node.outputs if name}
    readers: dict[int, list[int]] = defaultdict(list)
    missing = [0] * len(steps)
    for number, (step, names) in enumerate(zip(steps, needs, strict=True)):
        for name in names - there:
            if name not in made:
                raise ModelError(
                    "CW408",
                    f"{step.place}: {called(step.node)} reads '{shown(name)}', which nothing gives",
                    hint="no input, initializer or node of the file has that name",
                )
            readers[made[name]].append(number)
            missing[number] += 1
    ready = [number for number, count in enumerate(missing) if not count]
    heapify(ready)
    found: list[Step] = []
    while ready:
        number = heappop(ready)
        found.append(steps[number])
        for reader in readers[number]:
            missing[reader] -= 1
            if not missing[reader]:
                heappush(ready, reader)
    if len(found) < len(steps):
        stuck = next(step for step, count in zip(steps, missing, strict=True) if count)
        raise ModelError(
            "CW408", f"{stuck.place}: {called(stuck.node)} waits for its own output: the graph has a cycle"
        )
    return found


def _reads(node: OnnxNode) -> set[str]:
    """The tensors that a node needs, those that its bodies take from around them included."""
    names = {name for name in node.inputs if name}
    for body in _bodies(node):
        names |= _outer(body)
    return names


def _bodies(node: OnnxNode) -> Iterator[OnnxGraph]:
    for value in node.attributes.values():
        for body in value if isinstance(value, tuple) else (value,):
            if isinstance(body, OnnxGraph):
                yield body


def _outer(graph: OnnxGraph) -> set[str]:
    own = {*graph.initializers, *(value.name for value in graph.inputs)}
    wanted: set[str] = set()
    for node in graph.nodes:
        own.update(node.outputs)
        wanted |= _reads(node)
    wanted.update(value.name for value in graph.outputs)
    return wanted - own


def expanded(model: OnnxModel) -> list[Step]:
    """The nodes of the graph, with the bodies of functions where they are called.

    Raises:
        ModelError: CW405 where the bodies are more nodes than a file may have.
    """
    if not model.functions:
        opsets = model.opsets
        return [Step(node, opsets.get(node.domain, 1), f"node {node.index}") for node in model.graph.nodes]
    functions = {(one.domain, one.name, one.overload): one for one in model.functions}
    found: list[Step] = []
    waiting: list[Iterator[tuple[OnnxNode, Mapping[str, int], str]]] = [
        ((node, model.opsets, f"node {node.index}") for node in model.graph.nodes)
    ]
    while waiting:
        one = next(waiting[-1], None)
        if one is None:
            waiting.pop()
            continue
        node, opsets, place = one
        function = functions.get((node.domain, node.op_type, node.overload))
        if function is None:
            found.append(Step(node, opsets.get(node.domain, 1), place))
        else:
            waiting.append(_body(function, node, opsets, place))
        if len(found) > NODES or len(waiting) > NODES:
            raise ModelError("CW405", f"the functions of the model unfold to more than {NODES:,} nodes")
    return found


def _body(
    function: OnnxFunction, call: OnnxNode, opsets: Mapping[str, int], place: str
) -> Iterator[tuple[OnnxNode, Mapping[str, int], str]]:
    names = dict(zip(function.inputs, (*call.inputs, *("",) * len(function.inputs)), strict=False))
    names.update(zip(function.outputs, call.outputs, strict=False))
    # A tensor of the body is named after one that the call gives, which no other call does.
    prefix = next((name for name in call.outputs if name), place)
    values = {**function.defaults, **call.attributes}

    def name(inner: str) -> str:
        return inner and names.get(inner, f"{prefix}/{inner}")

    for node in function.nodes:
        attributes = {
            key: value for key, one in node.attributes.items() if (value := _settled(one, values)) is not None
        }
        title = "/".join(part for part in (call.name or call.op_type, node.name or node.op_type) if part)
        yield (
            replace(
                node,
                name=title,
                inputs=tuple(map(name, node.inputs)),
                outputs=tuple(map(name, node.outputs)),
                attributes=attributes,
            ),
            function.opsets or opsets,
            f"{place}, node {node.index} of function '{shown(function.name)}'",
        )


def _settled(value: Any, values: Mapping[str, Any]) -> Any:
    return values.get(value.name) if isinstance(value, OnnxReference) else value


def inlined(graph: OnnxGraph, call: OnnxNode, version: int, place: str) -> tuple[list[Step], dict[str, str]]:
    """The nodes of a branch that is surely taken, and the branch's own names for the tensors that it makes."""
    own = {*graph.initializers, *(name for node in graph.nodes for name in node.outputs if name)}
    prefix = next((name for name in call.outputs if name), place)
    names = {one: f"{prefix}/{one}" for one in own}
    steps = [
        Step(
            replace(
                node,
                inputs=tuple(names.get(one, one) for one in node.inputs),
                outputs=tuple(names.get(one, one) for one in node.outputs),
            ),
            version,
            f"{place}, node {node.index} of its branch",
        )
        for node in graph.nodes
    ]
    return steps, names
