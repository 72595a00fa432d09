"""Random calls of TensorFlow's functions, most of them legal, with another value on every axis."""

from __future__ import annotations

from random import Random

from dialect_cases import Case, Value, array, either, few, sizes

from convwise.axis import SAME_UPPER, Pads, Window
from convwise.dialects.tensorflow.windows import FORMATS


def random_case(rng: Random) -> Case:
    kind, draw = either(rng, *DRAWS)
    return draw(rng, kind)


def _spread(rng: Random, values: tuple[int, ...], last: bool) -> Value:
    """The same numbers in one of the forms that are taken."""
    forms: list[Value] = [values, (1, *values, 1) if last else (1, 1, *values)]
    if len(set(values)) == 1:
        forms += [values[0], (values[0],), values[0]]
    return either(rng, *forms)


def _spoiled(rng: Random, words: dict[str, Value]) -> dict[str, Value]:
    """Now and then one argument is bad."""
    if rng.random() < 0.12:
        # A kernel or an output shape of another kind can kill the process.
        safe = [name for name in words if "filter" not in name and name not in ("output_shape", "bias", "paddings")]
        if not safe:
            return words
        name = either(rng, *safe)
        words[name] = either(
            rng, 0, -1, 2, (2, 2), "same", "VALID", (0, 1), (1, 2, 2, 2), (3, 3, 3), "NHWC", "CAUSAL", ((0, 0), (1, 1))
        )
    return words


def _padding(rng: Random, rank: int, last: bool, explicit: bool, most: int = 3) -> Value:
    if not explicit or rng.random() < 0.6:
        return (
            either(rng, "SAME", "VALID", "SAME") if rng.random() < 0.97 else either(rng, "same", 1, "EXPLICIT", "FULL")
        )
    pairs = tuple((rng.randint(0, most), rng.randint(0, most)) for _ in range(rank))
    full = ((0, 0), *pairs, (0, 0)) if last else ((0, 0), (0, 0), *pairs)
    return full if rng.random() < 0.95 else either(rng, pairs, full[::-1], ((0, 0), (1, 2), (0, 0)))


def _data(rng: Random, rank: int, last: bool, channels: int, lead: bool = False) -> tuple[int, ...]:
    batch = (rng.randint(1, 2),) if rng.random() < 0.96 else (0,) if rng.random() < 0.5 else (rng.randint(1, 2),)
    if lead and rng.random() < 0.05:
        batch = (*batch, rng.randint(1, 3))
    room = sizes(rng, rank)
    return (*batch, *room, channels) if last else (*batch, channels, *room)


def conv(rng: Random, kind: str) -> Case:
    rank = int(kind[-2]) if kind[-1] == "d" and kind[-2].isdigit() else either(rng, 1, 2, 3)
    last = rng.random() < 0.75
    inner, groups = rng.randint(1, 4), either(rng, 1, 1, 1, 2, 3)
    kernel = few(rng, rank, 4)
    words: dict[str, Value] = {"filters": array(*kernel, inner, groups * rng.randint(1, 3))}
    strides, dilations = few(rng, rank), few(rng, rank) if rng.random() < 0.35 else (1,) * rank
    if rank == 3:  # shape inference takes unequal dilations of three axes in another order than the kernel does
        dilations = dilations[:1] * 3
    if kind.endswith("convolution") and rng.random() < 0.8:
        strides = strides if max(dilations) == 1 else (1,) * rank
    full = rank == 3 and not kind.endswith("convolution") and rng.random() < 0.95
    name = "stride" if kind.endswith("conv1d") else "strides"
    words[name] = ((1, *strides, 1) if last else (1, 1, *strides)) if full else _spread(rng, strides, last)
    words["padding"] = _padding(rng, rank, last, rank == 2 and "conv2d" in kind)
    if not last or rng.random() < 0.1:
        words["data_format"] = FORMATS[rank][not last]
    if max(dilations) > 1:
        words["dilations"] = (
            ((1, *dilations, 1) if last else (1, 1, *dilations)) if full else _spread(rng, dilations, last)
        )
    channels = inner * groups if rng.random() < 0.93 and rank < 3 else inner + (rng.random() < 0.1)
    return _case(rng, kind, words, _data(rng, rank, last, channels, rank < 3))


def atrous(rng: Random, kind: str) -> Case:
    inner = rng.randint(1, 3)
    words = {"filters": array(*few(rng, 2, 4), inner, rng.randint(1, 4)), "rate": rng.randint(1, 3)}
    words["padding"] = _padding(rng, 2, True, True)
    return _case(rng, kind, words, _data(rng, 2, True, inner + (rng.random() < 0.1)))


def depthwise(rng: Random, kind: str) -> Case:
    last = rng.random() < 0.85
    inner, multiplier, kernel = rng.randint(1, 4), rng.randint(1, 3), few(rng, 2, 4)
    dilations = few(rng, 2) if rng.random() < 0.3 else (1, 1)
    strides = few(rng, 2) if max(dilations) == 1 or rng.random() < 0.1 else (1, 1)
    words: dict[str, Value] = {}
    if kind.endswith("separable_conv2d"):
        words["depthwise_filter"] = array(*kernel, inner, multiplier)
        words["pointwise_filter"] = array(1, 1, inner * multiplier + (rng.random() < 0.05), rng.randint(1, 4))
    else:
        words["filter"] = array(*kernel, inner, multiplier)
    words["strides"] = (1, *strides, 1) if last else (1, 1, *strides)
    words["padding"] = _padding(rng, 2, last, True)
    if not last:
        words["data_format"] = "NCHW"
    if max(dilations) > 1:
        words["dilations"] = dilations
    return _case(rng, kind, words, _data(rng, 2, last, inner + (rng.random() < 0.06)))


def transposed(rng: Random, kind: str) -> Case:
    atrous_one = "atrous" in kind
    rank = 2 if atrous_one else int(kind[10]) if kind[10].isdigit() else either(rng, 1, 2, 3)
    last = atrous_one or rng.random() < 0.8
    inner, out, kernel = rng.randint(1, 4), rng.randint(1, 4), few(rng, rank, 4)
    strides = (1,) * rank if atrous_one else few(rng, rank)
    dilations = few(rng, rank, 2) if rng.random() < 0.25 else (1,) * rank
    if atrous_one:
        dilations = (rng.randint(1, 3),) * 2
    padding = _padding(rng, rank, last, False)
    groups = either(rng, 1, 1, 1, 1, 2) if rank < 3 and not atrous_one else 1
    data = _data(rng, rank, last, inner * groups)
    room = data[1:-1] if last else data[2:]
    wanted = []
    for size, k, s, d in zip(room, kernel, strides, dilations, strict=True):
        window = Window(k, s, d, SAME_UPPER if padding == "SAME" else Pads())
        legal = window.preimage(size) or (1, 1)
        wanted.append(max(rng.randint(*legal) + (rng.random() < 0.06), 1))
    channels = out * groups
    shape = (data[0], *wanted, channels) if last else (data[0], channels, *wanted)
    words: dict[str, Value] = {"filters": array(*kernel, out, inner * groups), "output_shape": shape}
    if atrous_one:
        words |= {"rate": dilations[0], "padding": padding}
        return _case(rng, kind, words, data)
    words |= {"strides": _spread(rng, strides, last), "padding": padding}
    if not last:
        words["data_format"] = FORMATS[rank][1]
    if max(dilations) > 1:
        words["dilations"] = _spread(rng, dilations, last)
    return _case(rng, kind, words, data)


def pool(rng: Random, kind: str) -> Case:
    rank = int(kind[-2]) if kind[-2].isdigit() else either(rng, 1, 2, 3)
    last = rng.random() < 0.8
    kernel, strides = few(rng, rank, 4), few(rng, rank)
    explicit = "max" in kind and rank < 3
    words: dict[str, Value] = {"ksize": _spread(rng, kernel, last), "strides": _spread(rng, strides, last)}
    words["padding"] = _padding(rng, rank, last, explicit, 1 if min(kernel) > 1 else 0)
    if not last or rng.random() < 0.1:
        words["data_format"] = FORMATS[rank][not last]
    return _case(rng, kind, words, _data(rng, rank, last, rng.randint(1, 3)))


def any_pool(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 2, 3)
    last = rng.random() < 0.8
    kernel = few(rng, rank, 4)
    dilations = few(rng, rank) if rng.random() < 0.3 else (1,) * rank
    strides = (
        tuple(min(a, b) for a, b in zip(few(rng, rank), kernel, strict=True)) if max(dilations) == 1 else (1,) * rank
    )
    words: dict[str, Value] = {"window_shape": kernel, "pooling_type": either(rng, "MAX", "AVG")}
    if rng.random() < 0.05:
        strides = few(rng, rank, 5)
    words["strides"] = strides
    words["padding"] = either(rng, "SAME", "VALID") if max(dilations) == 1 or rng.random() < 0.1 else "VALID"
    if not last:
        words["data_format"] = FORMATS[rank][1]
    if max(dilations) > 1:
        words["dilations"] = dilations
    return _case(rng, kind, words, _data(rng, rank, last, rng.randint(1, 3)))


def pad(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 3)
    last = rng.random() < 0.8
    pairs = tuple((rng.randint(0, 3), rng.randint(0, 3)) for _ in range(rank))
    words: dict[str, Value] = {"paddings": ((0, 0), *pairs, (0, 0)) if last else ((0, 0), (0, 0), *pairs)}
    words["mode"] = either(rng, "CONSTANT", "REFLECT", "constant", "reflect")
    return _case(rng, kind, words, _data(rng, rank, last, rng.randint(1, 3)))


def bias(rng: Random, kind: str) -> Case:
    last, channels = rng.random() < 0.7, rng.randint(1, 5)
    words: dict[str, Value] = {"bias": array(channels + (rng.random() < 0.2))}
    if not last:
        words["data_format"] = either(rng, "NCHW", "NC..")
    return _case(rng, kind, words, _data(rng, 2, last, channels))


def shuffle(rng: Random, kind: str) -> Case:
    factor = rng.randint(2, 3)
    scale = 1 if rng.random() < 0.3 else factor
    batch, height, width, channels = (rng.randint(1, 2), *sizes(rng, 2), rng.randint(1, 3))
    if kind.endswith("depth_to_space"):
        return _case(rng, kind, {"block_size": factor}, (batch, height, width, channels * scale * scale))
    return _case(rng, kind, {"block_size": factor}, (batch, height * scale, width * scale, channels))


def activation(rng: Random, kind: str) -> Case:
    return Case(kind, (), (), _data(rng, 2, True, rng.randint(1, 3)))


def _case(rng: Random, kind: str, words: dict[str, Value], data: tuple[int, ...]) -> Case:
    words = _spoiled(rng, words)
    return Case(kind, (), tuple(words.items()), data)


DRAWS = (
    *(("tf.nn.conv2d", conv),) * 4,
    *((f"tf.nn.conv{rank}d", conv) for rank in (1, 1, 3)),
    ("tf.nn.convolution", conv),
    ("tf.nn.atrous_conv2d", atrous),
    *(("tf.nn.depthwise_conv2d", depthwise),) * 2,
    ("tf.nn.separable_conv2d", depthwise),
    *((f"tf.nn.conv{rank}d_transpose", transposed) for rank in (1, 2, 2, 3)),
    ("tf.nn.conv_transpose", transposed),
    ("tf.nn.atrous_conv2d_transpose", transposed),
    *((f"tf.nn.{word}_pool{rank}d", pool) for word in ("max", "avg") for rank in (1, 2, 3)),
    *((f"tf.nn.{word}_pool", pool) for word in ("max", "avg")),
    ("tf.nn.pool", any_pool),
    ("tf.pad", pad),
    ("tf.nn.bias_add", bias),
    ("tf.nn.depth_to_space", shuffle),
    ("tf.nn.space_to_depth", shuffle),
    *((f"tf.nn.{name}", activation) for name in ("relu", "softmax", "leaky_relu")),
)
"""(function, how a call of it is drawn); a function stands in as often as it is drawn more."""
