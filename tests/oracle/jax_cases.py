"""Random calls of jax.lax and random flax layers, most of them legal, with another value on every axis."""

from __future__ import annotations

from random import Random

from dialect_cases import Case, Value, array, either, few, sizes

BAD = (0, -1, 2, (2,), (2, 2), (1, 1, 1), "same", "FULL", "CAUSAL", ((1, 1), (0, 0)), ((1, 2),), (1, 2), 1.5, None)


def random_case(rng: Random) -> Case:
    kind, draw = either(rng, *DRAWS)
    return draw(rng, kind)


def _pads(rng: Random, rank: int, least: int = 0) -> tuple[tuple[int, int], ...]:
    return tuple((rng.randint(least, 4), rng.randint(least, 4)) for _ in range(rank))


def _padding(rng: Random, rank: int, words: tuple[str, ...] = ("SAME", "VALID", "SAME_LOWER", "same")) -> Value:
    return either(rng, *words) if rng.random() < 0.55 else _pads(rng, rank, either(rng, 0, 0, -1))


def _case(rng: Random, kind: str, words: dict[str, Value], shape: tuple[int, ...]) -> Case:
    if rng.random() < 0.12:
        safe = [name for name in words if name not in ("rhs", "rngs", "computation", "init_value")]
        words[either(rng, *safe)] = either(rng, *BAD)
    return Case(kind, (), tuple(words.items()), shape)


def _channels_first(rng: Random, rank: int, channels: int) -> tuple[int, ...]:
    return (rng.randint(1, 2) if rng.random() < 0.97 else 0, channels, *sizes(rng, rank))


def _shape(rng: Random, rank: int, channels: int, leading: bool = True) -> tuple[int, ...]:
    lead = either(rng, (2,), (1,), (1,), (), (2, 3)) if leading else (rng.randint(1, 2),)
    return (*lead, *sizes(rng, rank), channels)


def conv(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 2, 2, 3)
    inner, groups = rng.randint(1, 3), either(rng, 1, 1, 2, 3) if kind.endswith("dilated") else 1
    out = groups * rng.randint(1, 3) + (rng.random() < 0.04)
    kernel = few(rng, rank, 4)
    words: dict[str, Value] = {"rhs": array(out, inner, *kernel), "window_strides": few(rng, rank)}
    words["padding"] = _padding(rng, rank)
    general = kind != "lax.conv"
    lhs = few(rng, rank) if general and rng.random() < 0.3 else None
    if lhs and rng.random() < 0.9:
        words["padding"] = _pads(rng, rank)
        if rng.random() < 0.8:
            words["window_strides"] = (1,) * rank
    if kind == "lax.conv_with_general_padding" or (general and rng.random() < 0.5):
        words["lhs_dilation"] = lhs
        words["rhs_dilation"] = few(rng, rank) if rng.random() < 0.5 else None
    channels = inner * groups + (rng.random() < 0.05)
    shape = _channels_first(rng, rank, channels)
    if groups > 1:
        words["feature_group_count"] = groups
    if kind.endswith("dilated") and rng.random() < 0.5:
        words, shape = _ordered(rng, words, shape, rank)
    return _case(rng, kind, words, shape)


def _ordered(
    rng: Random, words: dict[str, Value], shape: tuple[int, ...], rank: int
) -> tuple[dict[str, Value], tuple[int, ...]]:
    """The same with the axes in another order."""
    letters = "DHW"[3 - rank :]
    usual = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    mixed = tuple("".join(rng.sample(f"{ends}{letters}", rank + 2)) for ends in ("NC", "OI", "NC"))
    orders = usual if rng.random() < 0.6 else mixed
    data = dict(zip(f"NC{letters}", shape, strict=True))
    rhs = dict(zip(f"OI{letters}", words["rhs"].shape, strict=True))
    words["rhs"] = array(*(rhs[letter] for letter in orders[1]))
    # Strides and pads follow the spatial letters of the kernel.
    words["dimension_numbers"] = orders if rng.random() < 0.96 else either(rng, orders[:2], ("NHWC", "HWIO", "NHWO"))
    return words, tuple(data[letter] for letter in orders[0])


def transpose(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 2, 3)
    inner, out = rng.randint(1, 3), rng.randint(1, 4)
    flipped = rng.random() < 0.3
    kernel = few(rng, rank, 4)
    words: dict[str, Value] = {
        "rhs": array(*kernel, *((out, inner) if flipped else (inner, out))),
        "strides": few(rng, rank),
    }
    words["padding"] = _padding(rng, rank, ("SAME", "VALID", "SAME", "VALID", "SAME_LOWER"))
    if rng.random() < 0.3:
        words["rhs_dilation"] = few(rng, rank)
    if flipped:
        words["transpose_kernel"] = True
    if rng.random() < 0.1 and not isinstance(words["padding"], str):
        words["use_consistent_padding"] = True
    return _case(rng, kind, words, _shape(rng, rank, inner + (rng.random() < 0.05), False))


def flax_conv(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 2, 2, 3)
    groups = either(rng, 1, 1, 1, 2, 3)
    inner, out = groups * rng.randint(1, 2), groups * rng.randint(1, 3) + (rng.random() < 0.03)
    kernel = few(rng, rank, 4)
    words: dict[str, Value] = (
        {"features": out} if kind.startswith("nn.") else {"in_features": inner, "out_features": out}
    )
    words["kernel_size"] = kernel[0] if rank == 1 and rng.random() < 0.5 else kernel
    if rng.random() < 0.7:
        words["strides"] = either(rng, few(rng, rank), few(rng, rank), rng.randint(1, 3))
    if rng.random() < 0.8:
        some = _padding(rng, rank, ("SAME", "VALID", "CIRCULAR", "REFLECT", "CAUSAL", "SAME_LOWER"))
        words["padding"] = either(rng, some, some, rng.randint(0, 2), few(rng, rank))
    if rng.random() < 0.3:
        words["kernel_dilation"] = either(rng, few(rng, rank), rng.randint(1, 3))
    if rng.random() < 0.1:
        words["input_dilation"] = either(rng, few(rng, rank), rng.randint(1, 3))
    if groups > 1:
        words["feature_group_count"] = groups
    if rng.random() < 0.2:
        words["use_bias"] = False
    return _case(rng, kind, words, _shape(rng, rank, inner + (rng.random() < 0.05)))


def flax_transpose(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 2, 3)
    inner, out = rng.randint(1, 3), rng.randint(1, 4)
    words: dict[str, Value] = (
        {"features": out} if kind.startswith("nn.") else {"in_features": inner, "out_features": out}
    )
    words["kernel_size"] = few(rng, rank, 4)
    if rng.random() < 0.8:
        words["strides"] = either(rng, few(rng, rank), few(rng, rank), rng.randint(1, 3))
    if rng.random() < 0.8:
        some = _padding(rng, rank, ("SAME", "VALID", "SAME", "VALID", "CAUSAL", "SAME_LOWER"))
        words["padding"] = either(rng, some, some, rng.randint(0, 2))
    if rng.random() < 0.25:
        words["kernel_dilation"] = either(rng, few(rng, rank), rng.randint(1, 3))
    if rng.random() < 0.2:
        words["transpose_kernel"] = True
    if rng.random() < 0.2:
        words["use_bias"] = False
    return _case(rng, kind, words, _shape(rng, rank, inner + (rng.random() < 0.05)))


def pool(rng: Random, kind: str) -> Case:
    rank = either(rng, 1, 2, 2, 3)
    words: dict[str, Value] = {"window_shape": few(rng, rank, 4)}
    if rng.random() < 0.8:
        words["strides"] = few(rng, rank)
    if rng.random() < 0.8:
        words["padding"] = _padding(rng, rank)
    if kind == "nn.avg_pool" and rng.random() < 0.4:
        words["count_include_pad"] = False
    return _case(rng, kind, words, _shape(rng, rank, rng.randint(1, 3)))


def window(rng: Random, kind: str) -> Case:
    rank, last = either(rng, 1, 2, 2, 3), rng.random() < 0.6

    def full(values: tuple[Value, ...], one: Value = 1) -> tuple[Value, ...]:
        return (one, *values, one) if last else (one, one, *values)

    words: dict[str, Value] = {"init_value": 0.0, "computation": "lax.add"}
    if rng.random() < 0.5:
        words = {"init_value": float("-inf"), "computation": "lax.max"}
    words["window_dimensions"] = full(few(rng, rank, 4))
    words["window_strides"] = full(few(rng, rank))
    words["padding"] = either(rng, "SAME", "VALID", "SAME_LOWER", full(_pads(rng, rank, either(rng, 0, -1)), (0, 0)))
    if rng.random() < 0.3:
        words["window_dilation"] = full(few(rng, rank))
    room, channels = sizes(rng, rank), rng.randint(1, 3)
    shape = (rng.randint(1, 2), *room, channels) if last else (rng.randint(1, 2), channels, *room)
    return _case(rng, kind, words, shape)


def dense(rng: Random, kind: str) -> Case:
    inner = rng.randint(1, 5)
    words: dict[str, Value] = {"features": rng.randint(1, 5)}
    if kind.startswith("nnx."):
        words = {"in_features": inner, "out_features": rng.randint(1, 5)}
    if rng.random() < 0.3:
        words["use_bias"] = False
    return Case(kind, (), tuple(words.items()), (*few(rng, rng.randint(0, 3)), inner + (rng.random() < 0.1)))


def norm(rng: Random, kind: str) -> Case:
    groups = rng.randint(1, 3)
    channels = groups * rng.randint(1, 3) + (rng.random() < 0.1)
    words: dict[str, Value] = {"num_groups": groups} if kind.endswith("GroupNorm") else {}
    if kind == "nn.BatchNorm":
        words["use_running_average"] = True
    if rng.random() < 0.3:
        words["use_scale"] = False
    if rng.random() < 0.3 and not kind.endswith("RMSNorm"):
        words["use_bias"] = False
    return Case(kind, (), tuple(words.items()), (rng.randint(1, 2), *few(rng, rng.randint(1, 3), 5), channels))


def activation(rng: Random, kind: str) -> Case:
    return Case(kind, (), (), _shape(rng, 2, rng.randint(1, 3)))


DRAWS = (
    *(("lax.conv_general_dilated", conv),) * 5,
    ("lax.conv", conv),
    ("lax.conv_with_general_padding", conv),
    *(("lax.conv_transpose", transpose),) * 2,
    *(("nn.Conv", flax_conv),) * 3,
    *(("nnx.Conv", flax_conv),) * 2,
    *(("nn.ConvTranspose", flax_transpose),) * 2,
    ("nnx.ConvTranspose", flax_transpose),
    *(("nn.max_pool", pool),) * 2,
    ("nn.avg_pool", pool),
    *(("lax.reduce_window", window),) * 2,
    *((kind, dense) for kind in ("nn.Dense", "nnx.Linear")),
    *((f"nn.{name}Norm", norm) for name in ("Batch", "Layer", "Group", "RMS", "Instance")),
    *((f"nn.{name}", activation) for name in ("relu", "gelu", "softmax")),
)
"""(function or layer, how a call of it is drawn)."""
