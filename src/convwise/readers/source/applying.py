"""A layer or a model applied to an array: what runs after what, without running anything."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Unknown
from convwise.errors import CodeError, ConvwiseError
from convwise.readers.echo import shown
from convwise.readers.source import attributes, layer_attributes, tensors
from convwise.readers.source.functions import invoke
from convwise.readers.source.state import Run
from convwise.readers.source.values import (
    SELF_CHAIN,
    Applicable,
    Chain,
    Function,
    Inner,
    Instance,
    Made,
    Ref,
    Rest,
    Tensor,
)

Keywords = list[tuple[str | None, Any]]


def applied(run: Run, target: Applicable, arguments: list[Any], keywords: Keywords, node: ast.AST) -> Any:
    """`target(x)`: the array that comes out."""
    if run.graph is not None:
        return run.graph.applied(run, target, arguments, keywords, node)
    parts = tensors.tensors_in([*arguments, *(value for name, value in keywords if name not in ("training", "mask"))])
    line = line_of(node)
    if isinstance(target, Made) and target.kind.endswith("Loss"):
        return run.unknown(node)
    if not parts:
        if not arguments and not keywords:
            return run.unknown(node)
        if run.within:
            return tensors.doubtful(run, (), _no_input(run, node))
        parts = [Tensor(None, line=line)]
        arguments = [parts[0], *arguments[1:]]
    if len(parts) == 1 and not (arguments and isinstance(arguments[0], list | tuple) and len(arguments[0]) > 1):
        if not isinstance(target, Instance):
            spare = extra(target, arguments, keywords)
            if spare is not None:
                target.used = True
                return tensors.doubtful(run, tuple(parts), _unmodelled(run, target.kind, spare, node))
        return apply(run, target, parts[0], line, node=node, given=(arguments, keywords))
    target.used = True
    if isinstance(target, Instance):
        return _through(run, target, arguments, keywords, parts[0], line, node)
    return tensors.joined(run, tuple(parts), node)


NO_SIZES = frozenset(
    {"training", "train", "mask", "deterministic", "use_running_average", "rng", "rngs", "initial_state"}
)
"""Keywords of a layer's call that leave the output's shape alone."""

DATA_WORDS = ("input", "inputs", "x")


def extra(target: Made | Chain, arguments: list[Any], keywords: Keywords, data: type = Tensor) -> str | None:
    """An argument of a layer's call beside its `data` that may change what comes out; None where there is none."""
    plain = () if target.dialect == "torch" else (bool, Unknown)  # Keras's second argument is `training`
    for value in arguments[1:]:
        if value is not None and not isinstance(value, plain) and not _holds(value, data):
            return "another argument"
    for name, value in keywords:
        if name not in NO_SIZES and name not in DATA_WORDS and value is not None and not _holds(value, data):
            return f"{name}=" if name else "**"
    return None


def _holds(value: Any, data: type) -> bool:
    return any(isinstance(part, data) for part in (value if isinstance(value, list | tuple) else (value,)))


def _unmodelled(run: Run, kind: str, spare: str, node: ast.AST) -> CodeError:
    return CodeError(
        "CW315",
        f"what {kind} does with {spare} in `{shown(run.source(node, 400), 60)}` is not modelled",
        detail=run.place(node),
        hint="leave it out where it changes no shape",
    )


def _no_input(run: Run, node: ast.AST) -> CodeError:
    """The doubt of a layer on a model's way whose input the text does not show."""
    said = [*node.args, *(keyword.value for keyword in node.keywords)] if isinstance(node, ast.Call) else [node]
    text = shown(run.source(said[0], 400), 60)
    return CodeError(
        "CW314",
        f"`{shown(run.source(node, 400), 60)}` is on the way, and the text does not say what {text} is",
        received=text,
        detail=run.place(node),
        hint="give the line that assigns it, or leave the call out",
    )


def line_of(node: ast.AST) -> int:
    return node.lineno if isinstance(node, ast.expr | ast.stmt) else 0


def apply(
    run: Run,
    target: Any,
    tensor: Tensor,
    line: int,
    label: str | None = None,
    node: ast.AST | None = None,
    given: tuple[list[Any], Keywords] | None = None,
) -> Any:
    """The array that `target` makes of `tensor`; `label` is its place in the model around it.

    `given` are the arguments of the call where there are others beside the array.
    """
    if run.graph is not None:
        return run.graph.apply(run, target, tensor, line)
    run.spend()
    attributes.use(target)
    if tensor.doubt is not None:
        tensors.insist(tensor)
        return _next(run, tensor, (), target, line, tensor.doubt)
    arguments, keywords = given or ([tensor], [])
    if tensor.parent is None and tensor.shape is None and not isinstance(target, Made):
        declared = target.declared if isinstance(target, Chain | Instance) else None
        if declared is not None:
            plain = tensor
            tensor = Tensor(declared.shape, line=line, entry=True, batched=declared.batched)
            arguments = [tensor if value is plain else value for value in arguments]
            keywords = [(name, tensor if value is plain else value) for name, value in keywords]
    if isinstance(target, Made) and target.inner is not None and target.problem is None and target.kind == "Lambda":
        return _computed(run, target.inner, tensor, line)
    if isinstance(target, Made):
        name = label if label and target.local else target.name or label
        full = ".".join([*run.prefix, name or label or ""]) if run.prefix and (name or label) else name
        if full is None and run.following and layer_attributes.is_own(run.following[-1], target):
            full = ".".join(run.prefix) or None  # an object of a subclass is the layer itself
        return _next(run, tensor, ((full, target),), target, line)
    if isinstance(target, Chain):
        return _along(run, target, tensor, line, label)
    if isinstance(target, Instance):
        return _through(run, target, arguments, keywords, tensor, line, node, label)
    if isinstance(target, Function) and node is None and run.dialect == "jax":
        # A function in a Sequential of flax: `lambda x: nn.max_pool(x, (2, 2))`.
        run.within += 1
        try:
            inner = invoke(run, target, [tensor], [], target.node)
        finally:
            run.within -= 1
        if isinstance(inner, Tensor):
            return inner
    return _next(run, tensor, (), None, line, no_layer(target))


def _computed(run: Run, inner: Inner, tensor: Tensor, line: int) -> Tensor:
    """What the function of Keras's Lambda makes of an array."""
    from convwise.readers.source import calls

    run.within += 1
    try:
        value = calls.call(run, inner.target, [tensor], inner.words, inner.call)
    finally:
        run.within -= 1
    declares = value is not tensor and inner.declared is not None
    if isinstance(value, Tensor) and not declares and _of_one_framework(run, value, tensor):
        return value
    return _next(run, tensor, (), None, line, tensors.opaque(run, inner.call))


def _of_one_framework(run: Run, value: Tensor, start: Tensor) -> bool:
    """Whether all layers between the two are Keras's: TensorFlow's own stand in a chain by themselves."""
    step: Tensor | None = value
    while step is not None and step is not start:
        run.spend()
        if any(layer.dialect not in (None, "keras") for _, layer in step.placed):
            return False
        step = step.parent
    return True


def _next(
    run: Run,
    base: Tensor,
    placed: tuple[tuple[str | None, Made], ...],
    target: Any,
    line: int,
    doubt: ConvwiseError | None = None,
) -> Tensor:
    base.used = True
    result = Tensor(None, base, placed, line, target, base, doubt=doubt, faint=run.trying)
    run.tensors.append(result)
    return result


def _along(run: Run, chain: Chain, tensor: Tensor, line: int, label: str | None) -> Tensor:
    """Through the members of a chain, one after the other."""
    if chain.doubt is not None:
        return _next(run, tensor, (), chain, line, chain.doubt)
    if chain.kind != "Sequential":
        doubt = CodeError(
            "CW315",
            f"a {chain.kind} is not applied as a whole",
            detail=f"line {line}",
            hint="apply its layers one by one",
        )
        return _next(run, tensor, (), chain, line, doubt)
    inside = bool(run.within or run.prefix or label)
    current = tensor
    with run.named(label or chain.name if inside else None):
        for place, (name, member) in enumerate(chain.members):
            if isinstance(member, Tensor):
                continue
            known = name or (str(place) if inside or chain.dialect == "torch" else None)
            current = apply(run, member, current, line, known)
    return _closed(run, chain, tensor, current, line)


def _through(
    run: Run,
    instance: Instance,
    arguments: list[Any],
    keywords: Keywords,
    tensor: Tensor,
    line: int,
    node: ast.AST | None,
    label: str | None = None,
) -> Tensor:
    """Through the forward or call of an object of the text."""
    inside = bool(run.within or run.prefix or label)
    start = len(run.tensors)
    with run.named(label or instance.name if inside else None):
        result = forward(run, instance, arguments, keywords, node)
    if isinstance(result, Tensor):
        current = result
        if result.doubt is not None:
            tensors.insist(result)
    else:
        current = _next(run, tensor, (), instance, line, no_result(instance, result, line))
    for inner in run.tensors[start:]:
        if inner is not current and not inner.used:
            inner.faint = True
    return _closed(run, instance, tensor, current, line)


def _closed(run: Run, target: Any, base: Tensor, last: Tensor, line: int) -> Tensor:
    """The result of a whole model, so that it is known by the model's name."""
    result = _next(run, last, (), target, line, last.doubt)
    result.base = base
    return result


def build(run: Run, instance: Instance, shape: Any, node: ast.AST) -> None:
    """Keras runs an object's `build` with its input's shape before it is first called."""
    cls = instance.cls
    method = cls.methods.get("build") if cls is not None and cls.dialect == "keras" else None
    if isinstance(method, Function) and "built" not in instance.attributes:
        instance.attributes["built"] = True
        invoke(run, Function(method.node, method.scope, "build", instance, True, method.within), [shape], [], node)


def forward(run: Run, instance: Instance, arguments: list[Any], keywords: Keywords, node: ast.AST | None) -> Any:
    """What an object of the text makes of an array: its forward or call, followed."""
    cls = instance.cls
    own = instance.attributes.get(SELF_CHAIN)
    if cls is None or cls.forward is None:
        parts = tensors.tensors_in([*arguments, *(value for _, value in keywords)])
        return apply(run, own, parts[0], line_of(node) if node else 0) if isinstance(own, Chain) and parts else None
    method = cls.methods[cls.forward]
    node = node or method.node
    first = next((value for value in arguments if isinstance(value, Tensor)), None)
    build(run, instance, run.unknown(node) if first is None or first.shape is None else first.shape, node)
    bound = Function(method.node, method.scope, cls.forward, owner=instance, called=True, within=method.within)
    run.within += 1
    try:
        return invoke(run, bound, arguments, keywords, node)
    finally:
        run.within -= 1
        for value in instance.attributes.values():
            use_all(value)


def use_all(value: Any) -> None:
    """Layers that an object holds are no answers by themselves, whether its forward applies them or not."""
    if isinstance(value, list | tuple):
        for part in value:
            attributes.use(part)
    elif isinstance(value, dict):
        for part in value.values():
            attributes.use(part)
    elif not isinstance(value, Tensor):
        attributes.use(value)


def no_result(instance: Instance, result: Any, line: int) -> CodeError:
    name = instance.cls.name if instance.cls else "the model"
    if isinstance(result, tuple | list | dict):
        fact = f"{shown(name, 40)} gives back {len(result)} values, so it is not a straight line of layers"
        return CodeError("CW315", fact, detail=f"line {line}", hint="give the part that leads to one of them")
    forward_name = (instance.cls.forward if instance.cls else None) or "forward"
    return CodeError(
        "CW315",
        f"the {forward_name} of {shown(name, 40)} gives back nothing that the text shows to come from its layers",
        detail=f"line {instance.cls.line}" if instance.cls else "",
        hint=f"give a {forward_name} that returns what the last layer gives",
    )


def no_layer(member: Any) -> ConvwiseError:
    """Why something that stands where a layer should stand is none."""
    if isinstance(member, ConvwiseError):
        return member
    if isinstance(member, Rest):
        return CodeError(
            "CW314",
            f"unknown number of layers: the text does not say what {shown(member.text, 60)} holds",
            received=shown(member.text, 60),
            hint="assign numbers to the names in it, or write the layers out",
        )
    if isinstance(member, Unknown):
        return CodeError(
            "CW314",
            f"{member.text} stands where a layer should, and the text does not say what it is",
            received=member.text,
            hint="give the line that assigns it",
        )
    if isinstance(member, Ref):
        name = member.path.rpartition(".")[2]
        return CodeError(
            "CW302", f"{name} is a class, not a layer", received=name, hint=f"write {name}(...), with its arguments"
        )
    what = "a function" if isinstance(member, Function) else shown(repr(member), 40)
    return CodeError("CW302", f"{what} stands where a layer should", received=what, hint="write a layer there")
