"""Why nothing was found within the bounds, and what comes nearest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from convwise import dialects
from convwise.answers.explanation import show
from convwise.answers.solve.question import HIGHEST_RANK, Pair, Question
from convwise.answers.solve.saying import CHANNELS_FIRST, Answers, first
from convwise.answers.solve.search import BOUNDS, KERNELS, STRIDES
from convwise.axis import Window, uncovered
from convwise.errors import Refusal, ShapeError
from convwise.ops import spatial_names

NEAREST_TRIED = 3


def nothing(tried: Sequence[Answers]) -> ShapeError:
    """The answer "no": the fact, the arithmetic behind it, and the nearest question that has an answer."""
    question = tried[0].question
    spoken = dialects.get(question.dialect)
    pairs = " and ".join(f"{show(a)} -> {show(b)}" for a, b in zip(question.inputs, question.outputs, strict=True))
    fixed = ", ".join(question.fixed.told(name) for name in question.fixed.names)
    what = " or ".join(_name(one.question) for one in tried)
    refused = next((one.refused for one in tried if one.seen and one.refused is not None), None)
    channels = _channels(tried)
    hints = [channels, _alone(tried), *_dropping(tried), *([] if channels else _nearest(tried))]
    hint = "\n".join(line for line in hints if line) or "try larger sizes, or a chain of two layers"
    if refused is not None:
        return Refusal(
            refused.code,
            f"{spoken.title} refuses every {what} that would give {pairs}{f' with {fixed}' if fixed else ''}",
            detail=refused.fact,
            hint=hint,
            quote=refused.quote,
        )
    return ShapeError(
        "CW111",
        f"no {what} of {spoken.title} gives {pairs}{f' with {fixed}' if fixed else ''}",
        detail="\n".join([*_arithmetic(tried), f"searched: {BOUNDS}"]),
        hint=hint,
    )


def _name(question: Question) -> str:
    names = {"conv": "convolution", "transpose": "transposed convolution", "max_pool": "max pool"}
    return names.get(question.op, "average pool")


def _arithmetic(tried: Sequence[Answers]) -> Iterator[str]:
    """The sentence that shows it where there is a short one: growth, and sizes that want different strides."""
    question = tried[-1].question
    if question.grows and question.op != "transpose":
        yield "a window with at most half of itself in padding on each side gives at most one more than the size"
    for name, pairs in zip(spatial_names(question.rank), question.axes, strict=True):
        for small, large in pairwise(pairs):
            if (large[1] - small[1]) * (large[0] - small[0]) < 0 or small[0] == large[0]:
                yield f"{name}: {_told(small)} and {_told(large)}: outputs of one layer never fall as the size grows"
                return


def _told(pair: Pair) -> str:
    return f"{pair[0]} -> {pair[1]}"


def _alone(tried: Sequence[Answers]) -> str:
    """For several sizes: whether each alone has an answer."""
    question = tried[0].question
    if len(question.inputs) < 2:
        return ""
    told = []
    for given, wanted in zip(question.inputs, question.outputs, strict=True):
        alone = _first([replace(one.question, inputs=(given,), outputs=(wanted,)) for one in tried])
        told.append(f"{show(given)} -> {show(wanted)} alone: {alone or 'nothing either'}")
    return "\n".join(told)


def _channels(tried: Sequence[Answers]) -> str:
    """For sizes of three axes that may be two and the channels: what is found for the two, in the dialect's order first."""
    question = tried[0].question
    if question.rank != HIGHEST_RANK or len(set(question.axes)) == 1:
        return ""
    for place in (0, 2) if question.dialect in CHANNELS_FIRST else (2, 0):
        (given, wanted), *more = question.axes[place]
        if more or (question.pooling and given != wanted):
            continue
        alone = [one.question.over([axis for axis in range(HIGHEST_RANK) if axis != place]) for one in tried]
        alone = [replace(one, in_channels=given, filters=wanted) for one in alone]
        text = _first(alone if alone[0].grows else alone[::-1])
        if text:
            sizes = f"{show(alone[0].inputs[0])} -> {show(alone[0].outputs[0])}"
            return f"sizes are given without channels: if {given} and {wanted} are channels, {sizes} has {text}"
    return ""


def _dropping(tried: Sequence[Answers]) -> Iterator[str]:
    """What is found with one fixed word left free."""
    names = tried[0].question.fixed.names
    for name in names:
        freed = _first([replace(one.question, fixed=one.question.fixed.without(name)) for one in tried])
        if freed:
            yield f"without {tried[0].question.fixed.told(name)}: {freed}"


def _first(questions: Sequence[Question]) -> str | None:
    """The first answer of the first question that has one."""
    return next((text for question in questions if (text := first(question)) is not None), None)


def _nearest(tried: Sequence[Answers]) -> Iterator[str]:
    """The output nearest to the wanted one that the same input has an answer for."""
    question = tried[0].question
    if len(question.inputs) > 1:
        return
    (given,), (wanted,) = question.inputs, question.outputs
    reached: set[tuple[int, ...]] = set()
    for one in tried:
        axes = {pair: axis for axis, pair in enumerate(zip(given, wanted, strict=True))}
        each = {pair: _outputs(one.question, axis, *pair) for pair, axis in axes.items()}
        near = [each[pair] for pair in zip(given, wanted, strict=True)]
        if all(near):
            reached |= set(zip(*near, strict=False)) | {tuple(options[0] for options in near)}
    ordered = sorted(reached, key=lambda outs: (sum(abs(a - b) for a, b in zip(outs, wanted, strict=True)), -sum(outs)))
    for outs in ordered[:NEAREST_TRIED]:
        text = _first([replace(one.question, outputs=(outs,)) for one in tried]) if outs != wanted else None
        if text:
            yield f"nearest: {show(given)} -> {show(outs)}: {text}"
            return


def _outputs(question: Question, axis: int, given: int, wanted: int) -> list[int]:
    """Outputs of one axis near the wanted one, the nearest first, by each kernel and stride with the pads it may have."""
    fixed, found = question.fixed, set[int]()
    dilation = fixed.dilation[axis] if fixed.dilation else 1
    strides = [fixed.stride[axis]] if fixed.stride else range(1, STRIDES + 1)
    if fixed.padding in ("same", "causal") and question.op != "transpose":
        # Then the stride alone decides, as for a window of one cell.
        found = {Window(1, one).over(given).out for one in strides}
        return sorted(found, key=lambda one: (abs(one - wanted), -one))[:NEAREST_TRIED]
    for stride in strides:
        for kernel in [fixed.kernel[axis]] if fixed.kernel else sorted({*range(1, KERNELS + 1), stride}):
            window = Window(kernel, stride, dilation)
            most = 0 if fixed.padding == "valid" else window.span // 2
            # More padding never gives less, so only pads next to those that the wanted output needs can be nearest.
            half = (window.span - 1 - max(uncovered(stride, given, wanted), default=0)) // 2
            near = {min(max(half + one, 0), most) for one in (-1, 0, 1, 2)} | {0, most}
            pads = {fixed.padding[axis]} if isinstance(fixed.padding, tuple) else near
            for pad in pads:
                # Padding is as many cells more for a window to slide over, and fewer that its transpose leaves.
                if question.op == "transpose":
                    least = window.transposed(given) - 2 * pad
                    extra = [fixed.output_padding[axis]] if fixed.output_padding else range(stride)
                    found.update(least + one for one in {extra[0], min(max(wanted - least, 0), extra[-1])})
                else:
                    found.add(window.out(given + 2 * pad))
    return sorted((one for one in found if one >= 1), key=lambda one: (abs(one - wanted), -one))[:NEAREST_TRIED]
