"""Methods of layers, models, arrays, lists and dictionaries: a closed list of names for each."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Unknown
from convwise.readers.source import (
    applying,
    attributes,
    builtin,
    changing,
    functional,
    held,
    layer_attributes,
    making,
    measured,
    operators,
    options,
    ranks,
    tensors,
)
from convwise.readers.source.classes import inherited
from convwise.readers.source.functions import invoke
from convwise.readers.source.state import Run
from convwise.readers.source.values import (
    LONGEST_SEQUENCE,
    MISSING,
    SELF_CHAIN,
    Chain,
    Class,
    Declared,
    FromWeights,
    Function,
    Held,
    Instance,
    Made,
    Method,
    Parser,
    Tensor,
    Weights,
)

Keywords = list[tuple[str | None, Any]]

APPLYING = frozenset({"call", "forward"})
KEEPING = frozenset({"to", "cuda", "cpu", "float", "double", "half", "eval", "train", "requires_grad_", "apply"})


def called(run: Run, method: Method, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """`owner.name(...)`."""
    owner, name = method.owner, method.name
    if isinstance(owner, Tensor):
        return _of_tensor(run, owner, name, arguments, keywords, node)
    if isinstance(owner, Parser):
        return options.called(run, owner, name, arguments, keywords, node)
    if isinstance(owner, Weights):
        found = layer_attributes.asked(owner, name, arguments)
        if found is MISSING:
            found = owner if name in tensors.UNTOUCHED else FromWeights(run.unknown(node).text)
        return found
    if isinstance(owner, FromWeights):
        like = name in layer_attributes.LIKE and len(arguments) == 1 and isinstance(arguments[0], Weights)
        return arguments[0] if like else FromWeights(run.unknown(node).text)
    if isinstance(owner, Held):
        if name == "requires_grad_":
            owner.requires_grad = not (arguments and arguments[0] is False)
        return owner if name in tensors.UNTOUCHED else run.unknown(node)
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
    if name in ("forward", "call") and isinstance(owner.attributes.get(SELF_CHAIN), Chain | Made):
        return applying.applied(run, owner.attributes[SELF_CHAIN], arguments, keywords, node)
    return run.unknown(node)


def _of_model(
    run: Run, owner: Made | Chain | Instance, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call
) -> Any:
    if name.startswith("predict"):
        keywords = [(word, value) for word, value in keywords if word in applying.DATA_WORDS]
        return applying.applied(run, owner, arguments[:1], keywords, node)
    if name in attributes.BY_NAME:
        return builtin.called(run, name.strip("_"), [owner, *arguments], keywords, node)
    if name in held.REGISTERING and isinstance(owner, Instance):
        return held.registered(run, owner, name, arguments, keywords, node)
    if name in APPLYING:
        return applying.applied(run, owner, arguments, keywords, node)
    if name == layer_attributes.FORWARD:
        return _on_own_weights(run, owner, arguments, keywords, node)
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
        return _of_chain(run, owner, name, arguments, keywords, node)
    registers = name in ("add_module", "register_module") and len(arguments) == 2
    if registers and isinstance(owner, Instance) and isinstance(arguments[0], str):
        changing.set_attribute(run, owner, arguments[0], arguments[1], node)
    return run.unknown(node)


def _on_own_weights(run: Run, owner: Any, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """`self._conv_forward(x, self.weight, self.bias)`: the layer itself, where the weights are its own."""
    layer = layer_attributes.own_layer(owner)
    given = [*arguments[1:], *(value for _, value in keywords)]
    own = all(part is None or (isinstance(part, Weights) and part.layer is layer) for part in given)
    if layer is None or not arguments or not own:
        return run.unknown(node)
    return applying.applied(run, layer, arguments[:1], [], node)


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


def _of_chain(run: Run, chain: Chain, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    first = arguments[0] if arguments else None
    if name in ("add", "append") and len(arguments) == 1:
        making.add(run, chain, first)
    elif name in ("add_module", "register_module") and len(arguments) == 2 and isinstance(first, str):
        if changing.place_of(chain, first) is None or not changing.set_member(run, chain, first, arguments[1]):
            making.add(run, chain, arguments[1], first)
    elif name == "insert" and len(arguments) == 2 and isinstance(first, int):
        making.add(run, chain, arguments[1], None, first)
    elif name == "extend":
        attributes.extend(run, chain, first, node)
    elif name == "pop" and (place := changing.place_of(chain, -1 if first is None else first)) is not None:
        return chain.members.pop(place)[1]
    elif name == "clear":
        chain.members.clear()
    elif name == "update" and isinstance(first, dict):
        for key, value in first.items():
            changing.set_item(run, chain, str(key), value, node)
    elif name == "__setitem__" and len(arguments) == 2:
        changing.set_item(run, chain, first, arguments[1], node)
    elif name == "__delitem__" and len(arguments) == 1:
        changing.delete_item(run, chain, first, node)
    elif name == "get_layer" and (found := _layer_of(chain, arguments, keywords)) is not None:
        return found
    elif name in ("children", "modules", "values"):
        return [member for _, member in chain.listed]
    elif name == "items":
        return list(chain.listed)
    elif name == "keys":
        return [label or member for label, member in chain.listed]
    else:
        if name in changing.MUTATING:
            changing.taint(chain, changing.unmodelled(run, node))
        return run.unknown(node)
    return chain


def _layer_of(chain: Chain, arguments: list[Any], keywords: Keywords) -> Any:
    """Keras's `get_layer(name)` and `get_layer(index=0)`."""
    words = {
        **dict(zip(("name", "index"), arguments, strict=False)),
        **{word: value for word, value in keywords if word},
    }
    name, place = words.get("name"), words.get("index")
    if chain.nested:
        return None
    if type(place) is int and chain.functional and place >= 0:
        place -= 1  # the input is the first
        if place < 0:
            return None
    if type(place) is int and -len(chain.members) <= place < len(chain.members):
        return chain.members[place][1]
    named = (part for label, part in chain.members if name is not None and name in (label, getattr(part, "name", None)))
    return next(named, None)


def _of_tensor(run: Run, tensor: Tensor, name: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    if name in tensors.UNTOUCHED and not (name == "contiguous" and ranks.turned(tensor)):
        return tensor
    sizes = measured.asked(run, tensor, name, arguments)
    if sizes is not MISSING:
        return sizes
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
        if name == "transpose" and len(order) == 2 and run.dialect == "torch":
            return tensors.swapped(tensor, order[0], order[1], node.lineno)
        return tensors.permuted(tensor, order, node.lineno)
    if name.endswith("_"):
        return tensor
    return functional.method(run, tensor, name, arguments, keywords, node)


def _of_list(run: Run, owner: list[Any], name: str, arguments: list[Any], node: ast.Call) -> Any:
    first = arguments[0] if arguments else None
    if name in ("extend", "__iadd__") and arguments:
        attributes.extend(run, owner, first, node)
    elif name == "append" and len(arguments) == 1 and len(owner) < LONGEST_SEQUENCE:
        owner.append(first)
    elif name == "insert" and len(arguments) == 2 and isinstance(first, int) and len(owner) < LONGEST_SEQUENCE:
        owner.insert(first, arguments[1])
    elif name == "pop" and (not arguments or type(first) is int) and -len(owner) <= (place := first or 0) < len(owner):
        changing.removed([owner[place if arguments else -1]])
        return owner.pop(place if arguments else -1)
    elif name == "remove" and (found := _found(owner, first)) is not None:
        changing.delete_item(run, owner, found, node)
    elif name == "clear":
        changing.removed(owner)
        owner.clear()
    elif name == "reverse":
        owner.reverse()
    elif name == "copy":
        return list(owner)
    elif name == "__setitem__" and len(arguments) == 2:
        changing.set_item(run, owner, first, arguments[1], node)
    elif name == "__delitem__" and len(arguments) == 1:
        changing.delete_item(run, owner, first, node)
    else:
        if name in changing.MUTATING:
            changing.taint(owner, changing.unmodelled(run, node))
        return run.unknown(node)
    return None


def _found(owner: list[Any], wanted: Any) -> int | None:
    """The first item that is `wanted`: the same layer, or an equal literal; None where the text does not say."""
    for place, part in enumerate(owner):
        if part is wanted:
            return place
        if isinstance(part, Unknown):
            return None
        if (
            isinstance(part, int | float | str | tuple)
            and isinstance(wanted, int | float | str | tuple)
            and part == wanted
        ):
            return place
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
        if (first is None or isinstance(first, dict)) and all(word for word, _ in keywords):
            for word, value in [*(first or {}).items(), *keywords]:
                changing.set_item(run, owner, word, value, node)
            return None
    elif name in ("pop", "setdefault") and isinstance(first, str | int):
        other = arguments[1] if len(arguments) > 1 else None
        if name == "setdefault":
            changing.removed([other])
            return owner.setdefault(first, other)
        if first in owner or len(arguments) > 1:
            changing.removed([owner.get(first)])
            return owner.pop(first, other)
    elif name == "clear":
        changing.removed(owner.values())
        owner.clear()
        return None
    elif name in ("__setitem__", "__delitem__") and len(arguments) == 1 + (name == "__setitem__"):
        if name == "__setitem__":
            changing.set_item(run, owner, first, arguments[1], node)
        else:
            changing.delete_item(run, owner, first, node)
        return None
    if name in changing.MUTATING:
        changing.taint(owner, changing.unmodelled(run, node))
    return run.unknown(node)
