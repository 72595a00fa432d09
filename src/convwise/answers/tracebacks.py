"""Shape errors of the frameworks, pasted as they were printed: what they mean, in sizes, and what to change."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isqrt

from convwise.answers.explanation import Explanation, Fact, Fix
from convwise.answers.wording import listed, plural

LONGEST = 20_000
"""Characters of the end of a pasted text that are searched: the message stands last."""

Told = tuple[str, tuple[Fact, ...], tuple[Fix, ...]]
Numbers = tuple[int, ...]


def explain_traceback(text: str) -> Explanation | None:
    """The explanation of the last shape error in a pasted traceback; None where none is known.

    >>> told = explain_traceback("RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x1568 and 1050x10)")
    >>> told.headline
    'What reaches the Linear layer has 1568 features; its weights are made for 1050.'
    """
    tail = text[-LONGEST:]
    found: list[tuple[int, re.Match[str], _Kind]] = []
    for kind in KINDS:
        matches = list(kind.pattern.finditer(tail))
        if matches:
            found.append((matches[-1].start(), matches[-1], kind))
    if not found:
        return None
    _, match, kind = max(found, key=lambda one: one[0])
    headline, facts, fixes = kind.tell(match)
    return Explanation(
        dialect=kind.dialect,
        title=kind.title,
        release="",
        kind="error message",
        code=match.group(0),
        input=(),
        output=(),
        headline=headline,
        facts=(Fact("it says", (match.group(0),)), *facts),
        fixes=fixes,
        params=None,
        macs=None,
    )


class _Kind:
    """One sentence of a framework, and what it means."""

    def __init__(self, dialect: str, title: str, pattern: str, tell: Callable[[re.Match[str]], Told]) -> None:
        self.dialect, self.title, self.pattern, self.tell = dialect, title, re.compile(pattern), tell


def _numbers(text: str) -> Numbers:
    return tuple(int(number) for number in re.findall(r"\d{1,12}", text))


def factored(features: int) -> tuple[str, ...]:
    """Maps that flatten to so many features: channels x side x side, the usual channel counts first.

    >>> factored(1568)
    ('32 x 7 x 7', '8 x 14 x 14', '2 x 28 x 28')
    """
    sides = [side for side in range(2, min(isqrt(features), 512) + 1) if features % (side * side) == 0]
    maps = [(features // (side * side), side) for side in sides]
    usual = sorted(maps, key=lambda one: (one[0] & (one[0] - 1) != 0, abs(one[1] - 7)))
    return tuple(f"{channels} x {side} x {side}" for channels, side in usual[:3])


def _matmul(match: re.Match[str]) -> Told:
    rows, have, need, out = (int(part) for part in match.groups())
    facts = [
        Fact("features", (f"{have} reach it ({plural(rows, 'row')}), {need} were written: Linear({need}, {out})",))
    ]
    maps = factored(have)
    if maps:
        facts.append(
            Fact("comes from", (f"a map flattened: {have} = {' or '.join(maps)} (channels x height x width)",))
        )
    if have and need and max(have, need) % min(have, need) == 0:
        facts.append(
            Fact(
                "perhaps",
                (
                    f"{max(have, need)} = {max(have, need) // min(have, need)} x {min(have, need)}: is a Flatten missing, or the batch flattened too?",
                ),
            )
        )
    headline = f"What reaches the Linear layer has {have} features; its weights are made for {need}."
    return (
        headline,
        tuple(facts),
        (Fix(f"nn.Linear({have}, {out})", (rows, out), "", f"takes the {have} that reach it"),),
    )


def _channels(match: re.Match[str]) -> Told:
    weight, shape = _numbers(match.group("weight")), _numbers(match.group("input"))
    groups, need, have = int(match.group("groups")), int(match.group("need")), int(match.group("have"))
    facts = [
        Fact(
            "channels",
            (f"the weights {_x(weight)} are out x in / groups x kernel: {need} channels in {plural(groups, 'group')}",),
        )
    ]
    fixes: tuple[Fix, ...] = ()
    kernel = weight[2:]
    size = kernel[0] if len(set(kernel)) == 1 else kernel
    rank = len(kernel)
    if len(shape) == rank + 2 and shape[-1] == need:
        moved = (shape[0], shape[-1], *shape[1:-1])
        order = (0, rank + 1, *range(1, rank + 1))
        headline = f"The image is channels last; PyTorch reads {_x(shape)} as {have} channels."
        fixes = (Fix(f"x.permute{order}", moved, "", "channels first, as PyTorch reads them"),)
    else:
        headline = f"The layer takes {need} channels, and {have} reach it."
        fixes = (Fix(f"nn.Conv{rank}d({have}, {weight[0]}, {size})", (), "", f"made for {have} channels"),)
    return headline, tuple(facts), fixes


def _too_small(match: re.Match[str]) -> Told:
    padded, spans = _numbers(match.group("padded")), _numbers(match.group("span"))
    short = [(have, need) for have, need in zip(padded, spans, strict=False) if have < need]
    have, need = short[0] if short else (padded[0], spans[0])
    lines = (
        f"with padding {_x(padded)} cells are left, the kernel with its dilation spans {_x(spans)}",
        f"so the input of this layer needs {need - have} more, or its padding that many",
    )
    headline = f"The layers before have used the image up: {have} cells are left where the kernel needs {need}."
    return (
        headline,
        (
            Fact("sizes", lines),
            Fact("then", ("a larger image, one pooling or stride fewer before it, or padding here",)),
        ),
        (),
    )


def _negative(match: re.Match[str]) -> Told:
    need, have = int(match.group(1)), int(match.group(2))
    headline = f"A window {need} wide meets {plural(have, 'cell')}: the layers before have used the image up."
    facts = (
        Fact("sizes", (f"{have} - {need} < 0: without padding a window needs at least {need} cells",)),
        Fact("then", ("padding='same' there, a larger image, or one pooling fewer before it",)),
    )
    return headline, facts, ()


def _mismatch(match: re.Match[str]) -> Told:
    have, need = int(match.group("one")), int(match.group("other"))
    low, high = sorted((have, need))
    facts = [Fact("sizes", (f"{high} - {low} = {high - low}",))]
    if high - low == 1:
        odd = high if high % 2 else low
        if odd == high:
            facts.append(Fact("because", (f"{odd} is odd: halved and doubled again it comes back as {low}",)))
        facts.append(
            Fact(
                "then",
                (
                    "an input that every halving divides (a multiple of 16 for four of them), or pad or crop by 1 before joining, or output_padding=1 in the transposed convolution",
                ),
            )
        )
    headline = f"Two branches are joined whose maps differ: {have} and {need}."
    return headline, tuple(facts), ()


def _dense_axis(match: re.Match[str]) -> Told:
    need, shape = int(match.group("need")), _numbers(match.group("shape"))
    have = shape[-1] if shape else 0
    headline = f"The layer '{match.group('name')}' was built for {need} on its last axis, and {have} reach it."
    maps = factored(have)
    facts = [
        Fact(
            "sizes",
            (f"built for {need}, now {have}: the input has another size than the one the model was built with",),
        )
    ]
    if maps:
        facts.append(Fact("comes from", (f"{have} = {' or '.join(maps)}",)))
    return (
        headline,
        (
            *facts,
            Fact(
                "then",
                (
                    "the input size of the first time, or GlobalAveragePooling2D instead of Flatten, which takes any size",
                ),
            ),
        ),
        (),
    )


def _min_ndim(match: re.Match[str]) -> Told:
    need, have = int(match.group("need")), int(match.group("have"))
    what = "the batch axis is missing" if need - have == 1 else f"{plural(need - have, 'axis', 'axes')} are missing"
    return (
        f"The layer wants {need} axes and got {have}: {what}.",
        (Fact("then", ("x[None] adds the batch; the channels are an axis of their own, also where there is one",)),),
        (),
    )


def _onnx_dims(match: re.Match[str]) -> Told:
    index, have, need = (int(match.group(name)) for name in ("index", "have", "need"))
    headline = f"The file was exported for {need} on axis {index} of its input, and {have} was fed."
    facts = (
        Fact(
            "then",
            (
                f"feed {need}, or export again with that axis dynamic; `convwise sizes MODEL` tells which sizes the layers can take",
            ),
        ),
    )
    return headline, facts, ()


def _x(sizes: Numbers) -> str:
    return " x ".join(map(str, sizes))


_SHAPE = r"[\[(][\d, Nonex]{1,200}[\])]"

KINDS = (
    _Kind(
        "torch",
        "PyTorch",
        r"mat1 and mat2 shapes cannot be multiplied \((\d{1,12})x(\d{1,12}) and (\d{1,12})x(\d{1,12})\)",
        _matmul,
    ),
    _Kind(
        "torch",
        "PyTorch",
        rf"Given (?:transposed=\d, )?groups=(?P<groups>\d{{1,9}}), weight of size (?P<weight>{_SHAPE}), expected input(?P<input>{_SHAPE}) to have (?P<need>\d{{1,12}}) channels, but got (?P<have>\d{{1,12}}) channels instead",
        _channels,
    ),
    _Kind(
        "torch",
        "PyTorch",
        r"Calculated padded input size per channel: \((?P<padded>[\d x]{1,80})\)\. Kernel size: \((?P<span>[\d x]{1,80})\)\. Kernel size can't be greater than actual input size",
        _too_small,
    ),
    _Kind(
        "torch",
        "PyTorch",
        r"Sizes of tensors must match except in dimension \d{1,3}\. (?:Expected size|Got) (?P<one>\d{1,12}) (?:but got size|and) (?P<other>\d{1,12})",
        _mismatch,
    ),
    _Kind(
        "torch",
        "PyTorch",
        r"The size of tensor a \((?P<one>\d{1,12})\) must match the size of tensor b \((?P<other>\d{1,12})\) at non-singleton dimension \d{1,3}",
        _mismatch,
    ),
    _Kind("keras", "Keras", r"Negative dimension size caused by subtracting (\d{1,12}) from (\d{1,12})", _negative),
    _Kind(
        "keras",
        "Keras",
        rf"Input 0(?: with name '[^'\n]{{0,80}}')? of layer [\"'](?P<name>[^\"'\n]{{1,80}})[\"'] is incompatible with the layer: expected axis -1 of input shape to have value (?P<need>\d{{1,12}}), but received input with shape (?P<shape>{_SHAPE})",
        _dense_axis,
    ),
    _Kind("keras", "Keras", r"expected (?:min_)?ndim=(?P<need>\d{1,3}), found ndim=(?P<have>\d{1,3})", _min_ndim),
    _Kind(
        "onnx",
        "ONNX Runtime",
        r"index: (?P<index>\d{1,3}) Got: (?P<have>\d{1,12}) Expected: (?P<need>\d{1,12})",
        _onnx_dims,
    ),
)


def names() -> str:
    """The frameworks whose messages are known."""
    return listed(list(dict.fromkeys(kind.title for kind in KINDS)))
