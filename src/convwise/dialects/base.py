"""What every dialect shares: the call as it was written, the layer it means, and the binding of arguments.

A dialect is a spoke: `read` turns a call into a `Layer` (ops without a framework), `spell` turns ops back into a call.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from convwise.axis import Pads
from convwise.dialects.missing import advice
from convwise.errors import CodeError, ShapeError
from convwise.ops import AxisFlow, Conv, ConvTranspose, Dense, Flow, Layout, Norm, Op, Pointwise, Pool, Shape
from convwise.ops.shape import total


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that the text does not give (a name assigned elsewhere, a computed number); `text` is how it was written."""

    text: str = "?"


@dataclass(frozen=True, slots=True)
class Array:
    """An array given as an argument, such as a kernel; `shape` is None where the text does not tell it."""

    shape: Shape | None
    text: str = "?"


Value = Any
"""None, bool, int, float, str, tuple, a Call, an Array, or Unknown: a literal as the user wrote it. Lists become tuples."""


@dataclass(frozen=True, slots=True)
class Call:
    """One layer as it was written: `Conv2D(32, 3, strides=2)`. `text` is the source, `line` where it stood (from 1)."""

    kind: str
    args: tuple[Value, ...] = ()
    kwargs: tuple[tuple[str, Value], ...] = ()
    text: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth telling that is not an error: a code of the CW5xx family and a sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a framework, read and resolved.

    `arguments` holds every argument by the framework's own name, defaults filled in; `ops` what it is without a
    framework, in the order in which they run; `rank` its spatial axes (None where any rank goes). A `shared` one is an
    earlier layer of its chain applied again: its weights are counted there, as the frameworks count them. `counted` are the parameters of
    one that has some of its weights from an earlier layer (None: all its own).
    """

    dialect: str
    release: str
    kind: str
    arguments: Mapping[str, Value]
    ops: tuple[Op, ...]
    rank: int | None = None
    channels_last: bool = False
    notes: tuple[Note, ...] = ()
    name: str | None = None
    call: Call = field(default=Call(""), compare=False)
    shared: bool = False
    counted: int | None = None

    def named(self, name: str | None) -> Layer:
        return replace(self, name=name)

    @property
    def trained(self) -> bool | None:
        """What Keras's `trainable` says of the layer; None where the text does not tell."""
        said = self.arguments.get("trainable", True) if self.dialect == "keras" else True
        return said if isinstance(said, bool) else None

    @property
    def window_op(self) -> Conv | ConvTranspose | Pool | None:
        """The op whose windows slide, if there is one."""
        return next((op for op in self.ops if isinstance(op, Conv | ConvTranspose | Pool)), None)


@dataclass(frozen=True, slots=True)
class LayerFlow:
    """What one layer does to one shape: an op's `Flow` each, and their sums."""

    layer: Layer
    input: Shape
    output: Shape
    flows: tuple[Flow, ...]

    @property
    def axes(self) -> tuple[AxisFlow, ...]:
        """The axes of the op whose windows slide; else of the first op that has any."""
        for flow in self.flows:
            if flow.axes and flow.axes[0].window is not None:
                return flow.axes
        return next((flow.axes for flow in self.flows if flow.axes), ())

    @property
    def params(self) -> int | None:
        """The parameters as the framework counts them: running moments are weights in Keras, buffers elsewhere."""
        if self.layer.shared or self.layer.counted is not None:
            return self.layer.counted or 0
        if self.layer.dialect == "keras":
            return total(flow.params for flow in self.flows)
        return total(
            flow.trainable if isinstance(op, Norm) else flow.params
            for op, flow in zip(self.layer.ops, self.flows, strict=True)
        )

    @property
    def trainable(self) -> int | None:
        if self.layer.shared or self.layer.trained is False:
            return 0
        if self.layer.counted is not None:
            return self.layer.counted
        return total(flow.trainable for flow in self.flows) if self.layer.trained else None

    @property
    def macs(self) -> int | None:
        return total(flow.macs for flow in self.flows)


def fused(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    """The ops with a bias that stands alone joined to the convolution before it.

    >>> from convwise.axis import Window
    >>> fused((Conv((Window(3),), 1, 4, bias=False), Pointwise("bias_add", params=4)))[0].bias
    True
    """
    found: list[Op] = []
    for op in ops:
        last = found[-1] if found else None
        alone = isinstance(op, Pointwise) and op.kind == "bias_add"
        if alone and isinstance(last, Conv | ConvTranspose | Dense) and not last.bias:
            found[-1] = replace(last, bias=True)
        else:
            found.append(op)
    return tuple(found)


def built(layer: Layer, size: int) -> Layer:
    """A dense layer or a convolution with the features or channels that its stored weights are made for; others as they are.

    >>> from convwise import dialects
    >>> dense = dialects.get("keras").read(Call("Dense", (10,)), None)
    >>> built(dense, 5408).ops[0].in_features
    5408
    """
    first = layer.ops[0] if layer.ops else None
    if isinstance(first, Dense) and first.in_features is None:
        return replace(layer, ops=(replace(first, in_features=size), *layer.ops[1:]))
    if isinstance(first, Conv | ConvTranspose) and first.in_channels is None:
        return replace(layer, ops=(replace(first, in_channels=size), *layer.ops[1:]))
    return layer


def channels_of(layer: Layer) -> int | None:
    """The channels that the weights of a convolution take; None where the layer has none, or takes any.

    >>> from convwise import dialects
    >>> channels_of(dialects.get("torch").read(Call("Conv2d", (3, 16, 3)), None))
    3
    """
    return next((op.in_channels for op in layer.ops if isinstance(op, Conv | ConvTranspose)), None)


def run_ops(layer: Layer, shape: Shape, layout: Layout) -> LayerFlow:
    """The layer's ops one after the other on `shape`; a ShapeError learns the layer's name on the way."""
    flows: list[Flow] = []
    current = shape
    try:
        for op in layer.ops:
            flows.append(op.flow(current, layout))
            current = flows[-1].output
    except ShapeError as error:
        error.layer = error.layer or describe(layer)
        raise
    return LayerFlow(layer, shape, current, tuple(flows))


def in_use(spoken: Dialect, layer: Layer, shape: Shape) -> LayerFlow:
    """What the layer does in a trained network: normalisation with stored moments asks for no second value."""
    try:
        return spoken.flow(layer, shape)
    except ShapeError as error:
        stored = all(isinstance(op, Norm) and op.moments for op in layer.ops)
        if not (stored and error.quote.startswith(ONE_VALUE)):
            raise
        unbatched = layer.rank is not None and len(shape) == layer.rank + 1
        return run_ops(layer, shape, Layout(layer.channels_last, batched=not unbatched))


def in_training(spoken: Dialect, layer: Layer, shape: Shape) -> ShapeError | None:
    """What refuses the shape in training alone; None where `in_use` and training agree."""
    if None in shape or not layer.ops or not all(isinstance(op, Norm) and op.moments for op in layer.ops):
        return None
    try:
        spoken.flow(layer, shape)
    except ShapeError as error:
        return error if error.quote.startswith(ONE_VALUE) else None
    return None


ONE_VALUE = "Expected more than 1"
TITLES = {"keras": "Keras", "torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX", "onnx": "ONNX"}


def describe(layer: Layer) -> str:
    """`'conv1' (Keras Conv2D)`: how messages name a layer."""
    kind = f"{TITLES.get(layer.dialect, layer.dialect)} {layer.kind}"
    return f"'{layer.name}' ({kind})" if layer.name else kind


REQUIRED = Unknown("required")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a layer's constructor; `default` is REQUIRED where there is none."""

    name: str
    default: Value = REQUIRED
    keyword_only: bool = False


def bind(
    call: Call, parameters: Sequence[Parameter], title: str, foreign: Mapping[str, str] | None = None
) -> dict[str, Value]:
    """The arguments by name, defaults filled in, as Python itself would bind them.

    `foreign` maps another framework's words to this one's (`stride` -> `strides`), for the hint.

    Raises:
        CodeError: CW303 missing, CW304 too many, CW305 unknown, CW306 given twice, CW311 another framework's word.
    """
    where = f"{title} {call.kind}"
    positional = [parameter for parameter in parameters if not parameter.keyword_only]
    if len(call.args) > len(positional):
        raise CodeError(
            "CW304",
            f"{len(call.args)} positional arguments where at most {len(positional)} are taken",
            layer=where,
            received=call.text,
            detail=f"{call.kind}({', '.join(parameter.name for parameter in positional)})",
            hint="write the later ones by name",
        )
    bound = {parameter.name: value for parameter, value in zip(positional, call.args, strict=False)}
    known = {parameter.name for parameter in parameters}
    for name, value in call.kwargs:
        if name in bound:
            raise CodeError(
                "CW306", f"argument {name!r} is given twice", layer=where, received=name, hint="keep one of the two"
            )
        if name not in known:
            raise _unknown_argument(name, known, where, foreign or {})
        bound[name] = value
    missing = [
        parameter.name for parameter in parameters if parameter.default is REQUIRED and parameter.name not in bound
    ]
    if missing:
        raise CodeError(
            "CW303",
            f"argument{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))} {'are' if len(missing) > 1 else 'is'} missing",
            layer=where,
            received=call.text,
            detail=f"{call.kind}({', '.join(parameter.name for parameter in positional[:4])}, ...)",
            hint=f"add {', '.join(f'{name}=...' for name in missing)}",
        )
    return {parameter.name: bound.get(parameter.name, parameter.default) for parameter in parameters}


def _unknown_argument(name: str, known: set[str], where: str, foreign: Mapping[str, str]) -> CodeError:
    if name in foreign:
        return CodeError(
            "CW311",
            f"no argument {name!r}; that is another framework's word",
            layer=where,
            received=name,
            hint=f"here it is called {foreign[name]!r}" if foreign[name] in known else foreign[name],
        )
    near = nearest(name, known)
    return CodeError(
        "CW305",
        f"no argument {name!r}",
        layer=where,
        received=name,
        hint=f"did you mean {near!r}?" if near else f"it takes {', '.join(sorted(known))}",
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` most likely stands for, letters' case apart.

    >>> nearest("kernal_size", ["kernel_size", "filters"])
    'kernel_size'
    """
    by_lower = {name.lower(): name for name in sorted(known)}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


@dataclass(frozen=True, slots=True)
class Entered:
    """An input shape as the dialect's layers see it: Keras's always have a batch, so one may have been `added`."""

    shape: Shape
    added: bool = False
    notes: tuple[Note, ...] = ()

    def leave(self, shape: Shape) -> Shape:
        """A shape on the way out, in the form in which the input was given."""
        return shape[1:] if self.added else shape


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one framework spells, resolves and refuses layers.

    read(call, release=None) -> Layer            raises Refusal, CodeError
    enter(layers, shape) -> Entered              the user's input shape as the first layer sees it
    flow(layer, shape) -> LayerFlow              raises ShapeError (with the framework's words in `quote`) or Refusal
    spell(ops, channels_last) -> str             the shortest natural call; raises Refusal where it cannot be said
    respell(layer, changes) -> str               the user's own call with some arguments changed
    pads(layer, pads) -> changes | None          the arguments that pad the layer's axes so (a transposed one: cut them); None where numbers cannot say it
    """

    name: str
    title: str
    release: str
    releases: tuple[str, ...]
    kinds: frozenset[str]
    read: Callable[[Call, str | None], Layer]
    enter: Callable[[Sequence[Layer], Shape], Entered]
    flow: Callable[[Layer, Shape], LayerFlow]
    spell: Callable[[tuple[Op, ...], bool], str]
    respell: Callable[[Layer, Mapping[str, Value]], str]
    pads: Callable[[Layer, tuple[Pads, ...]], Mapping[str, Value] | None]


def known(value: Value, name: str) -> Value:
    """`value`, if the text gives it.

    Raises:
        CodeError: CW314.
    """
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, Unknown):
            raise CodeError(
                "CW314",
                f"the value of {name!r} is not in the text: {item.text}",
                received=item.text,
                hint=advice(name, item.text),
            )
    return value
