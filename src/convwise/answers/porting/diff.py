"""`diff`: two layers or chains on one input, told apart step by step; the numbers are computed when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from convwise import dialects
from convwise.answers.explanation import Fact, show
from convwise.answers.pools import spread_of
from convwise.answers.porting.difference import Difference, Numbers, Side
from convwise.answers.porting.drawing import drawn
from convwise.answers.porting.flattening import flattening, reordered
from convwise.answers.porting.graphs import diff_networks, is_network
from convwise.answers.porting.reading import Chain, layers_of, order_between, read_chain
from convwise.answers.porting.units import Unit, start, units
from convwise.answers.porting.ways import divisors
from convwise.answers.wording import listed
from convwise.axis import Axis
from convwise.dialects.base import Layer
from convwise.errors import ArgumentError, CodeError, Refusal, ShapeError
from convwise.ops import Conv, ConvTranspose, Dense, Norm, Pool, Resize, Shape, spatial_names


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
        one = read_chain(layer_a, input_shape, dialect=dialect_a, role="first layer")
        other = _other(one, layer_b, dialect_b)
    except CodeError as error:
        if error.code != "CW315":
            raise
        # Branches: no chain, but a network.
        return diff_networks(layer_a, layer_b, input_shape, real=real, most_macs=most_macs)
    return _of_chains(one, other, real, most_macs)


def _of_chains(one: Chain, other: Chain, real: bool, most_macs: int | None) -> Difference:
    """The difference of two chains that fit their inputs, step by step."""
    pairs = list(zip(units(one), units(other), strict=False))
    same_count = len(units(one)) == len(units(other))
    names = _names(one, other)
    for first, second in pairs:
        _check_weights(first, second, names)
    facts = [_shape_fact(one, other)]
    same_windows = same_count
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
        if not aligned and same_windows:
            same_windows, alignment = False, drawn(first.axes, second.axes, names)
    facts += [*flattening(one, other), *_refusals(one, other)]

    def run() -> Numbers:
        from convwise import proofs

        numbers: Numbers = proofs.prove_diff(one, other, real=real, most_macs=most_macs)
        return numbers

    return Difference(
        side(one),
        side(other),
        tuple(facts),
        _canonical(one) == _canonical(other),
        same_windows,
        alignment,
        exact=lambda: _exact(one, other),
        run=run,
        several=max(len(one.layers), len(other.layers)) > 1,
        reordered=lambda: reordered(one, other),
    )


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


def _exact(one: Chain, other: Chain) -> str:
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


def _other(one: Chain, b: Any, dialect: str | None) -> Chain:
    """The second chain on the first one's input, as its own framework orders the axes."""
    bare = read_chain(b, None, dialect=dialect, role="second layer") if isinstance(b, Chain) else None
    if bare is not None:
        return bare
    _check_ranks(one, layers_of(b, dialect, "second layer"))
    shape = order_between(one.layers, layers_of(b, dialect, "second layer"), len(one.input)).shape(one.input)
    found = read_chain(b, shape, dialect=dialect, role="second layer")
    if len(found.input) != len(one.input):
        raise ArgumentError(
            "CW601",
            f"the second layer reads {show(found.input)} where the first reads {show(one.input)}",
            received=show(shape),
        )
    return Chain(found.dialect, found.layers, found.input, found.flows, one.added, found.assumed, found.code)


def _check_ranks(one: Chain, others: Sequence[Layer]) -> None:
    """Raises ShapeError CW101 where the first layers that know their number of axes have not the same one."""
    first, second = (next((layer for layer in layers if layer.rank), None) for layers in (one.layers, others))
    if first is not None and second is not None and first.rank != second.rank:
        a, b = (
            f"{layer.kind} slides over {layer.rank} {'axis' if layer.rank == 1 else 'axes'}"
            for layer in (first, second)
        )
        raise ShapeError(
            "CW101",
            f"{a}, {b}: there is no input that both read",
            layer=second.kind,
            received=second.rank,
            hint=f"compare layers of one kind of map, such as {_renamed(second, first)}",
        )


def _renamed(layer: Layer, like: Layer) -> str:
    """The layer's name with the number of axes of the other."""
    return layer.kind.replace(f"{layer.rank}d", f"{like.rank}d").replace(f"{layer.rank}D", f"{like.rank}D")


def _canonical(chain: Chain) -> Shape:
    """The output with its channels first, where it is a map."""
    shape = chain.output
    if len(shape) < 3 or not chain.channels_last:
        return shape
    return (shape[0], shape[-1], *shape[1:-1])


def _names(one: Chain, other: Chain) -> tuple[str, str]:
    return (one.title, other.title) if one.title != other.title else ("the first", "the second")


def _shape_fact(one: Chain, other: Chain) -> Fact:
    a, b = show(one.given(one.output)), show(other.given(other.output))
    if _canonical(one) != _canonical(other):
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


Tell = Callable[[Unit, Unit, tuple[str, str]], Sequence[Fact]]


def _told(first: Unit, second: Unit, names: tuple[str, str]) -> tuple[list[Fact], bool]:
    """What tells two steps apart, and whether their windows stand alike."""
    if type(first.op) is not type(second.op):
        return [Fact("layers", (f"{first.name} and {second.name} are not the same kind of layer",))], False
    facts: list[Fact] = []
    aligned = True
    if first.axes and len(first.axes) == len(second.axes):
        windows, aligned = _windows(first, second, names)
        facts += windows
    facts += _weights(first, second, names)
    facts += _settings(first, second, names)
    if isinstance(first.op, Pool) and isinstance(second.op, Pool) and first.op.kind != "max":
        facts += _divisors(first, second, names)
    return facts, aligned


def _windows(first: Unit, second: Unit, names: tuple[str, str]) -> tuple[list[Fact], bool]:
    """Kernel, stride, dilation, padding and where the first window starts, axis by axis."""
    lines: dict[str, list[str]] = {}
    padding: dict[str, list[str]] = {}
    aligned = True
    for name, a, b in zip(spatial_names(len(first.axes)), first.axes, second.axes, strict=True):
        for word, left, right in (
            ("kernel", a.kernel, b.kernel),
            ("stride", a.stride, b.stride),
            ("dilation", a.dilation, b.dilation),
        ):
            if left != right:
                aligned = False
                lines.setdefault(f"{word} {left} in {names[0]}, {right} in {names[1]}", []).append(name)
        if start(a) != start(b):
            aligned = False
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
    told = [Fact("windows", tuple(f"{listed(axes)}: {line}" for line, axes in lines.items()))] if lines else []
    if not lines:
        told.append(Fact("windows", ("the same cells under every window",)))
    if any(axis.pad_low or axis.pad_high for axis in (*first.axes, *second.axes)):
        word = "crop" if isinstance(first.op, ConvTranspose) else "padding"
        told.append(Fact(word, tuple(f"{listed(axes)}: {line}" for line, axes in padding.items())))
    return told, aligned


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
    if isinstance(a, Conv) and isinstance(b, Conv):
        pairs += [("padding mode", a.padding_mode, b.padding_mode)]
    if isinstance(a, Resize) and isinstance(b, Resize):
        pairs += [("interpolation", a.mode, b.mode), ("align_corners", a.align_corners, b.align_corners)]
    if isinstance(a, Pool) and isinstance(b, Pool):
        kinds = [{"average": "avg"}.get(op.kind, op.kind) for op in (a, b)]
        pairs += [("kind", kinds[0], kinds[1])]
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
