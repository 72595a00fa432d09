"""The nodes of an ONNX model from calls inside each other, as the dialect and `onnx_functions` write them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from math import inf
from typing import Any

from convwise.answers.porting.composing import commented
from convwise.answers.porting.stages import Stage
from convwise.dialects.base import Array


@dataclass(slots=True)
class Nodes:
    """Lines of code so far; `at` is the tensor that the next stage reads."""

    lines: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    at: str = "x"
    made: int = 0

    def add(self, stage: Stage) -> None:
        """The nodes of one stage: of its call as it was read, or of its text."""
        if stage.layer is not None and stage.layer.call.kind:
            self._call(stage)
            return
        first = len(self.lines)
        tree = ast.parse(stage.text, mode="eval").body
        self.at = _Lowering(self, self.at).node(tree)
        if stage.comment and len(self.lines) > first:
            self.lines[first : first + 1] = commented(self.lines[first], stage.comment)

    def _call(self, stage: Stage) -> None:
        assert stage.layer is not None
        inputs = [self.at]
        for value in stage.layer.call.args:
            if isinstance(value, Array):
                inputs.append(self.weight())
            else:
                inputs.append("" if value is None else self.constant(_source(value)))
        named = dict(stage.layer.call.kwargs)
        if stage.layer.call.kind == "Resize" and "scales" in named:
            # An input of the node, behind the region of interest that nobody gives.
            inputs += ["", self.constant(f"np.array({_attribute(named.pop('scales'))}, np.float32)")]
        attributes = {key: _attribute(value) for key, value in named.items()}
        self.at = self.node(stage.layer.call.kind, inputs, attributes, stage.comment)

    def node(self, kind: str, inputs: list[str], attributes: dict[str, str], comment: str = "") -> str:
        """Adds a node; the name of what it gives."""
        name = f"t{self.made}"
        self.made += 1
        words = "".join(f", {key}={value}" for key, value in attributes.items())
        line = f"    helper.make_node({kind!r}, {inputs!r}, [{name!r}]{words}),"
        self.lines += commented(line, comment)
        return name

    def weight(self) -> str:
        self.weights.append(f"w{len(self.weights)}")
        return self.weights[-1]

    def constant(self, source: str) -> str:
        """The name of a constant of this value; one that is there already serves again."""
        for number, line in enumerate(self.constants):
            if line == f"numpy_helper.from_array({source}, 'c{number}')":
                return f"c{number}"
        self.constants.append(f"numpy_helper.from_array({source}, 'c{len(self.constants)}')")
        return f"c{len(self.constants) - 1}"

    def ended(self) -> list[str]:
        """The lines, the last tensor called `y`."""
        last = f"['t{self.made - 1}']"
        return [line.replace(last, "['y']") if f", {last}" in line else line for line in self.lines]


@dataclass(slots=True)
class _Lowering:
    """One text on its way into nodes; equal calls in it are one node."""

    nodes: Nodes
    data: str
    known: dict[str, str] = field(default_factory=dict)

    def node(self, tree: ast.expr) -> str:
        """The name of the tensor that an expression gives."""
        if isinstance(tree, ast.Name):
            return self.data
        if isinstance(tree, ast.Call):
            text = ast.unparse(tree)
            function = ast.unparse(tree.func)
            if function == "np.zeros":
                return self.nodes.weight()
            if function == "floats":
                return self.nodes.constant(f"np.array({ast.unparse(tree.args[0])}, np.float32)")
            if function.startswith("op.") and text not in self.known:
                inputs = [self.node(one) for one in tree.args]
                attributes = {str(word.arg): ast.unparse(word.value) for word in tree.keywords}
                self.known[text] = self.nodes.node(function.removeprefix("op."), inputs, attributes)
            if text in self.known:
                return self.known[text]
        text = ast.unparse(tree)
        if isinstance(tree, ast.List | ast.ListComp):
            return self.nodes.constant(f"np.array({text}, np.int64)")
        return self.nodes.constant(f"np.array({text}, np.float32)")


def _source(value: Any) -> str:
    if isinstance(value, tuple) and all(isinstance(one, int) for one in value):
        return f"np.array({list(value)}, np.int64)"
    if value in (inf, -inf):
        return f"np.array({'-' if value == -inf else ''}np.inf, np.float32)"
    return f"np.array({_attribute(value)}, np.float32)"


def _attribute(value: object) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
