"""Layers and chains as a text makes them; nothing of them is checked before the dialect reads them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from convwise import dialects
from convwise.dialects.base import Call, Unknown, Value, nearest
from convwise.dialects.writing import write
from convwise.errors import CodeError
from convwise.readers.echo import escaped, shown
from convwise.readers.live_calls import PREFIXES
from convwise.readers.source import attributes, held, tensors, training, wrapped
from convwise.readers.source.names import SPECIAL, dialect_of, split
from convwise.readers.source.state import Run
from convwise.readers.source.values import (
    MISSING,
    Chain,
    Class,
    Declared,
    Made,
    Ref,
    Rest,
    Scope,
    Tensor,
    iterable,
)

Keywords = list[tuple[str | None, Any]]

SHAPE_WORDS = ("input_shape", "batch_input_shape", "batch_shape", "input_dim", "input_length", "batch_size")
"""Keywords with which a Keras layer declares the input of its model."""

LAYER_HOMES = {"keras.layers": "keras", "torch.nn": "torch", "flax.linen": "jax", "flax.nnx": "jax"}
MODEL_HOMES = frozenset({"keras", "keras.models", "keras.layers", "torch.nn", "flax.linen", "flax.nnx", "?"})
NO_LAYERS = frozenset(
    {
        *("Parameter", "Buffer", "UninitializedParameter", "ParameterList", "ParameterDict", "Module"),
        *("Rngs", "Param", "Variable", "RngStream", "List", "Dict"),
    }
)
QUALIFIED = {"flax.linen": "nn.", "flax.nnx": "nnx."}
"""What stands before a layer's name where a dialect speaks for several modules."""

LONGEST_KEPT = 400
"""Characters of an argument whose own words are kept; longer ones are shown cut off."""

BARE = ("keras", "torch")
"""The dialects whose layers people write without saying where they come from."""
ACTIVATION_HOMES = frozenset(
    {"tensorflow.nn", "keras.activations", "keras.ops", "torch.nn.functional", "keras.layers", "torch"}
)


def made(run: Run, path: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """The layer, chain or input that a call of a framework's name makes; None where it makes none."""
    module, name = split(path)
    if module in MODEL_HOMES:
        if name == "Sequential":
            return sequential(run, LAYER_HOMES.get(module) or dialect_of(path), arguments, keywords, node)
        if name in ("ModuleList", "ModuleDict"):
            return _list_of_modules(name, arguments, node)
        if name in ("Input", "InputLayer"):
            return _entry(arguments, keywords, node.lineno)
        if name in ("Model", "Functional"):
            return _functional_model(run, arguments, keywords, node)
    if module in LAYER_HOMES and name[:1].isupper():
        if path in held.ARRAYS:
            return held.parameter(run, name, arguments, keywords, node)
        if name in ("ParameterList", "ParameterDict") and module == "torch.nn":
            return held.listed(run, arguments, node)
        if name.endswith("Loss") or name in NO_LAYERS:
            return run.unknown(node)
        if module == "torch.nn" and _flax_spelling(run, name, arguments, keywords):
            module = "flax.linen"
        return layer(run, f"{QUALIFIED.get(module, '')}{name}", LAYER_HOMES[module], arguments, keywords, node)
    if module == "?" and name not in SPECIAL:
        return _bare(run, name, arguments, keywords, node)
    return None


def _flax_spelling(run: Run, name: str, arguments: list[Any], keywords: Keywords) -> bool:
    """Whether `nn.Conv(16, (3, 3))` means flax.linen: PyTorch has no such layer, and nothing says that nn is torch.nn."""
    if isinstance(run.scope.find("nn"), Ref) and run.scope.find("nn") != MISSING:
        return False
    if name not in ("Conv", "ConvTranspose"):
        return run.forced == "jax"
    words = {word for word, _ in keywords}
    sized = len(arguments) > 1 and isinstance(arguments[1], list | tuple)
    return run.forced == "jax" or sized or bool(words & {"features", "use_bias", "kernel_dilation", "input_dilation"})


def leaning(name: str) -> str | None:
    """The dialect whose layers alone have this name."""
    keras = name in dialects.get("keras").kinds
    torch = name in dialects.get("torch").kinds
    return None if keras is torch else "keras" if keras else "torch"


def known(name: str) -> bool:
    return any(name in dialects.get(dialect).kinds for dialect in BARE)


def _bare(run: Run, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """A name that the text does not import: a layer if a dialect knows it, else perhaps one."""
    if run.forced == "onnx" or _onnx_spelling(name, keywords):
        from convwise.readers.source import spoken

        data = arguments[0] if arguments else None
        words = [(word, value) for word, value in keywords if word]
        if name in dialects.get("onnx").kinds:
            return spoken.applied(
                run, ("onnx", name), data, node.args[0] if node.args else None, arguments[1:], words, node
            )
    if run.forced == "jax":
        home = "nnx." if any(word in ("rngs", "in_features") for word, _ in keywords) else "nn."
        return layer(run, f"{home}{name}", "jax", arguments, keywords, node)
    lean = leaning(name)
    if lean:
        run.leanings[lean] = run.leanings.get(lean, 0) + 1
    made_layer = layer(run, name, None, arguments, keywords, node)
    made_layer.leaning = lean
    made_layer.stranger = not known(name)
    return made_layer


def _onnx_spelling(name: str, keywords: Keywords) -> bool:
    """Whether `Conv(x, W, kernel_shape=[3, 3])` without a module is ONNX's: by its name and the words it is given."""
    words = {word for word, _ in keywords}
    if name not in ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "Gemm"):
        return False
    return bool(words & {"kernel_shape", "pads", "auto_pad", "group", "transB", "count_include_pad"})


def layer(run: Run, kind: str, dialect: str | None, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Made:
    """A layer of a framework, with its arguments as literals."""
    if dialect:
        run.evidence[dialect] = run.evidence.get(dialect, 0) + 1
    problem = None
    values: list[Value] = []
    for value in arguments:
        if isinstance(value, Rest):
            problem = _not_given(run, f"*{value.text}", node)
        else:
            values.append(literal(run, value))
    words: list[tuple[str, Value]] = []
    declared: dict[str, Any] = {}
    name: str | None = None
    for word, value in keywords:
        if word is None:
            problem = _not_given(run, "**" + (value.text if isinstance(value, Unknown) else "..."), node)
        elif dialect != "torch" and word in SHAPE_WORDS:
            declared[word] = value
        else:
            name = value if word == "name" and isinstance(value, str) else name
            words.append((word, literal(run, value)))
    text = run.source(node)
    said = (
        node.func.attr
        if isinstance(node.func, ast.Attribute)
        else node.func.id
        if isinstance(node.func, ast.Name)
        else ""
    )
    if (
        said != kind.rpartition(".")[2]
        or "\n" in text
        or not all(_plain(part) for part in (*node.args, *(keyword.value for keyword in node.keywords)))
    ):
        function = (
            run.source(node.func, 400)
            if said == kind.rpartition(".")[2]
            else f"{PREFIXES.get(dialect or '', '')}{kind}"
        )
        text = f"{shown(function, 100)}({', '.join(_filled_in(run, arguments, dict(keywords), words, node))})"
    if (
        run.channels_first
        and dialect in ("keras", None)
        and takes_format(kind, len(values), {word for word, _ in words})
    ):
        words.append(("data_format", "channels_first"))
    call = Call(kind, tuple(values), tuple(words), text, node.lineno)
    result = Made(kind, call, dialect, name=name, declared=_declared(declared), problem=problem or _monsters(run, call))
    run.keep(result)
    if kind in wrapped.WRAPPING and dialect != "torch":
        result.inner = wrapped.inner(wrapped.WRAPPING[kind], arguments, keywords, node)
    if kind == "TimeDistributed":
        # A model in it is a part of another one, not one of the text's own.
        for value in (*arguments, *(value for _, value in keywords)):
            if isinstance(value, Chain):
                value.used = True
    return result


def takes_format(kind: str, positional: int, words: set[str]) -> bool:
    """Whether a layer of Keras looks for `data_format`, and the call does not say it."""
    from convwise.dialects.keras import parameter_names

    names = parameter_names(kind)
    return "data_format" in names[positional:] and not words & {"data_format", "dim_ordering"}


def _plain(node: ast.expr) -> bool:
    """Whether an argument is written as a literal."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.Tuple | ast.List) and all(isinstance(part, ast.Constant) for part in node.elts)


def _filled_in(
    run: Run, given: list[Any], named: dict[str | None, Any], words: list[tuple[str, Value]], node: ast.Call
) -> Iterator[str]:
    """The arguments on one line, with the values that names and sums stand for."""
    by_place = node.args if len(node.args) == len(given) else [None] * len(given)
    by_name = {keyword.arg: keyword.value for keyword in node.keywords}
    for value, place in zip(given, by_place, strict=True):
        if not isinstance(value, Rest):
            yield _told(run, value, place)
    for word, _ in words:
        yield f"{word}={_told(run, named[word], by_name.get(word))}"


def _told(run: Run, value: Any, node: ast.expr | None) -> str:
    """A value as a user would write it: what the text does not compute keeps its own words, `torch.float32` or a call."""
    if isinstance(value, Unknown | Ref) and isinstance(node, ast.Attribute | ast.Call):
        text = " ".join(run.source(node, LONGEST_KEPT + 1).split())
        said = isinstance(value, Unknown) or text.rpartition(".")[2] == split(value.path)[1]
        if said and len(text) <= LONGEST_KEPT:
            return text
    return written(literal(run, value))


def written(value: Value) -> str:
    """A value as a user would write it."""
    if isinstance(value, Unknown | Call):
        return value.text
    if isinstance(value, tuple):
        return f"({', '.join(written(part) for part in value)}{',' if len(value) == 1 else ''})"
    return escaped(write(value)) if not isinstance(value, int) or value.bit_length() < 256 else "..."


def _not_given(run: Run, text: str, node: ast.AST) -> CodeError:
    return CodeError(
        "CW314",
        f"the arguments {shown(text, 60)} are not in the text",
        received=shown(text, 60),
        detail=run.place(node),
        hint="write them out",
    )


def _monsters(run: Run, call: Call) -> CodeError | None:
    if not run.monsters:
        return None
    pending = [*call.args, *(value for _, value in call.kwargs)]
    while pending:
        value = pending.pop()
        if isinstance(value, tuple):
            pending += value
        elif isinstance(value, Unknown) and value.text in run.monsters:
            return CodeError(
                "CW313",
                f"{value.text} is too large or not finite: numbers of at most 64 bits are computed",
                received=value.text,
                hint="no size of a layer is that large",
            )
    return None


def literal(run: Run, value: Any) -> Value:
    """A value as a dialect takes it: lists become tuples, a layer its call, the rest is unknown."""
    if value is None or isinstance(value, bool | int | float | str | Unknown):
        return value
    if isinstance(value, list | tuple | range):
        run.spend(len(value) if len(value) < 10_000 else 10_000_000)
        return tuple(literal(run, part) for part in value)
    if isinstance(value, Made):
        value.used = True
        return value.call
    if isinstance(value, Ref):
        module, name = split(value.path)
        return name if module in ACTIVATION_HOMES and name.islower() else Unknown(name)
    return Unknown("?")


def _declared(words: dict[str, Any]) -> Declared | None:
    """The input shape that a layer's keywords declare; with the batch if they name it."""
    full = words.get("batch_input_shape", words.get("batch_shape"))
    if full is not None:
        sizes = tensors.sizes(full)
        return Declared(sizes, True) if sizes else None
    shape = tensors.sizes(words["input_shape"]) if words.get("input_shape") is not None else None
    if shape is None and words.get("input_dim") is not None:
        shape = tensors.sizes(words["input_dim"])
    if shape is None:
        return None
    batch = words.get("batch_size")
    return Declared((batch, *shape), True) if isinstance(batch, int) else Declared(shape, False)


def _entry(arguments: list[Any], keywords: Keywords, line: int) -> Tensor:
    """The array of `keras.Input(shape=...)` and `InputLayer(...)`."""
    words = {word: value for word, value in keywords if word}
    if arguments:
        words.setdefault("shape", arguments[0])
    if "shape" in words:
        words["input_shape"] = words["shape"]
    if len(arguments) > 1:
        words.setdefault("batch_size", arguments[1])
    declared = _declared(words)
    if declared is None:
        return Tensor(None, line=line, entry=True)
    return Tensor(declared.shape, line=line, entry=True, batched=declared.batched)


def _list_of_modules(name: str, arguments: list[Any], node: ast.Call) -> Chain:
    members: list[tuple[str | None, Any]] = []
    if arguments and isinstance(arguments[0], dict):
        members = [(str(key), value) for key, value in arguments[0].items()]
    elif arguments:
        items = iterable(arguments[0])
        members = [(None, value) for value in (items if items is not None else [arguments[0]])]
    for _, member in members:
        attributes.use(member)
    return Chain(name, "torch", members, node.lineno, used=True)


def sequential(run: Run, dialect: str | None, arguments: list[Any], keywords: Keywords, node: ast.AST) -> Chain:
    """`Sequential` of either framework: a list, or layers one after the other, or an OrderedDict."""
    line = node.lineno if isinstance(node, ast.expr) else None
    chain = Chain("Sequential", dialect, [], line)
    words = {word: value for word, value in keywords if word}
    training.made_with(run, words, node)
    listed = arguments[0] if arguments else words.get("layers")
    chain.name = words["name"] if isinstance(words.get("name"), str) else None
    if len(arguments) <= 1 and isinstance(listed, list | tuple | Chain) and dialect != "torch":
        chain.dialect = dialect or ("keras" if isinstance(listed, list) else None)
        members: list[tuple[str | None, Any]] = [(None, value) for value in iterable(listed) or ()]
        if isinstance(listed, Chain) and listed.kind == "Sequential":
            members = [(None, listed)]
    elif len(arguments) == 1 and isinstance(listed, dict):
        chain.dialect = dialect or "torch"
        members = [(str(key), value) for key, value in listed.items()]
    else:
        members = [(None, value) for value in arguments]
        if dialect == "torch" and len(arguments) == 1 and isinstance(listed, list | tuple):
            chain.doubt = CodeError(
                "CW311",
                "nn.Sequential takes layers one after the other, not a list of them (that is Keras's way)",
                detail=run.place(node),
                hint="write nn.Sequential(*[...])",
                received="list",
            )
        elif dialect is None and len(arguments) > 1:
            chain.dialect = "torch"
    if chain.dialect is not None and dialect is not None:
        run.evidence[chain.dialect] = run.evidence.get(chain.dialect, 0) + 1
    for name, member in members:
        add(run, chain, member, name)
        for part in member if isinstance(member, list | tuple) else ():
            attributes.use(part)
    run.keep(chain)
    return chain


def add(run: Run, chain: Chain, member: Any, name: str | None = None, place: int | None = None) -> None:
    """`model.add(member)`; an input declares the chain's shape."""
    run.spend()
    if chain.dialect == "jax" and isinstance(member, Ref):
        from convwise.readers.source import spoken

        member = spoken.as_layer(run, member, chain.line or 0)
    attributes.use(member)
    if isinstance(member, Tensor):
        if member.parent is None and not chain.members:
            chain.declared = Declared(member.shape, member.batched) if member.shape else None
        return
    if name is not None and isinstance(member, Made | Chain) and member.name is None:
        member.name = name
    if not chain.members and chain.declared is None and isinstance(member, Made | Chain):
        chain.declared = member.declared
    chain.members.insert(len(chain.members) if place is None else place, (name, member))


def unseen(run: Run, node: ast.Call, arguments: list[Any], scope: Scope) -> Chain | None:
    """The Sequential that `model.add(Conv2D(8, 3))` adds to where the text does not show how it was made; None for other calls."""
    owner = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr == "add" else None
    if not isinstance(owner, ast.Name) or scope.find(owner.id) is not MISSING or len(node.args) != 1 or node.keywords:
        return None
    first = arguments[0]
    layer = isinstance(first, Made) and not first.stranger and first.dialect in (None, "keras")
    if not layer and not (isinstance(first, Tensor) and first.entry):
        return None
    chain = Chain("Sequential", "keras", [], node.lineno, name=owner.id)
    run.keep(chain)
    scope.names[owner.id] = chain
    return chain


def _functional_model(run: Run, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Chain:
    """`keras.Model(inputs, outputs)`: the layers between the two, if they are a straight line."""
    words = {word: value for word, value in keywords if word}
    outputs = arguments[1] if len(arguments) > 1 else words.get("outputs", words.get("output"))
    if isinstance(outputs, list | tuple) and len(outputs) == 1:
        outputs = outputs[0]
    training.made_with(run, words, node)
    chain = Chain("Sequential", "keras", [], node.lineno, functional=True)
    chain.name = words["name"] if isinstance(words.get("name"), str) else None
    run.keep(chain)
    if not isinstance(outputs, Tensor):
        parts = tensors.tensors_in([outputs])
        fact = (
            f"the model has {len(parts)} outputs"
            if parts
            else "the text does not show what the model's output comes from"
        )
        chain.doubt = CodeError(
            "CW315", f"{fact}, so it is not a straight line", detail=run.place(node), hint="give one path through it"
        )
        for part in parts:
            part.used = True
        return chain
    outputs.used = True
    chain.doubt = outputs.doubt
    if outputs.doubt is not None:
        tensors.insist(outputs)
    trail: list[tuple[str | None, Made]] = []
    step: Tensor = outputs
    altered = [step.altered]
    while step.parent is not None:
        run.spend()
        trail += reversed(step.placed)
        chain.nested = chain.nested or not isinstance(step.target, Made)
        step = step.parent
        altered.append(step.altered)
    chain.altered = next((found[0] for found in reversed(altered) if found is not None), None)
    chain.declared = Declared(step.shape, step.batched) if step.shape else None
    chain.members = [(name, layer_made) for name, layer_made in reversed(trail)]
    return chain


def homemade(run: Run, cls: Class, arguments: list[Any], keywords: Keywords, node: ast.AST) -> Made | None:
    """`Conv2D(8, 3)` where the text itself defines a class Conv2D: not the framework's layer, whatever its name."""
    if not known(cls.name) or not isinstance(node, ast.Call):
        return None
    result = layer(run, cls.name, None, arguments, keywords, node)
    result.problem = CodeError(
        "CW302",
        f"{shown(cls.name, 40)} is a class that the text itself defines, not a framework's layer",
        detail=f"line {cls.line}: class {shown(cls.name, 40)}",
        hint="give its definition as a nn.Module or a keras.Model, or import the framework's layer",
    )
    return result


def foreign(run: Run, module: str, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Made:
    """A class of a module that no dialect speaks for: no layer, unless it is used as one."""
    result = layer(run, name, None, arguments, keywords, node)
    home = shown(module, 60)
    result.stranger = not known(name)
    result.problem = CodeError(
        "CW302",
        f"unknown layer {shown(name, 60)}: it comes from {home!r}, which is no framework known here",
        received=shown(name, 60),
        detail=run.place(node),
        hint="the layers of keras.layers, torch.nn, flax.linen and flax.nnx are known, and the functions of tf.nn and jax.lax",
    )
    return result


def stranger(run: Run, name: str, node: ast.Call) -> None:
    """A call of a lower-case name that the text does not bind; worth a word if nothing else is found."""
    run.strangers.append((name, node.lineno))


def closest(name: str, dialect: str | None) -> tuple[str, str] | None:
    """The (dialect, layer) whose name is nearest to `name`."""
    for candidate in dict.fromkeys((dialect, *BARE)):
        if candidate:
            near = nearest(name, dialects.get(candidate).kinds)
            if near:
                return candidate, near
    return None
