"""Traces against published numbers: receptive fields, parameters, MACs; and memory, sums and faces of the data."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from fractions import Fraction

import pytest
from build import Builder, alexnet, fpn, inception, lenet, resnet, unet, vgg

from convwise.answers.network.flowing import run
from convwise.answers.network.trace import trace
from convwise.axis import SAME_UPPER, Pads, Window
from convwise.errors import ArgumentError, ShapeError
from convwise.graph import Network, Node, Source
from convwise.ops import Conv, ConvTranspose, Norm, Pad, Pool, Reshape, Resize
from convwise.ops.counting import multiplied
from convwise.ops.several import (
    Attention,
    Concat,
    Constant,
    Einsum,
    Elementwise,
    MatMul,
    Opaque,
    Recurrent,
    Several,
    Slice,
    Split,
)


@pytest.mark.parametrize(
    ("name", "size", "jump", "padding"),
    [
        ("conv1_1", 3, 1, 1),
        ("pool1", 6, 2, 2),
        ("pool2", 16, 4, 6),
        ("pool3", 44, 8, 18),
        ("pool4", 100, 16, 42),
        ("pool5", 212, 32, 90),
    ],
)
def test_receptive_fields_of_vgg_16(name: str, size: int, jump: int, padding: int) -> None:
    row = trace(vgg(), (1, 3, 224, 224))[name]
    assert row.receptive_field == (size, size)
    assert row.jump == (jump, jump)
    assert row.offset == (-padding, -padding)
    assert row.center == (-padding + (size - 1) / 2,) * 2


@pytest.mark.parametrize(("depth", "size"), [(11, 150), (13, 156), (19, 268)])
def test_receptive_fields_of_the_other_vggs(depth: int, size: int) -> None:
    assert trace(vgg(depth), (1, 3, 64, 96))["pool5"].receptive_field == (size, size)


@pytest.mark.parametrize(("kind", "node", "size"), [("50", "add4_3", 427), ("50-original", "add4_3", 483)])
def test_resnet_50_has_two(kind: str, node: str, size: int) -> None:
    traced = trace(resnet(kind), (1, 3, 224, 224))
    assert traced[node].receptive_field == (size, size)
    assert traced.rows[-1].receptive_field == ("all", "all")
    assert not traced.notes


def test_alexnet() -> None:
    assert trace(alexnet(), (1, 3, 224, 224))["pool5"].receptive_field == (195, 195)


@pytest.mark.parametrize(
    ("network", "params", "macs"),
    [
        (alexnet(), 61_100_840, 714_188_480),
        (vgg(), 138_357_544, 15_470_264_320),
        (resnet("18"), 11_689_512, 1_814_073_344),
        (resnet("50"), 25_557_032, 4_089_184_256),
    ],
    ids=["alexnet", "vgg16", "resnet18", "resnet50"],
)
def test_published_counts(network: Network, params: int, macs: int) -> None:
    totals = trace(network, (1, 3, 224, 224)).totals
    assert (totals.params, totals.macs, totals.flops) == (params, macs, 2 * macs)


def test_keras_counts_the_moments_as_parameters() -> None:
    b = Builder()
    b.norm("x", 3)
    network = b.network()
    assert trace(network, (1, 3, 8, 8)).totals.params == 6
    kept = trace(replace(network, dialect="keras"), (1, 3, 8, 8)).totals
    assert (kept.params, kept.trainable) == (12, 6)


def seen_by_brute_force(network: Network, size: int) -> list[set[int]]:
    """For every cell of the last output, the input cells it depends on: by sets of cells through 1-D windows."""
    tensors: dict[str, list[set[int]]] = {"x": [{cell} for cell in range(size)]}
    for node in network.nodes:
        (op,) = node.work  # type: ignore[misc]
        cells = tensors[node.inputs[0]]
        if isinstance(op, Conv | Pool):
            axis = op.windows[0].over(len(cells))
            out = [{c for t in axis.taps(i) if 0 <= t < len(cells) for c in cells[t]} for i in range(axis.out)]
        elif isinstance(op, ConvTranspose):
            window = op.windows[0]
            out = [set() for _ in range(window.transposed(len(cells), (op.output_padding or (0,))[0]))]
            axis = window.over(len(out))
            for i in range(len(cells)):
                for t in axis.taps(i):
                    if 0 <= t < len(out):
                        out[t] |= cells[i]
        else:
            out = [cells[i // 2] for i in range(2 * len(cells))]
        tensors[node.outputs[0]] = out
    return tensors[network.outputs[0]]


@pytest.mark.parametrize(
    "ops",
    [
        [
            Conv((Window(3, 2, 2, Pads(1, 0)),), 1, 1),
            Pool("max", (Window(2, 2),)),
            Conv((Window(2, 1, 3, Pads(0, 2)),), 1, 1),
        ],
        [Conv((Window(3, 2, padding=SAME_UPPER),), 1, 1), Conv((Window(4, 2, padding=SAME_UPPER),), 1, 1)],
        [Conv((Window(3, 2),), 1, 1), ConvTranspose((Window(3, 2, padding=Pads(1, 1)),), 1, 1, output_padding=(1,))],
        [ConvTranspose((Window(2, 2),), 1, 1, output_padding=(0,)), Conv((Window(3),), 1, 1)],
        [ConvTranspose((Window(4, 2, padding=Pads(1, 1)),), 1, 1, output_padding=(0,)), Conv((Window(5, 2),), 1, 1)],
        [Conv((Window(3),), 1, 1), Resize(scales=(Fraction(2),)), Conv((Window(3, padding=Pads(1, 1)),), 1, 1)],
    ],
)
def test_fields_against_sets_of_cells(ops: list[object]) -> None:
    b = Builder(declared=("N", 1, None))
    x = "x"
    for op in ops:
        x = b.add("Op", (op,), x)
    network = b.network(x)
    row = trace(network, (1, 1, 40)).rows[-1]
    seen = seen_by_brute_force(network, 40)
    widest = max(max(cells) - min(cells) + 1 for cells in seen if cells)
    assert row.receptive_field == (widest,)
    jump, offset, size = Fraction(row.jump[0] or 0), row.offset[0], row.receptive_field[0]
    assert isinstance(offset, int)
    assert isinstance(size, int)
    for i, cells in enumerate(seen):
        if cells:
            assert min(cells) >= offset + i * jump - 1
            assert max(cells) <= offset + i * jump + size
    # Behind a transposed window the first cell depends on the output's phase; the hull says output 0's.
    if not any(isinstance(op, ConvTranspose) for op in ops) and jump.denominator == 1:
        middle = len(seen) // 2
        assert min(seen[middle]) == offset + middle * jump


def test_the_first_cell_under_a_transposed_window() -> None:
    b = Builder(declared=("N", 1, None))
    b.add("ConvTranspose", (ConvTranspose((Window(5, 2),), 1, 1),), "x", name="up")
    row = trace(b.network(), (1, 1, 9))["up"]
    # Output 4 takes from inputs 0, 1 and 2, so output 0 would take from -2, -1 and 0.
    assert (row.offset, row.receptive_field, row.jump) == ((-2,), (3,), (Fraction(1, 2),))
    assert seen_by_brute_force(b.network(), 9)[4] == {0, 1, 2}


def test_branches_give_the_hull_and_a_note_where_they_do_not_line_up() -> None:
    b = Builder()
    wide = b.conv("x", (3, 4), 7, 1, 3)
    narrow = b.add("Conv", (Conv((Window(2, padding=Pads(0, 1)),) * 2, 3, 4),), "x")
    b.plus(wide, narrow, name="meet")
    traced = trace(b.network(), (1, 3, 9, 10))
    assert traced["meet"].receptive_field == (7, 7)
    (note,) = traced.notes
    assert (note.code, note.node) == ("CW515", "meet")
    assert "0.5 input cells apart (height and width)" in note.text
    assert not trace(inception(), (1, 3, 99, 99)).notes
    assert [note.node for note in trace(fpn(), (1, 3, 64, 64)).notes] == ["p4", "p3", "p2"]


def test_what_sees_everything() -> None:
    b = Builder()
    x = b.conv("x", (3, 4), 3, 1, 1)
    gate = b.add("Pool", (Pool("average", (Window(9), Window(10))),), x)
    scaled = b.add("Mul", Elementwise("multiply"), x, gate, name="gated")
    b.add("Norm", (Norm("instance", 4, scale=False, center=False),), x, name="instance")
    b.add("Reshape", (Reshape((4, 90)),), x, name="tokens")
    b.add("Softmax", (Norm("batch", 4),), scaled, name="after")
    traced = trace(b.network(), (1, 3, 9, 10))
    assert traced["gated"].receptive_field == ("all", "all")
    assert traced["after"].receptive_field == ("all", "all")
    assert traced["instance"].receptive_field == ("all", "all")
    assert traced["tokens"].receptive_field == ("all", "all")
    assert trace(lenet(), (1, 1, 32, 32))["flatten6"].receptive_field == ("all", "all")


def test_slices_split_and_concat_keep_their_place() -> None:
    b = Builder()
    x = b.add("Slice", Slice(2, 3, None, 2), "x", name="cut")
    b.nodes.append(Node("pieces", "Split", Split(3, (4, 6)), (x,), ("left", "right")))
    b.add("Identity", (Pad((Pads(), Pads(2, 0))),), "right", name="padded")
    b.add("Concat", Concat(3), "left", "right", name="again")
    b.add("MatMul", MatMul(), "left", "right", name="product")
    network = replace(b.network("again"), nodes=tuple(b.nodes[:-1]))
    traced = trace(network, (1, 3, 9, 10))
    assert traced["cut"].offset == (3, 0)
    assert traced["cut"].jump == (2, 1)
    assert traced["padded"].offset == (3, 2)
    assert traced["again"].receptive_field == (1, "all")


def test_lost_cells_and_padding() -> None:
    b = Builder()
    b.add("Conv", (Conv((Window(3, 2, padding=Pads(1, 0)), Window(2, 3)), 3, 4),), "x", name="conv")
    row = trace(b.network(), (1, 3, 9, 10))["conv"]
    # Height: windows at -1..1, 1..3, 3..5, 5..7 (1 of 12 reads is padding), row 8 unread; width: 0-1, 3-4, 6-7, and 2, 5, 8, 9 unread.
    assert row.lost == (1, 4)
    assert row.padding_share == pytest.approx(1 / 12)


def test_peak_memory_is_of_tensors_that_are_still_needed() -> None:
    b = Builder(declared=("N", 1, None, None))
    first = b.relu("x")
    second = b.relu(first)
    b.plus(b.relu(second), first)
    totals = trace(b.network(), (1, 1, 9, 10)).totals
    one = 9 * 10 * 4
    # While the third relu runs, the first's output waits for the addition.
    assert totals.activation_bytes == 4 * one
    assert totals.peak_activation_bytes == 3 * one


def test_sums_add_up_and_faces_agree() -> None:
    traced = trace(unet(), (1, 1, 572, 572))
    assert sum(row.macs or 0 for row in traced) == traced.totals.macs
    assert sum(row.params or 0 for row in traced) == traced.totals.params
    data = traced.to_dict()
    assert json.loads(json.dumps(data)) == data
    rows = list(csv.DictReader(io.StringIO(traced.csv())))
    assert len(rows) == len(traced)
    assert rows[0]["output"] == "1x4x570x570"
    assert rows[-1]["receptive field height"] == str(traced.rows[-1].receptive_field[0])


def csv_name(name: str) -> str:
    b = Builder()
    b.add("Relu", (Norm("batch", 3),), "x", name=name)
    (row,) = csv.DictReader(io.StringIO(trace(b.network(), (1, 3, 9, 10)).csv()))
    return row["name"]


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+1", "-1", "@a", " =1+1", "  @a", "\uff1d1+1", "\uff0b1"])
def test_names_cannot_run_in_a_spreadsheet(name: str) -> None:
    assert csv_name(name) == f"'{name}"


def test_names_in_csv_hold_no_control_characters() -> None:
    assert csv_name("a\x1b[31mRED\x07") == "a\\x1b[31mRED\\x07"
    assert csv_name("\t=1\r\n=2") == "\\x09=1\\x0d\\x0a=2"
    assert csv_name("conv1/größe") == "conv1/größe"


def test_unknown_sizes_leave_counts_open() -> None:
    traced = trace(vgg())
    assert traced.rows[0].output == (None, 64, None, None)
    assert traced.totals.macs is None
    assert traced.totals.params == 138_357_544
    assert traced["pool5"].receptive_field == (212, 212)


def test_a_break_is_told_with_its_node_place_and_history() -> None:
    b = Builder("net", ("N", 1, None, None))
    x = b.pool(b.conv("x", (1, 8), 3), name="pool")
    b.nodes.append(Node("last", "Conv", (Conv((Window(5), Window(2)), 8, 8),), (x,), ("y",), place="net.onnx node 2"))
    b.conv("y", (8, 8), 3, name="after")
    with pytest.raises(ShapeError) as raised:
        run(b.network(), (1, 1, 9, 10))
    text = str(raised.value)
    assert (
        text.splitlines()[0]
        == "height of 'last' (Conv) at net.onnx node 2: the window spans 5 but only 3 cells exist [CW104]"
    )
    assert "the sizes on the way: 1x1x9x10 (x) -> 1x8x7x8 (conv0) -> 1x8x3x4 (pool)" in text
    flowed = run(b.network(), (1, 1, 9, 10), strict=False)
    assert [step.node.name for step in flowed.nodes if step.error] == ["last"]
    assert flowed.shapes["after"] is None


def test_both_inputs_of_a_join_are_told() -> None:
    with pytest.raises(ShapeError) as raised:
        run(unet("none", 1), (1, 1, 350, 352))
    assert raised.value.code == "CW110"
    assert "its inputs: down4 1x32x43x44, up4 1x32x42x44" in str(raised.value)


def test_an_unknown_op_leaves_a_hole_and_no_more() -> None:
    b = Builder()
    x = b.conv("x", (3, 4), 3)
    b.add("Magic", Opaque("its operator is not known"), x, name="magic")
    b.relu("magic")
    b.relu(x)
    traced = trace(b.network(), (1, 3, 9, 10))
    assert [row.output for row in traced] == [(1, 4, 7, 8), None, None, (1, 4, 7, 8)]
    assert traced["magic"].note == "its operator is not known"
    assert traced["magic"].receptive_field == ("?", "?")


def test_multiply_adds_that_are_not_known_are_named_beside_those_that_are() -> None:
    b = Builder()
    x = b.conv("x", (3, 4), 3)
    b.add("Magic", Opaque("its operator is not known"), x, name="magic")
    b.add("MatMul", MatMul(), "magic", x, name="product")
    traced = trace(b.network(), (1, 3, 9, 10))
    assert [row.macs for row in traced] == [7 * 8 * 27 * 4, None, None]
    assert "MACs         6,048 without those of magic (Magic) and 1 more, which are not known" in str(traced)


@pytest.mark.parametrize(
    ("work", "shapes", "macs"),
    [
        (MatMul(), ((2, 3, 4), (4, 5)), 2 * 3 * 5 * 4),
        (MatMul(), ((2, 3, 4), (4,)), 2 * 3 * 4),
        (Einsum(("bij", "bkj"), "bik"), ((2, 3, 4), (2, 5, 4)), 2 * 3 * 5 * 4),
        (Einsum(("bij", "bk"), "bik"), ((2, 3, 4), (2, 5)), 0),
        (Einsum(("bij", "bk", "kj"), "bi"), ((2, 3, 4), (2, 5), (5, 4)), 2 * 3 * 5 * 4),
        (Attention(), ((2, 3, 4), (2, 7, 4), (2, 7, 6)), 2 * 3 * 7 * (4 + 6)),
        (Attention((0,)), ((3, 2, 4),), 3 * 2 * 3 * 8),
        (Attention(cells=9), ((2, 5, 6, 4),), 2 * 5 * 6 * 9 * 8),
        (Recurrent(4, 5, (5,), 1, weights=45), ((7, 2, 4),), 7 * 2 * 45),
        (Elementwise("multiply"), ((2, 3), (2, 3)), 0),
        (MatMul(), ((None, 3, 4), (4, 5)), None),
    ],
)
def test_multiply_adds_of_products_without_weights(
    work: Several, shapes: tuple[tuple[int | None, ...], ...], macs: int | None
) -> None:
    assert multiplied(work, shapes, work.flows(shapes)) == macs


def test_constants_and_inputs_by_name() -> None:
    sources = (Source("a", (None, 3, None, None)), Source("b", (None, 3, None, None)))
    nodes = (
        Node("c", "Constant", Constant((1, 3, 1, 1)), (), ("c",)),
        Node("sum", "Sum", Elementwise("add"), ("a", "b", "c", "w"), ("sum",)),
    )
    network = Network("two", "onnx", sources, nodes, ("sum",), shapes={"w": (3, 1, 1)})
    flowed = run(network, {"a": (2, 3, 9, 10), "b": (3, 9, 10)})
    assert flowed.shapes["sum"] == (2, 3, 9, 10)
    with pytest.raises(ArgumentError, match="the network has 2 inputs, and one shape is given"):
        run(network, (1, 3, 9, 10))
    with pytest.raises(ArgumentError, match="no input 'z'"):
        run(network, {"z": (1, 3, 9, 10)})
    with pytest.raises(ArgumentError, match="2 axes for the input 'a', which has 4"):
        run(network, {"a": (9, 10)})


def test_long_chains_do_not_recurse() -> None:
    b = Builder()
    x = "x"
    for _ in range(20_000):
        x = b.relu(x)
    assert trace(b.network(), (1, 3, 9, 10)).rows[-1].output == (1, 3, 9, 10)
