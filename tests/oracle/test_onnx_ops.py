"""Every operator against onnxruntime: random settings, asymmetric sizes; the same shapes, or both refuse."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from convwise.answers.network.symbolic import follow
from convwise.errors import ConvwiseError
from convwise.readers.onnx import read_onnx
from convwise.readers.onnx_network import onnx_network

pytestmark = pytest.mark.oracle

Shape = tuple[int, ...]


@dataclass
class Case:
    """One node: its inputs are shapes of data, or arrays that are stored in the file."""

    op: str
    inputs: list[Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1
    opset: int = 17


def ints(*values: int) -> Any:
    import numpy as np

    return np.array(values, np.int64)


def floats(*shape: int) -> Any:
    import numpy as np

    return np.zeros(shape, np.float32)


def model_of(case: Case, free: bool) -> tuple[bytes, dict[str, Any]]:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    names, inputs, stored, feeds = [], [], [], {}
    for number, one in enumerate(case.inputs):
        name = "" if one is None else f"x{number}"
        names.append(name)
        if isinstance(one, tuple):
            dims: list[Any] = list(one)
            if free:
                dims = [f"n{axis}" if axis != 1 else size for axis, size in enumerate(one)]
            inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
            feeds[name] = np.zeros(one, np.float32)
        elif one is not None:
            stored.append(numpy_helper.from_array(one, name))
    outputs = [f"y{number}" for number in range(case.outputs)]
    node = helper.make_node(case.op, names, outputs, name="node", **case.attributes)
    graph = helper.make_graph(
        [node], "one", inputs, [helper.make_empty_tensor_value_info(name) for name in outputs], stored
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)], ir_version=8)
    return made.SerializeToString(), feeds


def truth(data: bytes, feeds: dict[str, Any]) -> list[Shape] | str:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    try:
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        return [tuple(value.shape) for value in session.run(None, feeds)]
    except Exception as error:
        return str(error)


def ours(data: bytes, feeds: dict[str, Any]) -> list[Shape | None] | ConvwiseError:
    shapes = {name: value.shape for name, value in feeds.items()}
    try:
        network = onnx_network(read_onnx(data))
        trace = network.trace(shapes)
    except ConvwiseError as error:
        return error
    found = [trace.outputs[name] for name in network.outputs]
    symbolic = follow(network)
    sizes = {key: shapes[axis.source][axis.place] for key, axis in enumerate(symbolic.keys)}
    for name, shape in zip(network.outputs, found, strict=True):
        free = symbolic.at(name, sizes)
        if free is not None and None not in free and shape is not None:
            one_sample = all(one[:1] == (1,) for one in shapes.values())
            assert not one_sample or free == shape, f"with free sizes {name} is {free}, not {shape}"
    return found


def check(case: Case, *, free: bool) -> bool:
    """Whether both give a shape; fails where they do not agree."""
    data, feeds = model_of(case, free)
    real, found = truth(data, feeds), ours(data, feeds)
    told = f"{case.op} {case.attributes} on {[one if isinstance(one, tuple) else getattr(one, 'tolist', str)() if getattr(one, 'size', 99) < 12 else one.shape for one in case.inputs if one is not None]} opset {case.opset}"
    if isinstance(real, str):
        if "padding values must be non-negative" in real:
            return False  # told as a note: it depends on the size
        opaque = not isinstance(found, ConvwiseError) and None in found
        assert isinstance(found, ConvwiseError) or opaque, f"{told}: {found}, but onnxruntime: {real[-300:]}"
        return False
    if isinstance(found, ConvwiseError):
        # A tensor without cells is an error here, where the runtime goes on with nothing; a window that does not fit is
        # one too, where it rounds the quotient towards zero.
        truncated = "Pool" in case.op and found.code == "CW104"
        assert truncated or any(0 in shape for shape in real), f"{told}: {found}, but onnxruntime gives {real}"
        return False
    assert [shape for shape in found if shape is not None] == [
        one for one, shape in zip(real, found, strict=True) if shape is not None
    ], f"{told}: {found}, but onnxruntime gives {real}"
    return None not in found


def _many(rng: random.Random, low: int, high: int, count: int) -> list[int]:
    return [rng.randint(low, high) for _ in range(count)]


def _data(rng: random.Random, rank: int, channels: int) -> Shape:
    return (rng.choice((1, 1, 2)), channels, *_many(rng, 4, 17, rank))


def conv(rng: random.Random) -> Case:
    rank, group = rng.choice((1, 2, 2, 3)), rng.choice((1, 1, 2))
    kernel = _many(rng, 1, 4, rank)
    attributes: dict[str, Any] = {"group": group}
    attributes["strides"] = _many(rng, 1, 3, rank)
    rule = rng.choice(("pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", ""))
    if rng.random() < 0.5 or rule == "pads":
        attributes["dilations"] = _many(rng, 1, 2, rank)
    if rule == "pads":
        attributes["pads"] = _many(rng, 0, 3, 2 * rank)
    elif rule:
        attributes["auto_pad"] = rule
    weight = floats(rng.choice((2, 4, 4, 3)), 4 // group, *kernel)
    inputs: list[Any] = [_data(rng, rank, 4), weight]
    return Case("Conv", inputs + ([floats(weight.shape[0])] if rng.random() < 0.5 else []), attributes)


def conv_transpose(rng: random.Random) -> Case:
    rank, group = rng.choice((1, 2, 2)), rng.choice((1, 2))
    kernel, strides = _many(rng, 1, 4, rank), _many(rng, 1, 3, rank)
    attributes: dict[str, Any] = {"group": group, "strides": strides}
    rule = rng.choice(("pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", "shape"))
    if rng.random() < 0.5:
        attributes["dilations"] = _many(rng, 1, 2, rank)
    if rng.random() < 0.5:
        attributes["output_padding"] = _many(rng, 0, 2, rank)
    shape = _data(rng, rank, 4)
    if rule == "pads":
        attributes["pads"] = _many(rng, 0, 2, 2 * rank)
    elif rule == "shape":
        attributes["output_shape"] = [size * step for size, step in zip(shape[2:], strides, strict=True)]
        attributes.pop("output_padding", None)
    else:
        attributes["auto_pad"] = rule
    return Case("ConvTranspose", [shape, floats(4, 3, *kernel)], attributes)


def pool(rng: random.Random) -> Case:
    rank, opset = rng.choice((1, 2, 2, 3)), rng.choice((11, 17, 19, 21))
    op = rng.choice(("MaxPool", "AveragePool", "LpPool"))
    kernel = _many(rng, 1, 4, rank)
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": _many(rng, 1, 4, rank)}
    rule = rng.choice(("pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", ""))
    if rule == "pads":
        attributes["pads"] = [rng.randint(0, size if rng.random() < 0.1 else size - 1) for size in kernel * 2]
    elif rule:
        attributes["auto_pad"] = rule
    if opset >= {"MaxPool": 10, "AveragePool": 19, "LpPool": 18}[op] and rng.random() < 0.4:
        attributes["dilations"] = _many(rng, 1, 3, rank)
    if (op != "LpPool" or opset >= 18) and rng.random() < 0.6:
        # With SAME and a stride beyond the kernel the runtime stops at its own negative padding.
        attributes["ceil_mode"] = int("SAME" not in rule)
    if op == "AveragePool":
        attributes["count_include_pad"] = rng.randint(0, 1)
    outputs = 2 if op == "MaxPool" and rng.random() < 0.3 else 1
    return Case(op, [_data(rng, rank, 3)], attributes, outputs, opset)


def global_pool(rng: random.Random) -> Case:
    op = rng.choice(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"))
    return Case(op, [_data(rng, rng.randint(0, 3), 3)])


def norm(rng: random.Random) -> Case:
    op = rng.choice(("BatchNormalization", "InstanceNormalization", "LayerNormalization"))
    shape = _data(rng, 2, 3)
    count = rng.choice((3, 3, 3, 4))
    if op == "BatchNormalization":
        return Case(op, [shape, *(floats(count) for _ in range(4))])
    if op == "InstanceNormalization":
        return Case(op, [shape, floats(count), floats(count)])
    axis = rng.choice((-1, -2, 1, 2, 3))
    return Case(op, [shape, floats(*shape[axis:]), floats(*shape[axis:])], {"axis": axis})


def activation(rng: random.Random) -> Case:
    op = rng.choice(
        [
            "Relu",
            "Sigmoid",
            "Tanh",
            "Elu",
            "Selu",
            "LeakyRelu",
            "Softplus",
            "HardSwish",
            "Erf",
            "Abs",
            "Neg",
            "Exp",
            "Floor",
            "Softmax",
            "LogSoftmax",
            "Identity",
            "Dropout",
            "Clip",
            "Cast",
        ]
    )
    attributes = {"to": 10} if op == "Cast" else {}
    return Case(op, [_data(rng, rng.randint(0, 3), 3)], attributes, 2 if op == "Dropout" else 1)


def arithmetic(rng: random.Random) -> Case:
    op = rng.choice(["Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum", "Mean", "PRelu", "Equal", "Less"])
    shape = (1, 3, *_many(rng, 2, 5, 2))
    other: list[int] = [size if rng.random() < 0.6 else 1 for size in shape]
    if rng.random() < 0.15:
        other[rng.randrange(4)] += 1
    other = other[rng.randint(0, 2) :]
    one: Any = tuple(other) if len(other) == 4 and rng.random() < 0.7 else floats(*other)
    return Case(op, [shape, one])


def concat(rng: random.Random) -> Case:
    axis = rng.choice((0, 1, 2, 3, -1))
    shape = _data(rng, 2, 3)
    others = []
    for _ in range(rng.randint(1, 2)):
        other = list(shape)
        other[axis] = rng.randint(1, 5)
        if rng.random() < 0.1:
            other[2] += 1
        others.append(tuple(other))
    return Case("Concat", [shape, *others], {"axis": axis})


def split(rng: random.Random) -> Case:
    shape, axis = (1, 6, 8, 9), rng.choice((1, 2, 3, -1))
    size, parts = shape[axis], rng.randint(2, 3)
    how = rng.choice(("even", "sizes", "number"))
    if how == "even":
        return Case("Split", [shape], {"axis": axis}, parts, 13)
    if how == "number":
        return Case("Split", [shape], {"axis": axis, "num_outputs": parts}, parts, 18)
    first = rng.randint(1, size - 2)
    return Case("Split", [shape, ints(first, size - first - rng.choice((0, 0, 0, 1)))], {"axis": axis}, 2, 13)


def slices(rng: random.Random) -> Case:
    shape = _data(rng, 2, 3)
    axes = rng.sample((0, 1, 2, 3, -1, -2), 2)
    ends = (0, 1, 2, 3, -1, -2, -3, 8, -20, 2**31 - 1, 2**63 - 1, -(2**63))
    starts, stops = ints(*rng.choices(ends[:9], k=2)), ints(*rng.choices(ends, k=2))
    return Case("Slice", [shape, starts, stops, ints(*axes), ints(*rng.choices((1, 1, 2, 3, -1, -2), k=2))])


def pad(rng: random.Random) -> Case:
    shape = _data(rng, 2, 3)
    mode = rng.choice(("constant", "constant", "reflect", "edge"))
    low = -2 if mode == "constant" else 0
    pads = [0, 0, *_many(rng, low, 4, 2), 0, 0, *_many(rng, low, 4, 2)]
    if rng.random() < 0.3:
        axes = rng.sample((2, 3, -1, 1), 2)
        return Case("Pad", [shape, ints(*_many(rng, low, 3, 4)), None, ints(*axes)], {"mode": mode}, 1, 18)
    return Case("Pad", [shape, ints(*pads)], {"mode": mode}, 1, rng.choice((11, 13, 17)))


def resize(rng: random.Random) -> Case:
    import numpy as np

    shape = _data(rng, 2, 3)
    mode = rng.choice(("nearest", "linear", "cubic"))
    attributes = {
        "mode": mode,
        "coordinate_transformation_mode": rng.choice(
            ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
        ),
    }
    if rng.random() < 0.4:
        return Case("Resize", [shape, None, None, ints(*shape[:2], *_many(rng, 1, 30, 2))], attributes)
    scale = rng.choice(((2, 2), (0.5, 2), (1.5, 0.7), (1 / 3, 3.3), (0.3, 0.1), (0.7, 0.9), (1.25, 0.6)))
    return Case("Resize", [shape, None, np.array([1, 1, *scale], np.float32)], attributes)


def reshape(rng: random.Random) -> Case:
    target = rng.choice(
        (
            [0, -1],
            [0, 0, -1],
            [0, 3, -1, 2],
            [-1, 12],
            [1, 3, 4, 6],
            [0, 0, 6, 4],
            [-1],
            [2, -1],
            [0, 0, 0, 0],
            [1, 3, 5, -1],
            [3, 4, 6],
        )
    )
    return Case(
        "Reshape", [(1, 3, 4, 6), ints(*target)], {"allowzero": rng.randint(0, 1)} if rng.random() < 0.2 else {}
    )


def rearranged(rng: random.Random) -> Case:
    shape = (1, 3, rng.randint(2, 6), rng.randint(2, 6))
    kind = rng.randrange(7)
    if kind == 0:
        return Case("Flatten", [shape], {"axis": rng.randint(-4, 4)})
    if kind == 1:
        return Case("Transpose", [shape], {"perm": rng.sample(range(4), 4)} if rng.random() < 0.8 else {})
    if kind == 2:
        return Case("Squeeze", [(1, 3, 1, 5), ints(rng.choice((0, 2, -2, 1)))])
    if kind == 3:
        return Case("Unsqueeze", [shape, ints(*rng.choice(((0,), (-1,), (1, 3), (2, -1))))])
    if kind == 4:
        return Case("Tile", [shape, ints(1, 2, 3, 1)])
    if kind == 5:
        return Case("Expand", [(1, 3, 1, 5), ints(*rng.choice(((2, 3, 4, 5), (4, 1), (6, 1, 3, 4, 1), (3, 7))))])
    return Case(
        rng.choice(("DepthToSpace", "SpaceToDepth")), [(1, 12, *_many(rng, 2, 6, 2))], {"blocksize": rng.randint(1, 3)}
    )


def chosen(rng: random.Random) -> Case:
    shape = _data(rng, 2, 5)
    kind = rng.randrange(5)
    if kind == 0:
        indices = rng.choice((ints(0, 2), ints(-1), ints(1).reshape(()), ints(0, 1, 1, 0).reshape(2, 2), ints(5)))
        return Case("Gather", [shape, indices], {"axis": rng.choice((1, -3))})
    if kind == 1:
        return Case("TopK", [shape, ints(rng.randint(1, 6))], {"axis": rng.choice((1, -1))}, 2)
    if kind == 2:
        return Case("ArgMax", [shape], {"axis": rng.choice((0, 1, -1)), "keepdims": rng.randint(0, 1)})
    if kind == 3:
        return Case("GatherND", [shape, ints(0, 1, 0, 2).reshape(2, 2)])
    return Case("OneHot", [(2, 3), floats() + 4, floats(2)], {"axis": rng.choice((-1, 0, 1))}, 1, 11)


def reduced(rng: random.Random) -> Case:
    op = rng.choice(("ReduceMean", "ReduceMax", "ReduceSum", "ReduceL2", "ReduceProd"))
    attributes: dict[str, Any] = {"keepdims": rng.randint(0, 1)}
    axes = rng.choice(([2, 3], [-1], [1], [0, -2], None, [7]))
    inputs: list[Any] = [_data(rng, 2, 3)]
    opset = rng.choice((13, 18))
    if axes and (opset == 18 or op == "ReduceSum"):
        inputs.append(ints(*axes))
    elif axes:
        attributes["axes"] = axes
    return Case(op, inputs, attributes, 1, opset)


def products(rng: random.Random) -> Case:
    kind = rng.randrange(4)
    if kind == 0:
        return Case("MatMul", [(1, 3, rng.randint(2, 6), 4), floats(rng.choice((4, 4, 5)), 7)])
    if kind == 1:
        return Case("MatMul", [(1, 3, 5, 4), (rng.choice((1, 2)), rng.choice((3, 1)), rng.choice((4, 5)), 6)])
    if kind == 2:
        turned = rng.randint(0, 1)
        weight = floats(7, 4) if turned else floats(4, 7)
        bias = [floats(rng.choice((7, 1, 6)))] if rng.random() < 0.6 else []
        shape = (4, 2) if rng.random() < 0.2 else (2, 4)
        return Case("Gemm", [shape, weight, *bias], {"transB": turned, "transA": int(shape == (4, 2))})
    return Case(
        "Einsum", [(2, 3, 4), floats(4, 5)], {"equation": rng.choice(("abc,cd->abd", "abc,cd->bd", "bhw,wk->bhk"))}
    )


def seldom(rng: random.Random) -> Case:
    kind = rng.randrange(4)
    if kind == 0:  # heads as an axis; the keys have as many features as the queries
        heads, steps = rng.choice((2, 4)), rng.randint(3, 6)
        return Case("Attention", [(1, 4, 5, 6), (1, heads, steps, 6), (1, heads, steps, rng.randint(3, 7))], {}, 1, 23)
    if kind == 1:
        groups, steps, deep = rng.choice((2, 4)), rng.randint(3, 6), rng.randint(2, 5)
        shapes = [(1, 5, 4 * 6), (1, steps, groups * 6), (1, steps, groups * deep)]
        return Case("Attention", shapes, {"q_num_heads": 4, "kv_num_heads": groups}, 1, 23)
    if kind == 2:
        height, width = rng.randint(1, 3), rng.randint(1, 4)
        image = (rng.randint(4, 7), rng.randint(4, 8))
        count = (image[0] - height + 1) * (image[1] - width + 1)
        return Case("Col2Im", [(2, 3 * height * width, count), ints(*image), ints(height, width)], {}, 1, 18)
    window = [rng.randint(1, 3), rng.randint(1, 3)]
    indices = ints(*range(2 * 3 * 4 * 5)).reshape(2, 3, 4, 5)
    given = [ints(2, 3, 4 * window[0] + 1, 5 * window[1])] if rng.random() < 0.4 else []
    return Case("MaxUnpool", [(2, 3, 4, 5), indices, *given], {"kernel_shape": window, "strides": window})


FAMILIES: tuple[Callable[[random.Random], Case], ...] = (
    conv,
    conv_transpose,
    pool,
    global_pool,
    norm,
    activation,
    arithmetic,
    concat,
    split,
    slices,
    pad,
    resize,
    reshape,
    rearranged,
    chosen,
    reduced,
    products,
    seldom,
)
EACH = 60


def cases(family: Callable[[random.Random], Case], count: int, seed: int = 0) -> Iterator[Case]:
    rng = random.Random(f"{family.__name__} {seed}")
    for _ in range(count):
        yield family(rng)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_random_nodes_agree_with_onnxruntime(family: Callable[[random.Random], Case]) -> None:
    agreed = sum(check(case, free=number % 2 == 1) for number, case in enumerate(cases(family, EACH)))
    assert agreed > EACH // 4, f"only {agreed} of {EACH} cases had a shape"
