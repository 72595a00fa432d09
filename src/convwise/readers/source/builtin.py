"""The few built-in functions that snippets compute sizes with; all others give an unknown value."""

from __future__ import annotations

import ast
from math import inf, isfinite, nan
from typing import Any

from convwise.errors import ConvwiseError
from convwise.readers.source import attributes, changing, operators, sameness, tensors
from convwise.readers.source.names import canonical
from convwise.readers.source.state import Run
from convwise.readers.source.values import LONGEST_SEQUENCE, MISSING, Instance, Method, Ref, Tensor, iterable

LARGEST_RANGE = 2**31


def called(run: Run, name: str, arguments: list[Any], keywords: list[tuple[str | None, Any]], node: ast.Call) -> Any:
    """What a built-in function gives."""
    if name == "enumerate" and len(arguments) == 1:
        arguments = [*arguments, *(value for word, value in keywords if word == "start")]
    elif name in _WITH_KEYS and keywords:
        return run.unknown(node)
    if run.graph is not None:
        found = run.graph.builtin(run, name, arguments, node)
        if found is not MISSING:
            return found
    if name == "print":
        return None
    if name == "super":
        return Method(run.following[-1], "super") if run.following else run.unknown(node)
    if name == "range":
        return _range(run, arguments, node)
    if name == "dict":
        return _dict(run, arguments, keywords, node)
    if name in ("setattr", "getattr", "delattr") and len(arguments) >= 2 and isinstance(arguments[1], str):
        return _by_name(run, name, arguments, node)
    if name in _ON_SEQUENCES:
        return _on_sequences(run, name, arguments, node)
    if name in ("int", "float", "abs", "round", "max", "min", "sum", "pow", "bool", "divmod", "str"):
        return _on_numbers(run, name, arguments, node)
    known: Any = None
    if name == "isinstance" and len(arguments) == 2:
        known = sameness.is_instance(arguments[0], arguments[1])
    elif name == "hasattr" and len(arguments) == 2 and isinstance(arguments[1], str):
        known = sameness.has(arguments[0], arguments[1])
    elif name == "type" and len(arguments) == 1:
        known = sameness.type_of(arguments[0])
    if known is not None:
        return known
    return run.unknown(node)


_WITH_KEYS = frozenset({"max", "min", "sum", "sorted", "int", "round"})
"""What gives something else with a keyword: `key`, `default`, `start`, `reverse`."""


def _range(run: Run, arguments: list[Any], node: ast.Call) -> Any:
    if not 1 <= len(arguments) <= 3 or not all(
        type(bound) is int and abs(bound) <= LARGEST_RANGE for bound in arguments
    ):
        return run.unknown(node)
    if len(arguments) == 3 and arguments[2] == 0:
        return run.unknown(node)
    return range(*arguments)


def _dict(run: Run, arguments: list[Any], keywords: list[tuple[str | None, Any]], node: ast.Call) -> Any:
    """`dict(...)` and `OrderedDict([("conv1", ...), ...])`."""
    found: dict[Any, Any] = {}
    if arguments:
        if isinstance(arguments[0], dict):
            found.update(arguments[0])
        else:
            pairs = iterable(arguments[0])
            if pairs is None or len(pairs) > LONGEST_SEQUENCE:
                return run.unknown(node)
            for pair in pairs:
                if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[0], str | int):
                    return run.unknown(node)
                found[pair[0]] = pair[1]
    found.update({key: value for key, value in keywords if key is not None})
    return found


def _by_name(run: Run, name: str, arguments: list[Any], node: ast.Call) -> Any:
    """`setattr(self, "conv1", ...)` and `getattr(self, "conv1")` on an object of the text: a look into its own table."""
    owner, attribute = arguments[0], arguments[1]
    if name == "setattr":
        if len(arguments) == 3:
            changing.set_attribute(run, owner, attribute, arguments[2], node)
        return None
    if name == "delattr":
        changing.delete_attribute(run, owner, attribute, node)
        return None
    if isinstance(owner, Ref) and not attribute.startswith("_"):
        return Ref(canonical(f"{owner.path}.{attribute}"))
    if sameness.has(owner, attribute) is False and len(arguments) == 3:
        return arguments[2]
    if not isinstance(owner, Instance):
        return run.unknown(node)
    return attributes.of_instance(run, owner, attribute, node)


_ON_SEQUENCES = frozenset({"len", "list", "tuple", "set", "zip", "enumerate", "reversed", "sorted", "iter"})


def _on_sequences(run: Run, name: str, arguments: list[Any], node: ast.Call) -> Any:
    if not arguments:
        return () if name == "tuple" else []
    if name == "len" and isinstance(arguments[0], Tensor):
        data = arguments[0]
        known = data.shape if tensors.is_raw(data) and not run.within else None
        return known[0] if known and known[0] is not None else run.unknown(node)
    lists = [iterable(argument) for argument in arguments]
    if lists[0] is None or (name == "zip" and None in lists):
        return run.unknown(node)
    if name == "len":
        lost = any(isinstance(item, ConvwiseError) for item in lists[0])
        return run.unknown(node) if lost else len(lists[0])
    if any(items is not None and len(items) > LONGEST_SEQUENCE for items in lists):
        return run.unknown(node)
    run.spend(len(lists[0]))
    if name == "zip":
        return list(zip(*(items for items in lists if items is not None), strict=False))
    if name == "enumerate":
        first = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], int) else 0
        return list(enumerate(lists[0], first))
    if name == "sorted":
        return sorted(lists[0]) if all(type(item) is int for item in lists[0]) else run.unknown(node)
    if name == "reversed":
        return list(lists[0])[::-1]
    return tuple(lists[0]) if name == "tuple" else list(lists[0])


_NOT_FINITE = {"inf": inf, "-inf": -inf, "infinity": inf, "nan": nan}
"""What `float(...)` makes of a word: a value that the text does give, so that a layer can refuse it."""


def _on_numbers(run: Run, name: str, arguments: list[Any], node: ast.Call) -> Any:
    if name in ("max", "min", "sum") and arguments and not isinstance(arguments[0], int | float):
        arguments = list((iterable(arguments[0]) or ())[:LONGEST_SEQUENCE])
    if name == "bool" and len(arguments) == 1:
        known = run.truth(arguments[0])
        return run.unknown(node) if known is None else known
    if name == "str" and len(arguments) == 1 and isinstance(arguments[0], int | str):
        return (
            str(arguments[0]) if isinstance(arguments[0], str) or arguments[0].bit_length() <= 64 else run.unknown(node)
        )
    if (
        name == "int"
        and len(arguments) == 1
        and isinstance(arguments[0], str)
        and arguments[0].isdigit()
        and len(arguments[0]) < 20
    ):
        return int(arguments[0])
    if name == "float" and len(arguments) == 1 and isinstance(arguments[0], str):
        word = arguments[0].strip().lower()
        return _NOT_FINITE[word] if word in _NOT_FINITE else run.unknown(node)
    if not arguments or not all(operators.number(value) for value in arguments):
        return run.unknown(node)
    if any(isinstance(value, int) and value.bit_length() > operators.MOST_BITS for value in arguments):
        return run.unknown(node)
    return _compute(run, name, arguments, node)


def _compute(run: Run, name: str, numbers: list[Any], node: ast.Call) -> Any:
    if name in ("max", "min", "sum"):
        return max(numbers) if name == "max" else min(numbers) if name == "min" else sum(numbers)
    if len(numbers) == 2 and name in ("pow", "divmod"):
        try:
            if name == "pow":
                return operators.binary(ast.Pow, numbers[0], numbers[1], LONGEST_SEQUENCE)
            return divmod(numbers[0], numbers[1])
        except (operators.TooLargeError, operators.NotKnownError, ZeroDivisionError):
            return run.unknown(node)
    if len(numbers) == 2 and name == "round" and type(numbers[1]) is int and abs(numbers[1]) < 20:
        return round(numbers[0], numbers[1])
    if len(numbers) != 1:
        return run.unknown(node)
    value = numbers[0]
    if not isfinite(value) and name != "float":
        return run.unknown(node)
    if name in ("int", "round"):
        return int(value) if name == "int" else round(value)
    return abs(value) if name == "abs" else float(value)
