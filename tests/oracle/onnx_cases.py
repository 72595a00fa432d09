"""Random ONNX operators of every operator set that onnxruntime runs, most of them legal, with another value on every axis."""

from __future__ import annotations

from random import Random

from dialect_cases import Case, Value, array, either, few, sizes

from convwise.dialects.onnx.layers import OPERATOR_SINCE, OPSETS, SINCE

BAD = (0, -1, 2, (2,), (2, 2), (1, 1, 1), (0, 0), (1, 1, 1, 1), (-1, 1), "SAME", "same_upper", 1.5)


def random_case(rng: Random) -> Case:
    kind, draw = either(rng, *DRAWS)
    return draw(rng, kind)


def opset(case: Case) -> str:
    """The operator set of a case: one that has what it says, four times of five."""
    rng = Random(case.text)
    words = dict(case.kwargs)
    least = max([7, OPERATOR_SINCE.get(case.kind, 0), *(SINCE.get((case.kind, name), 0) for name in words)])
    if case.kind == "Pad":
        least = max(least, 18 if len(case.args) > 2 else 11)
    if case.kind == "Resize":
        least = max(least, 11)
    if case.kind in ("Dropout", "Softmax", "Reshape"):
        least = max(least, 13)
    if rng.random() < 0.06 and case.kind not in ("Pad", "Resize"):
        return either(rng, *OPSETS)
    return str(rng.randint(least, 26))


RELEASE_OF = opset


def _pads(rng: Random, rank: int, most: int = 3) -> tuple[int, ...]:
    return tuple(rng.randint(0, most) for _ in range(2 * rank))


def _padding(rng: Random, rank: int, words: dict[str, Value], most: int = 3) -> None:
    way = rng.random()
    if way < 0.45:
        words["pads"] = _pads(rng, rank, most)
    elif way < 0.8:
        words["auto_pad"] = either(rng, "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET")
    if way < 0.02:
        words["auto_pad"] = either(rng, "VALID", "SAME_UPPER")


def _case(rng: Random, kind: str, args: tuple[Value, ...], words: dict[str, Value], shape: tuple[int, ...]) -> Case:
    safe = [name for name in words if name != "group"]  # a group of 0 kills the process
    if safe and rng.random() < 0.1:
        words[either(rng, *safe)] = either(rng, *BAD)
    return Case(kind, args, tuple(words.items()), shape)


def conv(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 2, 2, 3)
    group = either(rng, 1, 1, 1, 2, 3)
    inner, out, kernel = rng.randint(1, 3), group * rng.randint(1, 3) + (rng.random() < 0.04), few(rng, rank, 4)
    words: dict[str, Value] = {}
    if rng.random() < 0.3:
        words["kernel_shape"] = kernel if rng.random() < 0.95 else few(rng, rank, 4)
    if rng.random() < 0.7:
        words["strides"] = few(rng, rank)
    if rng.random() < 0.35:
        words["dilations"] = few(rng, rank)
    if group > 1:
        words["group"] = group
    _padding(rng, rank, words)
    args: tuple[Value, ...] = (array(out, inner, *kernel),)
    if rng.random() < 0.4:
        args += (array(out + (rng.random() < 0.05)),)
    channels = inner * group + (rng.random() < 0.05)
    return _case(rng, kind, args, words, (rng.randint(1, 2), channels, *sizes(rng, rank)))


def transposed(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 2, 2, 3)
    group = either(rng, 1, 1, 1, 2)
    inner, out, kernel = group * rng.randint(1, 2) + (rng.random() < 0.03), rng.randint(1, 3), few(rng, rank, 4)
    words: dict[str, Value] = {}
    if rng.random() < 0.3:
        words["kernel_shape"] = kernel
    strides = few(rng, rank)
    if rng.random() < 0.8:
        words["strides"] = strides
    if rng.random() < 0.3:
        words["dilations"] = few(rng, rank)
    if group > 1:
        words["group"] = group
    _padding(rng, rank, words, 2)
    if rng.random() < 0.3:
        words["output_padding"] = tuple(rng.randint(0, step - (rng.random() < 0.9)) for step in strides)
    shape = (rng.randint(1, 2), inner + (rng.random() < 0.04), *sizes(rng, rank))
    args: tuple[Value, ...] = (array(inner, out, *kernel),)
    if rng.random() < 0.4:
        args += (array(out * group),)
    return _case(rng, kind, args, words, shape)


def pool(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 2, 2, 3)
    kernel = few(rng, rank, 4)
    words: dict[str, Value] = {"kernel_shape": kernel}
    if rng.random() < 0.75:
        words["strides"] = few(rng, rank)
    _padding(rng, rank, words, max(min(kernel) - 1, 0) + (rng.random() < 0.1))
    if rng.random() < 0.3:
        words["dilations"] = few(rng, rank)
    if rng.random() < 0.35:
        words["ceil_mode"] = 1
    if kind == "AveragePool" and rng.random() < 0.4:
        words["count_include_pad"] = 1
    if kind == "LpPool" and rng.random() < 0.4:
        words["p"] = rng.randint(1, 3)
    return _case(rng, kind, (), words, (rng.randint(1, 2), rng.randint(1, 3), *sizes(rng, rank)))


def global_pool(rng: Random, kind: str) -> Case:
    return Case(kind, (), (), (rng.randint(1, 2), rng.randint(1, 3), *sizes(rng, rng.randint(1, 3))))


def pad(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 3)
    mode = either(rng, "constant", "reflect", "edge", "wrap")
    least = -2 if mode == "constant" and rng.random() < 0.3 else 0
    ends = (0, 0, *(rng.randint(least, 3) for _ in range(rank)), 0, 0, *(rng.randint(least, 3) for _ in range(rank)))
    return Case(kind, (ends,), (("mode", mode),), (rng.randint(1, 2), rng.randint(1, 3), *sizes(rng, rank)))


def resize(rng: Random, kind: str) -> Case:
    shape = (rng.randint(1, 2), rng.randint(1, 3), *sizes(rng, 2))
    mode = either(rng, "nearest", "linear", "cubic")
    if rng.random() < 0.5:
        return Case(kind, (None, None, (*shape[:2], *few(rng, 2, 20))), (("mode", mode),), shape)
    scales = (1.0, 1.0, *(either(rng, 2.0, 3.0, 0.5, 1.5, 0.7, 1.3, 0.1, 2.3) for _ in range(2)))
    return Case(kind, (None, scales), (("mode", mode),), shape)


def gemm(rng: Random, kind: str) -> Case:
    rows, columns, turned = rng.randint(1, 5), rng.randint(1, 5), rng.random() < 0.4
    args: tuple[Value, ...] = (array(columns, rows) if turned else array(rows, columns),)
    if rng.random() < 0.5:
        args += (array(columns),)
    return Case(kind, args, (("transB", 1),) if turned else (), (rng.randint(1, 3), rows + (rng.random() < 0.1)))


def norm(rng: Random, kind: str) -> Case:
    channels = rng.randint(1, 4)
    each = array(channels)
    return Case(
        kind, (each,) * (4 if kind.startswith("Batch") else 2), (), (rng.randint(1, 2), channels, *sizes(rng, 2))
    )


def plain(rng: Random, kind: str) -> Case:
    return Case(kind, (), (), (rng.randint(1, 2), rng.randint(1, 3), *sizes(rng, 2)))


DRAWS = (
    *(("Conv", conv),) * 5,
    *(("ConvTranspose", transposed),) * 4,
    *(
        (kind, pool)
        for kind in ("MaxPool", "MaxPool", "MaxPool", "AveragePool", "AveragePool", "AveragePool", "LpPool")
    ),
    *((f"Global{word}Pool", global_pool) for word in ("Average", "Max", "Lp")),
    *(("Pad", pad),) * 2,
    *(("Resize", resize),) * 2,
    ("Gemm", gemm),
    *((f"{word}Normalization", norm) for word in ("Batch", "Instance")),
    *((kind, plain) for kind in ("Relu", "LeakyRelu", "Softmax", "Flatten", "Dropout")),
)
"""(operator, how a node of it is drawn)."""
