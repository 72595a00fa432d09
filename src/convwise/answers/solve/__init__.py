"""Which layers give a wanted output from an input: `solve`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convwise.answers.solve.adaptive import fixed_pool
from convwise.answers.solve.mirror import Mirror, mirror
from convwise.answers.solve.question import Question, asked
from convwise.answers.solve.reason import nothing
from convwise.answers.solve.saying import answers
from convwise.answers.solve.search import BOUNDS
from convwise.answers.solved import Solution
from convwise.collecting import resting
from convwise.errors import ArgumentError

__all__ = ["BOUNDS", "Mirror", "Solution", "mirror", "solution", "solve"]


def solve(
    input: Any = 28,
    output: Any = 14,
    *,
    dialect: str = "keras",
    kernel: int | Sequence[int] | None = None,
    stride: int | Sequence[int] | None = None,
    padding: str | int | Sequence[int] | None = None,
    dilation: int | Sequence[int] | None = None,
    output_padding: int | Sequence[int] | None = None,
    in_channels: int = 3,
    filters: int = 32,
    op: str | None = None,
    mirror: str | None = None,
) -> list[str]:
    """All layers of a dialect that give `output` from `input`, the most usual first; each was read back and run.

    Args:
        input: spatial sizes without channels: 28 (both axes), "28x30", (28, 30); a list of them is several at once.
        output: the sizes wanted, as many as inputs: `solve([28, 56], [14, 28])`.
        dialect: whose words to use.
        kernel: fixed to this where given, one number or one an axis.
        stride: likewise.
        padding: fixed to "valid", "same" or a number of cells on each side, where given; "causal" over one axis in Keras and flax.
        dilation: fixed as the kernel is.
        output_padding: likewise, of transposed convolutions.
        in_channels: the input channels that the texts name.
        filters: the output channels that the texts name.
        op: "conv", "transpose", "max_pool", "avg_pool"; None: convolutions, and for larger outputs transposed ones first.
            "adaptive_max_pool", "adaptive_avg_pool": the fixed pool that reads exactly what the adaptive one reads.
        mirror: source text of an encoder; the answer is its decoder for `input`, and `output` is not looked at. The
            dialect is found from the text.

    What is searched, completely, where nothing is fixed: kernels 1 to 16, the stride itself, and the whole axis where
    one cell is all there is on the other side; strides 1 to 32; dilations 1 to 4 at stride 1, of pools 1; padding of at most half a
    window on each side: even, or the odd cell after the data where no even one does it; all of it before the data where
    Keras has a word for that ('causal'). A layer of padding before
    (`ZeroPadding2D`, `nn.ZeroPad2d`) is used where a layer's own padding cannot do it, for convolutions only. The axes share kernel and
    dilation, and stride too where they ask the same; where nothing is found each has a kernel of its own, with no
    padding but the fixed one. A free stride that changes nothing, because there is one window only, is the smallest; where
    some such window takes in the whole axis, those that leave cells out are not listed.
    Of transposed layers that crop more only to add more again, the one with the least output_padding is listed.

    In order: one layer before two; cells stepped over after all read; strides that are the sizes' ratio first; the
    smaller dilation; without output_padding, and of pools stride = window, before others; kernels 3, 5, 7, 1, 2, 4
    (transposed 3, 2, 4, 5; pools 2, 3), then by size; the smaller stride; the shorter text.

    Raises:
        ShapeError: CW111 where nothing is found, with why and what is nearest; Refusal where the framework refuses all.
        ArgumentError: CW601 an input, CW604 an output, CW602 the dialect, CW606 another argument.

    >>> solve(28, 14)[:2]
    ["Conv2D(32, 3, strides=2, padding='same')", "Conv2D(32, 5, strides=2, padding='same')"]
    >>> solve([14, 7], [28, 14], dialect="torch", kernel=3, in_channels=64)
    ['nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1)']
    >>> solve(27, mirror="nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.MaxPool2d(2))")
    ['nn.Sequential(nn.ConvTranspose2d(8, 8, 2, stride=2, output_padding=1), nn.ConvTranspose2d(8, 3, 3, stride=2))']
    """
    found = solution(
        input,
        output,
        mirror=mirror,
        dialect=dialect,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        output_padding=output_padding,
        in_channels=in_channels,
        filters=filters,
        op=op,
    )
    return list(found.layers)


def solution(input: Any = 28, output: Any = 14, *, mirror: str | None = None, **options: Any) -> Solution:
    """The same as `solve`, with what was asked beside the layers."""
    if mirror is not None:
        return _mirrored(mirror, input, options)
    questions = asked(input, output, **{"dialect": "keras", **options})
    if questions[0].op.startswith("adaptive"):
        return _solution(questions[0], (fixed_pool(questions[0]),))
    with resting():
        tried = [answers(question) for question in questions]
        found = [answer.text for one in tried for answer in one.found]
        if not found:
            raise nothing(tried)
    return _solution(questions[0], tuple(found), BOUNDS)


def _solution(question: Question, layers: tuple[str, ...], bounds: str = "") -> Solution:
    return Solution(question.dialect, question.inputs, question.outputs, layers, bounds)


def _mirrored(encoder: str, given: Any, options: dict[str, Any]) -> Solution:
    fixed = [name for name in ("kernel", "stride", "padding", "dilation", "output_padding", "op") if options.get(name)]
    if fixed:
        fact = f"{fixed[0]} is the encoder's where one is mirrored"
        raise ArgumentError("CW606", fact, received=repr(options[fixed[0]]), hint=f"leave {fixed[0]} out")
    # The dialect's default says nothing of the encoder's text, which tells its own.
    dialect = options.get("dialect")
    found = mirror(
        encoder,
        given,
        dialect=None if dialect == "keras" else dialect,
        in_channels=options.get("in_channels", 3),
    )
    ends = tuple(part[1] for part in found.parts[0].around)
    return Solution(found.dialect, ends, found.inputs, (found.text,), mirrored=found)
