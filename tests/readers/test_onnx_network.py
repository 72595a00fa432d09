"""Networks from .onnx files: which ops nodes become, what is worked out while reading, and what stays free."""

from __future__ import annotations

import random
import struct

import pytest
from readers.onnx_bytes import FLOAT, INT64, encode, function, graph, model, node, opset, tensor, value

from convwise.errors import ArgumentError, ConvwiseError, ModelError, Refusal, ShapeError
from convwise.ops import Conv, Dense
from convwise.ops.several import Opaque
from convwise.readers.onnx import read_onnx
from convwise.readers.onnx_network import onnx_network


def longs(name, *numbers, dims=None):
    raw = b"".join(struct.pack("<q", number) for number in numbers)
    return tensor(name, (len(numbers),) if dims is None else dims, raw, INT64)


def weight(name, *dims):
    count = 1
    for size in dims:
        count *= size
    return tensor(name, dims, bytes(4 * count), FLOAT)


def made(nodes, tensors=(), dims=(1, 3, 9, 10), outputs="y", functions=(), opsets=None, inputs=None):
    body = graph(nodes, list(tensors), inputs="", outputs=outputs)
    for name, shape in (inputs or {"x": dims}).items():
        body.append((11, value(name, shape)))
    return read_onnx(encode(model(body, list(functions), opsets)))


def shapes(structure, input_shape=None, given=None):
    trace = onnx_network(structure, given).trace(input_shape)
    return list(trace.outputs.values())


def test_a_convolution_reads_its_weights_shape_alone():
    network = onnx_network(
        made(
            [node("Conv", "x w b", "y", "first", strides=[2, 1], pads=[1, 0, 2, 1], dilations=[1, 2])],
            [weight("w", 4, 3, 3, 2), weight("b", 4)],
        )
    )
    (step,) = network.nodes
    assert isinstance(step.work[0], Conv)
    assert step.inputs == ("x",)
    assert network.trace()["first"].output == (1, 4, 5, 9)
    assert network.trace().totals.params == 4 * 3 * 3 * 2 + 4
    assert network.trace().totals.macs == 4 * 3 * 3 * 2 * 5 * 9


def test_weights_are_counted_once_and_moments_never():
    shared = made(
        [
            node("Conv", "x w", "a", pads=[1, 1, 1, 1]),
            node("Conv", "a w", "b", pads=[1, 1, 1, 1]),
            node("BatchNormalization", "b s t m v", "y"),
        ],
        [weight("w", 3, 3, 3, 3), *(weight(name, 3) for name in "stmv")],
    )
    rows = onnx_network(shared).trace().rows
    assert [row.params for row in rows] == [81, 0, 6]


def test_flatten_by_shape_arithmetic_keeps_sizes_free():
    structure = made(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "n", axis=0),
            node("Unsqueeze", "n axis", "n1"),
            node("Concat", "n1 minus", "target", axis=0),
            node("Reshape", "x target", "y"),
        ],
        [longs("zero", 0, dims=()), longs("axis", 0), longs("minus", -1)],
        ("batch", 3, "height", "width"),
    )
    network = onnx_network(structure)
    assert [step.kind for step in network.nodes] == ["Reshape"]
    assert shapes(structure, (2, 3, 9, 10)) == [(2, 270)]
    assert shapes(structure, (5, 3, 7, 4)) == [(5, 84)]


def test_half_the_size_through_floating_point():
    structure = made(
        [
            node("Shape", "x", "s"),
            node("Slice", "s two four", "hw"),
            node("Cast", "hw", "real", to=1),
            node("Mul", "real half", "small"),
            node("Floor", "small", "floor"),
            node("Cast", "floor", "size", to=7),
            node("Slice", "s zero two", "nc"),
            node("Concat", "nc size", "sizes", axis=0),
            [(1, "x"), (1, ""), (1, ""), (1, "sizes"), (2, "y"), (4, "Resize")],
        ],
        [
            longs("zero", 0),
            longs("two", 2),
            longs("four", 4),
            tensor("half", (), struct.pack("<f", 0.5), FLOAT),
        ],
        (1, 3, "h", "w"),
    )
    assert shapes(structure, (1, 3, 9, 10)) == [(1, 3, 4, 5)]
    assert str(onnx_network(structure).legal_sizes()["height"]) == "n >= 2"
    with pytest.raises(ShapeError, match="axis 2 gives 0"):
        shapes(structure, (1, 3, 1, 10))


def test_same_padding_written_as_floating_point_arithmetic():
    """max((ceil(n / 2) - 1) 2 + 2 + 1 - n, 0), half of it (rounded down) before: exporters write it out node by node."""
    structure = made(
        [
            node("Shape", "x", "s"),
            node("Slice", "s two_w four_w", "hw"),
            node("Cast", "hw", "n", to=1),
            node("Div", "n two", "half"),
            node("Ceil", "half", "out"),
            node("Sub", "out one", "before"),
            node("Mul", "before two", "last"),
            node("Add", "last two", "reach"),
            node("Add", "reach one", "end"),
            node("Sub", "end n", "missing"),
            node("Clip", "missing zero", "total"),
            node("Div", "total two", "part"),
            node("Cast", "part", "low_w", to=7),
            node("Cast", "low_w", "low", to=1),
            node("Sub", "total low", "high"),
            node("Cast", "high", "high_w", to=7),
            node("Concat", "none low_w none high_w", "pads", axis=0),
            node("Pad", "x pads", "padded"),
            node("Conv", "padded w", "y", strides=[2, 2]),
        ],
        [
            *(longs("two_w", 2), longs("four_w", 4), longs("none", 0, 0), weight("w", 8, 3, 3, 3)),
            *(tensor(name, (), struct.pack("<f", real), FLOAT) for name, real in (("zero", 0), ("one", 1), ("two", 2))),
        ],
        (1, 3, "h", "w"),
        outputs="padded y",
    )
    assert shapes(structure, (1, 3, 9, 10)) == [(1, 3, 11, 11), (1, 8, 5, 5)]
    assert shapes(structure, (2, 3, 1, 224)) == [(2, 3, 3, 225), (2, 8, 1, 112)]
    network = onnx_network(structure)
    assert not any(isinstance(one.work, Opaque) for one in network.nodes)
    assert str(network.legal_sizes()["height"]) == "every n"


@pytest.mark.parametrize(
    ("bounds", "height"), [("low high", 6), ("low", 9), (" high", 6), ("high", 9), ("most", 12), ("", 9)]
)
def test_sizes_that_are_clipped(bounds, height):
    structure = made(
        [
            node("Shape", "x", "s"),
            node("Gather", "s two", "h"),
            [*((1, name) for name in ("h", *bounds.split(" ")) if name or bounds), (2, "clipped"), (4, "Clip")],
            node("Concat", "one clipped", "sizes", axis=0),
            node("Expand", "x1 sizes", "y"),
        ],
        [
            *(longs("two", 2), longs("one", 1)),
            *(longs("low", 3, dims=()), longs("high", 6, dims=()), longs("most", 12, dims=())),
            weight("x1", 1, 1),
        ],
        (1, 3, "h", "w"),
    )
    assert shapes(structure, (1, 3, 9, 10)) == [(1, height)]


def test_broadcast_shapes_that_compare_with_minus_one():
    structure = made(
        [
            node("Shape", "x", "s"),
            node("Equal", "s minus", "open"),
            node("ConstantOfShape", "four", "ones", value=("tensor", tensor("", (1,), struct.pack("<q", 1), INT64))),
            node("Where", "open ones s", "target"),
            node("Expand", "z target", "y"),
        ],
        [longs("minus", -1, -1, -1, -1), longs("four", 4), weight("z", 1, 3, 1, 1)],
        ("n", 3, "h", "w"),
    )
    assert shapes(structure, (2, 3, 5, 7)) == [(2, 3, 5, 7)]


def test_a_known_branch_is_taken():
    body = [(1, node("Relu", "x", "inner")), (2, "then"), (12, value("inner", None))]
    other = [(1, node("Flatten", "x", "flat")), (2, "else"), (12, value("flat", None))]
    structure = made(
        [
            node("Size", "w", "many"),
            node("Equal", "many four", "test"),
            node("If", "test", "a", then_branch=("graph", body), else_branch=("graph", other)),
            node("Neg", "a", "y"),
        ],
        [weight("w", 2, 2), longs("four", 4, dims=())],
    )
    network = onnx_network(structure)
    assert [step.kind for step in network.nodes] == ["Relu", "Neg"]
    assert shapes(structure) == [(1, 3, 9, 10)]


def test_functions_of_the_model_are_unfolded():
    structure = made(
        [node("Half", "x", "a", "one", domain="own"), node("Half", "a", "y", "two", domain="own")],
        functions=[function("Half", [node("MaxPool", "a", "b", kernel_shape=[2, 2], strides=[2, 2])])],
    )
    network = onnx_network(structure)
    assert [step.name for step in network.nodes] == ["one/MaxPool", "two/MaxPool"]
    assert shapes(structure) == [(1, 3, 2, 2)]


def test_unknown_operators_are_named_and_the_rest_is_traced():
    structure = made(
        [
            node("Relu", "x", "a"),
            node("Strange", "a", "b", domain="own"),
            node("Relu", "b", "c"),
            node("MaxPool", "a", "y", kernel_shape=[3, 3]),
        ],
        outputs="y c",
    )
    network = onnx_network(structure)
    (unknown,) = [step.work for step in network.nodes if isinstance(step.work, Opaque)]
    assert unknown.reason == "the operator 'own.Strange' is not known"
    assert shapes(structure) == [(1, 3, 7, 8), None]
    assert not network.legal_sizes()["height"].exact


@pytest.mark.parametrize("op", ["NonZero", "NonMaxSuppression", "Unique", "Loop"])
def test_data_dependent_operators_say_so(op):
    (step,) = onnx_network(made([node(op, "x", "y")])).nodes
    assert isinstance(step.work, Opaque)
    assert "depends on the data" in step.work.reason


def test_nodes_are_put_in_order():
    structure = made([node("Relu", "a", "y", "second"), node("Neg", "x", "a", "first")])
    assert [step.name for step in onnx_network(structure).nodes] == ["first", "second"]


def test_a_missing_name_and_a_cycle_are_told():
    with pytest.raises(ModelError, match="reads 'gone', which nothing gives") as caught:
        onnx_network(made([node("Add", "x gone", "y", "sum")]))
    assert caught.value.code == "CW408"
    with pytest.raises(ModelError, match="the graph has a cycle"):
        onnx_network(made([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")]))


def test_baked_shapes_are_conditions_and_declared_sizes_are_not():
    free = made([node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2])])
    assert str(onnx_network(free).legal_sizes()["height"]) == "n >= 2"
    baked = made([node("Reshape", "x target", "y")], [longs("target", 1, 3, 45, 2)])
    legal = onnx_network(baked).legal_sizes()
    assert legal.takes((9, 10))
    assert legal.takes((10, 9))
    assert not legal.takes((9, 9))
    assert legal.declared == (1, 3, 9, 10)


def test_channels_last_is_seen_behind_the_transpose_that_converters_write():
    structure = made(
        [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("MaxPool", "t", "y", kernel_shape=[2, 3])],
        dims=("n", "h", "w", 3),
    )
    network = onnx_network(structure)
    assert network.sources[0].layout.channels_last
    assert dict(network.legal_sizes()).keys() == {"height", "width"}
    assert shapes(structure, (1, 9, 10, 3)) == [(1, 3, 8, 8)]


def test_dense_layers_from_gemm_and_matmul():
    structure = made(
        [
            node("GlobalAveragePool", "x", "a"),
            node("Flatten", "a", "f"),
            node("Gemm", "f w b", "g", transB=1),
            node("Transpose", "v", "vt", perm=[1, 0]),
            node("MatMul", "g vt", "y"),
        ],
        [weight("w", 7, 3), weight("b", 7), weight("v", 5, 7)],
    )
    trace = onnx_network(structure).trace()
    assert [row.op for row in trace] == ["GlobalAveragePool", "Flatten", "Gemm", "MatMul"]
    assert isinstance(onnx_network(structure).nodes[2].work[-1], Dense)
    assert trace.totals.params == 21 + 7 + 35
    assert trace.totals.macs == 21 + 35
    assert trace.outputs == {"y": (1, 5)}


def test_scales_that_are_no_exact_fractions_are_rounded_as_the_runtime_does():
    scale = struct.pack("<ffff", 1, 1, 0.7, 2)
    structure = made(
        [node("Upsample", "x s", "y")], [tensor("s", (4,), scale, FLOAT)], (1, 3, "h", "w"), opsets=[(8, opset("", 9))]
    )
    # 10 x 0.7 in single precision is 7, although 0.7 itself is stored as a little less.
    assert shapes(structure, (1, 3, 10, 6)) == [(1, 3, 7, 12)]
    legal = onnx_network(structure).legal_sizes()
    assert not legal["height"].exact
    assert legal["width"].exact


def test_errors_name_the_node_and_its_place():
    bad = made([node("Relu", "x", "a"), node("Conv", "a w", "y", "stem", strides=[0, 1])], [weight("w", 4, 3, 3, 3)])
    with pytest.raises(Refusal) as caught:
        onnx_network(bad)
    told = "strides of 'stem' (Conv) at node 1: strides is 0; at least 1 is needed [CW201]"
    assert str(caught.value).splitlines()[0] == told
    assert caught.value.quote == "Attribute strides must only contain positive values"
    narrow = made([node("Relu", "x", "a"), node("Conv", "a w", "y", "stem")], [weight("w", 4, 3, 11, 3)])
    with pytest.raises(ShapeError, match="height of 'stem' \\(Conv\\) at node 1: the window spans 11") as broken:
        onnx_network(narrow).trace()
    assert broken.value.code == "CW104"


def test_input_shapes_are_checked():
    structure = made([node("Relu", "x", "y")])
    assert onnx_network(structure, (2, 3, 5, 6)).trace().outputs == {"y": (2, 3, 5, 6)}
    assert onnx_network(structure, {"x": (2, 3, 5, 6)}).sources[0].declared == (2, 3, 5, 6)
    with pytest.raises(ArgumentError, match="2 axes for the input 'x'"):
        onnx_network(structure, (5, 6))
    with pytest.raises(ArgumentError, match="no input 'q'"):
        onnx_network(structure, {"q": (5, 6)})


def test_an_input_without_axes_needs_a_shape():
    structure = made([node("Relu", "x", "y")], dims=None)
    with pytest.raises(ModelError, match="does not say how many axes") as caught:
        onnx_network(structure)
    assert caught.value.code == "CW410"
    assert shapes(structure, given=(1, 3, 5, 6)) == [(1, 3, 5, 6)]


def test_newer_operator_sets_are_noted_and_impossible_ones_refused():
    newer = made([node("Relu", "x", "y")], opsets=[(8, opset("", 40))])
    assert [note.code for note in onnx_network(newer).notes] == ["CW520"]
    with pytest.raises(ModelError, match="there is no operator set 9,999"):
        onnx_network(made([node("Relu", "x", "y")], opsets=[(8, opset("", 9999))]))


def test_sizes_that_grow_through_arithmetic_end():
    steps = [node("Shape", "x", "s0")]
    steps += [node("Mul", f"s{n} s{n}", f"s{n + 1}") for n in range(60)]
    steps.append(node("Reshape", "x s60", "y"))
    (last,) = onnx_network(made(steps, dims=("n", 3, "h", "w"))).nodes
    assert isinstance(last.work, Opaque)


def test_functions_that_unfold_without_end_are_refused():
    chain = [
        function(f"F{n}", [node(f"F{n + 1}", "a", f"t{k}", domain="own") for k in range(9)] + [node("Relu", "a", "b")])
        for n in range(9)
    ]
    chain.append(function("F9", [node("Relu", "a", "b")]))
    with pytest.raises(ModelError) as caught:
        onnx_network(made([node("F0", "x", "y", domain="own")], functions=chain))
    assert caught.value.code == "CW405"


OPS = [
    "Conv",
    "MaxPool",
    "Reshape",
    "Slice",
    "Concat",
    "Resize",
    "Pad",
    "Gather",
    "Split",
    "Squeeze",
    "Flatten",
    "Gemm",
    "MatMul",
    "Transpose",
    "Expand",
    "Tile",
    "Range",
    "TopK",
    "Shape",
    "Cast",
    "Where",
    "Add",
    "Mul",
    "Div",
    "ReduceMean",
]


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_end_in_an_answer(seed):
    rng = random.Random(seed)
    tensors = [
        longs("i0", 0, -1),
        longs("i1", 2, 3, 4),
        longs("i2", 1, dims=()),
        weight("w0", 4, 3, 3, 2),
        weight("w1", 3),
    ]
    names = ["x", "i0", "i1", "i2", "w0", "w1"]
    steps = []
    for number in range(40):
        inputs = " ".join(rng.choice(names) for _ in range(rng.randint(1, 4)))
        settings = {
            key: rng.choice(choices)
            for key, choices in {
                "axis": (0, 1, -1, 9),
                "axes": ([0], [2, 3], [-1]),
                "kernel_shape": ([2, 2], [3], [0, 2]),
                "pads": ([1, 1, 1, 1], [0, 2]),
                "to": (1, 7, 9),
                "perm": ([0, 2, 3, 1], [1, 0]),
                "mode": ("nearest", "edge", "linear"),
                "keepdims": (0, 1),
            }.items()
            if rng.random() < 0.3
        }
        steps.append(node(rng.choice(OPS), inputs, f"t{number}", **settings))
        try:
            network = onnx_network(made(steps, tensors, outputs=f"t{number}"))
            network.trace()
            network.legal_sizes()
            names.append(f"t{number}")
        except ConvwiseError:
            steps.pop()


def test_an_einsum_broadcasts_a_size_of_one_and_refuses_others():
    """What onnxruntime answers to these shapes."""
    equation = "bchw,bcij->bhwij"
    for left, right, out in ((1, 2, (1, 3, 4, 3, 4)), (2, 2, (1, 3, 4, 3, 4)), (2, 4, None)):
        inputs = {"x": (1, left, 3, 4), "z": (1, right, 3, 4)}
        network = onnx_network(made([node("Einsum", "x z", "y", equation=equation)], inputs=inputs))
        if out is None:
            with pytest.raises(ShapeError, match="c is 2 in one tensor and 4 in another"):
                network.trace(inputs)
        else:
            assert list(network.trace(inputs).outputs.values()) == [out]
    with pytest.raises(Refusal, match="gives one axis twice"):
        onnx_network(made([node("Einsum", "x", "y", equation="bchw->bb")]))


HEIGHT = [node("Shape", "x", "s"), node("Gather", "s two", "h", axis=0)]
CUTS = {
    "the whole in two": ([node("Div", "h two", "p"), node("Sub", "h p", "q")], "every n"),
    "three cells at the end": ([node("Sub", "h three", "p"), node("Sub", "h p", "q")], "n >= 3"),
    "equal halves": ([node("Div", "h two", "p"), node("Div", "h two", "q")], "every even n"),
    "at most three": ([node("Sub", "three h", "p"), node("Sub", "h p", "q")], "n in {2, 3}"),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_split_into_pieces_of_computed_sizes_is_followed(name):
    arithmetic, told = CUTS[name]
    nodes = [*HEIGHT, *arithmetic, node("Concat", "p q", "sizes", axis=0), node("Split", "x sizes", "a b", axis=2)]
    structure = made(nodes, [longs("two", 2), longs("three", 3)], (1, 3, "h", 10), outputs="a b")
    legal = onnx_network(structure).legal_sizes()
    assert (str(legal["height"]), legal.exact) == (told, True)
    pieces = {"the whole in two": (4, 5), "three cells at the end": (6, 3)}
    if name in pieces:
        assert shapes(structure, (1, 3, 9, 10)) == [(1, 3, pieces[name][0], 10), (1, 3, pieces[name][1], 10)]
    else:
        with pytest.raises(ShapeError):
            shapes(structure, (1, 3, 9, 10))


def test_one_value_may_be_normalised_in_an_onnx_file():
    """onnxruntime takes it; the condition is PyTorch's own."""
    structure = made(
        [node("Conv", "x w", "a", strides=[2, 2]), node("InstanceNormalization", "a s t", "y")],
        [weight("w", 4, 3, 3, 3), weight("s", 4), weight("t", 4)],
        (1, 3, "h", "w"),
    )
    legal = onnx_network(structure).legal_sizes()
    assert (str(legal["height"]), str(legal["width"]), legal.joint) == ("n >= 3", "n >= 3", None)
    assert shapes(structure, (1, 3, 3, 4)) == [(1, 4, 1, 1)]
