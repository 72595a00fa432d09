"""Random Keras chains as people write them, grown a layer at a time on real arrays: the truth comes with the text."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from random import Random
from typing import Any

import keras
import numpy as np

NAMES: dict[str, Any] = {"keras": keras, "layers": keras.layers, **vars(keras.layers)}
FORMS = ("sequential", "sequential", "add", "functional", "functional", "nested")
LARGEST = 20_000


@dataclass
class Chain:
    """A text, its input with the batch, and what Keras does: `texts` end at the layer that Keras refuses, if it does."""

    form: str
    input: tuple[int, ...]
    texts: list[str] = field(default_factory=list)
    outputs: list[tuple[int, ...]] = field(default_factory=list)
    text: str = ""
    params: int = 0
    trainable: int = 0
    words: str = ""
    declared: bool = False

    @property
    def works(self) -> bool:
        return not self.words


class Grower:
    """Proposes the next layer from the shape that has been reached; mostly one that fits."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def each(self, rank: int, low: int, high: int) -> str:
        if self.rng.random() < 0.6:
            return str(self.rng.randint(low, high))
        return repr(tuple(self.rng.randint(low, high) for _ in range(rank)))

    def options(self, *pairs: tuple[str, str, float]) -> str:
        return "".join(f", {name}={value}" for name, value, share in pairs if self.rng.random() < share)

    def padding(self) -> str:
        return self.rng.choice(("'same'", "'valid'", '"same"', '"SAME"'))

    def layer(self, shape: tuple[int, ...], rank: int) -> str:
        if len(shape) != rank + 2 or self.rng.random() < 0.08:
            return self.dense(shape)
        makers = (
            self.conv,
            self.conv,
            self.conv,
            self.pool,
            self.pool,
            self.transpose,
            self.apart,
            self.norm,
            self.activation,
            self.border,
            self.up,
            self.ending,
            self.moved,
        )
        return self.rng.choice(makers)(rank, shape)

    def conv(self, rank: int, shape: tuple[int, ...]) -> str:
        groups = self.rng.choice((2, 3, shape[-1]))
        return (
            f"Conv{rank}D({self.rng.choice((4, 6, 8))}, {self.each(rank, 1, 4)}"
            + self.options(
                ("strides", self.each(rank, 1, 3), 0.4),
                ("padding", self.padding(), 0.5),
                ("dilation_rate", self.each(rank, 1, 2), 0.15),
                ("groups", str(groups), 0.15),
                ("activation", "'relu'", 0.4),
                ("use_bias", "False", 0.2),
                ("name", f"'conv_{self.rng.randrange(10**9)}'", 0.2),
            )
            + ")"
        )

    def transpose(self, rank: int, shape: tuple[int, ...]) -> str:
        return (
            f"Conv{rank}DTranspose({self.rng.choice((3, 4))}, {self.each(rank, 1, 4)}"
            + self.options(
                ("strides", self.each(rank, 1, 3), 0.7),
                ("padding", self.padding(), 0.6),
                ("output_padding", self.each(rank, 0, 1), 0.3),
                ("use_bias", "False", 0.2),
            )
            + ")"
        )

    def apart(self, rank: int, shape: tuple[int, ...]) -> str:
        rank = min(rank, 2)
        more = self.options(
            ("strides", str(self.rng.randint(1, 3)), 0.4),
            ("padding", self.padding(), 0.5),
            ("depth_multiplier", "2", 0.3),
            ("activation", "'relu'", 0.3),
            ("use_bias", "False", 0.2),
        )
        if self.rng.random() < 0.5:
            return f"DepthwiseConv{rank}D({self.each(rank, 1, 3)}{more})"
        return f"SeparableConv{rank}D({self.rng.choice((3, 4))}, {self.each(rank, 1, 3)}{more})"

    def pool(self, rank: int, shape: tuple[int, ...]) -> str:
        kind = self.rng.choice(("MaxPooling", "AveragePooling", "MaxPool", "AvgPool"))
        # In capitals a pool runs on arrays and is refused in a model: a test of its own.
        padding = self.padding().lower()
        more = self.options(("strides", self.each(rank, 1, 3), 0.4), ("padding", padding, 0.4))
        first = self.each(rank, 1, 3)
        if kind.startswith("Max") and self.rng.random() < 0.2:
            return f"{kind}{rank}D()"
        return f"{kind}{rank}D({self.rng.choice(('', 'pool_size='))}{first}{more})"

    def norm(self, rank: int, shape: tuple[int, ...]) -> str:
        choices = ("BatchNormalization()", "BatchNormalization(scale=False)", "LayerNormalization()")
        choices += (f"GroupNormalization({self.rng.choice((1, 2, shape[-1]))})", "UnitNormalization()")
        choices += ("LayerNormalization(axis=[1, 2])", "BatchNormalization(momentum=0.9, center=False)")
        return self.rng.choice(choices)

    def activation(self, rank: int, shape: tuple[int, ...]) -> str:
        choices = ("ReLU()", "Activation('relu')", "LeakyReLU()", "Dropout(0.25)", f"SpatialDropout{rank}D(0.2)")
        choices += ("Softmax()", "PReLU()", "ELU()", "GaussianNoise(0.1)", "Activation('tanh')", "Rescaling(1./255)")
        choices += ("PReLU(shared_axes=[1])", "ReLU(max_value=6.0)", "AlphaDropout(0.1)", "Dropout(rate=0.5)")
        return self.rng.choice(choices)

    def border(self, rank: int, shape: tuple[int, ...]) -> str:
        kind = self.rng.choice(("ZeroPadding", "ZeroPadding", "Cropping"))
        pairs = tuple((self.rng.randint(0, 2), self.rng.randint(0, 2)) for _ in range(rank))
        amount = self.rng.choice((str(self.rng.randint(0, 2)), repr(pairs if rank > 1 else pairs[0])))
        return f"{kind}{rank}D({amount})"

    def up(self, rank: int, shape: tuple[int, ...]) -> str:
        more = ", interpolation='bilinear'" if rank == 2 and self.rng.random() < 0.3 else ""
        return f"UpSampling{rank}D({self.each(rank, 1, 3) if rank > 1 else self.rng.randint(1, 3)}{more})"

    def ending(self, rank: int, shape: tuple[int, ...]) -> str:
        kind = self.rng.choice(("GlobalAveragePooling", "GlobalMaxPooling", "GlobalAvgPool"))
        return self.rng.choice(("Flatten()", "Flatten()", f"{kind}{rank}D()", f"{kind}{rank}D(keepdims=True)"))

    def moved(self, rank: int, shape: tuple[int, ...]) -> str:
        order = list(range(1, rank + 2))
        self.rng.shuffle(order)
        total = int(np.prod(shape[1:]))
        targets = ((total,), (-1,), (total // 2, 2), (*shape[2:], shape[1]), (-1, shape[-1]))
        return self.rng.choice((f"Permute({tuple(order)})", f"Reshape({self.rng.choice(targets)})"))

    def dense(self, shape: tuple[int, ...]) -> str:
        choices = ["Dense(10)", f"Dense({self.rng.randint(1, 20)}, activation='softmax')", "Dense(units=7)"]
        choices += ["Dropout(0.5)", "BatchNormalization()", "Activation('relu')", "Dense(3, use_bias=False)"]
        choices += [f"Reshape((1, {shape[-1]}))", f"RepeatVector({self.rng.randint(1, 3)})", "Flatten()"]
        return self.rng.choice(choices)


def grow(rng: Random) -> Chain:
    """One chain of 2 to 8 layers, each run as it is added; one in five ends in a layer that Keras refuses."""
    rank = rng.choice((1, 2, 2, 2, 3))
    spatial = tuple(rng.randint(4, {1: 24, 2: 20, 3: 8}[rank]) for _ in range(rank))
    chain = Chain(rng.choice(FORMS), (rng.choice((1, 2, 3)), *spatial, rng.randint(1, 4)))
    grower = Grower(rng)
    x = np.zeros(chain.input, "float32")
    length, breaks, wanted = rng.randint(2, 8), rng.random() < 0.2, rng.randint(1, 4)
    for _ in range(80):
        if len(chain.texts) == length:
            break
        text = grower.layer(tuple(x.shape), rank)
        try:
            y, layer = run(text, x)
        except Exception as error:
            if breaks and len(chain.texts) >= wanted:
                chain.texts.append(text)
                chain.words = f"{type(error).__name__}: {error}"
                break
            continue
        if (breaks and len(chain.texts) >= wanted) or y.size > LARGEST or y.size == 0:
            continue
        x = y
        chain.texts.append(text)
        chain.outputs.append(tuple(y.shape))
        chain.params += layer.count_params()
        chain.trainable += sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    chain.text = write(chain, rng)
    return chain


def run(text: str, x: Any) -> tuple[np.ndarray, Any]:
    """The layer, eagerly, on a real array. The text is ours, made above."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = eval(text, dict(NAMES))
        if "Pool" in text:
            # A pool longer than its data kills the process of TensorFlow; asked for its shape, Keras refuses it in words.
            layer.compute_output_shape(x.shape)
        return np.asarray(layer(x)), layer


def write(chain: Chain, rng: Random) -> str:
    """The chain in its form, with the usual imports and spellings."""
    prefix = rng.choice(("", "layers.", "keras.layers.", "tf.keras.layers."))
    first = "import tensorflow as tf\n" if prefix.startswith("tf") else ""
    home = "tensorflow.keras" if prefix.startswith("tf") or rng.random() < 0.3 else "keras"
    first += f"from {home} import layers, models\nfrom {home}.layers import *\nimport keras\n\n"
    texts = [prefix + text for text in chain.texts]
    size = chain.input[1:]
    if chain.form == "sequential":
        chain.declared = rng.random() < 0.5
        head = [f"keras.Input(shape={size})"] if chain.declared else []
        body = ",\n    ".join(head + texts)
        return f"{first if rng.random() < 0.7 else ''}model = keras.Sequential([\n    {body},\n])\n"
    if chain.form == "nested":
        cut = rng.randint(0, len(texts) - 1)
        inner = ", ".join(texts[:cut]) or "layers.Activation('linear')"
        return (
            f"{first}base = keras.Sequential([{inner}])\nmodel = keras.Sequential([base, {', '.join(texts[cut:])}])\n"
        )
    if chain.form == "add":
        chain.declared = rng.random() < 0.6
        if chain.declared and rng.random() < 0.5:
            texts.insert(0, f"{prefix}Input(shape={size})")
        elif chain.declared:
            texts[0] = texts[0][:-1] + (", " if not texts[0].endswith("()") else "") + f"input_shape={size})"
        lines = "\n".join(f"model.add({text})" for text in texts)
        return f"{first}model = {rng.choice(('models', 'keras'))}.Sequential()\n{lines}\nmodel.summary()\n"
    chain.declared = True
    batch = rng.random() < 0.3
    shape = f"batch_shape={chain.input}" if batch else rng.choice((f"shape={size}", f"{size}"))
    lines = [f"inputs = keras.Input({shape})"]
    source = "inputs"
    for text in texts:
        lines.append(f"x = {text}({source})")
        source = "x"
    return first + "\n".join(lines) + "\nmodel = keras.Model(inputs, x)\n"
