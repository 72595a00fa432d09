"""A call: which of the things that a text can call it is, and what comes of it."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Unknown
from convwise.errors import CodeError, ConvwiseError
from convwise.readers.echo import shown
from convwise.readers.source import (
    applying,
    arithmetic,
    arrays,
    builtin,
    classes,
    functional,
    layer_attributes,
    making,
    methods,
    mistaken,
    options,
    spoken,
    tensors,
    weighted,
)
from convwise.readers.source.functions import invoke
from convwise.readers.source.names import split
from convwise.readers.source.state import Run
from convwise.readers.source.values import (
    LONGEST_SEQUENCE,
    MISSING,
    Chain,
    Class,
    Function,
    Instance,
    Made,
    Method,
    Parser,
    Partial,
    Ref,
    Tensor,
    Weights,
    iterable,
)

Keywords = list[tuple[str | None, Any]]

PASSED_ON = frozenset(
    {
        *("torch.compile", "torch.jit.script", "torch.nn.DataParallel", "torch.nn.parallel.DistributedDataParallel"),
        *(
            "tensorflow.function",
            "torch.autograd.Variable",
            "torch.nn.utils.spectral_norm",
        ),
        *(
            "torch.nn.utils.parametrizations.spectral_norm",
            "copy.deepcopy",
        ),
        *("torch.jit.trace",),
    }
)
"""Functions that give their first argument back, as far as layers and sizes go."""

_PLAIN = {"collections.OrderedDict": "dict", "flax.nnx.Dict": "dict", "flax.nnx.List": "list"}
"""Lists and dictionaries of others, as those of Python."""

_INTEGERS = {f"numpy.{sign}int{bits}": 2 ** (bits - (not sign)) for sign in ("", "u") for bits in (8, 16, 32, 64)}
"""NumPy's integers, which PyTorch takes where it takes Python's, and what is too large for each; Keras 3.15 refuses them."""


def call(run: Run, target: Any, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """What `target(*arguments, **keywords)` gives."""
    run.spend()
    given = (*arguments, *(value for _, value in keywords))
    if isinstance(target, Ref) and any(isinstance(value, Weights) for value in given):
        own = layer_attributes.lent(run, target.path, arguments, keywords, node)
        if own is not None:
            return applying.applied(run, own[0], [own[1]], [], node)
    if run.graph is not None:
        found = run.graph.call(run, target, arguments, keywords, node)
        if found is not MISSING:
            return found
    if isinstance(target, Ref):
        return layer_attributes.derived(_known(run, target.path, arguments, keywords, node), given)
    if isinstance(target, Made | Chain | Instance):
        return applying.applied(run, target, arguments, keywords, node)
    if isinstance(target, Function):
        return invoke(run, target, arguments, keywords, node)
    if isinstance(target, Class):
        return classes.instantiate(run, target, arguments, keywords, node)
    if isinstance(target, Partial):
        own_words = {word for word, _ in keywords if word is not None}
        more = [(word, value) for word, value in target.keywords if word not in own_words]
        return call(run, target.target, [*target.arguments, *arguments], [*more, *keywords], node)
    if isinstance(target, ConvwiseError):
        parts = tensors.tensors_in([*arguments, *(value for _, value in keywords)])
        return tensors.doubtful(run, tuple(parts), target)
    if isinstance(target, Method):
        return methods.called(run, target, arguments, keywords, node)
    if run.forced and isinstance(node.func, ast.Name) and isinstance(target, Unknown):
        layer = spoken.bare(run, node.func.id, arguments, keywords, node)
        if layer is not None:
            return layer
    return unfollowed(run, arguments, keywords, node)


def unfollowed(run: Run, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """A call of something that the text does not show: unknown, and a doubt if an array went in."""
    parts = tensors.tensors_in([*arguments, *(value for _, value in keywords)])
    if not parts:
        if isinstance(node.func, ast.Name):
            making.stranger(run, node.func.id, node)
        return run.unknown(node)
    doubt = CodeError(
        "CW314",
        f"`{shown(run.source(node.func), 40)}` is applied on the way, and the text does not say what it is",
        detail=run.place(node),
        hint="give its definition too, or leave the call out",
    )
    return tensors.doubtful(run, tuple(parts), doubt)


def _known(run: Run, path: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """A call of something imported or built in."""
    module, name = split(path)
    if module == "builtins":
        return builtin.called(run, name, arguments, keywords, node)
    if path == "torch._assert" and run.within:
        # The reader of branches knows sizes, and tells what is taken to hold.
        tensors.doubtful(run, (), tensors.opaque(run, node))
        return None
    if path == options.PARSER:
        return Parser()
    if path in weighted.NORMS and arguments:
        return weighted.normed(run, arguments, keywords, node)
    if (path in PASSED_ON or path.startswith("torch.nn.init.")) and arguments:
        return arguments[0]
    if path in _INTEGERS and run.dialect == "torch" and len(arguments) == 1 and not keywords:
        fits = type(arguments[0]) is int and 0 <= arguments[0] < _INTEGERS[path]
        return arguments[0] if fits else run.unknown(node)
    number = arithmetic.computed(path, arguments) if not keywords else MISSING
    if number is not MISSING:
        return number
    if path == "functools.reduce" and len(arguments) in (2, 3) and not keywords:
        return _reduced(run, arguments, node)
    if path == "functools.partial" and arguments:
        return Partial(arguments[0], tuple(arguments[1:]), tuple(keywords))
    if name == "summary" and len(arguments) + len(keywords) >= 2:
        return _printed_summary(run, arguments, keywords, node)
    if path == "torch.Size" and len(arguments) == 1 and not keywords:
        return builtin.called(run, "tuple", arguments, keywords, node)
    if path in _PLAIN:
        return builtin.called(run, _PLAIN[path], arguments, keywords, node)
    if module in _GONE:
        return _gone(run, name, arguments, keywords, node)
    array = arrays.made(run, path, arguments, keywords, node)
    if array is not None:
        return array
    wrong = mistaken.given_data(run, path, arguments, node)
    if wrong is not None:
        return wrong
    made = making.made(run, path, arguments, keywords, node)
    if made is not None:
        return made
    layer = spoken.called(run, path, arguments, keywords, node)
    if layer is not None:
        return layer
    result = functional.called(run, path, arguments, keywords, node)
    if result is not None:
        return result
    if path.endswith(("random.default_rng", "random.RandomState")):
        return Ref("numpy.random")
    if module in ("keras.backend", "keras.config", "keras.utils") and name in DATA_FORMAT:
        return _data_format(run, arguments or [value for _, value in keywords])
    return _foreign(run, path, arguments, keywords, node)


def _reduced(run: Run, arguments: list[Any], node: ast.Call) -> Any:
    """`functools.reduce(function, items)`: the function on what it gave before and the next item."""
    items = iterable(arguments[1])
    parts = [*arguments[2:], *(items or ())]
    if items is None or not parts or len(parts) > LONGEST_SEQUENCE:
        return unfollowed(run, arguments, [], node)
    found = parts[0]
    for part in parts[1:]:
        found = call(run, arguments[0], [found, part], [], node)
    return found


_GONE = frozenset({"tensorflow.layers", "tensorflow.contrib.layers", "tensorflow.contrib.slim"})
"""Modules of TensorFlow 1 that are in no TensorFlow that can be run today: tf.compat.v1.layers fails beside Keras 3."""

_NOW = {
    **{f"{kind}{rank}d": f"{title}{rank}D" for kind, title in (("conv", "Conv"),) for rank in (1, 2, 3)},
    **{
        f"{kind}_pooling{rank}d": f"{title}Pooling{rank}D"
        for kind, title in (("max", "Max"), ("average", "Average"))
        for rank in (1, 2, 3)
    },
    **{f"conv{rank}d_transpose": f"Conv{rank}DTranspose" for rank in (2, 3)},
    "separable_conv2d": "SeparableConv2D",
    "dense": "Dense",
    "flatten": "Flatten",
    "dropout": "Dropout",
    "batch_normalization": "BatchNormalization",
}


def _gone(run: Run, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Tensor:
    """The doubt of what a function of TensorFlow 1's layers gives; what is done to it afterwards has the same."""
    before = next((part for part in tensors.tensors_in([*arguments, *(v for _, v in keywords)]) if part.doubt), None)
    if before is not None:
        return before
    written = shown(run.source(node.func), 60)
    layer = _NOW.get(name) or (name if name in _NOW.values() else None)
    doubt = CodeError(
        "CW302",
        f"{written} is a layer of TensorFlow 1, which is not read",
        received=written,
        detail=run.place(node),
        hint=f"write keras.layers.{layer}(...), the layer that TensorFlow 2 has in its place"
        if layer
        else "write it with the layers of tf.keras.layers",
    )
    tensor = tensors.doubtful(run, (), doubt)
    tensor.faint = False
    return tensor


DATA_FORMAT = ("image_data_format", "set_image_data_format", "set_image_dim_ordering")


def _data_format(run: Run, arguments: list[Any]) -> Any:
    """What Keras's layers take where they do not say it, set or asked for; `th` is what it was called once."""
    if arguments and isinstance(arguments[0], str):
        run.channels_first = arguments[0].lower() in ("channels_first", "th")
    return None if arguments else "channels_first" if run.channels_first else "channels_last"


def _foreign(run: Run, path: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """A call of something that is neither a layer nor an array: an optimizer, a data loader, a module of somebody else."""
    module, name = split(path)
    if not (name[:1].isupper() and not name.isupper()):
        return unfollowed(run, arguments, keywords, node)
    if tensors.tensors_in(arguments):
        return unfollowed(run, arguments, keywords, node)
    return making.foreign(run, module, name, arguments, keywords, node)


def _printed_summary(run: Run, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """`summary(model, (3, 32, 32))` of torchsummary and torchinfo names an input."""
    model = arguments[0] if arguments else None
    sizes = next(
        (value for name, value in keywords if name in ("input_size", "input_data")),
        arguments[1] if len(arguments) > 1 else None,
    )
    if isinstance(model, Made | Chain | Instance) and isinstance(sizes, Tensor):
        applying.apply(run, model, sizes, node.lineno)
    elif isinstance(model, Made | Chain | Instance):
        shape = tensors.sizes(sizes)
        if shape:
            applying.apply(run, model, Tensor(shape, line=node.lineno), node.lineno)
    return Unknown("summary")
