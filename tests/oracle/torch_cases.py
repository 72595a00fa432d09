"""Random PyTorch layers of every kind and argument, asymmetric on purpose, with bad values and bad shapes at a modest rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from convwise.dialects.base import REQUIRED, Call
from convwise.dialects.torch import KINDS

Value = Any


@dataclass(frozen=True)
class Case:
    """A call and an input shape; `faults` counts what was spoilt on purpose."""

    kind: str
    args: tuple[Value, ...]
    kwargs: tuple[tuple[str, Value], ...]
    shape: tuple[int, ...]
    faults: int = 0

    @property
    def call(self) -> Call:
        return Call(self.kind, self.args, self.kwargs, self.text)

    @property
    def text(self) -> str:
        parts = [write(value) for value in self.args] + [f"{name}={write(value)}" for name, value in self.kwargs]
        return f"nn.{self.kind}({', '.join(parts)})"


def write(value: Value) -> str:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"float('{value}')"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(write, value)) + ("," if len(value) == 1 else "") + ")"
    return repr(value)


BAD: tuple[Value, ...] = (
    *(
        0,
        -1,
        -2,
        -3,
        0,
        -1,
        0,
        2.0,
        1.5,
        -0.5,
        "2",
        "same",
        "valid",
        "SAME",
        "x",
        None,
        True,
        False,
        (),
        (2,),
        (1, 2),
        (1, 2, 3),
        (2, 1, 2, 1),
    ),
    *(
        (0, 1),
        (2, 0),
        (2, -1),
        (1, 1.5),
        (2, True),
        (True, 2),
        (None, 2),
        ("a", 1),
        (1.0, 2),
        ((1, 1), (2, 2)),
        float("nan"),
        float("inf"),
        2**63,
    ),
)
"""Values that spoil an argument."""


class Maker:
    """Makes the arguments and shapes of one case."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def pick(self, *values: Value) -> Value:
        return self.rng.choice(values)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def axes(self, rank: int, low: int, high: int) -> Value:
        """One number, a tuple of one for each axis, now and then a tuple of one."""
        form = self.rng.random()
        if form < 0.45:
            return self.rng.randint(low, high)
        if form < 0.5:
            return (self.rng.randint(low, high),)
        return tuple(self.rng.randint(low, high) for _ in range(rank))

    def exact(self, rank: int, low: int, high: int) -> Value:
        return (
            self.rng.randint(low, high) if self.chance(0.5) else tuple(self.rng.randint(low, high) for _ in range(rank))
        )

    def spatial(self, rank: int, low: int = 1, high: int = 12) -> tuple[int, ...]:
        high = min(high, {1: 20, 2: 12, 3: 8}[rank])
        return tuple(self.rng.randint(low, high) for _ in range(rank))

    def shape(self, channels: int, spatial: tuple[int, ...]) -> tuple[int, ...]:
        batch = (self.pick(1, 2, 3, 0),) if self.chance(0.65) else ()
        return (*batch, channels, *spatial)


def rank_of(kind: str) -> int:
    return int(kind[-2]) if kind[-1] == "d" and kind[-2].isdigit() else 2


Made = tuple[dict[str, Value], tuple[int, ...]]


def convolution(make: Maker, kind: str) -> Made:
    rank, lazy, transposed = rank_of(kind), kind.startswith("Lazy"), "Transpose" in kind
    groups = make.pick(1, 1, 1, 2, 3)
    channels, filters = groups * make.rng.randint(1, 3), groups * make.rng.randint(1, 3)
    given: dict[str, Value] = {} if lazy else {"in_channels": channels}
    given |= {
        "out_channels": filters,
        "kernel_size": make.exact(rank, 1, 5 if rank < 3 else 3),
        "stride": make.axes(rank, 1, 3),
    }
    given |= {
        "padding": make.axes(rank, 0, 4 if rank < 3 else 2),
        "dilation": make.axes(rank, 1, 3 if rank < 3 else 2),
        "groups": groups,
    }
    given |= {"bias": make.pick(True, False), "padding_mode": "zeros"}
    if transposed:
        given["output_padding"] = make.axes(rank, 0, make.pick(0, 1, 2))
    else:
        if make.chance(0.2):
            given |= {"padding": make.pick("same", "same", "valid"), "stride": make.pick(1, 1, 1, (1,) * rank, 2)}
        if make.chance(0.3):
            given["padding_mode"] = make.pick("reflect", "replicate", "circular")
    return given, make.shape(channels, make.spatial(rank))


def pool(make: Maker, kind: str) -> Made:
    rank = rank_of(kind)
    given: dict[str, Value] = {"kernel_size": make.axes(rank, 1, 5 if rank < 3 else 4)}
    if kind.startswith("LP"):
        given = {"norm_type": make.pick(1, 2, 2.0, 3, 1.5, float("inf")), "kernel_size": make.exact(rank, 1, 4)}
    if make.chance(0.7):
        given["stride"] = make.axes(rank, 1, 4)
    if not kind.startswith("LP"):
        smallest = given["kernel_size"] if isinstance(given["kernel_size"], int) else min(given["kernel_size"])
        given["padding"] = make.axes(rank, 0, smallest // 2) if make.chance(0.95) else make.axes(rank, 0, 3)
    given["ceil_mode"] = make.pick(True, False)
    if kind.startswith("Max"):
        given |= {"dilation": make.axes(rank, 1, 3), "return_indices": make.pick(False, False, True)}
    if kind.startswith("Avg"):
        given["count_include_pad"] = make.pick(True, False)
        if rank > 1:
            given["divisor_override"] = make.pick(None, None, 1, 3, -2)
    return given, make.shape(make.rng.randint(1, 3), make.spatial(rank))


def adaptive(make: Maker, kind: str) -> Made:
    rank = rank_of(kind)
    size: Value = make.exact(rank, 0 if make.chance(0.1) else 1, 9)
    if rank > 1 and make.chance(0.3):
        size = tuple(make.pick(None, make.rng.randint(1, 6)) for _ in range(rank))
    given: dict[str, Value] = {"output_size": size}
    if "Max" in kind:
        given["return_indices"] = make.pick(False, True)
    return given, make.shape(make.rng.randint(1, 3), make.spatial(rank))


def padding(make: Maker, kind: str) -> Made:
    rank = rank_of(kind)
    low = -3 if make.chance(0.3) else 0
    cells: Value = make.rng.randint(low, 4)
    if make.chance(0.7):
        cells = tuple(make.rng.randint(low, 6) for _ in range(2 * rank))
    if make.chance(0.03):
        cells = tuple(make.rng.randint(0, 3) for _ in range(make.rng.randint(0, 7)))
    given: dict[str, Value] = {"padding": cells}
    if kind.startswith("Constant"):
        given["value"] = make.pick(0, 1.5, -2, float("-inf"))
    spatial = make.spatial(rank)
    shape = make.shape(make.rng.randint(1, 3), spatial)
    if kind.startswith(("Zero", "Constant")) and make.chance(0.2):
        shape = make.pick(spatial, (2, *shape))
    return given, shape


def upsample(make: Maker, kind: str) -> Made:
    rank = 2 if kind != "Upsample" else make.pick(1, 2, 3)
    given: dict[str, Value] = {}
    if make.chance(0.4):
        given["size"] = make.exact(rank, 1, 12)
    else:
        scales = (0.5, 0.7, 1, 1.5, 2, 2.0, 3, 1.3, 0.3)
        given["scale_factor"] = (
            make.pick(*scales) if make.chance(0.5) else tuple(make.pick(*scales) for _ in range(rank))
        )
    if kind == "Upsample":
        linear = {1: "linear", 2: make.pick("bilinear", "bicubic"), 3: "trilinear"}[rank]
        given["mode"] = make.pick("nearest", "nearest-exact", "area", linear, linear)
        if make.chance(0.05):
            given["mode"] = make.pick(
                "linear", "bilinear", "bicubic", "trilinear", "lanczos" if rank == 2 else "linear"
            )
        if given["mode"] == linear and make.chance(0.5):
            given["align_corners"] = make.pick(True, False, None)
        if "scale_factor" in given and make.chance(0.2):
            given["recompute_scale_factor"] = make.pick(True, False, None)
    return given, (make.pick(1, 2, 0), make.rng.randint(1, 3), *make.spatial(rank))


def shuffle(make: Maker, kind: str) -> Made:
    factor = make.rng.randint(1, 3)
    lead = tuple(make.rng.randint(1, 2) for _ in range(make.pick(0, 1, 1, 2)))
    if kind == "PixelShuffle":
        channels = factor * factor * make.rng.randint(1, 2) if make.chance(0.85) else make.rng.randint(1, 9)
        return {"upscale_factor": factor}, (*lead, channels, *make.spatial(2, 0 if make.chance(0.1) else 1, 5))
    sizes = tuple(
        size * factor if make.chance(0.9) else size for size in make.spatial(2, 0 if make.chance(0.1) else 1, 4)
    )
    return {"downscale_factor": factor}, (*lead, make.rng.randint(1, 3), *sizes)


def channel_shuffle(make: Maker, kind: str) -> Made:
    groups = make.rng.randint(1, 4)
    channels = groups * make.rng.randint(1, 3) if make.chance(0.85) else make.rng.randint(1, 7)
    return {"groups": groups}, (make.pick(1, 2, 0), channels, *make.spatial(make.pick(1, 2, 3), 1, 4))


def unfold(make: Maker, kind: str) -> Made:
    given = {
        "kernel_size": make.exact(2, 1, 4),
        "dilation": make.exact(2, 1, 2),
        "padding": make.exact(2, 0, 2),
        "stride": make.exact(2, 1, 3),
    }
    return given, make.shape(make.rng.randint(1, 3), make.spatial(2))


def fold(make: Maker, kind: str) -> Made:
    from convwise.axis import Pads, Window

    given, _ = unfold(make, kind)
    sizes = make.spatial(2, 2, 9)
    wide = {name: value if isinstance(value, tuple) else (value, value) for name, value in given.items()}
    count = 1
    for axis in range(2):
        pads = Pads(wide["padding"][axis], wide["padding"][axis])
        count *= max(
            Window(wide["kernel_size"][axis], wide["stride"][axis], wide["dilation"][axis], pads).over(sizes[axis]).out,
            1,
        )
    columns = wide["kernel_size"][0] * wide["kernel_size"][1] * make.rng.randint(1, 2)
    if make.chance(0.1):
        columns += 1
    if make.chance(0.1):
        count += make.pick(-1, 1, 2)
    batch = (make.pick(1, 2, 0),) if make.chance(0.7) else ()
    return {"output_size": sizes, **given}, (*batch, columns, max(count, 1))


def flatten(make: Maker, kind: str) -> Made:
    rank = make.rng.randint(0, 5)
    given = {"start_dim": make.pick(1, 1, 0, 2, -2, -1, 3), "end_dim": make.pick(-1, -1, -1, 2, 1, 3, 0)}
    return given, tuple(make.rng.randint(0 if make.chance(0.1) else 1, 5) for _ in range(rank))


def unflatten(make: Maker, kind: str) -> Made:
    parts = tuple(make.rng.randint(1, 4) for _ in range(make.rng.randint(1, 3)))
    total = 1
    for part in parts:
        total *= part
    if make.chance(0.3):
        place = make.rng.randrange(len(parts))
        parts = (*parts[:place], -1, *parts[place + 1 :])
    if make.chance(0.1):
        total += 1
    rank = make.rng.randint(1, 4)
    axis = make.rng.randrange(rank)
    shape = [make.rng.randint(0 if make.chance(0.05) else 1, 4) for _ in range(rank)]
    shape[axis] = total if make.chance(0.97) else 0
    return {"dim": axis if make.chance(0.5) else axis - rank, "unflattened_size": parts}, tuple(shape)


def linear(make: Maker, kind: str) -> Made:
    features = make.rng.randint(1, 6)
    given: dict[str, Value] = {} if kind.startswith("Lazy") else {"in_features": features}
    given |= {"out_features": make.rng.randint(0 if make.chance(0.05) else 1, 5), "bias": make.pick(True, False)}
    last = features if make.chance(0.85) else features + make.pick(-1, 1)
    return given, (*(make.rng.randint(0 if make.chance(0.1) else 1, 4) for _ in range(make.rng.randint(0, 4))), last)


def batch_norm(make: Maker, kind: str) -> Made:
    instance = "Instance" in kind
    channels = make.rng.randint(1, 4)
    given: dict[str, Value] = {} if kind.startswith("Lazy") else {"num_features": channels}
    given |= {"eps": make.pick(1e-5, 1e-3), "momentum": make.pick(0.1, 0.3, None) if not instance else 0.1}
    given |= {
        "affine": make.pick(True, False),
        "track_running_stats": make.pick(True, False),
        "bias": make.pick(True, True, False),
    }
    rank = make.pick(0, 1, 2, 3) if kind == "SyncBatchNorm" else rank_of(kind)
    rank = make.pick(0, 1) if rank == 1 and not instance else rank
    spatial = make.spatial(rank, 1, 5) if rank else ()
    shape = (make.pick(1, 2, 3, 0) if make.chance(0.9) else 1, channels, *spatial)
    return given, shape[1:] if instance and make.chance(0.3) else shape


def group_norm(make: Maker, kind: str) -> Made:
    groups = make.rng.randint(1, 4)
    channels = groups * make.rng.randint(1, 3)
    given = {
        "num_groups": groups,
        "num_channels": channels,
        "eps": 1e-5,
        "affine": make.pick(True, False),
        "bias": make.pick(True, False),
    }
    if make.chance(0.1):
        channels = make.rng.randint(1, 8)
    rank = make.pick(0, 1, 2, 3)
    return given, (make.pick(1, 2, 3, 0), channels, *(make.spatial(rank, 1, 4) if rank else ()))


def layer_norm(make: Maker, kind: str) -> Made:
    shape = tuple(make.rng.randint(1, 5) for _ in range(make.rng.randint(1, 4)))
    tail: Value = shape[-make.rng.randint(1, len(shape)) :]
    if make.chance(0.1):
        tail = (*tail[:-1], tail[-1] + 1)
    if len(tail) == 1 and make.chance(0.6):
        tail = tail[0]
    given: dict[str, Value] = {"normalized_shape": tail, "eps": 1e-5 if kind == "LayerNorm" else make.pick(None, 1e-6)}
    given["elementwise_affine"] = make.pick(True, False)
    if kind == "LayerNorm":
        given["bias"] = make.pick(True, False)
    return given, shape


def local_norm(make: Maker, kind: str) -> Made:
    given = {"size": make.rng.randint(1, 6), "alpha": 1e-4, "beta": make.pick(0.75, 0.5), "k": make.pick(1.0, 2)}
    return given, (make.pick(1, 2), make.rng.randint(1, 5), *make.spatial(make.pick(1, 2, 3), 1, 5))


def any_shape(make: Maker) -> tuple[int, ...]:
    return tuple(make.rng.randint(0 if make.chance(0.05) else 1, 5) for _ in range(make.rng.randint(0, 5)))


def simple(make: Maker, kind: str) -> Made:
    """Activations: each argument is its default or a number."""
    given: dict[str, Value] = {}
    for parameter in KINDS[kind].parameters:
        if parameter.name == "inplace":
            given["inplace"] = make.pick(True, False)
        elif parameter.name in ("device", "dtype", "min_value", "max_value"):
            continue
        elif parameter.default is REQUIRED or isinstance(parameter.default, float):
            given[parameter.name] = make.pick(
                0.5, 1, 2.0, 0.1, 0.3, parameter.default if parameter.default is not REQUIRED else 1
            )
    shape = any_shape(make)
    if kind == "PReLU":
        channels = make.rng.randint(1, 4)
        given["num_parameters"] = make.pick(1, channels)
        shape = (make.pick(1, 2, 0), channels, *make.spatial(make.pick(1, 2), 1, 3))[: make.pick(2, 3, 4)]
    if kind == "GELU":
        given["approximate"] = make.pick("none", "tanh")
    if kind in ("Softmax", "LogSoftmax", "Softmin"):
        given["dim"] = make.pick(None, 0, 1, -1, -2, 2, 3)
    if kind == "GLU":
        given["dim"] = make.pick(-1, -1, 0, 1, 2, -3)
        shape = tuple(size * make.pick(2, 2, 1) for size in shape)
    if "Dropout" in kind:
        given["p"] = make.pick(0.5, 0.3, 0, 1, 0.0, 1.0, 0.9)
    return given, shape


FAMILIES: tuple[tuple[str, Callable[[Maker, str], Made], int], ...] = (
    # prefix of the kind, maker, weight of one kind
    ("Conv", convolution, 12),
    ("LazyConv", convolution, 4),
    ("Max", pool, 12),
    ("Avg", pool, 10),
    ("LP", pool, 5),
    ("Adaptive", adaptive, 5),
    ("Zero", padding, 4),
    ("Constant", padding, 3),
    ("Reflection", padding, 5),
    ("Replication", padding, 4),
    ("Circular", padding, 5),
    ("Upsampl", upsample, 8),
    ("Pixel", shuffle, 5),
    ("ChannelShuffle", channel_shuffle, 3),
    ("Unfold", unfold, 6),
    ("Fold", fold, 6),
    ("Flatten", flatten, 6),
    ("Unflatten", unflatten, 6),
    ("Linear", linear, 5),
    ("LazyLinear", linear, 3),
    ("BatchNorm", batch_norm, 4),
    ("SyncBatchNorm", batch_norm, 3),
    ("LazyBatchNorm", batch_norm, 2),
    ("InstanceNorm", batch_norm, 4),
    ("LazyInstanceNorm", batch_norm, 2),
    ("GroupNorm", group_norm, 5),
    ("LayerNorm", layer_norm, 5),
    ("RMSNorm", layer_norm, 4),
    ("LocalResponseNorm", local_norm, 3),
)


def _table() -> tuple[tuple[str, Callable[[Maker, str], Made]], ...]:
    found: list[tuple[str, Callable[[Maker, str], Made]]] = []
    for kind in KINDS:
        # ConstantPad is no Conv, but PixelShuffle is one of Pixel*: the longest prefix decides.
        matching = [entry for entry in FAMILIES if kind.startswith(entry[0])]
        prefix = max(matching, key=lambda entry: len(entry[0]), default=("", simple, 1))
        found += [(kind, prefix[1])] * prefix[2]
    return tuple(found)


TABLE = _table()


def spoil_arguments(make: Maker, given: dict[str, Value]) -> dict[str, Value]:
    """One argument replaced by a value that is bad for most."""
    if not given:
        return given
    name = make.pick(*given)
    return given | {name: make.pick(*BAD)}


def spoil_shape(make: Maker, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Another rank, another channel count, an empty axis."""
    way = make.rng.random()
    if way < 0.3 and shape:
        return shape[1:]
    if way < 0.5:
        return (make.pick(1, 2), *shape)
    if not shape:
        return (3,)
    place = make.rng.randrange(len(shape))
    size = 0 if way < 0.75 else shape[place] + make.pick(1, -1, 2)
    return (*shape[:place], max(size, 0), *shape[place + 1 :])


def random_case(rng: Random) -> Case:
    """One layer and one input."""
    make = Maker(rng)
    kind, family = rng.choice(TABLE)
    given, shape = family(make, kind)
    faults = 0
    if make.chance(0.14):
        given, faults = spoil_arguments(make, given), faults + 1
    if make.chance(0.12):
        shape, faults = spoil_shape(make, shape), faults + 1
    return arrange(make, kind, given, shape, faults)


def arrange(make: Maker, kind: str, given: dict[str, Value], shape: tuple[int, ...], faults: int) -> Case:
    """Some arguments by position, the rest by name, defaults often left out."""
    parameters = KINDS[kind].parameters
    kept = {
        p.name: given[p.name]
        for p in parameters
        if p.name in given and (p.default is REQUIRED or make.chance(0.6) or not _equal(given[p.name], p.default))
    }
    args: list[Value] = []
    for parameter in parameters:
        if parameter.keyword_only or parameter.name not in kept or not make.chance(0.75):
            break
        args.append(kept.pop(parameter.name))
    named = list(kept.items())
    make.rng.shuffle(named)
    return Case(kind, tuple(args), tuple(named), shape, faults)


def _equal(value: Value, default: Value) -> bool:
    return type(value) is type(default) and value == default
