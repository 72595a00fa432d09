"""Operators whose windows slide: convolutions, their transposes, and pools."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.axis import NO_PADS, SAME_UPPER, Window
from convwise.ops import Conv, ConvTranspose, Pool, Unflatten
from convwise.ops.several import Arithmetic, PadTo, SizeOf, Term
from convwise.readers.tflite.arithmetic import linear
from convwise.readers.tflite.graph import Step
from convwise.readers.tflite.model import StoredNumbers, contradicting
from convwise.readers.torch_live.values import Tensor

MANY = 1 << 20
"""A size far above any window, for what is the same at all sizes."""


def windows(
    step: Step, kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> tuple[Window, ...]:
    """The windows of an operator whose first option is its padding: 0 for SAME, 1 for VALID."""
    if min(kernel + strides + dilations) < 1:
        fact = f"{step.operator.kind} has a kernel of {kernel}, strides of {strides} and dilations of {dilations}; each is at least 1"
        raise contradicting(fact)
    padding = NO_PADS if step.byte(0) else SAME_UPPER
    return tuple(
        Window(size, stride, dilation, padding)
        for size, stride, dilation in zip(kernel, strides, dilations, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Options:
    """Where a convolution's options stand: strides and dilations an axis each, the activation."""

    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    activation: int


CONV = Options((2, 1), (5, 4), 3)
DEPTHWISE = Options((2, 1), (6, 5), 4)
CONV3D = Options((1, 3, 2), (5, 7, 6), 4)


def conv(step: Step) -> tuple[Tensor, ...]:
    """CONV_2D: the kernel is (out, height, width, in / groups); an input of more channels than the kernel reads has groups."""
    found = step.weights(1, 4)
    if found is None:
        return step.lost("the sizes of its kernel are not known")
    (out, *kernel, inner), stored = found
    channels = _channels(step)
    groups = channels // inner if channels is not None and not channels % inner else 1
    return _convolved(step, CONV, kernel, inner * groups, out, groups, stored)


def depthwise(step: Step) -> tuple[Tensor, ...]:
    """DEPTHWISE_CONV_2D: the kernel is (1, height, width, in * multiplier)."""
    found = step.weights(1, 4)
    if found is None:
        return step.lost("the sizes of its kernel are not known")
    (_, *kernel, out), stored = found
    # Older writers leave the multiplier out of the kernel's story; the input's channels tell it.
    groups = _channels(step) or out // max(step.whole(3), 1)
    return _convolved(step, DEPTHWISE, kernel, groups, out, groups, stored)


def conv3d(step: Step) -> tuple[Tensor, ...]:
    """CONV_3D: the kernel is (depth, height, width, in, out)."""
    found = step.weights(1, 5)
    if found is None:
        return step.lost("the sizes of its kernel are not known")
    (*kernel, inner, out), stored = found
    return _convolved(step, CONV3D, kernel, inner, out, 1, stored)


def _channels(step: Step) -> int | None:
    """The channels of the image that is read."""
    x = step.input(0)
    return step.graph.building.shape(x)[-1] if step.rank() == 4 else None


def _convolved(
    step: Step,
    options: Options,
    kernel: list[int],
    channels: int,
    out: int,
    groups: int,
    stored: tuple[StoredNumbers, ...],
) -> tuple[Tensor, ...]:
    biased, bias = step.bias(2)
    strides = tuple(step.whole(place) for place in options.strides)
    dilations = tuple(step.whole(place, 1) for place in options.dilations)
    op = Conv(windows(step, tuple(kernel), strides, dilations), channels, out, groups, biased)
    return step.emit((op, *step.activation(options.activation)), [step.input(0)], (*stored, *bias))


def pool(step: Step) -> tuple[Tensor, ...]:
    """AVERAGE_POOL_2D, which divides by the cells that are data, and MAX_POOL_2D."""
    kind = "max" if step.operator.kind == "MAX_POOL_2D" else "average"
    sliding = windows(step, (step.whole(4), step.whole(3)), (step.whole(2), step.whole(1)), (1, 1))
    return step.emit((Pool(kind, sliding), *step.activation(5)), [step.input(0)])


def transposed(step: Step) -> tuple[Tensor, ...]:
    """TRANSPOSE_CONV(output_shape, kernel, x): the kernel is (out, height, width, in); the output's sizes are an input."""
    found, wanted = step.weights(1, 4), step.sizes(0)
    if found is None or wanted is None or len(wanted) != 4 or not step.has(2) or step.rank(2) != 4:
        return step.lost("the sizes of its output or of its kernel are not known")
    (out, *kernel, inner), stored = found
    x, building = step.input(2), step.graph.building
    sliding = windows(step, tuple(kernel), (step.whole(2), step.whole(1)), (1, 1))
    recorded = step.graph.model.tensors[step.operator.inputs[2]].shape or (None,) * 4
    settled = [
        _settled(window, building.size(x, axis), wanted[axis], recorded[axis])
        for axis, window in zip((1, 2), sliding, strict=True)
    ]
    if None in settled:
        return step.lost("its output is smaller or larger than its windows reach")
    fixed = [one for one in settled if one is not None]
    biased, bias = step.bias(3)
    op = ConvTranspose(tuple(window for window, _ in fixed), inner, out, 1, biased, tuple(extra for _, extra in fixed))
    # The number of images is written too, and no other is taken.
    images = (Unflatten(0, (wanted[0],)),) if isinstance(wanted[0], int) and wanted[0] > 0 else ()
    made = step.emit((*images, op, *step.activation(3)), [x], (*stored, *bias))
    # A size that is written as a number stays that number when the input changes.
    written = [axis for axis in (1, 2) if isinstance(wanted[axis], int) and not isinstance(building.size(x, axis), int)]
    if not written:
        return made
    more: list[tuple[Term, Term]] = [
        (0, Arithmetic("subtract", wanted[axis], SizeOf(made[0].number, axis))) for axis in written
    ]
    return step.emit(PadTo(tuple(written), tuple(more)), made)


def _settled(window: Window, size: Term, wanted: Term, recorded: int | None) -> tuple[Window, int] | None:
    """The window with its pads as numbers, and the cells that the output has beyond the smallest one; None where it has fewer.

    The pads are those of the convolution back from the wanted size, which is `stride` times the size and some cells more.
    """
    told = linear(wanted)
    if isinstance(wanted, int):
        if not isinstance(size, int) and recorded is None:
            return None
        many, whole = (size if isinstance(size, int) else recorded or 0), wanted
    elif told is not None and told[0] == size and told[1] == window.stride:
        many, whole = MANY, told[1] * MANY + told[2]
    else:
        return None
    fixed = Window(window.kernel, window.stride, 1, window.pads(whole))
    extra = whole - fixed.transposed(many)
    return (fixed, extra) if extra >= 0 else None


RULES = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "CONV_3D": conv3d,
    "AVERAGE_POOL_2D": pool,
    "MAX_POOL_2D": pool,
    "TRANSPOSE_CONV": transposed,
}
