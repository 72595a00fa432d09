"""From the structure of an .onnx file to a network: what is known is worked out, what is left becomes nodes."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import Any

from convwise.dialects import onnx
from convwise.dialects.base import Note
from convwise.dialects.onnx.folding import foldable, parts
from convwise.dialects.onnx.given import FLOATS, Given, Made, Tensor, Written
from convwise.dialects.onnx.values import MOST_ITEMS, Known
from convwise.errors import ConvwiseError, ModelError
from convwise.graph import CHANNELS_FIRST, Network, Node, Source, Work
from convwise.ops import Op, Shape
from convwise.ops.outline import outlined
from convwise.ops.several import Opaque, Squeeze
from convwise.readers.echo import shown
from convwise.readers.onnx import OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, constant
from convwise.readers.onnx_network.binding import WITH_TERMS, Binder, settled
from convwise.readers.onnx_network.naming import module, title
from convwise.readers.onnx_network.ordering import Step, called, expanded, inlined, ordered
from convwise.readers.onnx_network.recipes import MARKS, RECIPES, Recipe, keep, key_of, marked
from convwise.readers.onnx_network.sources import InputShapes, declared_inputs, free
from convwise.readers.onnx_network.squeezing import squeezed

COUNTED = FLOATS | {"int8", "uint8", "int4", "uint4"}
BIAS = {"DequantizeLinear": 0, "QLinearConv": 8, "QGemm": 6}
"""Where quantised operators read a bias of long integers, which elsewhere are sizes and indices."""
"""Types of stored tensors that hold parameters, quantised ones too."""

KEEPS_DTYPE = frozenset(
    [
        "Relu",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Conv",
        "MaxPool",
        "AveragePool",
        "BatchNormalization",
        "Identity",
        "Transpose",
        "Reshape",
        "Concat",
        "Slice",
        "Pad",
        "Clip",
    ]
)
DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
}


def onnx_network(model: OnnxModel, input_shape: InputShapes = None) -> Network:
    """The network that a model is. Shape arithmetic is worked out, with sizes that stay free where the input's do.

    `input_shape` replaces the declared shape of the input (of each, as a mapping by name). Nodes are in an order in which they can run, named as in the file;
    a node that is several ops becomes several nodes with one name. Operators that are not known are `Opaque` with a reason. Parameters are stored
    floating-point tensors (with quantised weights), each counted at the first node that reads it, running moments left out.

    Raises:
        ModelError: CW405, CW407, CW408, CW410 for a graph that does not hang together.
        Refusal: CW1xx and CW2xx where onnxruntime refuses a node whatever the input's size is.
        ArgumentError: CW601, CW606 for an `input_shape` that does not fit.
    """
    version = model.opsets.get("", 1)
    if version > onnx.FURTHEST:
        raise ModelError(
            "CW407", f"there is no operator set {version:,}", hint=f"the newest known one is {onnx.NEWEST}"
        )
    steps = expanded(model)
    graph = model.graph
    stored = {*graph.initializers, *(value.name for value in graph.inputs)}
    steps = ordered(steps, stored)
    made = {name for step in steps for name in step.node.outputs}
    for value in graph.outputs:
        if value.name not in made and value.name not in stored:
            raise ModelError("CW408", f"the output '{shown(value.name)}' is given by no node")
    sources = declared_inputs(graph, input_shape, steps)
    building = Building(model, sources, steps)
    for step in steps:
        building.add(step)
    notes: tuple[Note, ...] = tuple(building.notes)
    if version > onnx.NEWEST:
        text = f"operator set {version} is newer than any that is known ({onnx.NEWEST}); its nodes are read like those of {onnx.NEWEST}"
        notes = (Note("CW520", text), *notes)
    outputs = tuple(building.named(value.name) for value in graph.outputs)
    return Network(graph.name or "onnx", "onnx", sources, tuple(building.nodes), outputs, notes, building.shapes)


class Building:
    """A network in the making. `tensors` are all tensors by name, `shapes` those of fixed ones that nodes read."""

    def __init__(self, model: OnnxModel, sources: tuple[Source, ...], steps: list[Step]) -> None:
        self.graph = model.graph
        self.used = {name for step in steps for name in step.node.inputs}
        self.used.update(value.name for value in model.graph.outputs)
        self.by_number: list[Tensor] = []
        self.tensors: dict[str, Tensor] = {}
        self.declared = {source.name: source.declared for source in sources}
        self.nodes: list[Node] = []
        self.notes: list[Note] = []
        self.shapes: dict[str, Shape] = {}
        self.counted: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.biases = {
            step.node.inputs[place]
            for step in steps
            if (place := BIAS.get(step.node.op_type)) is not None and place < len(step.node.inputs)
        }
        # These tables know attributes and works by identity: the steps and the nodes keep them alive.
        self.memo: dict[tuple[int, object], Any] = {}
        self.constants: dict[int, tuple[Shape, Known | None, str, bool, int]] = {}
        self.flows: dict[tuple[int, tuple[Shape | None, ...]], tuple[Shape | None, ...]] = {}
        types = {value.name: value.dtype for value in model.graph.inputs}
        for value in model.graph.inputs:
            if value.name not in model.graph.initializers:
                self.put(value.name)
        for source in sources:
            self.put(source.name, free(source), dtype=types.get(source.name))
        for name, tensor in model.graph.initializers.items():
            self.store(name, tensor)

    def put(
        self,
        name: str,
        shape: Shape | None = None,
        known: Known | None = None,
        fixed: bool = False,
        weights: tuple[str, ...] = (),
        dtype: str | None = None,
    ) -> None:
        """Remember a tensor."""
        key = (shape, fixed, dtype, bool(weights))
        mark = MARKS.get(key) or marked(key)
        tensor = Tensor(name, len(self.by_number), shape, known, fixed, weights, dtype, mark)
        self.by_number.append(tensor)
        self.tensors[name] = tensor

    def store(self, name: str, tensor: OnnxTensor) -> None:
        """A stored tensor; one in another file is known by its shape alone."""
        counts = tensor.dtype in COUNTED or name in self.biases
        if counts:
            self.sizes[name] = tensor.size
        self.put(name, tensor.dims, numbers_of(tensor), True, (name,) if counts else (), tensor.dtype)

    def named(self, name: str) -> str:
        """The name under which nodes read a tensor; a fixed one gets its shape told."""
        tensor = self.tensors.get(name)
        if tensor is None:
            return name
        self.tell(tensor)
        return tensor.name

    def tell(self, tensor: Tensor) -> None:
        if (tensor.fixed or tensor.known is not None) and tensor.shape is not None:
            self.shapes[tensor.name] = tensor.shape

    def add(self, step: Step) -> None:
        """Read one node: a constant, shape arithmetic, something fixed, or a step of the network."""
        if step.node.op_type != "If":
            self._read(step)
            return
        waiting = deque([step])
        aliases: list[tuple[str, str]] = []
        while waiting:
            one = waiting.popleft()
            branch = self._branch(one)
            if branch is None:
                if not self._squeezed(one):
                    self._read(one)
            else:
                waiting.extendleft(reversed(branch[0]))
                aliases += branch[1]
        for outer, inner in reversed(aliases):
            if inner in self.tensors:
                self.tensors[outer] = self.tensors[inner]

    def _branch(self, step: Step) -> tuple[list[Step], list[tuple[str, str]]] | None:
        """The nodes of an If whose condition is known, and what its outputs are called inside."""
        node = step.node
        if node.op_type != "If" or node.domain or not node.inputs or node.inputs[0] not in self.tensors:
            return None
        known = self.tensors[node.inputs[0]].known
        test = known.items[0] if known is not None and known.items else None
        body = node.attributes.get("then_branch" if test else "else_branch")
        if not isinstance(test, int | float) or not isinstance(body, OnnxGraph):
            return None
        steps, names = inlined(body, node, step.version, step.place)
        for name, tensor in body.initializers.items():
            self.store(names[name], tensor)
        self.used.update(name for one in steps for name in one.node.inputs)
        inner = [names.get(value.name, value.name) for value in body.outputs]
        self.used.update(inner)
        return steps, list(zip(node.outputs, inner, strict=False))

    def _squeezed(self, step: Step) -> bool:
        """Whether the node is an If that takes an axis away where it has one cell, and is read so.

        The nodes behind it are read as if it goes; where it stays they tell what is wrong.
        """
        node = step.node
        found = squeezed(node, self.tensors, self.by_number)
        if found is None:
            return False
        x, shape, axis = found
        given = Given(node, step.version, (x,), (), self.memo)
        self._step(given, Squeeze((axis,), strict=False), (x,), node.outputs, 0, several=False, place=step.place)
        self.put(node.outputs[0], (*shape[:axis], *shape[axis + 1 :]), dtype=x.dtype)
        return True

    def _read(self, step: Step) -> None:
        node = step.node
        if node.op_type == "Constant" and self._constant(node):
            return
        tensors = self.tensors
        inputs = tuple([tensors.get(name) if name else None for name in node.inputs])
        key = key_of(step, inputs)
        recipe = RECIPES.get(key) if key else None
        if recipe is not None:
            self._repeat(recipe, step, inputs)
            return
        if node.op_type == "Identity" and self._renamed(node, inputs):
            return
        declared = self.declared.get(node.inputs[0], ()) if node.inputs else ()
        given = Given(node, step.version, inputs, declared, self.memo)
        try:
            self._worked_out(given, step, key)
        except ConvwiseError as error:
            error.layer = error.layer or f"{called(node)} at {step.place}"
            raise

    def _constant(self, node: OnnxNode) -> bool:
        """Whether a Constant says what it is, and is read with that; equal ones share their attributes."""
        found = self.constants.get(id(node.attributes))
        if found is None:
            stored = constant(node)
            if stored is None:
                return False
            counts = stored.dtype in COUNTED and len(stored.dims) > 1
            found = self.constants[id(node.attributes)] = (
                stored.dims,
                numbers_of(stored),
                stored.dtype,
                counts,
                stored.size,
            )
        name = node.outputs[0]
        dims, known, dtype, counts, size = found
        if counts:
            self.sizes[name] = size
        self.put(name, dims, known, True, (name,) if counts else (), dtype)
        return True

    def _renamed(self, node: OnnxNode, inputs: tuple[Tensor | None, ...]) -> bool:
        """Whether an Identity is another name for something fixed, and is read with that."""
        if node.domain or len(inputs) != 1 or len(node.outputs) != 1:
            return False
        one = inputs[0]
        if one is None or not one.fixed or one.shape is None or None in one.shape or not node.outputs[0]:
            return False
        self.put(node.outputs[0], one.shape, one.known, True, one.weights)
        return True

    def _worked_out(self, given: Given, step: Step, key: tuple[object, ...]) -> None:
        """A node that is no constant: shape arithmetic, something fixed, or a step of the network."""
        node, inputs = given.node, given.inputs
        known = onnx.fold(given) if foldable(given) else None
        if known is not None and node.outputs:
            self.put(node.outputs[0], known.dims, known, known.constant, weights_of(inputs))
            return
        pieces = parts(given) if node.op_type == "Split" else None
        if pieces is not None:
            for name, piece in zip(node.outputs, pieces, strict=True):
                self.put(name, piece.dims, piece, piece.constant, weights_of(inputs))
            return
        made = onnx.made(given)
        if inputs and all(one is None or one.fixed for one in inputs) and self._fixed(given, made):
            return
        if made.notes:
            where = f"{called(step.node)} at {step.place}"
            self.notes += (Note("CW505", f"{where}: {text}") for text in made.notes)
        recipe = self._recipe(given, made) if key and node.outputs[0] else None
        if recipe is None:
            self._emit(given, made, step.place)
            return
        if not made.notes:
            keep(key, recipe)
        self._repeat(recipe, step, inputs)

    def _recipe(self, given: Given, made: Made) -> Recipe | None:
        """What equal nodes are; None for several ops, for one that asks for other tensors' sizes, and for what cannot be followed."""
        work, picked = made.pieces[0].work, made.pieces[0].inputs
        if len(made.pieces) > 1 or isinstance(work, Opaque) or (isinstance(work, WITH_TERMS) and not settled(work)):
            return None
        inputs = [one for number in picked if (one := given.input(number)) is not None]
        shape = flowed(work, tuple([one.shape for one in inputs]))[0]
        if shape is None:
            return None
        dtype = self._dtype(given)
        return Recipe(
            given.node.attributes, work, picked, made.no_params, shape, dtype, marked((shape, False, dtype, False))
        )

    def _repeat(self, recipe: Recipe, step: Step, inputs: tuple[Tensor | None, ...]) -> None:
        """A node like one that was read before, on inputs that are alike."""
        node = step.node
        params = 0
        for number, one in enumerate(inputs):
            if one is not None and one.weights and number not in recipe.no_params:
                for name in one.weights:
                    if name not in self.counted:
                        self.counted.add(name)
                        params += self.sizes[name]
        names = []
        for number in recipe.inputs:
            one = inputs[number]
            if one is not None:
                names.append(one.name)
                if one.fixed or one.known is not None:
                    self.tell(one)
        self.nodes.append(
            Node(
                title(node),
                node.op_type,
                recipe.work,
                tuple(names),
                node.outputs,
                CHANNELS_FIRST,
                step.place,
                module(node.name),
                params,
                params,
            )
        )
        name = node.outputs[0]
        tensor = Tensor(name, len(self.by_number), recipe.shape, None, False, (), recipe.dtype, recipe.mark)
        self.by_number.append(tensor)
        self.tensors[name] = tensor

    def _fixed(self, given: Given, made: Made) -> bool:
        """Something made of weights alone: a tensor that is stored, as far as sizes go."""
        shapes = self._shapes(given, made)
        if shapes is None or any(shape is None or None in shape for shape in shapes):
            return False
        read = tuple(one for number, one in enumerate(given.inputs) if number not in made.no_params)
        for name, shape in zip(given.node.outputs, shapes, strict=False):
            if name:
                self.put(name, shape, None, True, weights_of(read))
        return True

    def _shapes(self, given: Given, made: Made) -> list[Shape | None] | None:
        """The shapes of a node's outputs where its pieces ask for no other tensor's sizes."""
        done: list[tuple[Shape | None, ...]] = []
        for piece in made.pieces:
            inputs = tuple(given.shape(n) if n >= 0 else done[-1 - n][0] for n in piece.inputs)
            done.append(flowed(piece.work, inputs))
        return list(done[-1]) if made.gives is None else [done[piece][0] for piece in made.gives]

    def _params(self, given: Given, made: Made) -> int:
        params = 0
        for number, tensor in enumerate(given.inputs):
            if tensor is None or number in made.no_params:
                continue
            for name in tensor.weights:
                if name not in self.counted:
                    self.counted.add(name)
                    params += self.sizes[name]
        return params

    def _emit(self, given: Given, made: Made, place: str) -> None:
        node = given.node
        params = self._params(given, made)
        last = len(made.pieces) - 1
        gives = made.gives if last or len(node.outputs) != 1 else None
        for number, piece in enumerate(made.pieces):
            outputs: tuple[str, ...]
            if gives is None:
                outputs = node.outputs if number == last else (self._inner(node, number),)
            else:
                outputs = tuple(name for name, one in zip(node.outputs, gives, strict=False) if one == number)
                outputs = outputs or (self._inner(node, number),)
            tensors = [self.tensors[self._inner(node, -1 - n)] if n < 0 else given.input(n) for n in piece.inputs]
            inputs = tuple([one for one in tensors if one is not None])
            self._step(
                given, piece.work, inputs, outputs, params if not number else 0, several=gives is not None, place=place
            )
            if number != last and outputs[0] != self._inner(node, number):
                self.tensors[self._inner(node, number)] = self.tensors[outputs[0]]

    def _inner(self, node: Written, number: int) -> str:
        return f"{next((name for name in node.outputs if name), node.name)}#{number}"

    def _step(
        self,
        given: Given,
        work: Work,
        inputs: tuple[Tensor, ...],
        outputs: tuple[str, ...],
        params: int,
        several: bool,
        place: str,
    ) -> None:
        """One node of the network; where one piece gives several equal outputs, one for each that is used."""
        node = given.node
        bound = work
        if isinstance(work, WITH_TERMS):
            binder = Binder(inputs, self.by_number)
            bound, inputs = binder.work(work), tuple(binder.inputs)
        for one in inputs:
            self.tell(one)
        names = tuple([one.name for one in inputs])
        shapes = self._flowed(bound, tuple([one.shape for one in inputs]))
        groups = [outputs]
        if several:
            groups = [(name,) for nth, name in enumerate(outputs) if not nth or (name and name in self.used)]
        label, path, dtype = title(node), module(node.name), self._dtype(given)
        for nth, group in enumerate(groups):
            self.nodes.append(
                Node(
                    f"{label} (output {nth + 1})" if nth else label,
                    node.op_type,
                    bound,
                    names,
                    group,
                    CHANNELS_FIRST,
                    place,
                    path,
                    params if not nth else 0,
                    params if not nth else 0,
                )
            )
            for name, shape in zip(group, (*shapes, *(None,) * len(group)), strict=False):
                if name:
                    self.put(name, shape if shape is not None else self._ranked(name), dtype=dtype)

    def _flowed(self, work: Work, shapes: tuple[Shape | None, ...]) -> tuple[Shape | None, ...]:
        found = self.flows.get((id(work), shapes))
        if found is None:
            found = self.flows[id(work), shapes] = flowed(work, shapes)
        return found

    def _ranked(self, name: str) -> Shape | None:
        """So many free sizes as the file declares for a tensor that could not be followed."""
        value = self.graph.value_info.get(name)
        return None if value is None or value.dims is None else (None,) * len(value.dims)

    def _dtype(self, given: Given) -> str | None:
        if given.node.op_type == "Cast":
            return DTYPES.get(given.integer("to", 1))
        first = given.input(0)
        return first.dtype if first is not None and given.node.op_type in KEEPS_DTYPE else None


def numbers_of(tensor: OnnxTensor) -> Known | None:
    """The numbers of a stored tensor that is short enough to be sizes."""
    if tensor.values is None or len(tensor.values) > MOST_ITEMS or tensor.sparse:
        return None
    return Known(tensor.dims, tensor.values, tensor.dtype not in FLOATS)


def weights_of(inputs: tuple[Tensor | None, ...]) -> tuple[str, ...]:
    """The initializers that these tensors are made of."""
    return tuple(dict.fromkeys(name for one in inputs if one is not None for name in one.weights))


def flowed(work: Work, shapes: tuple[Shape | None, ...]) -> tuple[Shape | None, ...]:
    """The outputs' shapes while sizes are free; None where they are not known or the work breaks, which its trace will tell."""
    known = tuple(shape for shape in shapes if shape is not None)
    if len(known) < len(shapes) or isinstance(work, Opaque):
        return (None,)
    try:
        if not isinstance(work, tuple):
            return work.flows(known) if hasattr(work, "flows") else (None,)
        found = outlined(work, known[0], CHANNELS_FIRST)
        return (through(work, known[0]) if found is None else found[0],)
    except (ConvwiseError, LookupError, ValueError, ArithmeticError, AssertionError, TypeError):
        return (None,)


@lru_cache(maxsize=4096)
def through(ops: tuple[Op, ...], shape: Shape) -> Shape:
    """The shape behind ops that run one after the other; the same few repeat through a whole network."""
    for op in ops:
        shape = op.flow(shape, CHANNELS_FIRST).output
    return shape
