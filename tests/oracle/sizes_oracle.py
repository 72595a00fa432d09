"""Which input sizes a whole network takes, asked of the framework itself, beside what convwise says."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from convwise.answers.network.legal import LegalSizes

Takes = Callable[[int, int], "str | None"]
"""(height, width) -> what the framework says against them; None where it takes them."""

REFUSALS = (RuntimeError, ValueError, AssertionError, IndexError, TypeError, NotImplementedError, ZeroDivisionError)


def words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def torch_takes(module: Any, channels: int = 3, device: str = "meta") -> Takes:
    """PyTorch's own run of the module in evaluation mode, on tensors without data or (device="cpu") with it.

    Without data, batch normalisation is run as the product a channel that it then is: its own decomposition takes nine tenths of the time.
    """
    import torch

    twin = with_products(copy.deepcopy(module).eval().to(device)) if device == "meta" else on_cpu(module)

    def takes(height: int, width: int) -> str | None:
        try:
            with torch.no_grad():
                twin(torch.zeros((1, channels, height, width), device=device))
        except REFUSALS as error:
            return words(error)
        return None

    return takes


def with_products(module: Any) -> Any:
    """The module, with what batch normalisation in evaluation mode does to shapes in place of it."""
    from torch import nn

    class Product(nn.Module):
        def __init__(self, norm: Any) -> None:
            super().__init__()
            self.scale = norm.running_mean

        def forward(self, x: Any) -> Any:
            if x.dim() < 2 or x.shape[1] != len(self.scale):
                raise RuntimeError(f"running_mean should contain {x.shape[1]} elements not {len(self.scale)}")
            return x * self.scale.view(1, -1, *[1] * (x.dim() - 2))

    for part in list(module.modules()):
        for name, child in list(part.named_children()):
            if type(child) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d) and child.running_mean is not None:
                setattr(part, name, Product(child))
    return module


def on_cpu(module: Any) -> Any:
    """A copy with real memory. Parameters without data become zeros; tables that hold indices must be real already."""
    import torch

    twin = copy.deepcopy(module).eval()
    if any(part.device.type == "meta" for part in (*twin.parameters(), *twin.buffers())):
        twin = twin.to_empty(device="cpu")
        with torch.no_grad():
            for part in (*twin.parameters(), *twin.buffers()):
                part.zero_()
    return twin


def keras_takes(model: Any) -> Takes:
    """A symbolic call of the model: every layer's own shape rule, and no numbers.

    Concatenate compares the sizes of what it joins when it is built, not when it is asked for its output, so it is built again.
    A layer's rule is a function of the shapes alone, so it is asked once for each: behind a few strides most sizes are the same.
    """
    import keras

    channels = model.inputs[0].shape[-1]
    known: dict[Any, Any] = {}

    def asked(op: Any) -> Any:
        def spec(*args: Any, **kwargs: Any) -> Any:
            parts = keras.tree.flatten((args, kwargs))
            key = (id(op), *(getattr(part, "shape", None) or repr(part) for part in parts))
            if key not in known:
                try:
                    known[key] = answer(op, *args, **kwargs)
                except REFUSALS as error:
                    known[key] = error
            if isinstance(known[key], Exception):
                raise known[key]
            return known[key]

        return spec

    def answer(op: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(op, keras.layers.Concatenate):
            keras.layers.Concatenate(axis=op.axis).build([part.shape for part in args[0]])
        return op.compute_output_spec(*args, **kwargs)

    def takes(height: int, width: int) -> str | None:
        try:
            model._run_through_graph(keras.KerasTensor((None, height, width, channels)), operation_fn=asked)
        except REFUSALS as error:
            return words(error)
        return None

    return takes


def keras_runs(model: Any, notes: list[str] | None = None) -> Takes:
    """A real call of the model on zeros, which must give the shapes of the symbolic call.

    TensorFlow's depthwise kernel with oneDNN answers a window that is longer than its input by a tensor as large as the input, and
    Keras asks its own rule only when it builds the layer. Such an answer counts as the refusal that Keras's rule is; `notes` tells of it.
    """
    import numpy as np
    import tensorflow as tf

    channels = model.inputs[0].shape[-1]
    symbolic = keras_takes(model)

    def takes(height: int, width: int) -> str | None:
        rule = symbolic(height, width)
        try:
            model(np.zeros((1, height, width, channels), np.float32), training=False)
        except (*REFUSALS, tf.errors.OpError) as error:
            return words(error)
        if rule is not None and notes is not None:
            notes.append(f"{height} x {width} runs against Keras's own rule")
        return rule

    return takes


def disagreements(takes: Takes, legal: LegalSizes, pairs: Iterable[tuple[int, int]]) -> list[str]:
    """The sizes, (height, width), on which the framework and the legal set do not agree."""
    wrong = []
    for height, width in pairs:
        refused, allowed = takes(height, width), legal.takes((height, width))
        if allowed != (refused is None):
            wrong.append(f"{height} x {width}: legal {allowed}, the framework: {refused or 'takes it'}")
    return wrong


def boundaries(legal: LegalSizes, width: int, last: int) -> list[int]:
    """The heights of 1 to `last` on either side of every change between legal and not, at this width."""
    fits = [legal.takes((height, width)) for height in range(1, last + 1)]
    return sorted({n for at in range(1, last) if fits[at] != fits[at - 1] for n in (at, at + 1)})


def good_pair(legal: LegalSizes, near: int = 224) -> tuple[int, int] | None:
    """Two legal sizes near this one, which differ where they can; None where there are none."""
    return legal.nearest((near, near + 37))
