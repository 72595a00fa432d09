"""`nn.Sequential`, `nn.ModuleList`, `nn.ModuleDict`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Self

from convwise.dialects.base import Layer
from convwise.torch.errors import ArgumentError
from convwise.torch.nn.layer import DialectModule
from convwise.torch.nn.module import Module, _indented


def checked(module: Any) -> Module:
    """The module.

    Raises:
        ArgumentError: CW606 for what is none.
    """
    if isinstance(module, Module):
        return module
    name = f"{module.__module__}.{module.__qualname__}" if isinstance(module, type) else type(module).__name__
    raise ArgumentError(
        "CW606",
        f"{name} is no module",
        received=repr(module),
        quote=f"{name} is not a Module subclass",
        hint=f"call it: {module.__name__}(...)"
        if isinstance(module, type)
        else "give a module such as nn.Conv2d(3, 16, 3)",
    )


class _Numbered(Module):
    """What Sequential and ModuleList share: modules under the names 0, 1, 2 ..."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def _key(self, index: int) -> str:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range")
        return str(list(self._modules)[index])

    def __setitem__(self, index: int, module: Module) -> None:
        self._modules[self._key(index)] = checked(module)

    def __delitem__(self, index: int | slice) -> None:
        for key in list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]:
            del self._modules[key]
        self._number(list(self))

    def _number(self, modules: list[Module]) -> None:
        """These modules alone; names are lost, as in PyTorch."""
        object.__setattr__(self, "_modules", {str(number): module for number, module in enumerate(modules)})

    def insert(self, index: int, module: Module) -> None:
        """Put the module before that number, as lists do."""
        modules = list(self)
        modules.insert(index, checked(module))
        self._number(modules)

    def pop(self, index: int) -> Module:
        module = self._modules[self._key(index)]
        del self[index]
        return module  # type: ignore[no-any-return]

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def append(self, module: Module) -> Self:
        self._modules[str(len(self))] = checked(module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        for module in modules:
            self.append(module)
        return self


class Sequential(_Numbered):
    """Modules one after the other, given one by one or as an OrderedDict of names."""

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        named = modules[0].items() if len(modules) == 1 and isinstance(modules[0], Mapping) else enumerate(modules)
        for name, module in named:
            self._modules[str(name)] = checked(module)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Sequential(dict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def __add__(self, other: Iterable[Module]) -> Sequential:
        return Sequential(*self, *other)

    def __convwise__(self) -> tuple[str, tuple[Layer, ...], None]:
        found: list[Layer] = []
        for name, module in self._modules.items():
            for layer in module.__convwise__()[1]:
                found.append(layer.named(f"{name}.{layer.name}" if layer.name else name))
        return "torch", tuple(found), None

    def forward(self, input: Any) -> Any:
        modules = list(self)
        number = 0
        while number < len(modules):
            module, after = modules[number], modules[number + 1] if number + 1 < len(modules) else None
            activation = module._joined(after) if isinstance(module, DialectModule) and after is not None else None
            if activation is None:
                input, number = module(input), number + 1
            else:
                input, number = module._computed(input, activation), number + 2
        return input


class ModuleList(_Numbered):
    """A list whose modules are found by name."""

    def __init__(self, modules: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return ModuleList(list(self)[index])
        return self._modules[self._key(index)]

    def __repr__(self) -> str:
        lines, start = [], 0
        for text, run in groupby(repr(module) for module in self):
            count = len(list(run))
            head = f"({start})" if count == 1 else f"({start}-{start + count - 1})"
            lines.append(f"{head}: " + ("" if count == 1 else f"{count} x ") + _indented(text))
            start += count
        return f"{self._get_name()}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"


class ModuleDict(Module):
    """A dictionary whose modules are found by name."""

    def __init__(self, modules: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        for name, module in (modules or {}).items():
            self[name] = module

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]  # type: ignore[no-any-return]

    def __setitem__(self, key: str, module: Any) -> None:
        self._modules[key] = checked(module)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def pop(self, key: str) -> Module:
        return self._modules.pop(key)  # type: ignore[no-any-return]

    def update(self, modules: Mapping[str, Any]) -> None:
        for name, module in modules.items():
            self[name] = module

    def keys(self) -> list[str]:
        return list(self._modules)

    def values(self) -> list[Module]:
        return list(self._modules.values())

    def items(self) -> list[tuple[str, Module]]:
        return list(self._modules.items())
