"""Functions and methods that work as layers do: `F.relu(x)`, `torch.flatten(x, 1)`, `x.view(-1, 400)`, `tf.nn.relu(x)`."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from convwise.dialects.base import Call, Unknown
from convwise.errors import ConvwiseError
from convwise.readers.echo import shown
from convwise.readers.source import applying, making, ranks, spoken, tensors, weighted
from convwise.readers.source.names import split
from convwise.readers.source.state import Run
from convwise.readers.source.values import Made, Tensor

Keywords = list[tuple[str | None, Any]]

TORCH_HOMES = frozenset({"torch.nn.functional", "torch", "torch.special"})
KERAS_HOMES = frozenset(
    {
        "tensorflow.nn",
        "keras.activations",
        "keras.ops",
        "keras.ops.nn",
        "tensorflow",
        "tensorflow.math",
        "keras.backend",
    }
)

KERAS_ACTIVATIONS = frozenset(
    [
        "relu",
        "relu6",
        "selu",
        "elu",
        "celu",
        "gelu",
        "glu",
        "sigmoid",
        "softmax",
        "log_softmax",
        "softplus",
        "softsign",
        "tanh",
        "silu",
        "swish",
        "leaky_relu",
        "hard_sigmoid",
        "hard_silu",
        "hard_swish",
        "exponential",
        "linear",
        "mish",
        "log_sigmoid",
        "hard_tanh",
        "squareplus",
    ]
)

SAME_VALUES = frozenset({"cast", "stop_gradient", "identity"})
"""Functions of one array that give it back."""

SAME_ARRAY = frozenset({*SAME_VALUES, "clip", "clamp", "square", "exp", "abs", "sqrt", "log"})
"""Functions of one array that change its values alone and never its shape."""


JOINING = frozenset(
    {
        *("add", "mul", "sub", "cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"),
        *("multiply", "subtract", "average", "maximum", "minimum", "dot", "merge"),
    }
)
"""Functions in which arrays meet."""
DIFFERENCES = frozenset({"sub", "subtract"})
"""How an error is measured more often than a layer, outside of Keras's layers."""


def called(run: Run, path: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """What a framework's function makes of an array; None where `path` is no such function or gets no array."""
    module, name = split(path)
    named = next((value for word, value in keywords if word in ("x", "input", "inputs", "features", "tensor")), None)
    first = arguments[0] if arguments else named
    if module == "torch.Tensor" and isinstance(first, Tensor):
        return method(run, first, name, arguments[1:], keywords, node)
    if path.startswith("keras.applications.") and name == "preprocess_input" and isinstance(first, Tensor):
        return tensors.altered(run, first, node)
    if (
        module not in TORCH_HOMES
        and module not in KERAS_HOMES
        and path.partition(".")[0] not in ("numpy", "torch", "keras", "tensorflow")
    ):
        return None
    if run.loose and module in TORCH_HOMES and _free(first, node):
        first = Tensor(None, line=node.lineno)
        keywords = [(word, first if word == "input" else value) for word, value in keywords]
    joins = name in JOINING and len(tensors.tensors_in([*arguments, *(value for _, value in keywords)])) > 1
    if not isinstance(first, Tensor) or joins:
        parts = tensors.tensors_in([*arguments, *(value for _, value in keywords)])
        if joins and (name not in DIFFERENCES or module == "keras.layers"):
            return tensors.joined(run, tuple(parts), node)
        return tensors.doubtful(run, tuple(parts), tensors.opaque(run, node)) if parts else None
    rest = arguments[1:] if arguments else []
    words = [(word, value) for word, value in keywords if value is not first]
    if module in TORCH_HOMES:
        prefix = "torch." if module == "torch" else "F."
        return _torch(run, first, prefix + name, rest, words, node)
    if module in KERAS_HOMES:
        return _keras(run, first, name, rest, words, node)
    return tensors.doubtful(run, (first,), tensors.opaque(run, node))


def _free(value: Any, node: ast.Call) -> bool:
    """Whether a call's data is a name that the text does not bind, as in a line copied out of a forward."""
    written = next((word.value for word in node.keywords if word.arg == "input"), None)
    inner = node.args[0] if node.args else written
    return isinstance(value, Unknown) and isinstance(inner, ast.Name) and value.text == inner.id


def method(run: Run, tensor: Tensor, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """`x.view(...)`: PyTorch's arrays have the functions as methods."""
    if run.dialect in ("keras", "tensorflow", "onnx"):
        return tensors.doubtful(run, (tensor,), tensors.opaque(run, node))
    if run.dialect == "jax":
        return spoken.method(run, tensor, name, arguments, keywords, node)
    return _torch(run, tensor, "." + name, arguments, keywords, node)


def _torch(run: Run, tensor: Tensor, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Tensor:
    from convwise.dialects.torch import RESHAPING_ITSELF, functional

    if name in (".view", ".reshape"):
        # A function of the text that nobody can follow gives a number here, not an array.
        arguments = [Unknown("?") if isinstance(value, Tensor) and value.faint else value for value in arguments]
    if name.removeprefix(".") in RESHAPING_ITSELF:
        # It changes the array that the text goes on with: the reader of branches follows that.
        tensor.doubt = tensors.opaque(run, node)
        return tensors.doubtful(run, (tensor,), tensor.doubt)
    others = tensors.tensors_in([*arguments, *(value for _, value in keywords)])
    if others:
        held = weighted.layer_call(run, name, arguments, keywords, node)
        if held is not None:
            return _applied(run, tensor, "torch", held, held.text, node)
        if name.removeprefix(".") in JOINING - DIFFERENCES:
            return tensors.joined(run, (tensor, *others), node)
        return tensors.doubtful(run, (tensor, *others), tensors.opaque(run, node))
    if run.loose and (unknown := weighted.unknown_weights(name, arguments, keywords)) is not None:
        unknown.detail = run.place(node)
        run.lost = run.lost or unknown
        return tensors.doubtful(run, (tensor,), unknown)
    first = arguments[0] if arguments else None
    sizes = first if isinstance(first, list | tuple) else arguments
    if name.endswith((".view", ".reshape")) and isinstance((*sizes, None)[0], Unknown) and ranks.regrouped(tensor):
        # As many rows as another array has: the reader of branches knows how many.
        regrouped = tensors.doubtful(run, (tensor,), tensors.opaque(run, node))
        tensors.insist(regrouped)
        return regrouped
    keeps = len(arguments) == 2 and (first == -1 or isinstance(first, Unknown)) and isinstance(arguments[1], Unknown)
    if keeps and name in (".view", ".reshape"):
        # view(-1, <product of all sizes>) keeps the batch; the product is rarely a literal.
        name, arguments = ".flatten", [1]
    values = tuple(making.literal(run, value) for value in arguments)
    words = tuple((word, making.literal(run, value)) for word, value in keywords if word)
    try:
        call = functional(name, values, words)
    except ConvwiseError as error:
        error.detail = f"{error.detail}\n{run.place(node)}".strip()
        return tensors.doubtful(run, (tensor,), error)
    if name == ".view" and ranks.turned(tensor):
        # Whether a view of permuted cells can be taken depends on their sizes: the reader of branches follows that.
        return tensors.doubtful(run, (tensor,), tensors.opaque(run, node))
    if call is None or (call.kind in ("mean", "amax") and not ranks.pools(tensor, call)):
        return _passed(run, tensor, name.rpartition(".")[2], node)
    return _applied(run, tensor, "torch", call, _written(node, name, values, words), node)


def _written(node: ast.Call, name: str, values: tuple[Any, ...], words: tuple[tuple[str, Any], ...]) -> str:
    """`F.relu(x)`, `x.view(-1, 400)`: what went in is told by the layers before, so it is x here, or its name."""
    inner = node.args[0] if node.args else None
    if name.startswith(".") and isinstance(node.func, ast.Attribute):
        inner = node.func.value
    array = inner.id if isinstance(inner, ast.Name) else "x"
    parts = [making.written(value) for value in values] + [f"{word}={making.written(value)}" for word, value in words]
    return f"{array}{name}({', '.join(parts)})" if name.startswith(".") else f"{name}({', '.join([array, *parts])})"


def _keras(run: Run, tensor: Tensor, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Tensor:
    text = f"{shown(run.source(node.func, 400), 60)}(x)"
    if name in KERAS_ACTIVATIONS:
        return _applied(run, tensor, "keras", Call("Activation", ({"swish": "silu"}.get(name, name),)), text, node)
    if name == "dropout":
        rate = making.literal(run, (arguments or [value for word, value in keywords if word == "rate"] or [0.5])[0])
        return _applied(run, tensor, "keras", Call("Dropout", (rate,)), text, node)
    return _passed(run, tensor, name, node)


def _passed(run: Run, tensor: Tensor, name: str, node: ast.Call) -> Tensor:
    """A function that is no layer: what leaves the shape alone is passed by."""
    if name in SAME_VALUES:
        return tensor
    if name in SAME_ARRAY:
        return tensors.altered(run, tensor, node)
    return tensors.doubtful(run, (tensor,), tensors.opaque(run, node))


def _applied(run: Run, tensor: Tensor, dialect: str, call: Call, text: str, node: ast.Call) -> Tensor:
    layer = Made(call.kind, replace(call, text=text, line=node.lineno), dialect)
    run.evidence[dialect] = run.evidence.get(dialect, 0) + 1
    result: Tensor = applying.apply(run, layer, tensor, node.lineno)
    return result
