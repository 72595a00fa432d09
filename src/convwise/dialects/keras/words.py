"""The arguments that are words: padding, data_format, interpolation, initialisers, and the keywords of every layer."""

from __future__ import annotations

from collections.abc import Sequence

from convwise.dialects.base import Call, Note, Unknown, Value, nearest
from convwise.dialects.keras.reading import Reading, is_int, lower_quote, shown, type_name
from convwise.errors import ShapeError

FORMATS = ("channels_first", "channels_last")

FORMAT_HINTS = {
    "nchw": "channels_first",
    "ncw": "channels_first",
    "ncdhw": "channels_first",
    "nhwc": "channels_last",
    "nwc": "channels_last",
    "ndhwc": "channels_last",
}

DTYPES = frozenset(
    [
        "float16",
        "float32",
        "float64",
        "bfloat16",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "int8",
        "int16",
        "int32",
        "int64",
        "bool",
        "string",
        "complex64",
        "complex128",
        "float8_e4m3fn",
        "float8_e5m2",
        "mixed_float16",
        "mixed_bfloat16",
    ]
)

NAMED: dict[str, frozenset[str]] = {
    "initializer": frozenset(
        [
            "Constant",
            "GlorotNormal",
            "GlorotUniform",
            "HeNormal",
            "HeUniform",
            "Identity",
            "IdentityInitializer",
            "Initializer",
            "LecunNormal",
            "LecunUniform",
            "Ones",
            "Orthogonal",
            "OrthogonalInitializer",
            "RandomNormal",
            "RandomUniform",
            "STFT",
            "STFTInitializer",
            "TruncatedNormal",
            "VarianceScaling",
            "Zeros",
            "constant",
            "glorot_normal",
            "glorot_uniform",
            "he_normal",
            "he_uniform",
            "identity",
            "initializer",
            "lecun_normal",
            "lecun_uniform",
            "normal",
            "one",
            "ones",
            "orthogonal",
            "random_normal",
            "random_uniform",
            "stft",
            "truncated_normal",
            "uniform",
            "variance_scaling",
            "zero",
            "zeros",
        ]
    ),
    "regularizer": frozenset(
        [
            "L1",
            "L1L2",
            "L2",
            "OrthogonalRegularizer",
            "Regularizer",
            "l1",
            "l1l2",
            "l2",
            "orthogonal_regularizer",
            "regularizer",
        ]
    ),
    "constraint": frozenset(
        [
            "Constraint",
            "MaxNorm",
            "MinMaxNorm",
            "NonNeg",
            "UnitNorm",
            "constraint",
            "max_norm",
            "min_max_norm",
            "non_neg",
            "unit_norm",
        ]
    ),
}
"""The names that Keras 3.15 finds (`ALL_OBJECTS_DICT` of each module)."""


def padding_word(reading: Reading, *, causal: bool = False) -> str:
    """`padding` of a convolution: valid, same, and causal where `causal`.

    Raises:
        Refusal: CW207 an unknown word, CW209 numbers, CW204 another type. CodeError: CW314.
    """
    value = reading["padding"]
    allowed = ("causal", "same", "valid") if causal else ("same", "valid")
    if isinstance(value, str):
        word = value.lower()
        if word in allowed:
            return word
        quote = f"The `padding` argument must be a list/tuple or one of {{{', '.join(map(repr, allowed))}}}. Received: {word}"
        raise _unknown_padding(reading, allowed, quote)
    if isinstance(value, tuple):
        quote = f"`padding` must be either `'valid'` or `'same'`. Received {value}."
        if reading.family == "transpose":
            quote = "object has no attribute 'lower'"
        raise _numbers_as_padding(reading, quote)
    raise _numbers_as_padding(reading, lower_quote(value))


def pool_padding(reading: Reading) -> str:
    """`padding` of a pooling layer, which Keras looks at only when the layer runs."""
    value = reading["padding"]
    if isinstance(value, str):
        word = value.lower()
        if word in ("same", "valid"):
            if word != value:
                # Measured with 3.15.1: the layer runs on an array, and no model that holds it can be built.
                text = f"Keras takes padding={shown(value)} where this pool runs on an array, and refuses it in a model: write {word!r}."
                reading.notes.append(Note("CW505", text))
            return word
        quote = f"Argument `padding` must be either 'valid' or 'same'. Received: padding={value}"
        raise _unknown_padding(reading, ("same", "valid"), quote)
    raise _numbers_as_padding(reading, lower_quote(value))


def _unknown_padding(reading: Reading, allowed: Sequence[str], quote: str) -> ShapeError:
    value = reading["padding"]
    hint = f"padding is {' or '.join(map(repr, allowed))}"
    near = nearest(value, allowed)
    if near:
        hint = f"did you mean {near!r}?"
    elif value.lower() == "full":
        hint = "no Keras layer pads fully: ZeroPadding with kernel_size - 1 before it does"
    elif value.lower() in ("reflect", "replicate", "circular", "zeros"):
        hint = f"that is PyTorch's padding_mode; here {hint}"
    elif value.lower() == "causal":
        hint = f"only Conv1D pads causally; here {hint}"
    return reading.refusal("CW207", f"no padding {shown(value)}", name="padding", quote=quote, hint=hint)


def _numbers_as_padding(reading: Reading, quote: str) -> ShapeError:
    value = reading["padding"]
    numbers = value if isinstance(value, tuple) else (value,)
    if not numbers or not all(is_int(number) or isinstance(number, tuple) for number in numbers):
        fact = f"padding={shown(value)} is not a word"
        return reading.refusal("CW204", fact, name="padding", quote=quote, hint="padding is 'valid' or 'same'")
    fact = f"padding={shown(value)} is a number of cells; Keras's padding is a word"
    if value == 0 or set(numbers) == {0}:
        return reading.refusal("CW209", fact, name="padding", quote=quote, hint="no padding is padding='valid'")
    rank = reading.rank or 2
    layer = f"ZeroPadding{rank}D({value if not isinstance(value, tuple) or rank > 1 else value[0]})"
    hint = (
        f"put {layer} before it and keep padding='valid', or write padding='same', which pads as much as the size needs"
    )
    if reading.family == "transpose":
        hint = f"PyTorch's padding crops the output: put Cropping{rank}D({value}) after it with padding='valid', or write padding='same'"
    elif reading.family == "max_pool":
        hint = "ZeroPadding pads with zeros where PyTorch's max pooling ignores the border; write padding='same' if that is what you mean"
    other = torch_reading(reading)
    return reading.refusal("CW209", fact, name="padding", quote=quote, hint=f"{hint}\n{other}" if other else hint)


def torch_reading(reading: Reading) -> str:
    """A sentence for calls such as Conv2D(3, 16, 3), which read like PyTorch's; empty for others."""
    args = reading.call.args
    if reading.family not in ("conv", "transpose") or len(args) < 3 or not all(is_int(arg) for arg in args[:3]):
        return ""
    filters, kernel, stride = args[:3]
    # A kernel wider than the number of filters, or of 16 cells and more with a smaller stride, is hardly ever meant.
    if (
        (len(args) > 3 and isinstance(args[3], str))
        or not (kernel > stride > 0)
        or not (kernel >= 16 or kernel > max(filters, 5))
    ):
        return ""
    n = reading.axes
    window = " x ".join([str(kernel)] * n) if n > 1 else f"length {kernel}"
    name = f"nn.ConvTranspose{n}d" if reading.family == "transpose" else f"nn.Conv{n}d"
    rest = "".join(f", {arg!r}" for arg in args[3:])
    return (
        f"Keras reads {filters} filter{'s' if filters != 1 else ''} of {window} and stride {stride}; "
        f"did you mean {name}({filters}, {kernel}, {stride}{rest})?"
    )


def channels_last(reading: Reading) -> bool:
    """What `data_format` says; channels last where it says nothing (Keras's own default).

    Raises:
        Refusal: CW207. CodeError: CW314.
    """
    # One-dimensional layers take no data_format, or took none in older releases.
    value = reading["data_format"] if "data_format" in reading.arguments else None
    if value is None:
        return True
    word = str(value).lower()
    if word in FORMATS:
        return word == "channels_last"
    meant = FORMAT_HINTS.get(word) or nearest(word, FORMATS)
    raise reading.refusal(
        "CW207",
        f"no data_format {shown(value)}",
        name="data_format",
        quote=f"The `data_format` argument must be one of {{'channels_first', 'channels_last'}}. Received: data_format={word}",
        hint=f"did you mean {meant!r}?" if meant else "data_format is 'channels_last' or 'channels_first'",
    )


def exact_channels_last(reading: Reading) -> bool:
    """As `channels_last`, for the adaptive poolings, which want the word exactly as it is."""
    value = reading["data_format"]
    if not value or value in FORMATS:
        return bool(value != "channels_first")
    raise reading.refusal(
        "CW207",
        f"no data_format {shown(value)}",
        name="data_format",
        quote=f"Invalid data_format: {value}. Expected 'channels_first' or 'channels_last'.",
        hint="data_format is 'channels_last' or 'channels_first'",
    )


def check_base(reading: Reading) -> None:
    """The keywords that every layer hands to Keras's base class.

    Raises:
        Refusal: CW204, CW207.
    """
    arguments = reading.arguments
    name = arguments.get("name")
    if name is not None and not _free(name) and (not isinstance(name, str) or "/" in name):
        quote = f"Argument `name` must be a string and cannot contain character `/`. Received: name={name} (of type {type_name(name)})"
        raise reading.refusal(
            "CW204", f"name={shown(name)} is no name", name="name", quote=quote, hint="a name is text without '/'"
        )
    dtype = arguments.get("dtype")
    if dtype is not None and not _free(dtype) and dtype not in DTYPES:
        quote = f"Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. Received: dtype={dtype}"
        if isinstance(dtype, str):
            quote = f"Cannot convert '{dtype}' to a mixed precision DTypePolicy."
        near = nearest(dtype, DTYPES) if isinstance(dtype, str) else None
        hint = f"did you mean {near!r}?" if near else "dtype is a name such as 'float32'"
        raise reading.refusal("CW207", f"no dtype {shown(dtype)}", name="dtype", quote=quote, hint=hint)
    _check_named(reading, "activity_regularizer")
    trainable = arguments.get("trainable", True)
    if not isinstance(trainable, bool) and not _free(trainable):
        quote = (
            f"Expected `trainable` to be a boolean. Received: trainable={trainable} (of type {type_name(trainable)})"
        )
        raise reading.refusal(
            "CW204",
            f"trainable={shown(trainable)} is no bool",
            name="trainable",
            quote=quote,
            hint="write True or False",
        )


def check_trimmings(reading: Reading) -> None:
    """Initialisers, regularisers and constraints must be names that Keras finds.

    Raises:
        Refusal: CW207.
    """
    for name, value in reading.arguments.items():
        # Defaults are right by themselves, and there are many of them.
        if value is not None and value not in ("glorot_uniform", "zeros", "ones") and name.rpartition("_")[2] in NAMED:
            _check_named(reading, name)


def _check_named(reading: Reading, name: str) -> None:
    value = reading.arguments.get(name)
    if value is None or _free(value):
        return
    what = name.rpartition("_")[2]
    if value in NAMED[what]:
        return
    near = nearest(value, NAMED[what]) if isinstance(value, str) else None
    raise reading.refusal(
        "CW207",
        f"no {what} {shown(value)}",
        name=name,
        quote=f"Could not interpret {what} identifier: {value}",
        hint=f"did you mean {near!r}?" if near else f"write the name of a {what} as text",
    )


def _free(value: Value) -> bool:
    """Whether the text does not give the value, so that nothing can be said against it."""
    return isinstance(value, Unknown | Call)
