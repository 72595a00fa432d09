"""`print(model)` of PyTorch: the tree of modules with their arguments, in the order in which they were made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from convwise import dialects
from convwise.dialects.base import Call, Layer, Note
from convwise.errors import CodeError, ConvwiseError
from convwise.readers.echo import shown
from convwise.readers.source.expressions import evaluate
from convwise.readers.source.parsing import parse
from convwise.readers.source.result import Found, Snippet
from convwise.readers.source.state import MOST_LAYERS, Run
from convwise.readers.source.statements import execute
from convwise.readers.source.values import Made

IN_ORDER = frozenset({"Sequential", "DataParallel", "DistributedDataParallel"})
SIDE_WAYS = frozenset({"downsample", "shortcut", "skip", "residual"})
"""Names of children that run beside the others, not after them."""


@dataclass(eq=False, slots=True)
class Module:
    """One line of the tree; `arguments` is None for a module that has children."""

    name: str
    kind: str
    line: int
    arguments: str | None = None
    children: list[Module] = field(default_factory=list)
    repeated: int = 1


def read(text: str, release: str | None) -> Snippet:
    """The layers of a printed module, as one chain."""
    root = _tree(text)
    layers: list[Layer] = []
    custom = [root.kind] if root.kind not in IN_ORDER else []
    pending: list[tuple[str, Module]] = [("", root)]
    while pending:
        path, module = pending.pop()
        if module.arguments is not None:
            layers.append(_layer(path, module, release))
        elif module.kind not in IN_ORDER and module is not root:
            _check_straight(module)
            custom.append(module.kind)
        prefix = f"{path}." if path else ""
        inner = [(prefix + name, child) for child in module.children for name in _names(child)]
        pending += reversed(inner)
        if len(layers) + len(pending) > MOST_LAYERS:
            raise CodeError("CW308", f"the printed model has more than {MOST_LAYERS:,} layers")
    if not layers:
        raise CodeError("CW307", "the printed model shows no layers")
    notes: list[Note] = []
    if custom:
        names = ", ".join(dict.fromkeys(shown(kind, 40) for kind in custom))
        notes.append(
            Note(
                "CW512",
                f"{names}: a printed model shows its layers in the order in which they were made, not the order nor how often forward runs them; they are taken to run so, once each",
            )
        )
        layers, added = _flattened(layers, release)
        if added:
            notes.append(
                Note(
                    "CW512",
                    "a Flatten was put before the first Linear: a printed model does not show what forward does between",
                )
            )
    owner = shown(custom[0], 40) if custom else ""
    return Snippet("torch", (Found(tuple(layers), None, None, root.line, unordered=owner),), tuple(notes))


def _tree(text: str) -> Module:
    """The modules, from lines such as `(conv1): Conv2d(3, 6, kernel_size=(5, 5), stride=(1, 1))`."""
    stack: list[Module] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or (not stack and not re.fullmatch(r"[A-Za-z_][\w.]*\(", line)):
            continue
        if line == ")":
            closed = stack.pop()
            if not stack:
                return closed
            continue
        module = _module(line, number)
        if module is None:
            if stack and not stack[-1].children and not line.startswith("("):
                continue  # arguments of a module that has children too
            raise CodeError(
                "CW301", f"line {number} is no line of a printed model", detail=shown(line), received=shown(line)
            )
        if stack:
            stack[-1].children.append(module)
        if module.arguments is None:
            stack.append(module)
        if len(stack) > 100:
            raise CodeError("CW308", "the printed model is nested more than 100 deep")
    if not stack:
        raise CodeError(
            "CW301", "a printed model begins with a line such as `Sequential(`", hint="give it from its first line on"
        )
    return stack[0]


def _module(line: str, number: int) -> Module | None:
    found = re.fullmatch(r"(?:\(([^()]{1,200})\): )?(?:(\d{1,4}) x )?([A-Za-z_][\w.]*)\((.*)", line)
    if not found:
        return None
    name, repeated, kind, rest = found.groups()
    times = int(repeated or 1)
    if not rest:
        return Module(name or "", kind, number, None, repeated=times)
    return Module(name or "", kind, number, rest[:-1], repeated=times) if rest.endswith(")") else None


def _names(module: Module) -> list[str]:
    """`(0-2): 3 x Conv2d(...)` stands for three modules, 0, 1 and 2."""
    first, _, last = module.name.partition("-")
    if module.repeated > 1 and first.isdigit() and last.isdigit() and int(last) - int(first) + 1 == module.repeated:
        return [str(number) for number in range(int(first), int(last) + 1)]
    return [module.name] * module.repeated


def _check_straight(module: Module) -> None:
    sideways = next((child for child in module.children if child.name.split(".")[-1] in SIDE_WAYS), None)
    if sideways is not None:
        raise CodeError(
            "CW315",
            f"{shown(module.kind, 40)} has a branch ({shown(sideways.name, 40)}), so it is not a straight line of layers",
            detail=f"line {sideways.line}",
            hint="give the part before it, or the code",
        )


def _layer(path: str, module: Module, release: str | None) -> Layer:
    call = _call(module)
    try:
        if isinstance(call, ConvwiseError):
            raise call
        return dialects.get("torch").read(call, release).named(path or None)
    except ConvwiseError as error:
        error.layer = f"'{shown(path, 60)}' (PyTorch {shown(module.kind, 40)})" if path else error.layer
        written = f"{module.kind}({module.arguments})"
        error.detail = f"{error.detail}\nline {module.line}: {shown(written)}".strip()
        raise


def _call(module: Module) -> Call | ConvwiseError:
    """The call that a printed line stands for; words such as padding=same are printed without quotes."""
    text = f"{module.kind}({module.arguments})"
    try:
        tree = parse(text)
    except SyntaxError:
        tree = None
    run = Run(text, evaluate, execute, "torch")
    statement = tree.body[0] if tree is not None and len(tree.body) == 1 else None
    value = getattr(statement, "value", None)
    made = evaluate(run, value, run.scope) if value is not None else None
    if not isinstance(made, Made):
        return Call(module.kind, (), (), shown(text), module.line)
    return made.problem or _unset(replace(made.call, line=module.line))


def _unset(call: Call) -> Call:
    """A lazy layer that has seen no input prints the 0 in place of what it will read, which its constructor does not take."""
    if not call.kind.startswith("Lazy"):
        return call
    args = call.args[1:] if call.args[:1] == (0,) else call.args
    return replace(call, args=args, kwargs=tuple(pair for pair in call.kwargs if pair != ("in_features", 0)))


def _flattened(layers: list[Layer], release: str | None) -> tuple[list[Layer], bool]:
    """The layers with a Flatten where a Linear follows feature maps, as a forward must have one there."""
    spatial = False
    for place, layer in enumerate(layers):
        if layer.kind == "Flatten":
            spatial = False
        elif layer.kind == "Linear" and spatial:
            call = Call("Flatten", (), (), "nn.Flatten()", layer.call.line)
            flatten = dialects.get("torch").read(call, release)
            return [*layers[:place], flatten, *layers[place:]], True
        elif layer.rank:
            spatial = True
    return layers, False
