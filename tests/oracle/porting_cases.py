"""Random layers and chains to be ported: text and input of every kind, asymmetric on purpose, all of them legal where they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True)
class Case:
    """A layer or chain in its framework's words, and its input with the batch."""

    dialect: str
    text: str
    input: tuple[int, ...]
    via: Any = None
    """The port whose emitted code is this layer, for frameworks whose layers are functions."""


def sizes(rng: Random, rank: int, least: int = 7) -> tuple[int, ...]:
    most = {1: 19, 2: 14, 3: 10}[rank]
    return tuple(rng.randint(least, most) for _ in range(rank))


def each(rng: Random, rank: int, low: int, high: int) -> Any:
    """One number for all axes, or one for each."""
    found = tuple(rng.randint(low, high) for _ in range(rank))
    return found[0] if rank == 1 or rng.random() < 0.5 else found


def least(value: Any) -> int:
    return min(value) if isinstance(value, tuple) else int(value)


def most(value: Any) -> int:
    return max(value) if isinstance(value, tuple) else int(value)


def words(**options: Any) -> str:
    return "".join(f", {name}={value!r}" for name, value in options.items() if value is not None)


def maybe(rng: Random, share: float, value: Any) -> Any:
    return value if rng.random() < share else None


KERAS_ACTIVATIONS = (
    "relu",
    "elu",
    "gelu",
    "tanh",
    "silu",
    "softplus",
    "sigmoid",
    "relu6",
    "hard_sigmoid",
    "softmax",
    "mish",
)


def keras_conv(rng: Random) -> tuple[str, tuple[int, ...]]:
    rank = rng.choice((1, 2, 2, 2, 3))
    channels, groups = rng.choice(((3, 1), (4, 1), (4, 2), (6, 3), (1, 1)))
    strided = rng.random() < 0.6
    padding = rng.choice(("same", "same", "valid", "causal" if rank == 1 else "same"))
    text = f"Conv{rank}D({groups * rng.randint(1, 3)}, {each(rng, rank, 1, 4)!r}" + words(
        strides=each(rng, rank, 1, 3) if strided else None,
        dilation_rate=None if strided else maybe(rng, 0.4, each(rng, rank, 1, 2)),
        padding=maybe(rng, 0.8, padding),
        groups=groups if groups > 1 else None,
        use_bias=maybe(rng, 0.2, False),
        activation=maybe(rng, 0.3, rng.choice(KERAS_ACTIVATIONS)),
    )
    return text + ")", (*sizes(rng, rank), channels)


def keras_transpose(rng: Random) -> tuple[str, tuple[int, ...]]:
    rank = rng.choice((1, 2, 2, 3))
    strides = each(rng, rank, 1, 3)
    dilated = most(strides) == 1 and rng.random() < 0.4
    extra = rng.randint(0, least(strides) - 1) if rng.random() < 0.3 else None
    kernel = each(rng, rank, 1, 4)
    padding = rng.choice(("same", "valid"))
    if extra == 0 and padding == "same":
        kernel, dilated = 3, False
    text = f"Conv{rank}DTranspose({rng.randint(1, 4)}, {kernel!r}" + words(
        strides=strides,
        padding=padding,
        output_padding=extra,
        dilation_rate=each(rng, rank, 1, 2) if dilated else None,
        use_bias=maybe(rng, 0.2, False),
        activation=maybe(rng, 0.2, "relu"),
    )
    return text + ")", (*sizes(rng, rank, 3), rng.randint(1, 4))


def keras_depthwise(rng: Random) -> tuple[str, tuple[int, ...]]:
    rank = rng.choice((1, 2, 2))
    stride = rng.choice((1, 1, 2, 3))
    name = rng.choice(("Depthwise", "Separable"))
    head = f"{rng.randint(1, 5)}, " if name == "Separable" else ""
    text = f"{name}Conv{rank}D({head}{each(rng, rank, 1, 4)!r}" + words(
        strides=stride,
        padding=rng.choice(("same", "valid")),
        depth_multiplier=maybe(rng, 0.5, rng.randint(1, 3)),
        dilation_rate=2 if stride == 1 and rng.random() < 0.3 else None,
        activation=maybe(rng, 0.2, "relu"),
    )
    return text + ")", (*sizes(rng, rank), rng.randint(1, 4))


def keras_pool(rng: Random) -> tuple[str, tuple[int, ...]]:
    rank = rng.choice((1, 2, 2, 3))
    text = f"{rng.choice(('Max', 'Average'))}Pooling{rank}D({each(rng, rank, 1, 4)!r}" + words(
        strides=maybe(rng, 0.6, each(rng, rank, 1, 3)), padding=maybe(rng, 0.7, "same")
    )
    return text + ")", (*sizes(rng, rank), rng.randint(1, 4))


def keras_other(rng: Random) -> tuple[str, tuple[int, ...]]:
    rank = rng.choice((1, 2, 2, 3))
    shape = (*sizes(rng, rank), rng.choice((2, 4, 6)))
    pads = tuple((rng.randint(0, 2), rng.randint(0, 2)) for _ in range(rank))
    flat = pads[0] if rank == 1 else pads
    texts = [
        f"ZeroPadding{rank}D({flat!r})",
        f"Cropping{rank}D({flat!r})",
        f"UpSampling{rank}D({each(rng, rank, 1, 3)!r})",
        f"Global{rng.choice(('Max', 'Average'))}Pooling{rank}D({rng.choice(('', 'keepdims=True'))})",
        f"Adaptive{rng.choice(('Max', 'Average'))}Pooling{rank}D({each(rng, rank, 2, 5)!r})",  # Keras 3.15's AdaptiveMaxPooling1D(1) ends the process
        f"BatchNormalization({rng.choice(('', 'epsilon=0.01', 'center=False', 'scale=False', 'momentum=0.9'))})",
        f"LayerNormalization({rng.choice(('', 'epsilon=1e-05', 'center=False'))})",
        "GroupNormalization(2)",
        f"Dense({rng.randint(1, 6)}{rng.choice(('', ', activation=' + repr(rng.choice(KERAS_ACTIVATIONS))))})",
        "Flatten()",
        f"Activation({rng.choice(KERAS_ACTIVATIONS)!r})",
        f"LeakyReLU({rng.choice((0.1, 0.25))})",
        f"PReLU(shared_axes={tuple(range(1, rank + 1))!r})",
        "Dropout(0.3)",
        f"SpatialDropout{rank}D(0.3)",
        f"Permute({tuple(rng.sample(range(1, rank + 2), rank + 1))!r})",
        "Reshape((-1,))",
        "Reshape((2, -1))",
        "Softmax()",
        "Rescaling(0.5, offset=1.5)",
        "ReLU(max_value=2.0, negative_slope=0.1, threshold=0.5)",
    ]
    if rank == 2:
        texts += [
            f"Resizing({rng.randint(4, 20)}, {rng.randint(4, 20)}, interpolation={rng.choice(('bilinear', 'nearest'))!r})"
        ]
        texts += ["UpSampling2D(2, interpolation='bilinear')", "CenterCrop(5, 6)"]
    return rng.choice(texts), shape


def torch_conv(rng: Random) -> tuple[str, tuple[int, ...]]:
    rank = rng.choice((1, 2, 2, 2, 3))
    channels, groups = rng.choice(((3, 1), (4, 1), (4, 2), (6, 3), (4, 4), (3, 3), (1, 1)))
    strided = rng.random() < 0.6
    padding = each(rng, rank, 0, 3) if strided else rng.choice(("same", "valid", each(rng, rank, 0, 3)))
    text = f"nn.Conv{rank}d({channels}, {groups * rng.randint(1, 3)}, {each(rng, rank, 1, 4)!r}" + words(
        stride=each(rng, rank, 1, 3) if strided else None,
        padding=padding,
        dilation=maybe(rng, 0.3, each(rng, rank, 1, 2)),
        groups=groups if groups > 1 else None,
        bias=maybe(rng, 0.2, False),
        padding_mode=maybe(rng, 0.2, rng.choice(("reflect", "circular", "replicate"))),
    )
    return text + ")", (channels, *sizes(rng, rank))


def torch_transpose(rng: Random) -> tuple[str, tuple[int, ...]]:
    rank = rng.choice((1, 2, 2, 3))
    channels, groups = rng.choice(((3, 1), (4, 2), (2, 1), (4, 4)))
    stride, dilation = each(rng, rank, 1, 3), maybe(rng, 0.3, each(rng, rank, 1, 2))
    text = f"nn.ConvTranspose{rank}d({channels}, {groups * rng.randint(1, 3)}, {each(rng, rank, 1, 4)!r}" + words(
        stride=stride,
        padding=maybe(rng, 0.7, each(rng, rank, 0, 2)),
        groups=groups if groups > 1 else None,
        output_padding=rng.randint(0, least(stride) - 1) or None,
        dilation=dilation,
        bias=maybe(rng, 0.2, False),
    )
    return text + ")", (channels, *sizes(rng, rank, 4))


def torch_pool(rng: Random) -> tuple[str, tuple[int, ...]]:
    rank = rng.choice((1, 2, 2, 3))
    kernel = each(rng, rank, 1, 4)
    kind = rng.choice(("Max", "Avg"))
    text = f"nn.{kind}Pool{rank}d({kernel!r}" + words(
        stride=maybe(rng, 0.7, each(rng, rank, 1, 3)),
        padding=maybe(rng, 0.6, rng.randint(0, least(kernel) // 2)),
        ceil_mode=maybe(rng, 0.4, True),
        dilation=maybe(rng, 0.2, 2) if kind == "Max" else None,
        count_include_pad=maybe(rng, 0.4, False) if kind == "Avg" else None,
        divisor_override=maybe(rng, 0.1, 3) if kind == "Avg" and rank > 1 else None,
    )
    return text + ")", (rng.randint(1, 4), *sizes(rng, rank, 8))


def torch_other(rng: Random) -> tuple[str, tuple[int, ...]]:
    rank = rng.choice((1, 2, 2, 3))
    channels = 4
    shape = (channels, *sizes(rng, rank))
    flat = tuple(rng.randint(0, 3) for _ in range(2 * rank))
    texts = [
        f"nn.ZeroPad{rank}d({flat!r})",
        f"nn.ConstantPad{rank}d({flat!r}, 1.5)",
        f"nn.ZeroPad{rank}d({(-1, *flat[1:])!r})",
        f"nn.{rng.choice(('Reflection', 'Replication', 'Circular'))}Pad{rank}d({flat!r})",
        f"nn.Adaptive{rng.choice(('Max', 'Avg'))}Pool{rank}d({each(rng, rank, 1, 5)!r})",
        f"nn.BatchNorm{rank}d({channels}{rng.choice(('', ', eps=0.01', ', affine=False', ', momentum=0.3'))})",
        f"nn.InstanceNorm{rank}d({channels}{rng.choice(('', ', affine=True', ', track_running_stats=True'))})",
        f"nn.GroupNorm(2, {channels}{rng.choice(('', ', affine=False'))})",
        f"nn.LayerNorm({list(shape[1:])!r})",
        f"nn.Linear({shape[-1]}, {rng.randint(1, 6)})",
        "nn.Flatten()",
        f"nn.Upsample(scale_factor={rng.choice((2, 3, 1.5))}, mode='nearest')",
        f"nn.Upsample(size={tuple(rng.randint(4, 15) for _ in range(rank))!r}, mode='nearest')",
        f"nn.Upsample(scale_factor=2, mode={ {1: 'linear', 2: 'bilinear', 3: 'trilinear'}[rank]!r}{rng.choice(('', ', align_corners=True'))})",
        f"nn.PReLU({rng.choice((1, channels))})",
        "nn.Dropout(0.3)",
        f"nn.Dropout{rank}d(0.3)",
        "nn.Softmax(dim=1)",
        "nn.LogSoftmax(dim=-1)",
        "nn.Softmin(dim=1)",
        "nn.GLU(dim=1)",
        "nn.LocalResponseNorm(3)",
        "nn.Identity()",
        "nn.Flatten(2)",
        "nn.Unflatten(1, (2, 2))",
        *(
            f"nn.{name}()"
            for name in (
                "ReLU",
                "ReLU6",
                "ELU",
                "SELU",
                "CELU",
                "GELU",
                "SiLU",
                "Mish",
                "Softplus",
                "Hardtanh",
                "Hardswish",
                "Tanhshrink",
                "Softshrink",
                "Hardshrink",
                "LogSigmoid",
                "Softsign",
            )
        ),
        "nn.GELU(approximate='tanh')",
        "nn.Softplus(2.0, 1.0)",
        "nn.Threshold(0.3, -0.5)",
        "nn.RReLU()",
    ]
    if rank == 2:
        texts += [
            "nn.PixelShuffle(2)",
            "nn.ChannelShuffle(2)",
            "nn.Unfold(2, stride=2, padding=1)",
            "nn.LPPool2d(2, 3, stride=2)",
        ]
    return rng.choice(texts), shape


def keras_chain(rng: Random) -> tuple[str, tuple[int, ...]]:
    """Convolutions, pools and norms, Flatten or a global pool, and dense layers."""
    layers: list[str] = []
    for _ in range(rng.randint(1, 3)):
        maker = rng.choice((keras_conv2, keras_conv2, keras_depthwise2, keras_transpose2))
        layers.append(maker(rng))
        layers += rng.choice(
            (
                [],
                ["BatchNormalization()"],
                ["ReLU()"],
                ["LeakyReLU(0.2)", "Dropout(0.2)"],
                ["BatchNormalization()", "Activation('relu')"],
            )
        )
        layers += rng.choice(
            (
                [],
                ["MaxPooling2D(2)"],
                ["AveragePooling2D(3, strides=2, padding='same')"],
                ["MaxPooling2D(3, strides=2, padding='same')"],
            )
        )
    layers.append(rng.choice(("Flatten()", "Flatten()", "Flatten()", "GlobalAveragePooling2D()")))
    layers += rng.choice(([], ["Dropout(0.5)"], ["BatchNormalization()"], ["ReLU()"]))
    layers += [f"Dense({rng.randint(3, 9)}, activation='relu')", f"Dense({rng.randint(2, 6)})"][rng.randrange(2) :]
    return f"Sequential([{', '.join(layers)}])", (rng.randint(14, 19), rng.randint(14, 19), rng.choice((1, 3)))


def keras_conv2(rng: Random) -> str:
    return f"Conv2D({rng.choice((4, 6))}, {rng.randint(1, 4)}, strides={rng.choice((1, 1, 2))}, padding={rng.choice(('same', 'valid'))!r})"


def keras_depthwise2(rng: Random) -> str:
    return f"SeparableConv2D(4, 3, depth_multiplier={rng.randint(1, 2)}, padding='same', strides={rng.choice((1, 2))})"


def keras_transpose2(rng: Random) -> str:
    return f"Conv2DTranspose(3, {rng.randint(2, 4)}, strides=2, padding={rng.choice(('same', 'valid'))!r})"


def torch_chain(rng: Random) -> tuple[str, tuple[int, ...]]:
    """Grown with the sizes followed by hand where Flatten meets Linear."""
    from convwise import output_shape

    channels = rng.choice((1, 3))
    shape = (channels, rng.randint(14, 19), rng.randint(14, 19))
    layers: list[str] = []
    for _ in range(rng.randint(1, 3)):
        out = rng.choice((4, 6))
        kind = rng.randrange(4)
        if kind < 3:
            layers.append(
                f"nn.Conv2d({channels}, {out}, {rng.randint(1, 4)}, stride={rng.choice((1, 1, 2))}, padding={rng.randint(0, 2)})"
            )
        else:
            layers.append(
                f"nn.ConvTranspose2d({channels}, {out}, {rng.randint(2, 4)}, stride=2, padding={rng.randint(0, 1)})"
            )
        channels = out
        layers += rng.choice(
            (
                [],
                [f"nn.BatchNorm2d({channels})"],
                ["nn.ReLU()"],
                ["nn.LeakyReLU(0.2)", "nn.Dropout(0.2)"],
                [f"nn.GroupNorm(2, {channels})"],
            )
        )
        layers += rng.choice(
            (
                [],
                ["nn.MaxPool2d(2)"],
                ["nn.AvgPool2d(3, 2, 1)"],
                ["nn.MaxPool2d(3, 2, 1)"],
                ["nn.MaxPool2d(3, 2, ceil_mode=True)"],
            )
        )
    layers += rng.choice((["nn.Flatten()"], ["nn.Flatten()"], ["nn.AdaptiveAvgPool2d((2, 3))", "nn.Flatten()"]))
    features = output_shape(f"nn.Sequential({', '.join(layers)})", (2, *shape))[-1]
    layers += rng.choice(([], ["nn.Dropout(0.5)"], [f"nn.BatchNorm1d({features})"], ["nn.ReLU()"]))
    layers += [f"nn.Linear({features}, 7)", "nn.ReLU()", "nn.Linear(7, 4)"][: rng.choice((1, 3))]
    return f"nn.Sequential({', '.join(layers)})", shape


Maker = Callable[[Random], tuple[str, tuple[int, ...]]]
LAYERS: dict[str, tuple[Maker, ...]] = {
    "keras": (keras_conv, keras_conv, keras_transpose, keras_depthwise, keras_pool, keras_other),
    "torch": (torch_conv, torch_conv, torch_transpose, torch_pool, torch_other),
}
CHAINS: dict[str, Maker] = {"keras": keras_chain, "torch": torch_chain}
TRANSPOSED: dict[str, Maker] = {"keras": keras_transpose, "torch": torch_transpose}


def made(dialect: str, maker: Maker, rng: Random) -> Case:
    """A case that its framework takes, by convwise's own account of it (which other tests hold against the framework)."""
    from convwise import ConvwiseError, output_shape

    while True:
        try:
            text, shape = maker(rng)
            full = (2, *shape)
            if 0 not in output_shape(text, full, dialect=dialect):
                return Case(dialect, text, full)
        except ConvwiseError:
            continue


DERIVED = ("tensorflow", "jax", "onnx")
"""Frameworks whose cases are ports of Keras's and PyTorch's (which are held against them), where one call is the whole port."""


def layer_case(dialect: str, rng: Random, to: str | None = None) -> Case:
    """A layer; with `to`, one that has a port."""
    from convwise import Refusal, port

    while dialect in DERIVED:
        first = rng.choice(("keras", "torch"))
        case = ported(first, LAYERS[first], rng, dialect)
        via = port(case.text, to=dialect, input_shape=case.input, dialect=first)
        if len(via.stages) != 1 or via.stages[0].layer is None or not via.stages[0].layer.call.kind:
            continue
        derived = Case(dialect, via.stages[0].text, tuple(size or 2 for size in via.input), via)
        try:
            port(derived.text, to=to or "torch", input_shape=derived.input, dialect=dialect)
        except Refusal:
            continue
        return derived
    return ported(dialect, LAYERS[dialect], rng, to)


def ported(dialect: str, makers: tuple[Maker, ...], rng: Random, to: str | None) -> Case:
    """A case of one of the makers that has a port; those that have none are another test's."""
    from convwise import Refusal, port

    while True:
        case = made(dialect, rng.choice(makers), rng)
        if to is None:
            return case
        try:
            found = port(case.text, to=to, input_shape=case.input, dialect=dialect)
        except Refusal:
            continue
        if not found.source.added:  # a layer of any rank does not tell whether the first size is the batch
            return case


def written_chain(dialect: str, rng: Random, to: str) -> Case:
    """A chain in the words of one of the others: the calls of a Keras or PyTorch chain's port, one after the other."""
    from convwise import ConvwiseError, port

    for _ in range(500):
        first = rng.choice(("keras", "torch"))
        case = ported(first, (CHAINS[first],), rng, dialect)
        via = port(case.text, to=dialect, input_shape=case.input, dialect=first)
        said = [stage for stage in via.stages if stage.text not in ("x", "tf.identity(x)")]
        if any(stage.layer is None or not stage.layer.call.kind for stage in said):
            continue  # a function that is more than one call is nobody's text
        texts = [stage.text for stage in said]
        if dialect == "jax":
            text = f"nnx.Sequential({', '.join(one if 'rngs=' in one else f'lambda x: {one}' for one in texts)})"
        else:
            text = "\n".join(f"x = {one}" for one in texts)
        shape = tuple(size or 2 for size in via.input)
        try:
            port(text, to=to, input_shape=shape, dialect=dialect)
        except ConvwiseError:
            continue
        return Case(dialect, text, shape)
    raise AssertionError(f"of 500 chains none could be written in {dialect} and ported to {to}")
