"""Functions of TensorFlow, JAX and ONNX that are layers: `tf.nn.conv2d(x, filters, 2, "SAME")`, `lax.conv(...)`, `op.Conv(x, W)`.

Arrays among the arguments, the kernels, go to the dialect with their shapes; the first argument is the data.
"""

from __future__ import annotations

import ast
import difflib
from typing import Any

from convwise import dialects
from convwise.dialects.base import Array, Call, Unknown, Value
from convwise.dialects.writing import write
from convwise.readers.echo import shown
from convwise.readers.source import applying, making, tensors
from convwise.readers.source.names import CONVENTIONS, split
from convwise.readers.source.state import Run
from convwise.readers.source.values import MISSING, Made, Ref, Tensor

Keywords = list[tuple[str | None, Any]]

ZEROS = {"tensorflow": "tf.zeros", "jax": "jnp.zeros", "onnx": "np.zeros"}
"""How a kernel of a known shape is written."""

SHARED = frozenset(
    {
        *(
            "relu",
            "relu6",
            "elu",
            "selu",
            "gelu",
            "silu",
            "swish",
            "sigmoid",
            "tanh",
            "softplus",
            "softsign",
            "leaky_relu",
        ),
        *(
            "softmax",
            "log_softmax",
            "dropout",
            "reshape",
            "transpose",
            "identity",
            "reduce_mean",
            "reduce_max",
            "matmul",
            "pad",
        ),
    }
)
"""Functions of TensorFlow that stand in Keras models as well; they are TensorFlow's where the text speaks of tf.nn's windows."""

FLAX = frozenset({"flax.linen", "flax.nnx", "jax.nn", "flax.linen.activation"})
ONNX = frozenset({"onnxscript.op", "onnx.op", "onnxscript.opset"})
DATA_WORDS = frozenset(
    {
        "input",
        "inputs",
        "value",
        "x",
        "features",
        "logits",
        "tensor",
        "input_tensor",
        "a",
        "lhs",
        "operand",
        "array",
        "X",
        "data",
    }
)


def meant(run: Run, path: str, data: Any = None) -> tuple[str, str] | None:
    """The (dialect, kind) of a function that is a layer; None for any other path. `data` is what it is applied to."""
    module, name = split(path)
    found = None
    if module in ("tensorflow.nn", "tensorflow") and not name[:1].isupper():
        kind = f"tf.nn.{name}" if module == "tensorflow.nn" else f"tf.{name}"
        if name not in SHARED or run.forced == "tensorflow" or _comes_from(data) == "tensorflow":
            found = ("tensorflow", kind)
    elif module == "jax.lax":
        found = ("jax", f"lax.{name}")
    elif module in FLAX and name.islower():
        found = ("jax", f"nn.{name}")
    elif module == "torch.nn" and name.islower():
        # `nn.max_pool` is flax's: torch.nn holds no functions.
        found = ("jax", f"nn.{name}")
    elif module == "numpy" and run.dialect == "jax":
        found = ("jax", f"jnp.{name}")
    elif module in ONNX:
        found = ("onnx", name)
    if found is None:
        return None
    kinds = dialects.get(found[0]).kinds
    if found[1] in kinds or (found[0] != "onnx" and difflib.get_close_matches(found[1], kinds, n=1, cutoff=0.9)):
        return found
    return None


def _comes_from(data: Any) -> str | None:
    """The dialect of the last layer that an array has been through."""
    while isinstance(data, Tensor) and data.parent is not None:
        if data.placed:
            return data.placed[-1][1].dialect
        data = data.parent
    return None


def bare(run: Run, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """`conv2d(x, ...)` without a module, where the caller has said which dialect it is; None where that has no such function."""
    prefixes = {"tensorflow": ("tf.nn.", "tf."), "jax": ("lax.", "nn.", "jnp.")}.get(run.forced or "", ())
    for prefix in prefixes:
        kind = f"{prefix}{name}"
        if run.forced and kind in dialects.get(run.forced).kinds:
            words = [(word, value) for word, value in keywords if word]
            data = arguments[0] if arguments else None
            return applied(
                run, (run.forced, kind), data, node.args[0] if node.args else None, arguments[1:], words, node
            )
    return None


def called(run: Run, path: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """What such a function makes of its data; None where `path` is none."""
    if path == "tensorflow.shape" and arguments and isinstance(arguments[0], Tensor):
        return run.unknown(node)  # sizes, of which the batch's is asked for
    if path.startswith("onnx.") or path.endswith(("numpy_helper.from_array", "helper.make_node")):
        from convwise.readers.source import nodes

        found = nodes.called(run, path, arguments, keywords, node)
        if found is not None:
            return found
    spoken = meant(run, path, arguments[0] if arguments else None)
    if spoken is None:
        return None
    dialect, kind = spoken
    data_word = _data_word(dialect, kind)
    words = [(word, value) for word, value in keywords if word]
    data: Any = MISSING
    if arguments:
        data, arguments = arguments[0], arguments[1:]
        written = node.args[0] if node.args else None
    else:
        place = next((n for n, (word, _) in enumerate(words) if word == data_word), None)
        written = None
        if place is not None:
            data = words.pop(place)[1]
            written = next((keyword.value for keyword in node.keywords if keyword.arg == data_word), None)
    return applied(run, (dialect, kind), data, written, arguments, words, node)


def applied(
    run: Run,
    spoken: tuple[str, str],
    data: Any,
    written: ast.AST | None,
    arguments: list[Any],
    words: list[tuple[str, Any]],
    node: ast.Call | ast.BinOp,
) -> Any:
    """The layer of a function, applied to its data."""
    dialect, kind = spoken
    values = tuple(literal(run, dialect, value) for value in arguments)
    named = tuple((word, literal(run, dialect, value)) for word, value in words)
    inner = written.id if isinstance(written, ast.Name) else "x"
    function = _function(run, dialect, kind, node)
    parts = [inner, *map(write, values), *(f"{word}={write(value)}" for word, value in named)]
    text = run.source(node) if _says_all(kind, node) else f"{function}({', '.join(parts)})"
    made = Made(kind, Call(kind, values, named, text, node.lineno), dialect)
    run.evidence[dialect] = run.evidence.get(dialect, 0) + 1
    wired = run.graph is not None and run.graph.is_wire(data)
    start = data if wired or isinstance(data, Tensor) else Tensor(None, line=node.lineno)
    if data is not start and isinstance(written, ast.Subscript) and isinstance(written.slice, ast.Slice | ast.Tuple):
        # `x[:, 0]`: the text's input is x, and not what the layer reads.
        start = tensors.doubtful(run, (), tensors.opaque(run, written))
    return applying.apply(run, made, start, node.lineno)


def biased(run: Run, left: Any, right: Any, node: ast.BinOp) -> Any:
    """`tf.nn.conv2d(x, W) + b` with a bias for each filter is tf.nn.bias_add; None for any other sum."""
    if not (isinstance(node.op, ast.Add) and isinstance(left, Tensor) and isinstance(right, Tensor)):
        return None
    last = left.placed[-1][1] if left.placed else None
    weights = last.call.args[0] if last is not None and last.dialect == "tensorflow" and last.call.args else None
    if not isinstance(weights, Array) or not tensors.is_raw(right) or not weights.shape:
        return None
    # Any other bias is spread over the data or refused, and is no bias of the filters.
    if right.shape is None or right.shape != weights.shape[-1:]:
        return None
    return applied(run, ("tensorflow", "tf.nn.bias_add"), left, node.left, [right], [], node)


def _says_all(kind: str, node: ast.Call | ast.BinOp) -> bool:
    """Whether the call as it is written can be read back by itself: its data is a name, and no other name needs the text."""
    if (
        isinstance(node, ast.BinOp)
        or node.lineno != node.end_lineno
        or not node.args
        or not isinstance(node.args[0], ast.Name)
    ):
        return False
    if not isinstance(node.func, ast.Attribute) or node.func.attr != kind.rpartition(".")[2]:
        return False
    others = [*node.args[1:], *(keyword.value for keyword in node.keywords), node.func]
    names = {part.id for other in others for part in ast.walk(other) if isinstance(part, ast.Name)}
    return names <= set(CONVENTIONS)


def _function(run: Run, dialect: str, kind: str, node: ast.Call | ast.BinOp) -> str:
    """The function as it is written, if that can be read back by itself."""
    if isinstance(node, ast.BinOp):
        return kind
    said = shown(run.source(node.func, 400), 60)
    if said.rpartition(".")[2] != kind.rpartition(".")[2] or "." not in said:
        return f"op.{kind}" if dialect == "onnx" else kind
    return said


def _data_word(dialect: str, kind: str) -> str:
    if dialect == "tensorflow":
        from convwise.dialects.tensorflow import DATA as TENSORFLOW

        return TENSORFLOW.get(kind, "input")
    if dialect == "jax":
        from convwise.dialects.jax import DATA as JAX

        return JAX.get(kind, "x")
    return "X"


def literal(run: Run, dialect: str, value: Any) -> Value:
    """A value as these dialects take it: an array by its shape, a function by its name."""
    if isinstance(value, Tensor):
        shape = value.shape if tensors.is_raw(value) else None
        if shape is None:
            return Array(None, "?")
        if None in shape:
            return Array(shape, f"{ZEROS[dialect]}({shape})")
        value.used = True
        return Array(shape, f"{ZEROS[dialect]}({shape})")
    if isinstance(value, Ref):
        module, name = split(value.path)
        if module == "jax.lax":
            return Unknown(f"lax.{name}")
        if value.path in ("numpy.inf", "math.inf"):
            return float("inf")
    if isinstance(value, list | tuple):
        run.spend(len(value) if len(value) < 10_000 else 10_000_000)
        return tuple(literal(run, dialect, part) for part in value)
    return making.literal(run, value)


def method(run: Run, tensor: Tensor, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """`x.reshape((x.shape[0], -1))` and `x.mean(axis=(1, 2))` in a flax module."""
    if name in ("reshape", "transpose") and not (len(arguments) == 1 and isinstance(arguments[0], list | tuple)):
        arguments = [tuple(arguments)] if arguments else []
    kind = f"jnp.{name}"
    if kind not in dialects.get("jax").kinds:
        return tensors.doubtful(run, (tensor,), tensors.opaque(run, node))
    words = [(word, value) for word, value in keywords if word]
    written = node.func.value if isinstance(node.func, ast.Attribute) else None
    values = tuple(literal(run, "jax", value) for value in arguments)
    named = tuple((word, literal(run, "jax", value)) for word, value in words)
    inner = written.id if isinstance(written, ast.Name) else "x"
    parts = [inner, *map(write, values), *(f"{word}={write(value)}" for word, value in named)]
    made = Made(kind, Call(kind, values, named, f"{kind}({', '.join(parts)})", node.lineno), "jax")
    return applying.apply(run, made, tensor, node.lineno)


def as_layer(run: Run, value: Any, line: int) -> Any:
    """A function that stands where a layer does, `nn.relu` in a Sequential, as that layer; anything else as it is."""
    if not isinstance(value, Ref):
        return value
    spoken = meant(run, value.path)
    if spoken is None or spoken[0] != "jax":
        return value
    text = f"{spoken[1]}(x)"
    return Made(spoken[1], Call(spoken[1], (), (), text, line), "jax")
