"""What is changed after it was made: items and attributes of lists, dictionaries, models and layers.

A change is followed, or what it touches is in doubt from then on; it never stays what it was.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from convwise.dialects.base import Unknown
from convwise.errors import CodeError
from convwise.readers.echo import shown
from convwise.readers.source import attributes, classes, held, layer_attributes, options, training
from convwise.readers.source.state import Run
from convwise.readers.source.values import (
    LONGEST_SEQUENCE,
    MISSING,
    SELF_CHAIN,
    Chain,
    Class,
    Held,
    Instance,
    Made,
    Options,
    Scope,
    Weights,
    iterable,
)

MUTATING = frozenset(
    {
        *("add", "append", "extend", "insert", "add_module", "register_module", "pop", "popitem", "remove", "clear"),
        *("sort", "reverse", "update", "setdefault", "move_to_end", "__setitem__", "__delitem__", "__iadd__"),
    }
)
"""Methods that change what they are called on."""


def unmodelled(run: Run, node: ast.AST) -> CodeError:
    """The doubt of what a statement changes in a way that is not followed."""
    return CodeError(
        "CW315",
        f"`{shown(run.source(node, 400), 60)}` changes something that was made before, and the change is not modelled",
        detail=run.place(node),
        hint="write the layers as they are after it",
    )


def taint(value: Any, doubt: CodeError) -> None:
    """The value is not known any more: it has been changed in a way that nobody can follow."""
    if isinstance(value, Chain):
        value.doubt = value.doubt or doubt
    elif isinstance(value, Made):
        value.problem = value.problem or doubt
    elif isinstance(value, list):
        value[:] = [_lost(part, doubt) for part in value] or [doubt]
        if isinstance(value[-1], CodeError):
            value.append(doubt)
    elif isinstance(value, dict):
        for key, part in value.items():
            value[key] = _lost(part, doubt)
        value["?"] = doubt
    elif isinstance(value, Instance):
        for part in value.attributes.values():
            if isinstance(part, Made | Chain):
                taint(part, doubt)


def removed(values: Iterable[Any]) -> None:
    """Layers that are taken out of a list are no answers by themselves."""
    for value in values:
        if isinstance(value, Made | Chain | Instance):
            value.used = True


def _lost(part: Any, doubt: CodeError) -> Any:
    removed([part])
    return doubt if isinstance(part, Made | Chain | Instance | CodeError) else Unknown("?")


def place_of(chain: Chain, key: Any) -> int | None:
    """Where the member stands that a number or a name means; PyTorch names members by their places."""
    count = len(chain.members)
    if type(key) is int:
        return key % count if -count <= key < count else None
    named = (n for n, (label, _) in enumerate(chain.members) if key == (str(n) if label is None else label))
    return next(named, None)


def set_member(run: Run, chain: Chain, key: Any, value: Any) -> bool:
    """`chain[key] = value`, in the place of the member of that name or behind the others; False where nobody knows."""
    place = place_of(chain, key)
    if not isinstance(value, Made | Chain | Instance) or (place is None and not isinstance(key, str)):
        return False
    run.spend()
    attributes.use(value)
    if place is not None:
        chain.members[place] = (chain.members[place][0], value)
    else:
        chain.members.append((key, value))
    return True


def set_item(run: Run, owner: Any, key: Any, value: Any, node: ast.AST) -> None:
    """`owner[key] = value`."""
    done = True
    if isinstance(owner, dict):
        done = isinstance(key, str | int) and len(owner) < LONGEST_SEQUENCE
        if done:
            removed([owner.get(key)])
            owner[key] = value
    elif isinstance(owner, list):
        done = _set_in_list(owner, key, value)
    elif isinstance(owner, Chain):
        done = set_member(run, owner, key, value)
    elif isinstance(owner, Unknown):
        removed([value])
    if not done:
        removed([value])
        taint(owner, unmodelled(run, node))


def _set_in_list(owner: list[Any], key: Any, value: Any) -> bool:
    if isinstance(key, slice):
        items = iterable(value)
        if items is None or len(owner) + len(items) > LONGEST_SEQUENCE or not _plain(key):
            return False
        before = owner[key]
        try:
            owner[key] = list(items)
        except ValueError:
            return False
        removed(part for part in before if part not in owner)
        return True
    if not isinstance(key, int) or not -len(owner) <= key < len(owner):
        return False
    removed([owner[key]])
    owner[key] = value
    return True


def _plain(key: slice) -> bool:
    return all(bound is None or type(bound) is int for bound in (key.start, key.stop, key.step)) and key.step != 0


def delete_item(run: Run, owner: Any, key: Any, node: ast.AST) -> None:
    """`del owner[key]`."""
    done = True
    if isinstance(owner, dict):
        done = isinstance(key, str | int) and key in owner
        if done:
            removed([owner.pop(key)])
    elif isinstance(owner, list | Chain):
        items: list[Any] = owner if isinstance(owner, list) else owner.members
        where = place_of(owner, key) if isinstance(owner, Chain) and isinstance(key, str) else key
        done = (isinstance(where, slice) and _plain(where)) or (
            type(where) is int and -len(items) <= where < len(items)
        )
        if done and where is not None:
            gone = items[where] if isinstance(where, slice) else [items[where]]
            removed(gone if isinstance(owner, list) else [])
            del items[where]
    if not done:
        taint(owner, unmodelled(run, node))


def delete_attribute(run: Run, owner: Any, name: str, node: ast.AST) -> None:
    """`del owner.name` and `delattr(owner, name)`."""
    if isinstance(owner, Instance):
        owner.attributes.pop(name, None)
        own = owner.attributes.get(SELF_CHAIN)
        if isinstance(own, Chain) and place_of(own, name) is not None:
            delete_item(run, own, name, node)
    elif isinstance(owner, Chain):
        delete_item(run, owner, name, node)
    elif isinstance(owner, Made):
        taint(owner, unmodelled(run, node))


def set_attribute(run: Run, owner: Any, name: str, value: Any, node: ast.AST) -> None:
    """`owner.name = value`."""
    if name == training.WORD and training.set_trainable(run, owner, value, node):
        return
    if isinstance(owner, Instance):
        name = attributes.mangled(run, name)
        attributes.set_attribute(owner, name, value)
        own = owner.attributes.get(SELF_CHAIN)
        if isinstance(own, Made) and not layer_attributes.inert(own, name):
            _set_in_layer(run, own, name, value, node)
        module = isinstance(value, Made | Chain | Instance)
        # A Sequential of PyTorch runs every module that it is given.
        runs = isinstance(own, Chain) and own.dialect == "torch" and (module or place_of(own, name) is not None)
        if isinstance(own, Chain) and runs and not set_member(run, own, name, value):
            taint(own, unmodelled(run, node))
    elif isinstance(owner, Chain):
        matters = isinstance(value, Made | Chain | Instance) or place_of(owner, name) is not None or name in BEHAVIOUR
        if matters and (owner.dialect != "torch" or not set_member(run, owner, name, value)):
            taint(owner, unmodelled(run, node))
    elif isinstance(owner, Class):
        classes.set_attribute(run, owner, name, value)
    elif isinstance(owner, Options):
        options.set_option(owner, name, value)
    elif isinstance(owner, Held):
        if name == "requires_grad":
            owner.requires_grad = value is not False
        elif name == "data":
            owner.shape = held.shape_of(value)
    elif isinstance(owner, Made):
        _set_in_layer(run, owner, name, value, node)


def _set_in_layer(run: Run, layer: Made, name: str, value: Any, node: ast.AST) -> None:
    """`layer.stride = (2, 2)`: nothing where it was that already."""
    before = layer_attributes.of_layer(run, layer, name)
    if name in ("weight", "bias") and value is not None:
        shape = value.shape if isinstance(value, Weights) else held.shape_of(value)
        same = before is not None and (shape is None or not isinstance(before, Weights) or shape == before.shape)
        if same and isinstance(value, Weights):
            same = layer_attributes.tie(layer, name, value)
        else:
            layer.tied.pop(name, None)
    else:
        same = before is not MISSING and layer_attributes.same_value(value, before)
    if not same and name not in layer.changed:
        layer.changed[name] = _changed(run, name, node)


BEHAVIOUR = ("forward", "call")


def _changed(run: Run, name: str, node: ast.AST) -> CodeError:
    return CodeError(
        "CW315",
        f"{shown(name, 40)!r} of a layer is changed after the layer was made, which is not modelled",
        detail=run.place(node),
        hint=f"give {shown(name, 40)}= where the layer is made",
    )


def hidden(run: Run, node: ast.expr, scope: Scope, statement: ast.AST) -> None:
    """A change of what nobody knows, `model._modules.pop("1")`: the list or model whose inside it is, is in doubt."""
    inside = False
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        inside = inside or (isinstance(node, ast.Attribute) and node.attr.startswith("_"))
        node = node.func if isinstance(node, ast.Call) else node.value
        if not inside or any(isinstance(part, ast.Call) for part in ast.walk(node)):
            continue
        owner = run.evaluate(run, node, scope)
        if isinstance(owner, Made | Chain | Instance | list | dict):
            taint(owner, unmodelled(run, statement))
            return
