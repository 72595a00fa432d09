"""`diff`: two layers or chains on one input, told apart step by step; the numbers are computed when they are asked for."""

from __future__ import annotations

from functools import partial
from typing import Any

from convwise import dialects
from convwise.answers.explanation import Fact, show
from convwise.answers.pools import spread_of
from convwise.answers.porting.difference import Difference, Numbers, Side
from convwise.answers.porting.drawing import drawn
from convwise.answers.porting.flattening import flattening, reordered
from convwise.answers.porting.graphs import diff_networks, is_network
from convwise.answers.porting.meeting import fronted, meet
from convwise.answers.porting.reading import Chain
from convwise.answers.porting.units import Unit, same_cells, start, units
from convwise.answers.porting.ways import divisors
from convwise.answers.wording import listed
from convwise.axis import Axis
from convwise.errors import ArgumentError, CodeError, ModelError, Refusal, ShapeError
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Dense,
    GlobalPool,
    Norm,
    Pool,
    Resize,
    Shape,
    spatial_names,
)


def diff(
    layer_a: Any,
    layer_b: Any,
    input_shape: Any = None,
    *,
    real: bool = False,
    most_macs: int | None = None,
    dialect_a: str | None = None,
    dialect_b: str | None = None,
) -> Difference:
    """Where two layers, or two chains, of any two frameworks agree and where they differ on one input.

    Args:
        layer_a: source text, a live layer or model, an op; or a network (`cw.read`) or the path of a model file, which are compared row by
            row by shapes, windows and parameters, and by values as far as the reference can run them.
        layer_b: the same, of any framework.
        input_shape: in the order of `layer_a`, with or without the batch; that of `layer_b` follows from it.
        real: run the installed frameworks themselves, in a child process, instead of the reference.
        most_macs: multiply-adds up to which either side is run; 20,000,000,000 unless given.
        dialect_a: the first one's framework, such as "keras" or "torch"; found from the text unless given.
        dialect_b: the second one's.

    Returns:
        A Difference: facts at once; `equal`, `max_abs_difference` and `numbers` run both sides with the same random weights and input.

    Raises:
        ShapeError, Refusal: where one of them does not work; CW102 and CW109 where their channels or features differ, so
            that they cannot hold the same weights. CodeError, ArgumentError: as `explain`.

    >>> found = diff("Conv2D(64, 7, strides=2, padding='same')", "nn.Conv2d(3, 64, 7, stride=2, padding=3)", (224, 224, 3))
    >>> found.same_shape, found.same_windows
    (True, False)
    """
    if most_macs is not None and (isinstance(most_macs, bool) or not isinstance(most_macs, int) or most_macs < 0):
        raise ArgumentError(
            "CW606",
            "'most_macs' must be a whole number, at least 0",
            received=repr(most_macs)[:60],
            hint="for example 20000000000",
        )
    if is_network(layer_a) or is_network(layer_b):
        return diff_networks(layer_a, layer_b, input_shape, real=real, most_macs=most_macs)
    try:
        one, other = meet(layer_a, layer_b, input_shape, dialect_a, dialect_b)
    except (CodeError, ModelError) as error:
        if error.code not in ("CW314", "CW315", "CW402"):
            raise
        # Branches, sizes that a forward asks for, or a live module with a forward of its own: no chain, but a network.
        try:
            return diff_networks(layer_a, layer_b, input_shape, real=real, most_macs=most_macs)
        except CodeError as lost:
            raise error if error.code == lost.code == "CW314" else lost from None
    return _of_chains(one, other, real, most_macs)


def _of_chains(one: Chain, other: Chain, real: bool, most_macs: int | None) -> Difference:
    """The difference of two chains that fit their inputs, step by step."""
    pairs = list(zip(units(one), units(other), strict=False))
    same_count = len(units(one)) == len(units(other))
    names = _names(one, other)
    for first, second in pairs:
        _check_weights(first, second, names)
    facts = [_shape_fact(one, other)]
    verdicts: list[bool | None] = []
    alignment: tuple[str, ...] = ()
    if not same_count:
        counts = [f"{name} has {len(units(chain))}" for name, chain in zip(names, (one, other), strict=True)]
        facts.append(Fact("steps", (f"{counts[0]}, {counts[1]}: they are not the same chain of layers",)))
    for number, (first, second) in enumerate(pairs):
        told, aligned = _told(first, second, names)
        if told and len(pairs) > 1:
            told = [
                Fact(
                    f"step {number + 1}",
                    tuple(f"{first.name}: {fact.label}: {line}" for fact in told for line in fact.lines),
                )
            ]
        facts += told
        if aligned is False and False not in verdicts:
            alignment = drawn(first.axes, second.axes, names)
        verdicts.append(aligned)
    facts += [*flattening(one, other), *_refusals(one, other)]

    return Difference(
        side(one),
        side(other),
        tuple(facts),
        _canonical(one, other) == _canonical(other, one),
        # Chains of other steps are told apart by their values alone.
        None if not same_count or (None in verdicts and False not in verdicts) else False not in verdicts,
        alignment,
        offer=partial(_offer, one, other),
        run=partial(_run, one, other, real, most_macs),
        several=max(len(one.layers), len(other.layers)) > 1,
        reordered=partial(reordered, one, other),
    )


def _run(one: Chain, other: Chain, real: bool, most_macs: int | None) -> Numbers:
    from convwise import proofs

    numbers: Numbers = proofs.prove_diff(one, other, real=real, most_macs=most_macs)
    return numbers


def _refusals(one: Chain, other: Chain) -> list[Fact]:
    """Which releases and devices of either framework refuse its layers, or do something else with them."""
    from convwise.answers.porting.supports import ACCEPTED, DEVICE, own_rows

    lines = []
    for row in (*own_rows(one), *own_rows(other)):
        if row.verdict != ACCEPTED:
            where = "" if row.device == DEVICE else f" on {row.device}"
            told = f'"{row.quote}"' if row.quote else row.how
            lines.append(f"{row.framework} {row.release}{where}: {row.verdict}, {told}")
    return [Fact("elsewhere", tuple(dict.fromkeys(lines)))] if lines else []


def _offer(one: Chain, other: Chain) -> str:
    """The first in the words of the second's framework."""
    from convwise.answers.porting.port import TARGETS, port

    if one.dialect == other.dialect or other.dialect not in TARGETS:
        return ""
    try:
        found = port(one, to=other.dialect)
    except Refusal:
        return ""
    text = ", then ".join(stage.text for stage in found.stages)
    return f"{text}; its output is in another order (port's convert_output)" if found.leaves.shuffled else text


def side(chain: Chain) -> Side:
    spoken = dialects.get(chain.dialect)
    release = chain.layers[0].release if chain.layers else spoken.release
    return Side(spoken.name, spoken.title, release, chain.code, chain.given(chain.input), chain.given(chain.output))


def _canonical(chain: Chain, other: Chain) -> Shape:
    """The output as it is laid on the other's: a map with its channels first."""
    shape = chain.output
    if len(shape) < 3 or not fronted(chain, other):
        return shape
    return (shape[0], shape[-1], *shape[1:-1])


def _names(one: Chain, other: Chain) -> tuple[str, str]:
    return (one.title, other.title) if one.title != other.title else ("the first", "the second")


def _shape_fact(one: Chain, other: Chain) -> Fact:
    a, b = show(one.given(one.output)), show(other.given(other.output))
    if _canonical(one, other) != _canonical(other, one):
        return Fact("shape", (f"{a} and {b}: not the same",))
    if one.output == other.output:
        return Fact("shape", (f"{a} in both",))
    return Fact(
        "shape",
        (
            f"{a} and {b}: the same, channels last and channels first"
            if one.channels_last
            else f"{a} and {b}: the same, channels first and channels last",
        ),
    )


def _check_weights(first: Unit, second: Unit, names: tuple[str, str]) -> None:
    """Steps that hold weights must have as many of them.

    Raises:
        ShapeError: CW102, CW109.
    """
    a, b = first.op, second.op
    if isinstance(a, Dense) and isinstance(b, Dense) and a.out_features != b.out_features:
        raise _unequal("CW109", "features", a.out_features, b.out_features, first, names)
    if isinstance(a, Conv | ConvTranspose) and type(a) is type(b) and isinstance(b, Conv | ConvTranspose):
        if a.out_channels != b.out_channels:
            raise _unequal("CW102", "channels", a.out_channels, b.out_channels, first, names)
        if a.in_channels != b.in_channels:
            raise _unequal("CW102", "input channels", a.in_channels, b.in_channels, first, names)


def _unequal(code: str, what: str, a: int | None, b: int | None, unit: Unit, names: tuple[str, str]) -> ShapeError:
    return ShapeError(
        code,
        f"{a} {what} in {names[0]}, {b} in {names[1]}: they cannot hold the same weights",
        layer=unit.name,
        axis="channels",
        received=b,
        hint=f"give both {a} {what}, or both {b}",
    )


def _told(first: Unit, second: Unit, names: tuple[str, str]) -> tuple[list[Fact], bool | None]:
    """What tells two steps apart, and whether their windows stand alike; None where these cannot be laid on each other."""
    facts: list[Fact] = []
    aligned: bool | None = True
    pooled = isinstance(first.op, POOLS) and isinstance(second.op, POOLS)
    like = pooled or type(first.op) is type(second.op)
    if not like:
        facts.append(Fact("layers", (f"{first.name} and {second.name} are not the same kind of layer",)))
    if like and first.axes and len(first.axes) == len(second.axes):
        windows, aligned = _windows(first, second, names)
        facts += windows
    elif type(first.op) is not type(second.op):
        aligned = None
    facts += _weights(first, second, names)
    facts += _settings(first, second, names)
    if isinstance(first.op, Pool) and isinstance(second.op, Pool) and first.op.kind != "max":
        facts += _divisors(first, second, names)
    return facts, aligned


POOLS = (Pool, GlobalPool, AdaptivePool)
SHORT = {"average": "avg"}
"""A pool's kind as a line of a difference names it."""


def _windows(first: Unit, second: Unit, names: tuple[str, str]) -> tuple[list[Fact], bool]:
    """Kernel, stride, dilation, padding and where the first window starts, axis by axis."""
    lines: dict[str, list[str]] = {}
    padding: dict[str, list[str]] = {}
    pooled = isinstance(first.op, POOLS)
    pairs = list(zip(first.axes, second.axes, strict=True))
    aligned = all(same_cells(a, b, pooled=pooled) for a, b in pairs)
    for name, (a, b) in zip(spatial_names(len(pairs)), pairs, strict=True):
        for word, left, right in (
            ("kernel", a.kernel, b.kernel),
            ("stride", a.stride, b.stride),
            ("dilation", a.dilation, b.dilation),
        ):
            if left != right:
                lines.setdefault(f"{word} {left} in {names[0]}, {right} in {names[1]}", []).append(name)
        if start(a) != start(b) and not aligned:
            by = abs(start(a) - start(b))
            cells = "1 cell" if by == 1 else f"{by} cells"
            lines.setdefault(
                f"the first window starts on cell {start(a)} in {names[0]}, on {start(b)} in {names[1]}: all are shifted by {cells}",
                [],
            ).append(name)
        elif a.out != b.out and a.stride == b.stride:
            lines.setdefault(f"{a.out} windows in {names[0]}, {b.out} in {names[1]}", []).append(name)
        pads = (a.pad_low, a.pad_high), (b.pad_low, b.pad_high)
        if pads[0] != pads[1]:
            padding.setdefault(f"{_split(a)} in {names[0]}, {_split(b)} in {names[1]}", []).append(name)
        else:
            padding.setdefault(f"{_split(a)} in both", []).append(name)
    told = [f"{listed(axes)}: {line}" for line, axes in lines.items()]
    if aligned and all(a.out == b.out for a, b in pairs):
        told.append(f"the same cells under every window{' on this input' if lines else ''}")
    facts = [Fact("windows", tuple(told))]
    if any(axis.pad_low or axis.pad_high for axis in (*first.axes, *second.axes)):
        word = "crop" if isinstance(first.op, ConvTranspose) else "padding"
        facts.append(Fact(word, tuple(f"{listed(axes)}: {line}" for line, axes in padding.items())))
    return facts, aligned


def _split(axis: Axis) -> str:
    more = f" (and {axis.overhang} past it)" if axis.overhang else ""
    return f"{axis.pad_low} before and {axis.pad_high} after{more}"


AXES = {
    "keras": {Conv: "(*k, in / groups, out)", ConvTranspose: "(*k, out, in)", Dense: "(in, out)"},
    "tensorflow": {Conv: "(*k, in / groups, out)", ConvTranspose: "(*k, out, in)", Dense: "(in, out)"},
    "jax": {
        Conv: "(*k, in / groups, out)",
        ConvTranspose: "(*k, in, out) turned around in space",
        Dense: "(in, out)",
    },
    "onnx": {Conv: "(out, in / groups, *k)", ConvTranspose: "(in, out / groups, *k)", Dense: "(in, out)"},
    "torch": {Conv: "(out, in / groups, *k)", ConvTranspose: "(in, out / groups, *k)", Dense: "(out, in)"},
}
NAMES = {1: "k", 2: "kh, kw", 3: "kd, kh, kw"}


def _weights(first: Unit, second: Unit, names: tuple[str, str]) -> list[Fact]:
    """How each holds the same kernel."""
    lines = [_axes_of(unit) for unit in (first, second)]
    if None in lines or lines[0] == lines[1]:
        return []
    return [Fact("weights", (f"{lines[0]} in {names[0]}, {lines[1]} in {names[1]}",))]


def _axes_of(unit: Unit) -> str | None:
    table = AXES.get(unit.piece.layer.dialect, AXES["torch"])
    op = unit.op
    text = next((text for kind, text in table.items() if isinstance(op, kind)), None)
    if text is None or not isinstance(op, Conv | ConvTranspose | Dense):
        return None
    free = unit.piece.free
    if isinstance(free, Conv) and free.multiplier is not None:
        text = "(*k, in, multiplier)"
    rank = 0 if isinstance(op, Dense) else op.rank
    groups = 1 if isinstance(op, Dense) else op.groups
    text = text.replace("*k", NAMES.get(rank, "k"))
    return text if groups and groups > 1 else text.replace(" / groups", "")


def _settings(first: Unit, second: Unit, names: tuple[str, str]) -> list[Fact]:
    a, b = first.op, second.op
    pairs: list[tuple[str, object, object]] = []
    if isinstance(a, Norm) and isinstance(b, Norm):
        pairs += [("epsilon", a.epsilon, b.epsilon), ("groups", a.groups, b.groups), ("kind", a.kind, b.kind)]
    if isinstance(a, Conv | ConvTranspose) and isinstance(b, Conv | ConvTranspose):
        pairs += [("groups", a.groups, b.groups), ("bias", a.bias, b.bias)]
    if first.fills and second.fills:
        pairs += [("padding mode", " and ".join(first.fills), " and ".join(second.fills))]
    if isinstance(a, Resize) and isinstance(b, Resize):
        pairs += [("interpolation", a.mode, b.mode), ("align_corners", a.align_corners, b.align_corners)]
    if isinstance(a, POOLS) and isinstance(b, POOLS):
        pairs += [("kind", SHORT.get(a.kind, a.kind), SHORT.get(b.kind, b.kind))]
    return [
        Fact(word, (f"{left} in {names[0]}, {right} in {names[1]}",)) for word, left, right in pairs if left != right
    ]


def _divisors(first: Unit, second: Unit, names: tuple[str, str]) -> list[Fact]:
    """What the averages divide by, over the map."""
    told = []
    for unit in (first, second):
        op = unit.op
        assert isinstance(op, Pool)
        if op.divisor is not None:
            told.append(f"{op.divisor} everywhere")
            continue
        own = [window.over(size or 0) for window, size in zip(op.windows, _sizes(unit), strict=True)]
        told.append(spread_of([divisors(op, axis) for axis in own], spatial_names(op.rank)))
    if told[0] == told[1]:
        return []
    return [Fact("divides by", (f"{told[0]} in {names[0]}; {told[1]} in {names[1]}",))]


def _sizes(unit: Unit) -> Shape:
    shape = unit.piece.input
    return shape[1:-1] if unit.piece.layer.channels_last else shape[2:]
