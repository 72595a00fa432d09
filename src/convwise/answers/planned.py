"""How the convolutions of a text would be run here: each layer's plan, from the engine's public `plan`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convwise import dialects
from convwise.answers.inputs import as_shape, enter
from convwise.answers.printed import in_order
from convwise.answers.why import pair_of, snippet_of
from convwise.dialects.base import in_use
from convwise.errors import ArgumentError, ConvwiseError
from convwise.ops import Conv, Layout, Op, Pointwise, Shape
from convwise.ops.images import as_image, without_border

if TYPE_CHECKING:
    from convwise.dialects.base import Layer
    from convwise.engine.plan import Plan


@dataclass(frozen=True, slots=True)
class Seen:
    """A convolution as the kernels see it, on an input of `shape`; `told` says what makes it that."""

    op: Conv
    shape: Shape
    told: str = ""


@dataclass(frozen=True, slots=True)
class One:
    """A convolution's plan, with the layer's text; `told` as in `Seen`."""

    text: str
    plan: Plan
    told: str = ""

    def __str__(self) -> str:
        return f"{self.text}\n{f'  as         {self.told}' + chr(10) if self.told else ''}{self.plan}"

    def to_dict(self) -> dict[str, Any]:
        return {"layer": self.text, **({"as": self.told} if self.told else {}), **self.plan.to_dict()}


@dataclass(frozen=True, slots=True)
class Planned:
    """One plan for each convolution over one or two axes."""

    plans: tuple[One, ...]

    @property
    def failures(self) -> list[ConvwiseError]:
        return []

    def to_dict(self) -> dict[str, Any]:
        return {"plans": [one.to_dict() for one in self.plans]}

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.plans))

    @property
    def lines(self) -> str:
        """One line a plan."""
        return "\n".join(f"{one.text}: {one.plan.algorithm} ({one.plan.kernel or 'NumPy'})" for one in self.plans)


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
        ShapeError, CodeError, ArgumentError: as `explain`; CW606 where there is no convolution over one or two axes.
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
    plans: list[One] = []
    for layer in found.layers:
        with in_order(found.unordered):
            flow = in_use(dialects.get(layer.dialect), layer, current)
        shapes = [flow.input, *(one.output for one in flow.flows)]
        for number, op in enumerate(layer.ops):
            seen = _seen(op, shapes[number], layer.channels_last) if isinstance(op, Conv) else None
            if seen is not None:
                plan = _plan(seen, layer, layer.ops[number + 1 :], algorithm, threads, tune)
                plans.append(One(layer.call.text, plan, seen.told))
        current = flow.output
    if not plans:
        raise ArgumentError(
            "CW606",
            "there is no convolution over one or two axes to plan",
            received=code[:80],
            hint="such as Conv2D(64, 3); kernels run pools and transposed convolutions too, but of these there is no plan",
        )
    return Planned(tuple(plans))


def _seen(op: Conv, shape: Shape, channels_last: bool) -> Seen | None:
    """The convolution as the engine runs it: lines are images of one row, and a border is laid around first; None over three axes."""
    layout = Layout(channels_last, batched=len(shape) == op.rank + 2)
    told = []
    image = as_image(op)
    if isinstance(image, Conv):
        row = int(layout.batched) + int(not channels_last)
        op, shape = image, (*shape[:row], 1, *shape[row:])
        told.append("an image of one row")
    if op.rank != 2:
        return None
    if op.padding_mode != "zeros":
        told.append(f"a convolution without padding, behind a border of its own ({op.padding_mode})")
        border, op = without_border(op, [size or 0 for size in layout.split(shape)[2]])
        shape = border.flow(shape, layout).output
    return Seen(op, shape, ", as ".join(told))


def _plan(
    seen: Seen, layer: Layer, after: tuple[Op, ...], algorithm: str | None, threads: int | None, tune: bool
) -> Plan:
    from convwise.engine.plan import plan  # and NumPy with it, when a plan is asked for

    shape = seen.shape
    settled = seen.op.bound(shape[-1] if layer.channels_last else shape[-3])
    sizes = Layout(layer.channels_last, batched=len(shape) == 4).split(shape)[2]
    pads = [window.pads(size or 0) for window, size in zip(settled.windows, sizes, strict=True)]
    return plan(
        shape,
        settled.weight_shape(),
        stride=tuple(window.stride for window in settled.windows),
        dilation=tuple(window.dilation for window in settled.windows),
        padding=tuple((pad.low, pad.high) for pad in pads),
        groups=settled.groups or 1,
        layout="NHWC" if layer.channels_last else "NCHW",
        activation=next((one.kind for one in after[:1] if isinstance(one, Pointwise) and not one.options), None),
        algorithm=algorithm,
        threads=threads,
        tune=tune,
    )
