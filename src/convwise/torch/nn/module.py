"""`nn.Module`: what holds parameters, buffers and other modules, and runs `forward`. It does not train."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from convwise.dialects.base import Layer
from convwise.errors import ModelError
from convwise.torch.errors import ArgumentError
from convwise.torch.nn.hooks import Handle, Hook, after, before
from convwise.torch.nn.parameter import Parameter
from convwise.torch.sizes import Size
from convwise.torch.tensor import Tensor, as_tensor, check_device, plain


class Incompatible(NamedTuple):
    """What `load_state_dict` found not to fit."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Module:
    """Base of all modules. Subclass it with `forward`; parameters and modules that are set as attributes are found by name."""

    training = False
    """Modules always run as in evaluation: dropout is the identity, batch normalisation takes its running moments."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _unsaved: set[str]
    """Buffers that no state has."""
    _hooks_before: dict[int, Hook]
    _hooks_after: dict[int, Hook]

    def __init__(self) -> None:
        for name in ("_parameters", "_buffers", "_modules", "_hooks_before", "_hooks_after"):
            object.__setattr__(self, name, {})
        object.__setattr__(self, "_unsaved", set())

    # Registration

    def __setattr__(self, name: str, value: Any) -> None:
        tables = [self.__dict__.get(table) for table in ("_parameters", "_buffers", "_modules")]
        if isinstance(value, Parameter | Module):
            if any(table is None for table in tables):
                raise AttributeError(
                    "cannot assign "
                    + ("parameters" if isinstance(value, Parameter) else "module")
                    + " before Module.__init__() call"
                )
            self.__dict__.pop(name, None)
            for table in tables:
                if (
                    table is not None
                    and name in table
                    and table is not tables[0 if isinstance(value, Parameter) else 2]
                ):
                    del table[name]
            self.__dict__["_parameters" if isinstance(value, Parameter) else "_modules"][name] = value
            return
        for table in tables:
            if table is not None and name in table:
                if value is not None and table is not tables[1]:
                    raise _not_held(name, value, "parameter" if table is tables[0] else "child module")
                table[name] = value
                return
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for table in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(table, {})
            if name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        self._buffers[name] = tensor
        (self._unsaved.discard if persistent else self._unsaved.add)(name)

    def register_parameter(self, name: str, param: Any) -> None:
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        self._modules[name] = module

    register_module = add_module

    # Running

    def forward(self, *inputs: Any) -> Any:
        raise ArgumentError(
            "CW208",
            f"{type(self).__name__} has no forward",
            quote=f'Module [{type(self).__name__}] is missing the required "forward" function',
            hint="define forward(self, x)",
        )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        if not self._hooked:
            return self.forward(*inputs, **options)
        inputs = before(self, self._hooks_before, inputs)
        return after(self, self._hooks_after, inputs, self.forward(*inputs, **options))

    @property
    def _hooked(self) -> bool:
        # A module that did not call Module.__init__ has no hooks.
        return bool(self.__dict__.get("_hooks_before") or self.__dict__.get("_hooks_after"))

    def register_forward_pre_hook(self, hook: Hook) -> Handle:
        """`hook(module, inputs)` before every call; what it gives takes the inputs' place."""
        return Handle(self._hooks_before, hook)

    def register_forward_hook(self, hook: Hook) -> Handle:
        """`hook(module, inputs, output)` after every call; what it gives takes the output's place."""
        return Handle(self._hooks_after, hook)

    def train(self, mode: bool = True) -> Self:
        """Refuse to train; `train(False)` is `eval()`.

        Raises:
            ArgumentError: CW606.
        """
        if mode:
            raise ArgumentError(
                "CW606",
                "convwise runs layers, it does not train them",
                axis="mode",
                received=mode,
                hint="leave train() out, or call eval(): modules run as in evaluation",
            )
        return self

    def eval(self) -> Self:
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """There are no gradients to forget."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Floating-point parameters and buffers in another type; devices other than the processor are refused.

        Raises:
            ArgumentError: CW606.
        """
        dtype, device = kwargs.get("dtype"), kwargs.get("device")
        for value in args:
            if isinstance(value, np.dtype | type):
                dtype = value
            else:
                device = value
        check_device(device)
        if dtype is not None:
            for module in self.modules():
                for table in (module._parameters, module._buffers):
                    for name, value in table.items():
                        if value is not None and value.dtype.kind == "f":
                            table[name] = plain(value).astype(dtype).view(type(value))
                            table[name].requires_grad = value.requires_grad
        return self

    def double(self) -> Self:
        return self.to(np.dtype(np.float64))

    def float(self) -> Self:
        return self.to(np.dtype(np.float32))

    def half(self) -> Self:
        return self.to(np.dtype(np.float16))

    def cpu(self) -> Self:
        return self

    def cuda(self, device: Any = None) -> Self:
        return self.to("cuda")

    # What is inside

    def named_children(self) -> Iterator[tuple[str, Module]]:
        return ((name, module) for name, module in self._modules.items() if module is not None)

    def children(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """The module itself and all below it, each once."""
        seen = set() if memo is None else memo
        if id(self) in seen:
            return
        if remove_duplicate:
            seen.add(id(self))
        yield prefix, self
        for name, module in self.named_children():
            yield from module.named_modules(seen, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def _named(self, table: str, prefix: str, recurse: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix=prefix) if recurse else [(prefix, self)]:
            for name, value in module.__dict__[table].items():
                if value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        return self._named("_parameters", prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        return (value for _, value in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        return self._named("_buffers", prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        return (value for _, value in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        module = self
        for name in target.split(".") if target else ():
            found = module._modules.get(name)
            if found is None:
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = found
        return module

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """`fn` on every module, the innermost first."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def __convwise__(self) -> tuple[str, tuple[Layer, ...], None]:
        """(dialect, the layers in order, no input shape): what `convwise.explain` reads.

        Raises:
            ModelError: CW402 for a module whose `forward` is the user's own.
        """
        raise ModelError(
            "CW402",
            f"{self._get_name()} is a module of your own, whose forward a live object does not show",
            received=self._get_name(),
            hint="give its source text, where the order of the layers can be read",
        )

    # State

    def state_dict(self, prefix: str = "") -> OrderedDict[str, Tensor]:
        """All parameters and buffers by their dotted names, sharing the modules' memory."""
        found: OrderedDict[str, Tensor] = OrderedDict()
        for table in (self._parameters, self._buffers):
            for name, value in table.items():
                if value is not None and name not in self._unsaved:
                    found[prefix + name] = value.detach()
        for name, module in self.named_children():
            found.update(module.state_dict(f"{prefix}{name}."))
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Incompatible:
        """Overwrite parameters and buffers by arrays of the same names and shapes.

        Raises:
            ArgumentError: CW605 where names (with `strict`) or shapes differ; nothing is overwritten then.
        """
        own = self.state_dict()
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        problems = []
        if strict and unexpected:
            problems.append("Unexpected key(s) in state_dict: " + ", ".join(f'"{name}"' for name in unexpected) + ". ")
        if strict and missing:
            problems.insert(0, "Missing key(s) in state_dict: " + ", ".join(f'"{name}"' for name in missing) + ". ")
        arrays = {name: plain(value) for name, value in state_dict.items() if name in own}
        wrong = [name for name, array in arrays.items() if array.shape != tuple(own[name].shape)]
        problems += [
            f"size mismatch for {name}: copying a param with shape {Size(arrays[name].shape)} from checkpoint, "
            f"the shape in current model is {own[name].shape}."
            for name in wrong
        ]
        if problems:
            raise ArgumentError(
                "CW605",
                _misfit(missing if strict else [], unexpected if strict else [], wrong),
                layer=type(self).__name__,
                received=", ".join(state_dict),
                quote=f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(problems),
            )
        for name, array in arrays.items():
            own[name].copy_(array)
        return Incompatible(missing, unexpected)

    # Looks

    def extra_repr(self) -> str:
        """What stands between the brackets."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        children = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        extra = self.extra_repr()
        if not children and "\n" not in extra:
            return f"{self._get_name()}({extra})"
        lines = [*(extra.split("\n") if extra else ()), *children]
        return "\n  ".join([f"{self._get_name()}(", *lines]) + "\n)"


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _not_held(name: str, value: Any, what: str) -> ArgumentError:
    kind, wanted = type(value).__name__, "Parameter" if what == "parameter" else "Module"
    hint = f"write nn.Parameter(...), or self.{name}.data = ..." if wanted == "Parameter" else "give an nn.Module"
    return ArgumentError(
        "CW606",
        f"{name!r} is a {what}, and {kind} is none",
        axis=name,
        received=kind,
        quote=f"as {what} '{name}' (torch.nn.{wanted} or None expected)",
        hint=hint,
    )


def _misfit(missing: list[str], unexpected: list[str], wrong: list[str]) -> str:
    parts = [("missing", missing), ("not known here", unexpected), ("of another shape", wrong)]
    return "the names or shapes differ: " + "; ".join(f"{', '.join(names)} {what}" for what, names in parts if names)


def parameter(array: Any) -> Parameter:
    return Parameter(as_tensor(array))
