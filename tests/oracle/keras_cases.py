"""Random Keras layers of every kind and every argument, with an input shape: asymmetric on purpose, some of them wrong."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from convwise.dialects.base import Call
from convwise.dialects.keras.kinds import KINDS
from convwise.dialects.writing import write

Value = Any


@dataclass(frozen=True)
class Case:
    """One layer as it is written, and the shape (batch included) that it is called with."""

    kind: str
    args: tuple[Value, ...]
    kwargs: tuple[tuple[str, Value], ...]
    input: tuple[int, ...]

    @property
    def text(self) -> str:
        parts = [*(write(value) for value in self.args), *(f"{name}={write(value)}" for name, value in self.kwargs)]
        return f"{self.kind}({', '.join(parts)})"

    @property
    def call(self) -> Call:
        return Call(self.kind, self.args, self.kwargs, self.text)


def pack(value: Value) -> Any:
    """A value as JSON that tells tuples and nested calls apart."""
    if isinstance(value, tuple):
        return {"tuple": [pack(one) for one in value]}
    if isinstance(value, Call):
        return {
            "call": [value.kind, [pack(one) for one in value.args], [[name, pack(one)] for name, one in value.kwargs]]
        }
    return value


def unpack(value: Any) -> Value:
    """The inverse of `pack`."""
    if isinstance(value, dict) and "tuple" in value:
        return tuple(unpack(one) for one in value["tuple"])
    if isinstance(value, dict):
        kind, args, kwargs = value["call"]
        return Call(kind, tuple(unpack(one) for one in args), tuple((name, unpack(one)) for name, one in kwargs))
    return value


def packed(case: Case) -> dict[str, Any]:
    return {
        "call": case.text,
        "kind": case.kind,
        "args": [pack(value) for value in case.args],
        "kwargs": [[name, pack(value)] for name, value in case.kwargs],
        "input": list(case.input),
    }


def unpacked(row: dict[str, Any]) -> Case:
    return Case(
        row["kind"],
        unpack({"tuple": row["args"]}),
        tuple((name, unpack(value)) for name, value in row["kwargs"]),
        tuple(row["input"]),
    )


ACTIVATIONS = [
    "relu",
    "relu6",
    "elu",
    "selu",
    "gelu",
    "silu",
    "swish",
    "tanh",
    "sigmoid",
    "softmax",
    "leaky_relu",
    "linear",
    "hard_swish",
    "hard_sigmoid",
    "mish",
    "softplus",
    "softsign",
    "log_softmax",
    "celu",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "tanh_shrink",
    "squareplus",
    "sparse_plus",
    "sparsemax",
    "log_sigmoid",
    "exponential",
    "sparse_sigmoid",
]
INITIALIZERS = ("he_normal", "glorot_normal", "lecun_uniform", "random_normal", "HeUniform", "zeros", "ones", None)

BAD_INTEGERS: tuple[Value, ...] = (
    0,
    -1,
    -3,
    2.0,
    1.5,
    "3",
    "33",
    None,
    True,
    False,
    (),
    (3,),
    (2, 3, 2, 3),
    "ab",
    (2, 0),
    (0, 1, 2),
    (2, -1),
    (2, 2.0),
    (3, "1"),
    (None, 2),
    (True, 2),
    ((1, 1), 2),
)
BAD_NUMBERS: tuple[Value, ...] = (0, -2, 2.0, 1.5, "4", None, True, (4,), 0.0)
BAD_WORDS: tuple[Value, ...] = (1, 0, (1, 1), None, True, "full", "vaild", "", 1.5, "causal", "reflect", "explicit")
BAD_FORMATS: tuple[Value, ...] = ("NCHW", "channels_fist", 1, "")


class Maker:
    """Draws cases from one random source."""

    def __init__(self, seed: int, bad: float = 0.12) -> None:
        self.random = random.Random(seed)
        self.bad = bad

    def case(self) -> Case:
        kind = self.random.choices(list(KINDS), [WEIGHTS.get(KINDS[name][0], 1.0) for name in KINDS])[0]
        family, rank = KINDS[kind]
        draw = self.random
        n = rank if rank is not None else draw.choice((1, 2, 2, 3))
        self.rank = n
        first = draw.random() < 0.3 and family not in ("flatten",)
        arguments = self.arguments(family, n)
        if first and "data_format" in NAMED.get(family, ()) and not (n == 1 and family in ("cropping", "up_sampling")):
            arguments["data_format"] = draw.choice(
                ("channels_first", "channels_first", "Channels_First" if "adaptive" not in family else "channels_first")
            )
        else:
            first = False
        if draw.random() < self.bad:
            self.spoil(family, arguments)
        shape = self.shape(family, n, first, arguments)
        return self.written(kind, family, arguments, shape)

    def one_or_more(self, n: int, low: int, high: int, *, same: float = 0.5) -> Value:
        """An integer, or a tuple of n."""
        draw = self.random
        if draw.random() < same:
            return draw.randint(low, high)
        return tuple(draw.randint(low, high) for _ in range(n))

    def arguments(self, family: str, n: int) -> dict[str, Value]:
        """The arguments by name, required ones first."""
        draw = self.random
        found: dict[str, Value] = {}
        if family in ("conv", "transpose", "separable"):
            found["filters"] = draw.choice((1, 2, 3, 4, 6, 8))
        if family in ("conv", "transpose", "separable", "depthwise"):
            self.convolution(family, n, found)
        elif family in ("max_pool", "average_pool"):
            found["pool_size"] = self.one_or_more(n, 1, 4)
            self.maybe(found, "strides", 0.5, lambda: draw.choice((None, self.one_or_more(n, 1, 4))))
            self.maybe(found, "padding", 0.5, lambda: draw.choice(("same", "valid", "SAME", "Valid")))
        elif family in ("global_max", "global_average"):
            self.maybe(found, "keepdims", 0.4, lambda: draw.choice((True, False)))
        elif family in ("adaptive_max", "adaptive_average"):
            found["output_size"] = self.one_or_more(n, 1, 6)
        elif family == "zero_padding":
            self.maybe(found, "padding", 0.9, lambda: self.sides(n))
        elif family == "cropping":
            self.maybe(found, "cropping", 0.9, lambda: self.sides(n, high=2))
        elif family == "up_sampling":
            self.maybe(found, "size", 0.8, lambda: draw.randint(1, 4) if n == 1 else self.one_or_more(n, 1, 3))
            if n == 2:
                self.maybe(
                    found,
                    "interpolation",
                    0.4,
                    lambda: draw.choice(("nearest", "bilinear", "Bicubic", "lanczos3", "area")),
                )
        else:
            found |= self.other(family, n)
        return found

    def convolution(self, family: str, n: int, found: dict[str, Value]) -> None:
        draw = self.random
        found["kernel_size"] = self.one_or_more(n, 1, 5)
        choice = draw.random()
        if choice < 0.45:
            found["strides"] = self.one_or_more(n, 1, 4)
        elif choice < 0.7:
            found["dilation_rate"] = self.one_or_more(n, 1, 3)
        elif choice < 0.78:
            found["strides"], found["dilation_rate"] = self.one_or_more(n, 1, 3), self.one_or_more(n, 1, 3)
        words = ("same", "same", "valid", "SAME") + (("causal", "causal") if family == "conv" and n == 1 else ())
        self.maybe(found, "padding", 0.6, lambda: draw.choice(words))
        if family == "transpose":
            self.maybe(found, "output_padding", 0.5, lambda: draw.choice((None, self.one_or_more(n, 0, 2), 0, 1)))
        if family == "conv":
            self.maybe(found, "groups", 0.2, lambda: draw.choice((1, 2, 2, 3)))
            if found.get("groups", 1) > 1 and draw.random() < 0.8:
                found["filters"] = found["groups"] * draw.randint(1, 3)
        if family in ("depthwise", "separable"):
            self.maybe(found, "depth_multiplier", 0.4, lambda: draw.randint(1, 3))
        self.maybe(found, "activation", 0.3, self.activation)
        self.maybe(found, "use_bias", 0.3, lambda: draw.choice((True, False, False, 0, None)))
        prefix = "kernel" if family in ("conv", "transpose") else "depthwise"
        self.maybe(found, f"{prefix}_initializer", 0.1, lambda: draw.choice(INITIALIZERS))
        self.maybe(found, "bias_initializer", 0.1, lambda: draw.choice(("zeros", "ones", "random_normal")))
        self.maybe(found, f"{prefix}_regularizer", 0.1, lambda: draw.choice(("l2", "l1", "L1L2", None)))
        self.maybe(found, f"{prefix}_constraint", 0.05, lambda: draw.choice(("max_norm", "non_neg", None)))

    def activation(self) -> Value:
        layer = self.random.choice(
            (
                Call("LeakyReLU", (0.1,)),
                Call("ReLU", (), (("max_value", 4.0),)),
                Call("PReLU"),
                Call("PReLU", (), (("shared_axes", tuple(range(1, self.rank + 1))),)),
                Call("ELU"),
                Call("Softmax"),
            )
        )
        return self.random.choice((*ACTIVATIONS, None, "relu", "relu", layer, layer))

    def other(self, family: str, n: int) -> dict[str, Value]:
        """Layers without windows."""
        draw = self.random
        axis = draw.choice((-1, -1, 1, n + 1, 2, -2, 0, -n - 2, n + 2))
        axes = draw.choice((axis, axis, tuple(draw.sample(range(n + 2), draw.randint(1, n + 1))), (1, -1)))
        rate = draw.choice((0, 0.1, 0.5, 1, 0.25))
        match family:
            case "resizing":
                found: dict[str, Value] = {"height": draw.randint(1, 12), "width": draw.randint(1, 12)}
                self.maybe(
                    found,
                    "interpolation",
                    0.5,
                    lambda: draw.choice(("nearest", "bilinear", "bicubic", "area", "lanczos5")),
                )
                self.maybe(
                    found, draw.choice(("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias")), 0.3, lambda: True
                )
                return found
            case "center_crop":
                return {"height": draw.randint(1, 9), "width": draw.randint(1, 9)}
            case "random_flip":
                return {"mode": draw.choice(("horizontal", "vertical", "horizontal_and_vertical"))}
            case "random_rotation" | "random_contrast":
                return {"factor": draw.choice((0.1, 0.5, (0.1, 0.2)))}
            case "random_zoom" | "random_translation":
                return {"height_factor": draw.choice((0.1, (-0.5, 0.2))), "width_factor": draw.choice((0.1, -0.3))}
            case "rescaling":
                return {
                    "scale": draw.choice((1 / 255, 2, (1, 2, 3), 0.5)),
                    **draw.choice(({}, {"offset": -1.0}, {"offset": (0.5, 1.5)})),
                }
            case "flatten":
                return draw.choice(({}, {"data_format": "channels_first"}, {"data_format": "channels_last"}))
            case "reshape":
                return {
                    "target_shape": draw.choice(
                        ((-1,), (-1, 2), (3, -1), (4, -1, 2), (6,), (12, 2), (0, -1), (24,), (2, 3, 4), (-1, 0))
                    )
                }
            case "permute":
                return {"dims": tuple(draw.sample(range(1, n + 2), n + 1))}
            case "repeat_vector":
                return {"n": draw.randint(1, 5)}
            case "dense":
                found = {"units": draw.randint(1, 7)}
                self.maybe(found, "activation", 0.4, self.activation)
                self.maybe(found, "use_bias", 0.3, lambda: draw.choice((True, False)))
                self.maybe(found, "kernel_initializer", 0.2, lambda: draw.choice(INITIALIZERS))
                return found
            case "batch_norm" | "group_norm" | "layer_norm":
                found = {"groups": draw.choice((1, 2, 3, -1, 4))} if family == "group_norm" else {}
                self.maybe(found, "axis", 0.5, lambda: axes if family == "layer_norm" else axis)
                self.maybe(found, "center", 0.3, lambda: draw.choice((True, False)))
                self.maybe(found, "scale", 0.3, lambda: draw.choice((True, False)))
                self.maybe(found, "epsilon", 0.2, lambda: 1e-5)
                return found
            case "unit_norm" | "rms_norm" | "softmax":
                return {} if draw.random() < 0.4 else {"axis": axes}
            case "dropout" | "alpha_dropout" | "gaussian_dropout" | "spatial_dropout":
                return {"rate": rate, **draw.choice(({}, {"seed": 7}))}
            case "gaussian_noise":
                return {"stddev": rate}
            case "activation":
                return {"activation": self.activation()}
            case "relu":
                return {
                    name: draw.choice((0.0, 0.5, 6, 6.0))
                    for name in ("max_value", "negative_slope", "threshold")
                    if draw.random() < 0.4
                }
            case "leaky_relu":
                return draw.choice(({}, {"negative_slope": 0.1}, {"alpha": 0.2}, {"negative_slope": 0}))
            case "elu":
                return draw.choice(({}, {"alpha": 0.5}))
            case "prelu":
                shared = tuple(draw.sample(range(1, n + 2), draw.randint(0, n + 1)))
                return draw.choice(
                    ({}, {"shared_axes": shared}, {"shared_axes": draw.choice((1, n + 1, n + 2, -1, 0))})
                )
            case _:
                return {}

    def sides(self, n: int, high: int = 3) -> Value:
        draw = self.random

        def pair() -> tuple[int, int]:
            return draw.randint(0, high), draw.randint(0, high)

        if n == 1:
            return draw.choice((draw.randint(0, high), pair()))
        mixed = tuple(draw.choice((draw.randint(0, high), pair())) for _ in range(n))
        return draw.choice((draw.randint(0, high), tuple(pair() for _ in range(n)), mixed))

    def maybe(self, found: dict[str, Value], name: str, share: float, value: Any) -> None:
        if self.random.random() < share:
            found[name] = value()

    def spoil(self, family: str, arguments: dict[str, Value]) -> None:
        """Make one argument wrong, or add one that does not exist."""
        draw = self.random
        if draw.random() < 0.08:
            arguments[
                draw.choice(("stride", "bias", "in_channels", "kernal_size", "padding_mode", "batch_size", "weights"))
            ] = 1
            return
        if draw.random() < 0.1:
            name, value = draw.choice(
                (
                    ("name", "a/b"),
                    ("name", 3),
                    ("trainable", 1),
                    ("trainable", None),
                    ("dtype", "float33"),
                    ("activity_regularizer", "l3"),
                )
            )
            if family != "spatial_dropout" or name != "trainable":
                arguments[name] = value
            return
        names = [name for name in (*NAMED.get(family, ()), *arguments) if name in SPOILERS and name != "keepdims"]
        if names:
            name = draw.choice(names)
            arguments[name] = draw.choice(SPOILERS[name])

    def shape(self, family: str, n: int, first: bool, arguments: dict[str, Value]) -> tuple[int, ...]:
        """An input that mostly fits."""
        draw = self.random
        channels = draw.choice((1, 2, 3, 4, 6))
        groups = arguments.get("groups", 1)
        if family in ("conv", "group_norm") and type(groups) is int and groups > 0 and draw.random() < 0.85:
            channels = groups * draw.randint(1, 3)
        top = {1: 14, 2: 11, 3: 7}.get(n, 7)
        spatial = [draw.randint(1, top) for _ in range(n)]
        if draw.random() < 0.5:
            spatial = [size + 2 for size in spatial]
        if n and draw.random() < 0.015:
            spatial[draw.randrange(n)] = 0
        elif draw.random() < 0.01:
            channels = 0
        if family == "repeat_vector":
            spatial = []
        batch = draw.choice((1, 2, 3))
        full = (batch, channels, *spatial) if first else (batch, *spatial, channels)
        if draw.random() < 0.03 and "adaptive" not in family and family not in ("resizing", "center_crop"):
            full = draw.choice((full[:-1], (*full, 2), full[:2]))
        return full

    def written(self, kind: str, family: str, arguments: dict[str, Value], shape: tuple[int, ...]) -> Case:
        """Positional or by name, in the order of the signature or not, with keywords of the base layer now and then."""
        draw = self.random
        order = NAMED.get(family, ())
        args: list[Value] = []
        for name in order:
            if name not in arguments or (draw.random() < 0.25 and name not in ("filters", "kernel_size")):
                break
            args.append(arguments.pop(name))
        keywords = list(arguments.items())
        if draw.random() < 0.3:
            draw.shuffle(keywords)
        if draw.random() < 0.1 and "name" not in arguments:
            keywords.append(("name", draw.choice(("conv1", "a_layer"))))
        if draw.random() < 0.05 and family != "spatial_dropout" and "trainable" not in arguments:
            keywords.append(("trainable", False))
        if draw.random() < 0.04 and family != "spatial_dropout":
            keywords.append(("input_shape", (8, 8, 3)))
        return Case(kind, tuple(args), tuple(keywords), shape)


NAMED: dict[str, tuple[str, ...]] = {
    "conv": (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "groups",
        "activation",
        "use_bias",
    ),
    "transpose": ("filters", "kernel_size", "strides", "padding"),
    "depthwise": (
        "kernel_size",
        "strides",
        "padding",
        "depth_multiplier",
        "data_format",
        "dilation_rate",
        "activation",
        "use_bias",
    ),
    "separable": (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "depth_multiplier",
        "activation",
        "use_bias",
    ),
    **dict.fromkeys(("max_pool", "average_pool"), ("pool_size", "strides", "padding", "data_format", "name")),
    **dict.fromkeys(("global_max", "global_average"), ("data_format", "keepdims")),
    **dict.fromkeys(("adaptive_max", "adaptive_average"), ("output_size", "data_format")),
    "zero_padding": ("padding", "data_format"),
    "cropping": ("cropping", "data_format"),
    "up_sampling": ("size", "data_format"),
    "resizing": ("height", "width", "interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "data_format")[:5],
    "center_crop": ("height", "width", "data_format"),
    "random_flip": ("mode",),
    **dict.fromkeys(("random_rotation", "random_contrast"), ("factor",)),
    **dict.fromkeys(("random_zoom", "random_translation"), ("height_factor", "width_factor")),
    "rescaling": ("scale", "offset"),
    "reshape": ("target_shape",),
    "permute": ("dims",),
    "repeat_vector": ("n",),
    "dense": ("units", "activation", "use_bias", "kernel_initializer"),
    "batch_norm": ("axis",),
    "layer_norm": ("axis", "epsilon", "center", "scale"),
    "group_norm": ("groups", "axis", "epsilon", "center", "scale"),
    **dict.fromkeys(("unit_norm", "softmax", "rms_norm"), ("axis",)),
    **dict.fromkeys(("dropout", "alpha_dropout", "gaussian_dropout"), ("rate",)),
    "spatial_dropout": ("rate",),
    "gaussian_noise": ("stddev",),
    "activation": ("activation",),
    "relu": ("max_value", "negative_slope", "threshold"),
    "leaky_relu": ("negative_slope",),
    "elu": ("alpha",),
}

SPOILERS: dict[str, tuple[Value, ...]] = {
    **dict.fromkeys(("kernel_size", "strides", "dilation_rate", "pool_size", "output_padding", "size"), BAD_INTEGERS),
    **dict.fromkeys(("filters", "groups", "depth_multiplier", "units", "n", "height", "width"), BAD_NUMBERS),
    "padding": BAD_WORDS,
    "cropping": (-1, (1, -1), 1.5, None, (1, 2, 3, 4), "ab", True, ((1,), (1,))),
    "data_format": BAD_FORMATS,
    "activation": ("Relu", "rel", 5, True, "threshold"),
    "kernel_initializer": ("he_norm", 3, "Foo"),
    "kernel_regularizer": ("l3", 0.1),
    "rate": (1.5, -0.1, "a", None, 30),
    **dict.fromkeys(
        ("factor", "height_factor", "width_factor"),
        (1.5, -1, -2, "a", (0.1,), (-2, 0.5), (0.5, 2), (0.1, 0.2, 0.3), True),
    ),
    "fill_mode": ("same", "wrap"),
    "stddev": (2, -1, "x"),
    "axis": (7, None, 1.0, "a", ()),
    "target_shape": (-1, (-1, -1), (-2, 4), (True, -1), "ab", None),
    "dims": (1, (0, 1, 2), (1, 1, 2), "12", (1.0, 2, 3), (2, 1, 3.0)),
    "output_size": (0, -1, 2.0, "a", (2, 2, 2, 2), (2.0, 3), None),
    "interpolation": ("magic", "NEAREST", 2),
    "negative_slope": (-0.5, None, "a"),
    "max_value": (-1, "a"),
    "threshold": (-1.0, None),
    "alpha": ("a",),
    "shared_axes": ((1.0,), ("a",)),
    "epsilon": ("a", None),
}

WEIGHTS = {
    "conv": 9.0,
    "transpose": 7.0,
    "depthwise": 5.0,
    "separable": 4.0,
    "max_pool": 4.0,
    "average_pool": 4.0,
    "zero_padding": 2.0,
    "cropping": 2.0,
    "up_sampling": 2.0,
    "dense": 2.0,
    "adaptive_max": 0.2,
}


def cases(count: int, seed: int, bad: float = 0.12) -> list[Case]:
    maker = Maker(seed, bad)
    return [maker.case() for _ in range(count)]


def dumped(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(", ", ": "))
