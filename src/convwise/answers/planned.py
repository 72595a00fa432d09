"""How the convolutions of a text would be run here: each layer's plan, from the engine's public `plan`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convwise import dialects
from convwise.answers.inputs import as_shape, enter
from convwise.answers.printed import in_order
from convwise.answers.why import pair_of, snippet_of
from convwise.axis import Pads
from convwise.dialects.base import in_use
from convwise.errors import ArgumentError, ConvwiseError
from convwise.ops import AdaptivePool, Conv, ConvTranspose, GlobalPool, Op, Pointwise, Pool, Shape

if TYPE_CHECKING:
    from convwise.dialects.base import Layer
    from convwise.engine.plan import Plan


@dataclass(frozen=True, slots=True)
class Planned:
    """One plan for each two-dimensional convolution, with the layer's text."""

    plans: tuple[tuple[str, Plan], ...]

    @property
    def failures(self) -> list[ConvwiseError]:
        return []

    def to_dict(self) -> dict[str, Any]:
        return {"plans": [{"layer": text, **plan.to_dict()} for text, plan in self.plans]}

    def __str__(self) -> str:
        return "\n\n".join(f"{text}\n{plan}" for text, plan in self.plans)

    @property
    def lines(self) -> str:
        """One line a plan."""
        return "\n".join(f"{text}: {plan.algorithm} ({plan.kernel or 'NumPy'})" for text, plan in self.plans)


def planned(
    code: str,
    shape: Any,
    *,
    dialect: str | None = None,
    algorithm: str | None = None,
    threads: int | None = None,
    tune: bool = False,
) -> Planned:
    """The plans of the convolutions in `code`, for one image where `shape` has no batch; `tune` measures them.

    Raises:
        ShapeError, CodeError, ArgumentError: as `explain`; CW606 where there is no two-dimensional convolution.
    """
    given = None if shape is None else as_shape(shape)
    found = pair_of(snippet_of(code, dialect, None, given), given)
    current = given if given is not None else found.input_shape
    if found.error is not None:
        raise found.error
    if current is None or None in current:
        raise ArgumentError("CW310", "a plan needs every size of the input", received=current, hint="such as 3x224x224")
    entered = enter(dialects.get(found.layers[0].dialect), found, current)
    current = tuple(1 if size is None else size for size in entered.shape)
    plans: list[tuple[str, Plan]] = []
    for layer in found.layers:
        with in_order(found.unordered):
            flow = in_use(dialects.get(layer.dialect), layer, current)
        shapes = [flow.input, *(one.output for one in flow.flows)]
        plans += [
            (layer.call.text, _plan(op, shapes[number], layer, layer.ops[number + 1 :], algorithm, threads, tune))
            for number, op in enumerate(layer.ops)
            if isinstance(op, Conv) and op.rank == 2 and op.padding_mode == "zeros"
        ]
        current = flow.output
    if not plans:
        raise _nothing_to_plan(code, found.layers)
    return Planned(tuple(plans))


def _nothing_to_plan(code: str, layers: Sequence[Layer]) -> ArgumentError:
    """What runs layers of which there is no plan."""
    fact, hint = "there is no two-dimensional convolution to plan", "such as Conv2D(64, 3)"
    for op in (op for layer in layers for op in layer.ops):
        if isinstance(op, Conv) and op.rank == 2 and op.padding_mode != "zeros":
            fact = f"NumPy runs a convolution whose padding is {op.padding_mode!r}: plans are of padding with zeros"
            hint = "lay the border around with a layer of its own, and plan the convolution without padding behind it"
        elif isinstance(op, Conv | ConvTranspose | Pool) and op.rank != 2:
            fact = "NumPy runs windows over one or three axes: plans are of two-dimensional convolutions"
        elif isinstance(op, ConvTranspose | Pool | GlobalPool | AdaptivePool):
            fact = "plans are of convolutions: the transposed and the pool kernels, which run such layers, have none"
            hint = "convwise doctor tells which kernels there are"
    return ArgumentError("CW606", fact, received=code[:80], hint=hint)


def _plan(
    op: Conv, shape: Shape, layer: Layer, after: tuple[Op, ...], algorithm: str | None, threads: int | None, tune: bool
) -> Plan:
    # The name on the package loads the engine, and NumPy, only here.
    import convwise

    settled = op.bound(shape[-1] if layer.channels_last else shape[-3])
    pads = [window.padding for window in settled.windows]
    return convwise.plan(
        shape,
        settled.weight_shape(),
        stride=tuple(window.stride for window in settled.windows),
        dilation=tuple(window.dilation for window in settled.windows),
        padding=tuple((pad.low, pad.high) for pad in pads if isinstance(pad, Pads)) or "same",
        groups=settled.groups or 1,
        layout="NHWC" if layer.channels_last else "NCHW",
        activation=next((one.kind for one in after[:1] if isinstance(one, Pointwise) and not one.options), None),
        algorithm=algorithm,
        threads=threads,
        tune=tune,
    )
