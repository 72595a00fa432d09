"""The windows that give the wanted sizes, by arithmetic: nothing is tried, everything is read off the preimage.

For windows `stride` apart, n cells give `out` windows where `span - 1 - pads` lies in one interval of `stride` numbers,
`uncovered(stride, n, out)`, whatever the kernel. So a stride is settled once for all kernels; several sizes intersect
their intervals; 'valid' needs span - 1 in it, 'same' needs 0 in it, and every number between is a padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import TypeVar

from convwise.answers.solve.question import Fixed, Pair, Question
from convwise.axis import NO_PADS, SAME_UPPER, Padding, Pads, Window, causal_pads, split_total, uncovered

KERNELS = 16
STRIDES = 32
DILATIONS = 4
BOUNDS = (
    f"kernels 1 to {KERNELS} (or the stride, or a whole axis to or from one cell), strides 1 to {STRIDES}, "
    f"dilations 1 to {DILATIONS} at stride 1 (of pools 1), padding up to half a window a side"
)
"""What is searched where nothing is fixed; a fixed word may have any value up to `question.LARGEST`."""

T = TypeVar("T")


@lru_cache(maxsize=4096)
def _span(kernel: int, dilation: int) -> int:
    return Window(kernel, dilation=dilation).span


@lru_cache(maxsize=8192)
def _window(kernel: int, stride: int, dilation: int, padding: Padding, ceil: bool) -> Window:
    return Window(kernel, stride, dilation, padding, ceil)


@dataclass(frozen=True, slots=True)
class Steps:
    """One kernel, stride and dilation an axis: what paddings are found for."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def spans(self) -> tuple[int, ...]:
        return tuple(map(_span, self.kernel, self.dilation))

    def windows(self, paddings: Sequence[Padding], ceil: bool = False) -> tuple[Window, ...]:
        each = zip(self.kernel, self.stride, self.dilation, paddings, strict=True)
        return tuple([_window(k, s, d, padding, ceil) for k, s, d, padding in each])


@dataclass(frozen=True, slots=True)
class Choice:
    """Windows that give every wanted size; `extras` is the output_padding of a transposed layer.

    `stage` 1 is padding that is uneven, which counts only where no even one of the same kernel, stride and dilation does it.
    """

    windows: tuple[Window, ...]
    extras: tuple[int, ...] = ()
    stage: int = 0


def rounds(question: Question) -> Iterator[Iterator[list[Choice]]]:
    """All choices within BOUNDS, those of one kernel, stride and dilation together; a later round is for where no earlier one does it.

    The axes share a free kernel and dilation, and a free stride too where they ask the same. Where nothing is found, each
    axis has a kernel of its own, of those that need no padding but the fixed one. Where an axis only ever has one window
    its stride changes nothing: a free one is then the smallest, and windows that take in the whole axis come before others.
    """
    alike = len(set(question.axes)) == 1 and _uniform(question.fixed)
    for whole in (True, False) if any(idle(question)) else (False,):
        for kernels_alike in (True,) if alike else (True, False):
            steps = _steps(question, strides_alike=alike, kernels_alike=kernels_alike, whole=whole)
            yield _groups(question, steps, loose=kernels_alike, whole=whole)


def _groups(question: Question, steps: Iterable[Steps], *, loose: bool, whole: bool) -> Iterator[list[Choice]]:
    find = _transposed if question.op == "transpose" else _sliding
    for one in steps:
        group = find(question, one, loose=loose)
        kept = _reading_all(question, group) if whole else group
        if kept:
            yield kept


def _uniform(fixed: Fixed) -> bool:
    values = (fixed.kernel, fixed.stride, fixed.padding, fixed.dilation, fixed.output_padding)
    return all(len(set(one)) == 1 for one in values if isinstance(one, tuple))


def _steps(question: Question, *, strides_alike: bool, kernels_alike: bool, whole: bool) -> Iterator[Steps]:
    fixed, rank = question.fixed, question.rank
    own = partial(_kernels if kernels_alike else _own_kernels, whole=whole)
    each: list[dict[int, tuple[int, ...]]] = []
    for axis in range(rank):
        strides = [fixed.stride[axis]] if fixed.stride else range(1, _most_stride(question, axis) + 1)
        fitting = {one: _fitting(question, axis, one, own) for one in strides}
        each.append({stride: fit for stride, fit in fitting.items() if fit})
    for stride, kernels in _joint(each, strides_alike, fixed.kernel is None and kernels_alike):
        for kernel in kernels:
            for dilation in _dilations(question, kernel, stride):
                yield Steps(kernel, stride, dilation)


def _most_stride(question: Question, axis: int) -> int:
    """The longest stride worth a look for one window: one window more than fits needs a place a stride on, and there are no more places than cells and padding.

    Rounding up, a pool has one window too where its kernel is longer than that by less than a stride.
    """
    if question.op == "transpose" or not idle(question)[axis] or len(set(question.axes)) == 1:
        return STRIDES
    kernel, padding = question.fixed.kernel, question.fixed.padding
    added = max(2 * padding[axis], 1) if isinstance(padding, tuple) else 1
    longest = (kernel[axis] if kernel else KERNELS) if question.pooling else 1
    return min(STRIDES, max(longest, max(given for given, _ in question.axes[axis]) + added))


def _fitting(
    question: Question, axis: int, stride: int, own: Callable[[Question, int, int], list[int]]
) -> tuple[int, ...]:
    """The kernels that may do it on one axis at this stride, by themselves."""
    fixed, pairs = question.fixed, question.axes[axis]
    kernels = [fixed.kernel[axis]] if fixed.kernel else own(question, axis, stride)
    if not _possible(question, pairs, stride):
        return ()
    dilations = [fixed.dilation[axis]] if fixed.dilation else range(1, _most_dilation(fixed, stride) + 1)
    spans = {kernel: [Window(kernel, dilation=one).span for one in dilations] for kernel in kernels}
    return tuple(kernel for kernel in kernels if any(_meets(question, axis, stride, one) for one in spans[kernel]))


def _meets(question: Question, axis: int, stride: int, span: int) -> bool:
    """Whether some padding of the bounds lets a window of this span do it on one axis."""
    fixed = question.fixed.padding
    if question.op == "transpose":
        return True  # what is cropped and added is settled for all axes together
    cells = 2 * fixed[axis] if isinstance(fixed, tuple) else 0
    most = 2 * (span // 2) if fixed is None else cells
    one = _allowed(question, stride, question.axes[axis])
    if 0 in one and fixed in (None, "same", "causal"):
        return True
    return fixed not in ("same", "causal") and one.start <= span - 1 - cells and one.stop > span - 1 - most


def _joint(
    each: Sequence[dict[int, tuple[int, ...]]], strides_alike: bool, kernels_alike: bool
) -> Iterator[tuple[tuple[int, ...], Iterable[tuple[int, ...]]]]:
    """Strides, one an axis, with the kernels that go with them: the same on every axis, or each axis its own."""
    shared = set(each[0]).intersection(*each[1:]) if strides_alike else set()
    strides = [(one,) * len(each) for one in sorted(shared)] if strides_alike else product(*each)
    for stride in strides:
        kernels = [fit[one] for fit, one in zip(each, stride, strict=True)]
        if not kernels_alike:
            yield stride, product(*kernels)
        elif both := set(kernels[0]).intersection(*kernels[1:]):
            yield stride, [(one,) * len(each) for one in sorted(both)]


def _kernels(question: Question, axis: int, stride: int, *, whole: bool) -> list[int]:
    """The kernels of BOUNDS for one axis; where its one window is to take in the whole axis, those with a tap for each cell."""
    other, single = (1, 0) if question.op == "transpose" else (0, 1)
    pairs = question.axes[axis]
    alone = {pair[other] for pair in pairs if pair[single] == 1}
    least = max(alone) if whole and idle(question)[axis] else 1
    return [one for one in sorted({*range(1, KERNELS + 1), stride, *alone}) if one >= least]


def _possible(question: Question, pairs: tuple[Pair, ...], stride: int) -> bool:
    """Whether some window of the bounds may do it at this stride: the interval must meet what spans and pads can be."""
    fixed = question.fixed
    largest = max(KERNELS, stride, *(size for pair in pairs for size in pair if 1 in pair))
    span = Window(max(fixed.kernel or (largest,)), dilation=_most_dilation(fixed, stride)).span
    crop = 2 * max(fixed.padding) if isinstance(fixed.padding, tuple) else 1
    if question.op == "transpose":
        lacking = _lacking(Window(1, stride), pairs)
        added = max(fixed.output_padding) if fixed.output_padding else stride - 1
        return lacking is not None and lacking <= crop and lacking + span - 1 + added >= 0
    if fixed.padding in ("same", "causal"):
        return 0 in _uncovered(stride, pairs)
    one = _allowed(question, stride, pairs)
    return bool(one) and one.start < span and one.stop > -crop


def _most_dilation(fixed: Fixed, stride: int) -> int:
    return max(fixed.dilation) if fixed.dilation else DILATIONS if stride == 1 else 1


def _own_kernels(question: Question, axis: int, stride: int, *, whole: bool) -> list[int]:
    """The kernels of one axis that need no padding but the fixed one."""
    fixed, pairs = question.fixed, question.axes[axis]
    cells = 2 * fixed.padding[axis] if isinstance(fixed.padding, tuple) else 0
    dilation = fixed.dilation[axis] if fixed.dilation else 1
    spans = [(kernel, _span(kernel, dilation)) for kernel in _kernels(question, axis, stride, whole=whole)]
    if question.op == "transpose":
        # A longer span leaves as many more cells.
        least = _lacking(Window(1, stride), pairs)
        most = max(stride, max(fixed.output_padding or (0,)) + 1)
        return [kernel for kernel, span in spans if least is not None and 0 <= cells - least - (span - 1) < most]
    allowed = _allowed(question, stride, pairs)
    return [kernel for kernel, span in spans if span - 1 - cells in allowed]


def _dilations(question: Question, kernel: Sequence[int], stride: Sequence[int]) -> Iterable[tuple[int, ...]]:
    """1, and where the windows take every place and have more than one tap, larger ones; a pool, and kernels that an axis has for itself, have none."""
    if question.fixed.dilation is not None:
        return [question.fixed.dilation]
    shared = question.fixed.kernel is not None or len(set(kernel)) == 1
    free = shared and max(stride) == 1 and max(kernel) > 1 and not question.pooling
    return [(one,) * len(kernel) for one in range(1, (DILATIONS if free else 1) + 1)]


@lru_cache(maxsize=4096)
def _uncovered(stride: int, pairs: tuple[Pair, ...], ceil: bool = False) -> range:
    """What all pairs allow for span - 1 - pads. With `ceil`, what they allow where a rest of the division adds a window.

    Rounding up by a stride is rounding down on an axis that is a stride less one cell longer.
    """
    longer = stride - 1 if ceil else 0
    ranges = [uncovered(stride, given + longer, wanted) for given, wanted in pairs]
    return range(max(one.start for one in ranges), min(one.stop for one in ranges))


def _allowed(question: Question, stride: int, pairs: tuple[Pair, ...]) -> range:
    """What all pairs allow for span - 1 - pads, of a pool rounding down or up, from pair to pair: a window more may still be left out."""
    floor = _uncovered(stride, pairs)
    return range(floor.start, _uncovered(stride, pairs, ceil=True).stop) if question.pooling else floor


def _sliding(question: Question, steps: Steps, *, loose: bool) -> list[Choice]:
    """The paddings under which these windows slide to every wanted size."""
    spans, fixed = steps.spans, question.fixed.padding
    allowed = [*map(_uncovered, steps.stride, question.axes)]
    found: list[Choice] = []
    words = _words(question, steps, allowed)
    found += [Choice(steps.windows((word,) * question.rank)) for word in words]
    if isinstance(fixed, str) and not question.pooling:
        return found
    if (fixed is None and loose) or isinstance(fixed, tuple):
        totals = [_totals(span, one, span // 2) for span, one in zip(spans, allowed, strict=True)]
        if not isinstance(fixed, tuple) and not all(totals) and not question.pooling:
            return list(dict.fromkeys(found))
        if isinstance(fixed, tuple):
            totals = [
                [2 * pad] if span - 1 - 2 * pad in one else []
                for span, one, pad in zip(spans, allowed, fixed, strict=True)
            ]
        found += [Choice(steps.windows(_halves(total))) for total in _shared(*(_even(one) for one in totals))]
        if not question.pooling and not all(map(_even, totals)):
            mixed = _shared(*(_even(one) or one for one in totals))
            found += [Choice(steps.windows(_halves(total)), stage=1) for total in mixed]
    if question.pooling:
        found += _rounded_up(question, steps)
    return list(dict.fromkeys(found))


def _words(question: Question, steps: Steps, allowed: Sequence[range]) -> list[Padding]:
    """'valid' and 'same' where they do it, and Keras's 'causal' over one axis; a window of one cell has nothing to pad."""
    words: list[Padding] = []
    spans, fixed = steps.spans, question.fixed.padding
    causal = question.op == "conv" and question.rank == 1
    if causal and (fixed == "causal" or (fixed is None and question.dialect == "keras" and max(spans) > 1)):
        words += [causal_pads(steps.kernel[0], steps.dilation[0])] if 0 in allowed[0] else []
    if fixed in (None, "valid") and all(span - 1 in one for span, one in zip(spans, allowed, strict=True)):
        words.append(NO_PADS)
    if (fixed == "same" or (fixed is None and max(spans) > 1)) and all(0 in one for one in allowed):
        words.append(SAME_UPPER)
    return words


@lru_cache(maxsize=8192)
def _totals(span: int, allowed: range, most: int) -> list[int]:
    """The paddings in all, low and high together, up to `most` on each side."""
    return [span - 1 - one for one in reversed(allowed) if 0 <= span - 1 - one <= 2 * most]


def _even(totals: Sequence[int]) -> list[int]:
    return [total for total in totals if total % 2 == 0]


def _halves(totals: Sequence[int]) -> tuple[Pads, ...]:
    return tuple(split_total(total, SAME_UPPER) for total in totals)


def _shared(*options: Sequence[T]) -> list[tuple[T, ...]]:
    """One option for all axes where they have some in common, else every combination."""
    common = [one for one in options[0] if all(one in other for other in options[1:])]
    return [(one,) * len(options) for one in common] if common else list(product(*options))


def _rounded_up(question: Question, steps: Steps) -> list[Choice]:
    """A pool's windows with ceil_mode, where the floor gives another size."""
    fixed = question.fixed.padding
    pads: Iterable[tuple[int, ...]] = []
    if isinstance(fixed, tuple) or fixed == "valid":
        pads = [fixed if isinstance(fixed, tuple) else (0,) * question.rank]
    each_axis = list(zip(steps.stride, question.axes, strict=True))
    floors = [_uncovered(stride, pairs) for stride, pairs in each_axis]
    allowed = [_allowed(question, stride, pairs) for stride, pairs in each_axis]
    if fixed is None:
        totals = [_even(_totals(span, one, span // 2)) for span, one in zip(steps.spans, allowed, strict=True)]
        pads = [tuple(total // 2 for total in one) for one in _shared(*totals)]
    found = []
    for cells in pads:
        needed = [span - 1 - 2 * pad for span, pad in zip(steps.spans, cells, strict=True)]
        if all(map(range.__contains__, allowed, needed)) and not all(map(range.__contains__, floors, needed)):
            windows = steps.windows([Pads(pad, pad) for pad in cells], ceil=True)
            each = zip(windows, question.axes, strict=True)
            # A last window that would start in the high padding is left out, which the interval does not know.
            if all(window.over(given).out == wanted for window, pairs in each for given, wanted in pairs):
                found.append(Choice(windows))
    return found


def _lacking(window: Window, pairs: Sequence[Pair]) -> int | None:
    """What must be cropped from the transposed window's size, less what output_padding adds; None where sizes disagree."""
    found = {window.transposed(given) - wanted for given, wanted in pairs}
    return found.pop() if len(found) == 1 else None


def _transposed(question: Question, steps: Steps, *, loose: bool) -> list[Choice]:
    """The crops and output_paddings under which these windows' transposes give every wanted size, the least added first."""
    fixed = question.fixed
    options: list[list[tuple[int, int]]] = []
    for axis, (window, pairs) in enumerate(zip(steps.windows((NO_PADS,) * question.rank), question.axes, strict=True)):
        lacking = _lacking(window, pairs)
        if lacking is None:
            return []
        extras = range(window.stride) if fixed.output_padding is None else [fixed.output_padding[axis]]
        most = 2 * (window.span // 2) if loose and fixed.padding != "valid" else 0
        found = [(lacking + extra, extra) for extra in extras if 0 <= lacking + extra <= most]
        if isinstance(fixed.padding, tuple):
            wanted = 2 * fixed.padding[axis]
            found = [(wanted, extra) for extra in extras if lacking + extra == wanted]
        # Uneven crops are said, where at all, by a word that leaves nothing to output_padding.
        options.append([one for one in found if one[0] % 2 == 0 or one[1] == 0])
    ways = [
        Choice(steps.windows(_halves([total for total, _ in one])), tuple(extra for _, extra in one))
        for one in _shared(*options)
    ]
    return sorted(ways, key=lambda choice: sum(choice.extras))


def idle(question: Question) -> list[bool]:
    """For each axis whether it has one window only, so that a free stride changes nothing there."""
    single = 0 if question.op == "transpose" else 1
    if question.fixed.stride is not None:
        return [False] * question.rank
    return [all(pair[single] == 1 for pair in pairs) for pairs in question.axes]


@lru_cache(maxsize=4096)
def _leaves(window: Window, size: int) -> bool:
    """Whether cells of the axis are never read."""
    return bool(window.over(size).unread_data)


def _reading_all(question: Question, group: list[Choice]) -> list[Choice]:
    """Without the choices whose one window on an idle axis leaves out cells."""
    still, other = idle(question), 1 if question.op == "transpose" else 0
    return [
        choice
        for choice in group
        if not any(
            _leaves(window, pair[other])
            for window, one, pairs in zip(choice.windows, still, question.axes, strict=True)
            if one
            for pair in pairs
        )
    ]
