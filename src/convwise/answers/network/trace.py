"""The trace of a network: one row a node, with shapes, counts and receptive fields; totals that add up; peak memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count, repeat
from math import ceil, floor, prod
from typing import Any
from unicodedata import normalize

from convwise.answers.explanation import Finding
from convwise.answers.network.batches import counted_as, of_one_sample
from convwise.answers.network.fields import Fields, Following, Misaligned
from convwise.answers.network.fields_several import follow_fields
from convwise.answers.network.flowing import BYTES, Done, InputShapes, Run, counted, run, show, trained
from convwise.answers.network.plan import planned
from convwise.answers.network.rows import mixed_rows
from convwise.answers.network.symbolic import AxisKey
from convwise.axis import Axis
from convwise.collecting import resting
from convwise.escaping import escape
from convwise.graph import Network, Node
from convwise.ops import AxisFlow, Shape, elements, spatial_names
from convwise.ops.several import Opaque
from convwise.ops.shape import total

BORDER = 1 << 12
"""Up to so many border windows are looked at for the share of padding."""

FORMULA = frozenset("=+-@")
"""A cell that begins with one of these is run by a spreadsheet."""

Number = int | Fraction
Seen = int | str


Views = tuple[tuple[Seen, ...], tuple[Number | None, ...], tuple[int | None, ...], tuple[float | None, ...]]


@dataclass(slots=True)
class Sight:
    """The receptive fields of a run: worked out, all at once, when the first is asked for."""

    run: Run
    keys: tuple[AxisKey, ...]
    shown: tuple[int, ...]
    found: Following | None = None
    views: list[Views] = field(default_factory=list)

    @property
    def following(self) -> Following:
        if self.found is None:
            self.found = follow_fields(self.run, self.keys)
        return self.found

    def of(self, number: int) -> Views:
        """The views of a node's first output."""
        if not self.views:
            self.views.extend(_all_views(self.run, self.shown, self.following))
        return self.views[number]


@dataclass(slots=True, repr=False, eq=False)
class Row:
    """One node; nobody changes it. `input` and `output` are shapes in the framework's order (of the first tensor; `inputs`, `outputs` have all), None where not known.

    Per spatial axis of the network's input: `receptive_field` (cells, or "all"), `jump`, `offset` (the first input cell that
    output 0 sees; below 0 in padding) and `center` = offset + (receptive_field - 1) / 2; None where the field is "all".
    `params` are the numbers that the framework counts as parameters, `macs` multiply-accumulates of the whole batch.
    """

    run: Run
    sight: Sight
    number: int
    node: Node
    done: Done

    @property
    def name(self) -> str:
        """The node's name in the file or the text; "" where it has none."""
        return self.node.name

    @property
    def op(self) -> str:
        """What the framework calls the op."""
        return self.node.kind

    @property
    def module(self) -> str:
        """The module or model around the node, dotted."""
        return self.node.module

    @property
    def place(self) -> str:
        """Where the text makes it: a file and a line."""
        return self.node.place

    @property
    def note(self) -> str:
        """Why the op is not known, of one that is none of the known ones."""
        work = self.node.work
        return work.reason if isinstance(work, Opaque) else ""

    @property
    def inputs(self) -> tuple[Shape | None, ...]:
        """The shapes of all tensors that it reads."""
        return self.run.nodes[self.number].inputs

    @property
    def outputs(self) -> tuple[Shape | None, ...]:
        """The shapes of all tensors that it gives."""
        return self.done.outputs

    @property
    def params(self) -> int | None:
        """The numbers that the framework counts as parameters; None where a size leaves them open."""
        known = self.node.params
        return counted(self.node, self.done, self.run.network.dialect) if known is None else known

    @property
    def trainable(self) -> int | None:
        """Those of `params` that training changes."""
        return None if self.run.network.untold else trained(self.node, self.done)

    @property
    def macs(self) -> int | None:
        """Multiply-adds of the whole batch; None where a size leaves them open."""
        known = self.done.macs
        return multiplied(self.node, self.done) if known is None else known

    @property
    def activation_bytes(self) -> int | None:
        """Bytes of its outputs as float32."""
        return self.done.bytes

    @property
    def axes(self) -> tuple[AxisFlow, ...]:
        """What its window does along each spatial axis."""
        return self.done.detail.axes

    @property
    def receptive_field(self) -> tuple[Seen, ...]:
        """Cells of the network's input that one output depends on, an entry a spatial axis; "all" for every cell there is."""
        return self.sight.of(self.number)[0]

    @property
    def jump(self) -> tuple[Number | None, ...]:
        """Cells of the network's input from one output to the next."""
        return self.sight.of(self.number)[1]

    @property
    def offset(self) -> tuple[int | None, ...]:
        """The first cell of the network's input that output 0 depends on, counted from 0; below 0 it lies in padding."""
        return self.sight.of(self.number)[2]

    @property
    def center(self) -> tuple[float | None, ...]:
        """The middle of output 0's receptive field, in cells of the network's input; a half stands between two cells."""
        return self.sight.of(self.number)[3]

    @property
    def input(self) -> Shape | None:
        """The shape of the first tensor that it reads."""
        return self.inputs[0] if self.inputs else None

    @property
    def output(self) -> Shape | None:
        """The shape of the first tensor that it gives."""
        outputs = self.done.outputs
        return outputs[0] if outputs else None

    @property
    def lost(self) -> tuple[int, ...]:
        """Rows and columns (an entry a spatial axis) of the node's input that no window reads."""
        return tuple(0 if flow.axis is None else int(flow.axis.unread_data) for flow in self.axes)

    @property
    def padding_share(self) -> float | None:
        """The share of all reads that fall on padding; None for a node without windows."""
        parts = [data_share(flow.axis) for flow in self.axes if flow.axis is not None]
        known = [part for part in parts if part is not None]
        return float(1 - prod(known)) if parts and len(known) == len(parts) else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and (self is other or self.to_dict() == other.to_dict())

    def __hash__(self) -> int:
        return hash((self.name, self.outputs))

    def __repr__(self) -> str:
        return f"Row({', '.join(f'{key}={value!r}' for key, value in self.to_dict().items())})"

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "op": self.op,
            "module": self.module,
            "place": self.place,
            "input": _listed(self.input),
            "output": _listed(self.output),
            "inputs": [_listed(shape) for shape in self.inputs],
            "outputs": [_listed(shape) for shape in self.outputs],
            "params": self.params,
            "trainable": self.trainable,
            "macs": self.macs,
            "receptive_field": list(self.receptive_field),
            "jump": [_plain(jump) for jump in self.jump],
            "offset": list(self.offset),
            "center": list(self.center),
            "activation_bytes": self.activation_bytes,
            "lost": list(self.lost),
            "padding_share": self.padding_share,
            "note": self.note,
        }


def _listed(shape: Shape | None) -> list[int | None] | None:
    return None if shape is None else list(shape)


def _plain(number: Number | None) -> int | float | None:
    return float(number) if isinstance(number, Fraction) else number


def multiplied(node: Node, found: Done) -> int | None:
    """The multiply-adds; none where an op that is not known stores nothing to multiply with, as a sort or a search for maxima."""
    return 0 if node.params == 0 and isinstance(node.work, Opaque) else found.macs


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all rows. `flops` = 2 `macs`. `peak_activation_bytes`: the most that inputs, outputs and tensors still needed hold at once.

    None where an unknown shape leaves a sum open.
    """

    params: int | None
    trainable: int | None
    macs: int | None
    flops: int | None
    activation_bytes: int | None
    peak_activation_bytes: int | None

    def to_dict(self) -> dict[str, int | None]:
        return {
            "params": self.params,
            "trainable": self.trainable,
            "macs": self.macs,
            "flops": self.flops,
            "activation_bytes": self.activation_bytes,
            "peak_activation_bytes": self.peak_activation_bytes,
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """A network on one input: `rows` in the order in which nodes run, `totals`, `notes` worth telling, and the run behind them.

    Receptive fields are worked out when a row, or `notes`, is first asked for one; everything else is there.
    """

    title: str
    dialect: str
    axes: tuple[str, ...]
    inputs: dict[str, Shape]
    outputs: dict[str, Shape | None]
    rows: tuple[Row, ...]
    totals: Totals
    run: Run
    sight: Sight = field(repr=False)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What the network's reader noted, rows that are no samples, and where branches meet that are not aligned."""
        told = (Finding(note.code, "note", note.text) for note in self.run.network.notes)
        return (*told, *mixed_rows(self.run), *misalignments(self.sight.following, self.sight.keys))

    @property
    def open(self) -> bool:
        """Whether a spatial size of an input is not known: sizes are told in letters then."""
        sources = self.run.network.sources
        return any(None in source.layout.split(self.inputs[source.name])[2] for source in sources)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str | int) -> Row:
        """The row of a node, by its name or its number."""
        if isinstance(name, int):
            return self.rows[name]
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "dialect": self.dialect,
            "axes": list(self.axes),
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "outputs": {name: _listed(shape) for name, shape in self.outputs.items()},
            "rows": [row.to_dict() for row in self.rows],
            "totals": self.totals.to_dict(),
            "findings": [note.to_dict() for note in self.notes],
        }

    def csv(self) -> str:
        """The rows as text with commas, a line a node; a column an axis where a value has several.

        Control characters of names are escaped, and cells that a spreadsheet would run are quoted.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        wide = [f"{what} {axis}" for what in ("receptive field", "jump", "offset", "center") for axis in self.axes]
        head = ["name", "op", "module", "input", "output", "params", "trainable", "macs", "activation bytes", *wide]
        head += [*(f"lost {axis}" for axis in self.axes), "padding share"]
        writer.writerow(head)
        for row in self.rows:
            seen = (*row.receptive_field, *(_plain(jump) for jump in row.jump), *row.offset, *row.center)
            counts = (row.params, row.trainable, row.macs, row.activation_bytes)
            lost = {flow.name: count for flow, count in zip(row.axes, row.lost, strict=True)}
            seen = (*seen, *(lost.get(axis, 0) for axis in self.axes), row.padding_share)
            texts = (_cell(row.name), _cell(row.op), _cell(row.module), show(row.input), show(row.output))
            writer.writerow(["" if cell is None else cell for cell in (*texts, *counts, *seen)])
        return out.getvalue()

    def to_pandas(self) -> Any:
        """A pandas DataFrame, a row a node; raises ArgumentError (CW606) where pandas is not installed."""
        from convwise.answers.network.frames import frame

        return frame(self)

    def __repr__(self) -> str:
        return f"Trace({self.title!r}, {self.dialect!r}, {len(self.rows)} rows)"

    def __str__(self) -> str:
        from convwise.answers.present import trace_text

        return trace_text(self)

    def _repr_html_(self) -> str:
        from convwise.answers.present import trace_html

        return trace_html(self)


def _cell(text: str) -> str:
    """A name as every output shows it; one that starts like a formula must stay a text in a spreadsheet."""
    shown = escape(text)
    # Spreadsheets skip blanks, and in an East Asian setting take the wide signs too.
    return f"'{shown}" if normalize("NFKC", shown.lstrip()[:1]) in FORMULA else shown


def trace(network: Network, input_shape: InputShapes = None) -> Trace:
    """A row for every node of the network at one input; None: the declared shapes, where sizes may be unknown.

    Raises:
        ShapeError: at the first node that does not take what reaches it.
    """
    with resting():
        return trace_of(run(network, input_shape))


def trace_of(flowed: Run) -> Trace:
    """The same for shapes that have flowed already."""
    one = of_one_sample(flowed)
    flowed = counted_as(flowed, one)
    network, plan, done = flowed.network, planned(flowed.network), flowed.done
    keys = main_axes(network)
    # Without an input that has spatial axes there are no fields to show.
    shown = tuple([key for key, axis in enumerate(keys) if axis.source == keys[0].source])
    sight = Sight(flowed, keys, shown)
    rows = tuple(map(Row, repeat(flowed), repeat(sight), count(), network.nodes, done))
    params, trainable = plan.params, plan.trainable
    if params is None:
        params = total([counted(node, one, network.dialect) for node, one in zip(network.nodes, done, strict=True)])
    if network.untold:
        trainable = None
    elif trainable is None:
        trainable = total([trained(node, one) for node, one in zip(network.nodes, done, strict=True)])
    known = [one.macs for one in done]
    if None in known:
        known = [multiplied(node, one) for node, one in zip(network.nodes, done, strict=True)]
    macs = total(known)
    activations = total([one.bytes for one in done])
    totals = Totals(
        params,
        trainable,
        macs,
        None if macs is None else 2 * macs,
        activations,
        None if activations is None else peak_bytes(one),
    )
    outputs = {name: flowed.sizes[plan.kinds[name]] if name in plan.kinds else None for name in network.outputs}
    names = tuple([keys[key].name for key in shown])
    return Trace(network.title, network.dialect, names, flowed.inputs, outputs, rows, totals, flowed, sight)


def main_axes(network: Network) -> tuple[AxisKey, ...]:
    """The spatial axes of all inputs, those of the first input first."""
    known: tuple[AxisKey, ...] | None = network.kept.get("axes")
    if known is None:
        known = network.kept["axes"] = tuple(_axes_of(network))
    return known


def _axes_of(network: Network) -> Iterator[AxisKey]:
    for source in network.sources:
        first, count = int(source.layout.batched), len(source.declared)
        places = range(first, count - 1) if source.layout.channels_last else range(first + 1, count)
        for name, place in zip(spatial_names(len(places)), places, strict=True):
            yield AxisKey(source.name, name, place)


def _all_views(flowed: Run, keys: tuple[int, ...], following: Following) -> Iterator[Views]:
    # Most nodes pass their field on as it is, so the last views are kept.
    last, views = None, _views(None, keys)
    for node in flowed.network.nodes:
        fields = following.tensors.get(node.outputs[0]) if node.outputs else None
        if fields is not last:
            last, views = fields, _views(fields, keys)
        yield views


def _views(fields: Fields | None, keys: tuple[int, ...]) -> Views:
    if not keys:
        return (), (), (), ()
    sizes, jumps, offsets, centers = zip(*[_seen(fields, key) for key in keys], strict=True)
    return sizes, jumps, offsets, centers


def _seen(fields: Fields | None, key: int) -> tuple[Seen, Number | None, int | None, float | None]:
    """(receptive field, jump, offset, centre) of one axis of the input."""
    if fields is None:
        return "?", None, None, None
    field = fields.of(key)
    if key in fields.whole:
        return "all", None, None, None
    if field is None:
        return 0, None, None, None
    size, offset = ceil(field.size), floor(field.offset)
    return size, field.jump, offset, offset + (size - 1) / 2


def data_share(axis: Axis) -> Fraction | None:
    """The share of an axis's taps that fall on data; None where too many border windows would have to be looked at."""
    inside = axis.interior
    border = axis.out - len(inside)
    if border > BORDER:
        return None
    outputs = (i for part in (range(inside.start), range(max(inside.stop, inside.start), axis.out)) for i in part)
    if not len(inside):
        outputs = (i for i in range(axis.out))
    taps = sum(len(axis.taps_in_data(i)) for i in outputs)
    return Fraction(taps + len(inside) * axis.kernel, axis.out * axis.kernel)


def peak_bytes(flowed: Run) -> int | None:
    """The most bytes of activations alive at once: each tensor from the node that makes it to the last that reads it."""
    if None in map(elements, flowed.inputs.values()):
        return None
    sizes = [0 if shape is None else BYTES * (elements(shape) or 0) for shape in flowed.sizes]
    return planned(flowed.network).peak(sizes)


def misalignments(following: Following, keys: tuple[AxisKey, ...]) -> Iterator[Finding]:
    """A note for each node where branches meet that look at different places."""
    seen: dict[str, list[Misaligned]] = {}
    for one in following.misaligned:
        seen.setdefault(one.node, []).append(one)
    for node, all_ in seen.items():
        one = all_[0]
        axes = " and ".join(dict.fromkeys(keys[each.key].name for each in all_))
        if one.what == "steps":
            text = f"the branches that meet step by {_short(one.one)} and {_short(one.other)} input cells ({axes})"
        else:
            gap: Number = abs(Fraction(one.one) - one.other)
            cells = "cell" if gap == 1 else "cells"
            text = f"the branches that meet look at places {_short(gap)} input {cells} apart ({axes})"
        yield Finding("CW515", "note", text, node, "shift one by padding or cropping it on one side, if that matters")


def _short(number: Number) -> str:
    return str(number.numerator) if number.denominator == 1 else f"{float(number):g}"
