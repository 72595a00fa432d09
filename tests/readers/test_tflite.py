"""TensorFlow Lite files: sizes, parameters and MACs of operators, sizes that a graph computes, and what is refused."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import pytest
from readers.tflite_bytes import Number, Tflite, Vector, i32, ints, u8

import convwise as cw

SAME, VALID, RELU6 = u8(0), u8(1), u8(3)


def small(open_: bool = True) -> Tflite:
    """A strided convolution, a dilated depthwise one with a multiplier, a pool, the mean and a dense layer."""
    made = Tflite()
    x = made.tensor("image", (1, -1, -1, 3) if open_ else (1, 33, 40, 3), open_=open_)
    sizes = ((1, 17, 40, 8), (1, 13, 36, 16), (1, 7, 18, 16), (1, 16), (1, 10))
    a, b, c, d, e = (made.tensor(name, shape) for name, shape in zip("abcde", sizes, strict=True))
    kernel, bias = made.weights("a/kernel", 8, 3, 5, 3), made.weights("a/bias", 8)
    made.operator("CONV_2D", (x, kernel, bias), (a,), {0: SAME, 1: i32(1), 2: i32(2), 3: RELU6})
    deep = made.weights("b/kernel", 1, 3, 3, 16)
    made.operator(
        "DEPTHWISE_CONV_2D", (a, deep, -1), (b,), {0: VALID, 1: i32(1), 2: i32(1), 3: i32(2), 5: i32(2), 6: i32(2)}
    )
    made.operator("AVERAGE_POOL_2D", (b,), (c,), {0: SAME, 1: i32(2), 2: i32(2), 3: i32(3), 4: i32(2)})
    made.operator("MEAN", (c, made.numbers(1, 2)), (d,), {})
    made.operator("FULLY_CONNECTED", (d, made.weights("e/kernel", 10, 16), made.weights("e/bias", 10)), (e,))
    return made


def test_a_network_of_the_usual_operators() -> None:
    network = cw.read(small().data((0,), (5,)))
    trace = network.trace((1, 33, 40, 3))
    assert [(row.name, row.node.kind, row.output, row.params, row.macs) for row in trace] == [
        ("a", "CONV_2D", (1, 17, 40, 8), 368, 17 * 40 * 360),
        ("b", "DEPTHWISE_CONV_2D", (1, 13, 36, 16), 144, 13 * 36 * 144),
        ("c", "AVERAGE_POOL_2D", (1, 7, 18, 16), 0, 0),
        ("d", "MEAN", (1, 16), 0, 0),
        ("e", "FULLY_CONNECTED", (1, 10), 170, 160),
    ]
    assert network.title == "TensorFlow Lite model"
    assert [row.receptive_field for row in trace][:3] == [(3, 5), (11, 9), (13, 11)]
    assert network.notes == ()


def test_sizes_that_are_declared_open_have_a_legal_set() -> None:
    legal = cw.read(small().data((0,), (5,))).legal_sizes()
    assert legal["height"].minimum == 9  # ceil(n / 2) must be 5 for the dilated window
    assert legal["width"].minimum == 5
    with pytest.raises(cw.ShapeError, match=r"height of 'b' \(DEPTHWISE_CONV_2D\)"):
        cw.read(small().data((0,), (5,))).trace((1, 8, 40, 3))


def test_another_input_is_followed_as_the_interpreter_resizes_it() -> None:
    data = small(open_=False).data((0,), (5,))
    assert cw.read(data).trace()[0].output == (1, 17, 40, 8)
    assert cw.read(data, input_shape=(2, 65, 41, 3)).trace()[0].output == (2, 33, 41, 8)
    assert cw.read(data, input_shape={"image": (65, 41, 3)}).trace()[0].output == (1, 33, 41, 8)
    with pytest.raises(cw.ArgumentError, match="the model has no input 'other'"):
        cw.read(data, input_shape={"other": (1, 9, 9, 3)})
    with pytest.raises(cw.ArgumentError, match="2 axes for the input 'image', which has 4"):
        cw.read(data, input_shape=(9, 9))
    with pytest.raises(cw.ShapeError, match="takes 3 channels, the input has 4"):
        cw.read(data, input_shape=(1, 33, 40, 4)).trace()


def transposed(padding: Number, images: int, more: int) -> bytes:
    """An image's height and width doubled, and `more` cells, by shape arithmetic: SHAPE, STRIDED_SLICE, MUL, ADD, PACK."""
    made = Tflite()
    x, y = made.tensor("x", (1, -1, -1, 4), open_=True), made.tensor("y", (1, -1, -1, 6), open_=True)
    shape = made.tensor("shape", (4,), "int32")
    made.operator("SHAPE", (x,), (shape,), {})
    ends = []
    for axis in (1, 2):
        size, double, wanted = (made.tensor(f"{name}{axis}", (), "int32") for name in ("size", "double", "wanted"))
        cut = (made.numbers(axis), made.numbers(axis + 1), made.numbers(1))
        made.operator("STRIDED_SLICE", (shape, *cut), (size,), {4: i32(1)})
        made.operator("MUL", (size, made.numbers(2, shape=())), (double,), {})
        made.operator("ADD", (double, made.numbers(more, shape=())), (wanted,), {})
        ends.append(wanted)
    target = made.tensor("target", (4,), "int32")
    made.operator("PACK", (made.numbers(images, shape=()), *ends, made.numbers(6, shape=())), (target,), {0: i32(4)})
    kernel = made.weights("kernel", 6, 3, 5, 4)
    made.operator("TRANSPOSE_CONV", (target, kernel, x), (y,), {0: padding, 1: i32(2), 2: i32(2)})
    return made.data((x,), (y,))


def test_a_transposed_convolution_to_a_size_that_the_graph_computes() -> None:
    network = cw.read(transposed(SAME, 1, 0))
    (row,) = network.trace((1, 9, 10, 4))
    assert (row.output, row.params, row.macs) == ((1, 18, 20, 6), 360, 9 * 10 * 360)
    # height and width of VALID: 2 (n - 1) + kernel is 2 n + 1 and 2 n + 3; so many fit at the height alone
    assert cw.read(transposed(VALID, 1, 3)).trace((1, 9, 10, 4))[-1].output == (1, 21, 23, 6)
    with pytest.raises(cw.ShapeError, match="2 elements do not fit into 1"):
        network.trace((2, 9, 10, 4))


def test_a_size_that_is_written_as_a_number_stays_one() -> None:
    made = Tflite()
    x, y = made.tensor("x", (1, 9, 10, 4)), made.tensor("y", (1, 18, 30, 6))
    target = made.numbers(1, 18, 30, 6)
    made.operator(
        "TRANSPOSE_CONV", (target, made.weights("kernel", 6, 3, 5, 4), x), (y,), {0: SAME, 1: i32(3), 2: i32(2)}
    )
    network = cw.read(made.data((x,), (y,)))
    for size in ((9, 10), (8, 12)):
        assert network.trace((1, *size, 4))[-1].output == (1, 18, 30, 6)


def one(kind: str, inputs: tuple[Any, ...], options: dict[int, Any] | None, outputs: int = 1) -> list[Any]:
    """The shapes that one operator gives: inputs are shapes of tensors, and lists of numbers."""
    made = Tflite()
    given, places = [], []
    for number, value in enumerate(inputs):
        if isinstance(value, list):
            given.append(made.numbers(*value))
        elif isinstance(value, int):
            given.append(made.numbers(value, shape=()))
        elif kind == "FULLY_CONNECTED" and number == 1:
            given.append(made.weights("kernel", *value))
        else:
            given.append(made.tensor(f"x{number}", value))
            places.append(given[-1])
    out = [made.tensor(f"y{number}", ()) for number in range(outputs)]
    made.operator(kind, given, out, options)
    network = cw.read(made.data(places, out))
    shapes = {made.tensors[place][3]: tuple(made.tensors[place][0].values) for place in places}
    assert network.notes == ()
    return list(network.trace(shapes).outputs.values())


A, B = (1, 9, 10, 4), (1, 9, 1, 4)
KINDS: tuple[tuple[str, tuple[Any, ...], dict[int, Any] | None, Any], ...] = (
    ("MAX_POOL_2D", (A,), {0: VALID, 1: i32(3), 2: i32(2), 3: i32(4), 4: i32(3)}, (1, 4, 3, 4)),
    ("ADD", (A, B), {0: RELU6}, A),
    ("SQUARED_DIFFERENCE", (A, (4,)), {}, A),
    ("CONCATENATION", (A, (1, 9, 10, 3)), {0: i32(-1)}, (1, 9, 10, 7)),
    ("RESHAPE", (A, [1, -1, 8]), {}, (1, 45, 8)),
    ("RESHAPE", (A,), {0: ints(2, 180)}, (2, 180)),
    ("TRANSPOSE", (A, [0, 3, 1, 2]), {}, (1, 4, 9, 10)),
    ("MEAN", (A, [1]), {0: Number("?", 1)}, (1, 1, 10, 4)),
    ("MEAN", (A, [-2, 1]), {0: Number("?", 1)}, (1, 1, 1, 4)),
    ("REDUCE_MAX", (A, 3), {}, (1, 9, 10)),
    ("ARG_MAX", (A, 3), {}, (1, 9, 10)),
    ("PAD", (A, [0, 0, 1, 2, 3, 0, 0, 0]), {}, (1, 12, 13, 4)),
    ("PADV2", (A, [0, 0, 0, 0, 0, 0, 1, 2], [0]), {}, (1, 9, 10, 7)),
    ("MIRROR_PAD", (A, [0, 0, 8, 2, 3, 0, 0, 0]), {0: u8(0)}, (1, 19, 13, 4)),
    ("RESIZE_BILINEAR", (A, [18, 5]), {3: Number("?", 1)}, (1, 18, 5, 4)),
    ("RESIZE_NEAREST_NEIGHBOR", (A, [18, 5]), {}, (1, 18, 5, 4)),
    ("SQUEEZE", (B,), {0: ints(2)}, (1, 9, 4)),
    ("SQUEEZE", (B,), {}, (9, 4)),
    ("EXPAND_DIMS", (A, -1), {}, (1, 9, 10, 4, 1)),
    ("SLICE", (A, [0, 2, 0, 1], [1, 3, -1, 2]), {}, (1, 3, 10, 2)),
    ("STRIDED_SLICE", (A, [0, 1, 0, 2], [0, -1, 9, 3], [1, 2, 3, 1]), {0: i32(1), 1: i32(1), 4: i32(8)}, (1, 4, 3)),
    ("GATHER", (A, [3, 0, 0]), {0: i32(3)}, (1, 9, 10, 3)),
    ("PACK", (A, A), {1: i32(1)}, (1, 2, 9, 10, 4)),
    ("TILE", (B, [1, 2, 3, 1]), {}, (1, 18, 3, 4)),
    ("BROADCAST_TO", (B, [2, 9, 10, 4]), {}, (2, 9, 10, 4)),
    ("BATCH_MATMUL", ((2, 9, 4), (2, 10, 4)), {1: Number("?", 1)}, (2, 9, 10)),
    ("BATCH_MATMUL", ((2, 4, 9), (4, 10)), {0: Number("?", 1)}, (2, 9, 10)),
    ("DEPTH_TO_SPACE", (A,), {0: i32(2)}, (1, 18, 20, 1)),
    ("SPACE_TO_DEPTH", ((1, 8, 10, 4),), {0: i32(2)}, (1, 4, 5, 16)),
    ("SPACE_TO_BATCH_ND", (A, [3, 2], [0, 0, 1, 1]), None, (6, 3, 6, 4)),
    ("SPACE_TO_BATCH_ND", ((1, 9, 4), [3], [0, 0]), None, (3, 3, 4)),
    ("BATCH_TO_SPACE_ND", ((6, 3, 6, 4), [3, 2], [0, 1, 1, 0]), None, (1, 8, 11, 4)),
    ("SOFTMAX", (A,), {}, A),
    ("HARD_SWISH", (A,), None, A),
    ("LOGISTIC", (A,), None, A),
    ("FULLY_CONNECTED", ((2, 3, 4), (5, 4)), None, (6, 5)),
    ("FULLY_CONNECTED", ((2, 3, 4), (5, 4)), {2: Number("?", 1)}, (2, 3, 5)),
)


@pytest.mark.parametrize(("kind", "inputs", "options", "wanted"), KINDS)
def test_each_operator(kind: str, inputs: tuple[Any, ...], options: dict[int, Any] | None, wanted: Any) -> None:
    assert one(kind, inputs, options) == [wanted]


def test_operators_with_several_outputs() -> None:
    assert one("SPLIT", (3, A), {0: i32(2)}, 2) == [(1, 9, 10, 2)] * 2
    assert one("SPLIT_V", (A, [1, 3], 3), {0: i32(2)}, 2) == [(1, 9, 10, 1), (1, 9, 10, 3)]
    assert one("UNPACK", (A,), {0: i32(4), 1: i32(3)}, 4) == [(1, 9, 10)] * 4


def test_a_kernel_that_reads_fewer_channels_has_groups() -> None:
    made = Tflite()
    x, y = made.tensor("x", (1, 9, 10, 8)), made.tensor("y", (1, 7, 8, 6))
    made.operator("CONV_2D", (x, made.weights("w", 6, 3, 3, 4), -1), (y,), {0: VALID, 1: i32(1), 2: i32(1)})
    (row,) = cw.read(made.data((x,), (y,))).trace()
    assert (row.output, row.params, row.macs) == ((1, 7, 8, 6), 216, 7 * 8 * 216)


def test_weights_in_another_type_are_counted_where_they_are_read() -> None:
    made = Tflite()
    x, y = made.tensor("x", (1, 9, 10, 4)), made.tensor("y", (1, 7, 8, 6))
    half = made.tensor("w16", (6, 3, 3, 4), "float16", b"\0\0" * 216)
    whole, bias = made.tensor("w", (6, 3, 3, 4)), made.tensor("b", (6,), "int32", struct.pack("<6i", *range(6)))
    made.operator("DEQUANTIZE", (half,), (whole,))
    made.operator("CONV_2D", (x, whole, bias), (y,), {0: VALID, 1: i32(1), 2: i32(1)})
    (row,) = cw.read(made.data((x,), (y,))).trace()
    assert row.params == 222


def test_an_operator_that_is_not_known_keeps_the_sizes_that_the_file_records() -> None:
    made = Tflite()
    x, y, z = made.tensor("x", (1, 9, 10, 4)), made.tensor("y", (1, 5, 4)), made.tensor("z", (1, 5, 4))
    made.operator("Detect_It", (x,), (y,))
    made.operator("TANH", (y,), (z,))
    network = cw.read(made.data((x,), (z,)))
    assert network.trace()[-1].output == (1, 5, 4)
    assert [note.code for note in network.notes] == ["CW422"]
    assert "'y' (Detect_It) is told with the sizes that the file records" in network.notes[0].text


def wrong(change: str) -> bytes:
    made = small(open_=False)
    match change:
        case "version":
            return made.data((0,), (5,), version=2)
        case "graphs":
            return made.data((0,), (5,), graphs=[])
        case "output":
            return made.data((0,), (99,))
        case "input":
            made.operators[0][1] = ints(0, 88, -1)
        case "code":
            made.operators[0][0] = Number("I", 77)
        case "stride":
            made.operators[0][4] = {0: SAME, 1: i32(0), 2: i32(2)}
        case "order":
            made.operators.reverse()
        case "twice":
            made.operators[1][2] = ints(1)
        case "copies":
            half = made.tensor("half", (4,), "float16", b"\0\0" * 4)
            one, other = made.tensor("one", (4,)), made.tensor("other", (4,))
            for read, given in ((half, one), (one, other), (other, one)):
                made.operator("DEQUANTIZE", (read,), (given,))
            made.operator("ADD", (0, one), (made.tensor("end", (4,)),))
        case "buffer":
            made.tensors[6][2] = Number("I", 1000)
        case "negative":
            made.tensors[0][0] = ints(1, -9, 10, 3)
        case "huge":
            made.tensors[6][0] = ints(*[2**31 - 1] * 4)
        case "axes":
            made.tensors[0][0] = ints(*[1] * 65)
        case "numbers":
            made.tensors[-4][0] = ints(5)
            made.operators[3][1] = ints(3, len(made.tensors) - 4)
        case "name":
            made.tensors[0][3] = "x" * 5000
        case "missing":
            made.operators[0][1] = ints()
    return made.data((0,), (5,))


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ("version", "CW407", "version 2 of its format"),
        ("graphs", "CW403", "has no graph"),
        ("output", "CW406", "tensor 99 is named, and there are 1"),
        ("input", "CW406", "tensor 88 is named"),
        ("code", "CW406", "an operator of kind 77, and the file has 5"),
        ("stride", "CW406", "CONV_2D has a kernel of (3, 5), strides of (2, 0)"),
        ("order", "CW406", "'d' is read before anything gives it"),
        ("twice", "CW406", "'a' is given twice"),
        ("copies", "CW406", "'one' is given twice"),
        ("buffer", "CW406", "a tensor in buffer 1,000"),
        ("negative", "CW406", "a tensor of the shape (1, -9, 10, 3)"),
        ("huge", "CW405", "a tensor of the shape"),
        ("axes", "CW406", "a tensor of 65 axes"),
        ("name", "CW405", "a name of 5,000 bytes"),
        ("missing", "CW406", "CONV_2D without its input 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(change: str, code: str, says: str) -> None:
    with pytest.raises(cw.ModelError) as caught:
        cw.read(wrong(change))
    assert caught.value.code == code
    assert says in str(caught.value)


def test_every_cut_is_an_error_of_ours() -> None:
    data = small().data((0,), (5,))
    for stop in range(8, len(data), 3):
        with suppress(cw.ModelError):
            cw.read(data[:stop])


def test_no_changed_byte_is_a_crash_or_a_hang() -> None:
    from random import Random

    rng, data = Random(5), transposed(SAME, 1, 0) + b""
    for _ in range(1500):
        broken = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 4))):
            broken[rng.randrange(8, len(broken))] = rng.choice((0, 1, 4, 127, 128, 255, rng.randrange(256)))
        with suppress(cw.ConvwiseError):
            cw.read(bytes(broken)).trace((1, 9, 10, 4))


def test_more_steps_than_are_followed_are_an_error_of_ours() -> None:
    made, rank = Tflite(), 64
    x = made.tensor("x", (1,) * rank)
    cut = (made.numbers(*[0] * rank), made.numbers(*[1] * rank))
    for number in range(3200):
        made.operator("SLICE", (x, *cut), (made.tensor(f"y{number}", ()),))
    with pytest.raises(cw.ModelError, match=r"more than 200,000 steps \[CW405\]"):
        cw.read(made.data((x,), ()))


def test_one_vector_that_is_named_many_times_does_not_fill_memory() -> None:
    made = small()
    many = Vector("i", [0] * 200_000)
    for _ in range(12):
        made.operator("CONCATENATION", (0,), (1,))
        made.operators[-1][1] = many
    with pytest.raises(cw.ModelError, match="more than 2,000,000 tables, numbers and characters"):
        cw.read(made.data((0,), (5,)))


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "DIV"])
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_sizes_that_are_computed_in_thousands_of_steps(kind: str, twice: bool, known: bool) -> None:
    made = Tflite()
    x, y = made.tensor("x", (1, -1, -1, 4), open_=True), made.tensor("y", (1, 1, 1, 4))
    last, two = made.tensor("shape", (4,), "int32"), made.numbers(2, shape=())
    made.operator("SHAPE", (x,), (last,), {})
    if known:
        last = made.numbers(7, 7, 7, 7)
    for number in range(3000):
        before, last = last, made.tensor(f"n{number}", (4,), "int32")
        made.operator(kind, (before, before if twice else two), (last,), {})
    made.operator("RESHAPE", (x, last), (y,), {})
    with suppress(cw.ConvwiseError):
        cw.read(made.data((x,), (y,))).trace((1, 9, 10, 4))


def test_a_file_by_its_path_and_its_kind_by_its_bytes(tmp_path: Any) -> None:
    path = tmp_path / "net.bin"
    path.write_bytes(small().data((0,), (5,)))
    assert cw.read(path).trace((1, 33, 40, 3)).totals.params == 682
    text = tmp_path / "net.tflite"
    text.write_text("no model")
    with pytest.raises(cw.ModelError, match="this is not a TensorFlow Lite model"):
        cw.read(text)
