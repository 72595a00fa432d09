"""Methods of layers, models, arrays, lists and dictionaries: a closed list of names for each."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Unknown
from convwise.readers.source import applying, attributes, functional, making, operators, ranks, tensors
from convwise.readers.source.classes import inherited
from convwise.readers.source.functions import invoke
from convwise.readers.source.state import Run
from convwise.readers.source.values import (
    LONGEST_SEQUENCE,
    SELF_CHAIN,
    Chain,
    Class,
    Declared,
    Function,
    Instance,
    Made,
    Method,
    Tensor,
    iterable,
)

Keywords = list[tuple[str | None, Any]]

APPLYING = frozenset({"call", "forward"})
KEEPING = frozenset({"to", "cuda", "cpu", "float", "double", "half", "eval", "train", "requires_grad_", "apply"})


def called(run: Run, method: Method, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """`owner.name(...)`."""
    owner, name = method.owner, method.name
    if isinstance(owner, Tensor):
        return _of_tensor(run, owner, name, arguments, keywords, node)
    if isinstance(owner, Instance) and name.startswith("super."):
        return _of_super(run, owner, name.removeprefix("super."), arguments, keywords, node)
    if isinstance(owner, Made | Chain | Instance):
        return _of_model(run, owner, name, arguments, keywords, node)
    if isinstance(owner, Class):
        found = owner.methods.get(name)
        return invoke(run, found, arguments, keywords, node) if isinstance(found, Function) else run.unknown(node)
    if isinstance(owner, list):
        return _of_list(run, owner, name, arguments, node)
    if isinstance(owner, dict):
        return _of_dict(run, owner, name, arguments, keywords, node)
    if isinstance(owner, Unknown) and name in ("reshape", "view"):
        return tensors.reshaped(owner, arguments, node.lineno)
    if isinstance(owner, str) and name == "format" and not keywords:
        try:
            return operators.filled(owner, arguments)
        except (operators.NotKnownError, operators.TooLargeError):
            return run.unknown(node)
    if isinstance(owner, str) and name in ("lower", "upper", "strip") and not arguments:
        return owner.lower() if name == "lower" else owner.upper() if name == "upper" else owner.strip()
    return run.unknown(node)


def _of_super(run: Run, owner: Instance, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    if name == "__init__":
        inherited(run, owner, arguments, keywords, node)
        return None
    level = run.frames[-1].within if run.frames else None
    for base in level.bases if isinstance(level, Class) else ():
        found = base.methods.get(name) if isinstance(base, Class) else None
        if isinstance(found, Function):
            return invoke(
                run, Function(found.node, found.scope, name, owner, True, found.within), arguments, keywords, node
            )
    if name in ("forward", "call") and isinstance(owner.attributes.get(SELF_CHAIN), Chain):
        return applying.applied(run, owner.attributes[SELF_CHAIN], arguments, keywords, node)
    return run.unknown(node)


def _of_model(
    run: Run, owner: Made | Chain | Instance, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call
) -> Any:
    if name.startswith("predict"):
        keywords = [(word, value) for word, value in keywords if word in applying.DATA_WORDS]
        return applying.applied(run, owner, arguments[:1], keywords, node)
    if name in APPLYING:
        return applying.applied(run, owner, arguments, keywords, node)
    if name in KEEPING:
        return owner
    if name == "compute_output_shape":
        words = [value for word, value in keywords if word == "input_shape"]
        shape = tensors.sizes((arguments or words or [None])[0])
        return applying.apply(run, owner, Tensor(shape, line=node.lineno), node.lineno) if shape else run.unknown(node)
    if name == "build" and isinstance(owner, Made | Chain | Instance):
        words = [value for word, value in keywords if word in ("input_shape", "batch_input_shape")]
        sizes = tensors.sizes((arguments or words or [None])[0])
        owner.declared = Declared(sizes, True) if sizes else owner.declared
        return None
    if name in ("fit", "evaluate", "train_on_batch"):
        _trained(owner, arguments)
        return run.unknown(node)
    if isinstance(owner, Chain):
        return _of_chain(run, owner, name, arguments, node)
    if name == "add_module" and isinstance(owner, Instance) and len(arguments) == 2 and isinstance(arguments[0], str):
        own = owner.attributes.get(SELF_CHAIN)
        if isinstance(own, Chain):
            making.add(run, own, arguments[1], arguments[0])
        attributes.set_attribute(run, owner, arguments[0], arguments[1])
    return run.unknown(node)


def _trained(owner: Made | Chain | Instance, arguments: list[Any]) -> None:
    """Training data tell the sizes of an input whose batch is open."""
    if (
        owner.declared is None
        and arguments
        and isinstance(arguments[0], Tensor)
        and tensors.is_raw(arguments[0])
        and arguments[0].shape
    ):
        owner.declared = Declared((None, *arguments[0].shape[1:]), True)


def _of_chain(run: Run, chain: Chain, name: str, arguments: list[Any], node: ast.Call) -> Any:
    first = arguments[0] if arguments else None
    if name in ("add", "append") and len(arguments) == 1:
        making.add(run, chain, first)
    elif name == "add_module" and len(arguments) == 2 and isinstance(first, str):
        making.add(run, chain, arguments[1], first)
    elif name == "insert" and len(arguments) == 2 and isinstance(first, int):
        making.add(run, chain, arguments[1], None, first)
    elif name == "extend":
        attributes.extend(run, chain, first, node)
    elif name == "pop" and chain.members and (first is None or isinstance(first, int)):
        place = -1 if first is None else first
        return chain.members.pop(place)[1] if -len(chain.members) <= place < len(chain.members) else None
    elif name in ("children", "modules", "values"):
        return [member for _, member in chain.members]
    elif name == "items":
        return [(label, member) for label, member in chain.members]
    elif name == "keys":
        return [label for label, _ in chain.members]
    else:
        return run.unknown(node)
    return chain


def _of_tensor(run: Run, tensor: Tensor, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    if name in tensors.UNTOUCHED and not (name == "contiguous" and ranks.turned(tensor)):
        return tensor
    raw = tensors.is_raw(tensor) and not run.within
    if name == "size":
        if raw and tensor.shape is not None and (not arguments or isinstance(arguments[0], int)):
            return tensor.shape if not arguments else attributes.item(run, tensor.shape, arguments[0], node)
        return run.unknown(node)
    if not raw:
        return functional.method(run, tensor, name, arguments, keywords, node)
    if name in ("reshape", "view"):
        return tensors.reshaped(tensor, arguments, node.lineno)
    if name in ("unsqueeze", "expand_dims"):
        return tensors.with_new_axis(tensor, arguments[0] if arguments else None, node.lineno)
    if name in ("permute", "transpose"):
        order = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], tuple | list) else arguments
        return tensors.permuted(tensor, order, node.lineno)
    if name.endswith("_"):
        return tensor
    return functional.method(run, tensor, name, arguments, keywords, node)


def _of_list(run: Run, owner: list[Any], name: str, arguments: list[Any], node: ast.Call) -> Any:
    if name == "extend" and arguments:
        attributes.extend(run, owner, arguments[0], node)
    elif name == "append" and len(arguments) == 1 and len(owner) < LONGEST_SEQUENCE:
        owner.append(arguments[0])
    elif name == "insert" and len(arguments) == 2 and isinstance(arguments[0], int) and len(owner) < LONGEST_SEQUENCE:
        owner.insert(arguments[0], arguments[1])
    elif name == "pop" and owner and (not arguments or arguments[0] in (0, -1)):
        return owner.pop(arguments[0] if arguments else -1)
    elif name == "reverse":
        owner.reverse()
    elif name == "copy":
        return list(owner)
    else:
        return run.unknown(node)
    return None


def _of_dict(
    run: Run, owner: dict[Any, Any], name: str, arguments: list[Any], keywords: Keywords, node: ast.Call
) -> Any:
    first = arguments[0] if arguments else None
    if name == "items":
        return list(owner.items())
    if name == "keys":
        return list(owner)
    if name == "values":
        return list(owner.values())
    if name == "get" and isinstance(first, str | int):
        return owner.get(first, arguments[1] if len(arguments) > 1 else None)
    if name == "copy":
        return dict(owner)
    if name == "update":
        more = iterable(first)
        if isinstance(first, dict) and len(owner) + len(first) <= LONGEST_SEQUENCE:
            owner.update(first)
        elif more is not None:
            return run.unknown(node)
        owner.update({word: value for word, value in keywords if word})
        return None
    return run.unknown(node)
