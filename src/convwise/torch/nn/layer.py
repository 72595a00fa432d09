"""The layers of the PyTorch dialect made to run: thin over dialect, ops and engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise import dialects
from convwise.dialects.base import Call, Layer, LayerFlow, run_ops
from convwise.errors import ShapeError
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    GlobalPool,
    Layout,
    Norm,
    Op,
    Pad,
    PixelShuffle,
    Pointwise,
    Pool,
    Resize,
    Unflatten,
    Unfold,
)
from convwise.runtime.running import joined
from convwise.runtime.values import as_text, make_call
from convwise.torch.dtypes import spoken
from convwise.torch.errors import ArgumentError, Refusal, runtime_errors
from convwise.torch.nn.indices import places
from convwise.torch.nn.looks import as_stored, between_brackets
from convwise.torch.nn.module import Module
from convwise.torch.nn.parameter import Parameter
from convwise.torch.nn.renewing import renewed
from convwise.torch.nn.weights import Spec, specs
from convwise.torch.tensor import Tensor, as_tensor, check_device, plain

Array = NDArray[Any]

# Ops that know one batch axis, one channel axis and `rank` spatial ones.
_SPATIAL = (Conv, ConvTranspose, Pool, AdaptivePool, GlobalPool, Pad, Crop, Resize, PixelShuffle, Unfold)

# In evaluation these give back what goes in, and in-place changes of the result are changes of the input.
_SAME = frozenset({"identity", "dropout", "spatial_dropout", "alpha_dropout", "feature_alpha_dropout"})


@runtime_errors
def run_layer(
    layer: Layer, array: Array, weights: Mapping[int, Mapping[str, Any]] | None = None, activation: str | None = None
) -> Array:
    """The layer's ops one after the other on an array; `weights` by op number, `activation` applied with the last one.

    Reshaping gives the same memory, as in PyTorch.

    Raises:
        ShapeError, Refusal: the dialect's.
    """
    from convwise.runtime.running import run

    if array.dtype.kind in "biu" and layer.kind in ("Sigmoid", "Tanh"):
        array = array.astype(np.float32)
    flow = _flow(layer, array.shape)
    # A layer that takes maps of several ranks has its op for this one in the flow.
    for number, (op, step) in enumerate(zip(flow.layer.ops, flow.flows, strict=True)):
        given = (weights or {}).get(number)
        last = activation if number == len(flow.layer.ops) - 1 else None
        if isinstance(op, Flatten | Unflatten) or (isinstance(op, Pointwise) and op.kind in _SAME):
            array = array.reshape(_sizes(step.output))
        elif isinstance(op, _SPATIAL):
            rank = len(op.windows) if isinstance(op, Unfold) else op.rank
            array = run(op, _as_map(array, rank), given, Layout(), "torch", last).reshape(_sizes(step.output))
        else:
            unbatched = layer.rank is not None and array.ndim == layer.rank + 1
            if (
                isinstance(op, Norm)
                and op.kind == "rms"
                and layer.arguments["eps"] is None
                and array.dtype == np.float64
            ):
                op = replace(op, epsilon=float(np.finfo(np.float64).eps))  # the smallest step of the data's own type
            array = run(op, array, given, Layout(batched=not unbatched), "torch", last)
    return array


def finished(layer: Layer, input: Any, array: Array) -> Any:
    """What a call gives for the numbers `array`: `inplace` writes them into the input, `return_indices` tells where maxima stand."""
    if layer.arguments.get("inplace") is True and isinstance(input, Tensor):
        return input.copy_(array)
    op = layer.ops[0]
    if layer.arguments.get("return_indices") is True and isinstance(op, Pool | AdaptivePool):
        return as_tensor(array), as_tensor(places(plain(input), op, array.shape[array.ndim - op.rank :]))
    return as_tensor(array)


def _flow(layer: Layer, shape: tuple[int, ...]) -> LayerFlow:
    """What the layer does to the shape in evaluation, where a single value per channel is normalised, too."""
    try:
        return dialects.get("torch").flow(layer, shape)
    except ShapeError as error:
        if error.code == "CW103" and any(isinstance(op, Norm) and op.moments for op in layer.ops):
            return run_ops(layer, shape, Layout())
        raise


def _as_map(array: Array, rank: int) -> Array:
    """(batch, channels, *spatial), whatever axes stand before."""
    missing = rank + 2 - array.ndim
    if missing >= 0:
        return array.reshape((1,) * missing + array.shape)
    return (
        array.reshape((-1, *array.shape[-rank - 1 :]))
        if array.size
        else np.zeros((0, *array.shape[-rank - 1 :]), array.dtype)
    )


def _sizes(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size is not None)


_MOMENTS = ("running_mean", "running_var", "num_batches_tracked")
_WEIGHTS = frozenset({"weight", "bias", *_MOMENTS})


class DialectModule(Module):
    """A module that the PyTorch dialect knows: every argument, refusal and error is the dialect's."""

    kind = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        check_device(kwargs.get("device"))
        written = {name: value for name, value in kwargs.items() if name not in ("device", "dtype") or value is None}
        self._written = dialects.get("torch").read(make_call(self.kind, args, written), None)
        self._now, self._stale = self._written, False
        for name in self._written.arguments:
            self.__dict__.pop(name, None)  # what a subclass set before is overwritten by the constructor, as in PyTorch
        self._dtype = np.dtype(kwargs.get("dtype") or np.float32)
        self._specs: list[Spec] = []
        self._lazy = self.kind.startswith("Lazy")
        if self._lazy:
            self._announce()
        else:
            self.reset_parameters()

    @property
    def _layer(self) -> Layer:
        """The layer as its attributes and weights say it now."""
        if self._stale and not self._lazy:
            self._now = renewed(self._written, self._changed, {**self._parameters, **self._buffers})
            self._specs, self._stale = specs(self._now), False
        return self._now

    @property
    def _changed(self) -> dict[str, Any]:
        """The arguments that were set anew."""
        return {name: self.__dict__[name] for name in self._written.arguments if name in self.__dict__}

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if "_written" in self.__dict__ and (name in self._written.arguments or name in _WEIGHTS):
            self.__dict__["_stale"] = True

    def register_parameter(self, name: str, param: Any) -> None:
        super().register_parameter(name, param)
        self.__dict__["_stale"] = True

    @property
    def resolved(self) -> Layer:
        """The layer as the dialect read it."""
        return self._layer

    def __convwise__(self) -> tuple[str, tuple[Layer, ...], None]:
        return "torch", (self._layer,), None

    def _announce(self) -> None:
        """A lazy module has no weights before its first input."""
        self._parameters.update({"weight": None, "bias": None})

    def reset_parameters(self) -> None:
        """Draw the weights anew, as PyTorch starts them."""
        self._specs = specs(self._layer)
        self._parameters.clear()
        self._buffers.clear()
        for spec in self._specs:
            value = spec.start()
            array = value.astype(self._dtype) if value.dtype.kind == "f" else value
            if spec.buffer:
                self._buffers[spec.name] = as_tensor(array)
            else:
                self._parameters[spec.name] = Parameter(array)
        for name in ("weight", "bias"):
            # PyTorch's layers without a bias still have the attribute, which is None.
            if (name == "weight" and self._specs) or name in self._layer.arguments:
                self._parameters.setdefault(name, None)
        if "track_running_stats" in self._layer.arguments:
            for name in _MOMENTS:
                self._buffers.setdefault(name, None)

    def forward(self, input: Any) -> Any:
        """Run the layer on an array; the batch may be left out where PyTorch allows it.

        Raises:
            ShapeError, Refusal
            ArgumentError: CW605 for a tensor of another type than the weights.
        """
        return self._computed(input)

    def _computed(self, input: Any, activation: str | None = None, layer: Layer | None = None) -> Any:
        """`forward`, with an activation applied together with the last op, or with the same weights in another `layer`."""
        array = self._received(input)
        if self._lazy:
            self._settle(array.shape)
        layer = layer or self._layer
        weights: dict[int, dict[str, Any]] = {}
        for spec in self._specs:
            # A weight that is computed before every call is a buffer, too (`utils/reweighting.py`).
            value = (
                self._buffers.get(spec.name)
                if spec.buffer
                else self._parameters.get(spec.name, self._buffers.get(spec.name))
            )
            if spec.role and value is not None:
                weights.setdefault(spec.op, {})[spec.role] = plain(value)
        return finished(layer, input, run_layer(layer, array, weights, activation))

    def _joined(self, after: Module) -> str | None:
        """The activation that the module `after` adds and that runs together with this one; None where it does not.

        Only where both are what they are called, unchanged, and compute float32: float16 is rounded between the two.
        """
        weight = self._parameters.get("weight")
        if not self._plain or not isinstance(after, DialectModule) or not after._plain or weight is None:
            return None
        return joined(self._layer.ops, after._layer.ops) if plain(weight).dtype == np.float32 else None

    @property
    def _plain(self) -> bool:
        """Whether a call is this class's `forward` and nothing beside it."""
        own = type(self).forward is DialectModule.forward and type(self).__call__ is Module.__call__
        return own and "forward" not in self.__dict__ and not self._lazy and not self._hooked

    def _received(self, input: Any) -> Array:
        """The input; a tensor must have the weights' type, a plain NumPy array is brought to it."""
        array = plain(input)
        if array.dtype.kind not in "biuf":
            raise ArgumentError(
                "CW605", f"an array of {array.dtype} is no input", layer=self._get_name(), received=type(input).__name__
            )
        weight = next((plain(value) for value in self._parameters.values() if value is not None), None)
        if weight is None or array.dtype == weight.dtype:
            return array
        if not isinstance(input, Tensor):
            return array.astype(weight.dtype)
        raise ArgumentError(
            "CW605",
            f"the input is {array.dtype}, the weights are {weight.dtype}",
            layer=f"PyTorch {self._get_name()}",
            received=array.dtype.name,
            quote=_types_differ(
                self._layer.ops[0], array.dtype, weight.dtype, self._parameters.get("bias") is not None
            ),
            hint=f"x.to(torch.{weight.dtype}), or module.to(torch.{array.dtype})"
            if array.dtype.kind == "f"
            else "x.float()",
        )

    def _settle(self, shape: tuple[int, ...]) -> None:
        """Make a lazy module's weights for the channels or features of its first input."""
        flow = dialects.get("torch").flow(self._layer, shape)
        word, size = _lazy_word(self._layer.ops[0], flow, len(shape))
        own = {name: self.__dict__.get(name, value) for name, value in self._layer.arguments.items()}
        arguments = {word: size, **{name: value for name, value in own.items() if name not in ("device", "dtype")}}
        kind = self.kind.removeprefix("Lazy")
        self._written = dialects.get("torch").read(make_call(kind, (), arguments), None)
        self._now, self._stale = self._written, False
        from convwise.torch.nn import module_class

        self.__class__ = module_class(kind)
        self._lazy = False
        self.reset_parameters()

    def extra_repr(self) -> str:
        return between_brackets(self._layer)

    def __getattr__(self, name: str) -> Any:
        """Parameters, then arguments by their names: `conv.weight`, `conv.kernel_size`."""
        for table in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(table, {}):
                return self.__dict__[table][name]
        if "_written" in self.__dict__ and name in self._written.arguments:
            return as_stored(self._layer, name)
        return super().__getattr__(name)


class ConvModule(DialectModule):
    """A convolution, which runs with other weights too."""

    def _conv_forward(self, input: Any, weight: Any, bias: Any) -> Any:
        """What subclasses call that standardise or mask their weights first."""
        layer = renewed(self._written, self._changed, {"weight": weight, "bias": bias})
        given = {"weight": plain(weight)} | ({} if bias is None else {"bias": plain(bias)})
        return finished(layer, input, run_layer(layer, self._received(input), {0: given}))


class TransposedModule(DialectModule):
    """A transposed convolution, whose size can be asked for with the input."""

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """Run the layer; `output_size` takes the place of `output_padding`, as the sizes alone or with batch and channels.

        Raises:
            ShapeError, Refusal, ArgumentError: as other layers; CW201 for a size that no output padding below the stride gives.
        """
        if output_size is None:
            return self._computed(input)
        if self._lazy:
            self._settle(plain(input).shape)
        return self._computed(input, layer=self._of_size(np.shape(input), tuple(output_size)))

    def _of_size(self, shape: tuple[int, ...], wanted: tuple[Any, ...]) -> Layer:
        """The layer with the output padding that gives the size."""
        op = self._layer.ops[0]
        assert isinstance(op, ConvTranspose)
        if len(wanted) not in (op.rank, len(shape)):
            raise Refusal(
                "CW204",
                f"output_size has {len(wanted)} values for {op.rank} axes",
                layer=f"PyTorch {self._get_name()}",
                received=wanted,
                quote=f"ConvTranspose{op.rank}D: for {len(shape)}D input, output_size must have {op.rank} or {len(shape)} elements (got {len(wanted)})",
                hint=f"give {op.rank} sizes",
            )
        wanted = wanted[len(wanted) - op.rank :]
        least = dialects.get("torch").flow(_padded(self._layer, (0,) * op.rank), shape).output[-op.rank :]
        most = [(low or 0) + window.stride - 1 for low, window in zip(least, op.windows, strict=True)]
        if any(not (low or 0) <= size <= high for low, size, high in zip(least, wanted, most, strict=True)):
            raise Refusal(
                "CW201",
                f"output_size is {wanted}; sizes from {tuple(least)} to {tuple(most)} come from this input",
                layer=f"PyTorch {self._get_name()}",
                received=wanted,
                quote=f"requested an output size of {list(wanted)}, but valid sizes range from {list(least)} to {most} (for an input of torch.Size({list(shape[-op.rank :])}))",
                hint="ask for a size between them, or resize the result",
            )
        return _padded(self._layer, tuple(size - (low or 0) for size, low in zip(wanted, least, strict=True)))


def _padded(layer: Layer, output_padding: tuple[int, ...]) -> Layer:
    arguments = {name: value for name, value in layer.arguments.items() if name not in ("device", "dtype")}
    call = Call(layer.kind, (), tuple({**arguments, "output_padding": output_padding}.items()))
    return dialects.get("torch").read(replace(call, text=as_text(call)), None)


def _lazy_word(op: Op, flow: LayerFlow, ndim: int) -> tuple[str, int]:
    shape = flow.flows[0].input
    if isinstance(op, Dense):
        return "in_features", int(shape[-1] or 0)
    if isinstance(op, Norm):
        return "num_features", int(shape[1] or 0)
    assert isinstance(op, Conv | ConvTranspose)
    return "in_channels", int(shape[1 if ndim == op.rank + 2 else 0] or 0)


def _types_differ(op: Op, given: np.dtype[Any], weight: np.dtype[Any], bias: bool) -> str:
    if isinstance(op, Dense):
        return f"mat1 and mat2 must have the same dtype, but got {_capital(given)} and {_capital(weight)}"
    if isinstance(op, Conv | ConvTranspose):
        return f"Input type ({spoken(given)}) and {'bias' if bias else 'weight'} type ({spoken(weight)}) should be the same"
    return ""


def _capital(dtype: np.dtype[Any]) -> str:
    return {
        "float32": "Float",
        "float64": "Double",
        "float16": "Half",
        "int64": "Long",
        "int32": "Int",
        "uint8": "Byte",
    }.get(dtype.name, dtype.name)
