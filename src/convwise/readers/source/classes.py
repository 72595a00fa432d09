"""Classes of the text: their methods, and the objects that calls of them make."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from convwise.readers.source import making
from convwise.readers.source.functions import invoke
from convwise.readers.source.names import dialect_of, split
from convwise.readers.source.state import TRYING, Run
from convwise.readers.source.values import SELF_CHAIN, Class, Function, Instance, Made, Ref, Scope

Keywords = list[tuple[str | None, Any]]

MODULES = frozenset({"Module", "LightningModule", "Model", "Layer", "Sequential"})
"""Base classes that make a class of the text a model or a layer."""


def define_class(run: Run, node: ast.ClassDef, bases: tuple[Any, ...], scope: Scope) -> Class:
    """The class that a statement defines; methods of its bases in the text included."""
    found: dict[str, Any] = {}
    dialect = None
    for base in reversed(bases):
        if isinstance(base, Class):
            found.update(base.methods)
            base.used = True
            dialect = dialect or base.dialect
        elif isinstance(base, Ref):
            dialect = dialect or dialect_of(base.path)
    defined = Class(node.name, bases, found, node.lineno, dialect)
    inner = Scope(parent=scope)
    fields = [name for base in bases if isinstance(base, Class) for name in base.fields]
    for statement in node.body:
        run.spend()
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            static = any(isinstance(word, ast.Name) and word.id == "staticmethod" for word in statement.decorator_list)
            method = Function(statement, scope, statement.name, called=True, within=None if static else defined)
            found[statement.name] = method
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            run.execute(run, [statement], inner)
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                fields.append(statement.target.id)
    found.update(inner.names)
    defined.fields = tuple(dict.fromkeys(fields))
    defined.forward = next((name for name in ("forward", "call") if isinstance(found.get(name), Function)), None)
    if defined.forward is None and dialect == "jax" and isinstance(found.get("__call__"), Function):
        defined.forward = "__call__"
    defined.dialect = dialect or {"forward": "torch", "call": "keras"}.get(defined.forward or "")
    run.classes.append(defined)
    return defined


def set_attribute(run: Run, cls: Class, name: str, value: Any) -> None:
    """`Block.expansion = 2`: for the class, and for those derived from it that have no such attribute of their own."""
    before = cls.methods.get(name)
    for one in run.classes:
        run.spend()
        # Classes derived from it were given its attributes when they were defined, and stand behind it.
        if one is cls or (one.methods.get(name) is before and _derived(run, one, cls)):
            one.methods[name] = value
            if name in ("forward", "call") and isinstance(value, Function):
                one.forward = one.forward or name
            elif name == one.forward:
                one.forward = None  # what it makes of its input is not in the text any more


def _derived(run: Run, cls: Class, base: Class) -> bool:
    waiting, seen = [cls], {id(cls)}
    for one in waiting:
        run.spend()
        new = [part for part in one.bases if isinstance(part, Class) and id(part) not in seen]
        waiting += new
        seen.update(map(id, new))
    return id(base) in seen


def is_module(cls: Class) -> bool:
    """Whether objects of the class are models or making."""
    if cls.forward:
        return True
    return any(is_module(base) if isinstance(base, Class) else _names_module(base) for base in cls.bases)


def _names_module(base: Any) -> bool:
    return isinstance(base, Ref) and split(base.path)[1] in MODULES


def unused(run: Run) -> Iterator[Class]:
    """The models and layers among the text's classes that nothing has used when their turn comes.

    Those that another class names come after all others, which then have used them; the last of the text comes first, as
    it holds the others more often than not.
    """
    named: set[str] = set()
    for cls in run.classes:
        named |= {name for name in _names(run, cls) if name != cls.name}
    for late in (False, True):
        for cls in reversed(list(run.classes)):
            if (cls.name in named) is late and not cls.used and is_module(cls):
                yield cls


def _names(run: Run, cls: Class) -> Iterator[str]:
    """Every name in the methods that the class defines itself."""
    for method in cls.methods.values():
        if isinstance(method, Function) and method.within is cls:
            for node in ast.walk(method.node):
                run.spend()
                if isinstance(node, ast.Name):
                    yield node.id


def instantiate(run: Run, cls: Class, arguments: list[Any], keywords: Keywords, node: ast.AST) -> Any:
    """`Net(10)`: the attributes that its constructor sets."""
    cls.used = True
    line = node.lineno if isinstance(node, ast.Call) else cls.line
    if not is_module(cls):
        made = making.homemade(run, cls, arguments, keywords, node)
        if made is not None:
            return made
    instance = Instance(cls, {}, line)
    if is_module(cls):
        run.keep(instance)
    constructor = cls.methods.get("__init__")
    if isinstance(constructor, Function):
        bound = Function(constructor.node, constructor.scope, "__init__", owner=instance, called=True, within=cls)
        # A constructor of Keras may make the model itself; one of PyTorch tries layers out at most.
        with run.named(TRYING if cls.dialect == "torch" else None):
            invoke(run, bound, arguments, keywords, node)
    else:
        # A dataclass, or a module of flax, has the constructor that its fields make.
        given = [*zip(cls.fields, arguments, strict=False), *keywords]
        instance.attributes.update({name: value for name, value in given if name in cls.fields and name is not None})
        inherited(run, instance, arguments, keywords, node)
    setup = cls.methods.get("setup")
    if cls.dialect == "jax" and isinstance(setup, Function):
        invoke(run, Function(setup.node, setup.scope, "setup", instance, True, setup.within), [], [], node)
    return instance


def inherited(run: Run, instance: Instance, arguments: list[Any], keywords: Keywords, node: ast.AST) -> None:
    """`super().__init__(...)`: the constructor of a base that the text defines, or of Sequential."""
    level = next((method.within for method in reversed(_running(run, instance))), instance.cls)
    bases = level.bases if isinstance(level, Class) else ()
    for base in bases:
        if isinstance(base, Class):
            constructor = base.methods.get("__init__")
            if isinstance(constructor, Function):
                within = constructor.within or base
                invoke(
                    run,
                    Function(constructor.node, constructor.scope, "__init__", instance, True, within),
                    arguments,
                    keywords,
                    node,
                )
            return
        if isinstance(base, Ref) and split(base.path)[1] == "Sequential":
            chain = making.sequential(run, dialect_of(base.path), arguments, keywords, node)
            chain.used = True
            instance.attributes[SELF_CHAIN] = chain
            return
        if isinstance(base, Ref) and split(base.path)[0] == "torch.nn" and split(base.path)[1] not in MODULES:
            own = making.made(run, base.path, arguments, keywords, node) if isinstance(node, ast.Call) else None
            if isinstance(own, Made):
                own.used = True
                instance.attributes[SELF_CHAIN] = own
            return


def _running(run: Run, instance: Instance) -> list[Function]:
    return [function for function in run.frames if function.owner is instance]
