"""`port`: a layer or chain of one framework as code of another, with the way for its weights, inputs and outputs, and a proof."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any

from convwise import dialects
from convwise.answers.explanation import Fact, show
from convwise.answers.porting.arrangement import Arrangement, map_order, plain
from convwise.answers.porting.difference import Difference, Numbers, Side
from convwise.answers.porting.draft import CannotSay, Draft, Target
from convwise.answers.porting.flattening import orders, rows_for_target
from convwise.answers.porting.reading import Chain, input_channels, read_chain, resized
from convwise.answers.porting.stages import Stage
from convwise.answers.porting.translate import translate
from convwise.answers.present import Presented
from convwise.errors import ArgumentError, CodeError, ModelError, Refusal
from convwise.ops import Shape

TARGETS = ("torch", "keras", "tensorflow", "jax", "onnx")
"""The frameworks that code can be written for."""


UNTOLD = "nobody said how many channels the input has"
TAKES = {
    "torch": "load_state_dict",
    "keras": "set_weights",
    "tensorflow": "layer(x, weights)",
    "jax": "nnx.update(layer, weights)",
    "onnx": 'InferenceSession.run(None, {"x": x, **weights})',
}


@dataclass(frozen=True)
class Port(Presented):
    """A layer or chain in another framework.

    `code` binds the name `layer` when it is executed where `to` is installed. Shapes have the batch, None where it is free.
    """

    source: Chain
    to: str
    code: str
    stages: tuple[Stage, ...]
    input: Shape
    output: Shape
    enters: Arrangement
    leaves: Arrangement
    warnings: tuple[str, ...] = ()
    exact: bool = True

    @property
    def proof_input(self) -> str:
        """What the proof was run on, the batch apart."""
        return show(self.source.input[1:])

    @property
    def facts(self) -> tuple[Fact, ...]:
        """How inputs and weights go over."""
        facts = []
        if not self.enters.plain:
            given, taken = show(self.source.input), show(self.input)
            facts.append(Fact("input", (f"{given} goes in as {taken} (convert_input)",)))
        if not self.leaves.plain:
            given, taken = show(self.output), show(self.source.output)
            if self.leaves.shuffled:
                facts += _other_order(self, given, taken)
            else:
                facts.append(Fact("output", (f"{given} comes back as {taken} (convert_output)",)))
        uses = Counter(layer.name for layer in self.source.layers)
        weighted = [flow.layer for flow in self.source.flows if any(step.params != 0 for step in flow.flows)]
        for name in dict.fromkeys(layer.name for layer in weighted if layer.shared and layer.name):
            told = f"{name} is one layer that runs {uses[name]} times; here each time is a layer of its own, with the same weights"
            facts.append(Fact("shared", (told,)))
        if any(stage.feeds and any(stage.feeds) for stage in self.stages):
            facts.append(Fact("weights", (f"convert_weights makes what {TAKES[self.to]} takes",)))
        return tuple(facts)

    @property
    def title(self) -> str:
        """The target as its people write it."""
        return dialects.get(self.to).title

    def convert_weights(self, weights: Any) -> Any:
        """The source's weights as the target takes them.

        Args:
            weights: a list of arrays in the source's own order (Keras `get_weights()`, PyTorch `state_dict().values()`), or a dict of them by
                the source's names.

        Returns:
            For Keras a list for `set_weights`, for PyTorch a dict for `load_state_dict`, for TensorFlow a list for `layer(x, weights)`,
            for JAX a nested dict for `nnx.update(layer, weights)`, for ONNX a dict of the model's other inputs.

        Raises:
            ArgumentError: CW605 where their number, names or shapes are not the source's.
        """
        return _proofs().convert_weights(self, weights)

    def convert_input(self, x: Any) -> Any:
        """An input of the source, as an array in the target's order.

        Raises:
            ArgumentError: CW605.
        """
        return _proofs().convert_input(self, x)

    def convert_output(self, y: Any) -> Any:
        """An output of the target, as an array in the source's order.

        Raises:
            ArgumentError: CW605.
        """
        return _proofs().convert_output(self, y)

    @cached_property
    def proof(self) -> Difference:
        """The source and the port, run with the same random weights on the same random input."""
        spoken, target = dialects.get(self.source.dialect), dialects.get(self.to)
        chain = self.source
        return Difference(
            Side(spoken.name, spoken.title, spoken.release, chain.code, chain.input, chain.output),
            Side(target.name, target.title, target.release, self.code, self.input, self.output),
            (),
            same_shape=self.leaves.shuffled or self.leaves.shape(chain.output) == self.output,
            same_windows=self.exact,
            run=self._run,
        )

    def _run(self) -> Numbers:
        numbers: Numbers = _proofs().prove_port(self)
        return numbers

    def to_dict(self) -> dict[str, Any]:
        chain = self.source
        return {
            "from": chain.dialect,
            "to": self.to,
            "source": chain.code,
            "input": list(chain.given(chain.input)),
            "code": self.code,
            "target_input": list(self.input),
            "target_output": list(self.output),
            "exact": self.exact,
            "warnings": list(self.warnings),
            "proof": self.proof.numbers.to_dict() | {"equal": self.proof.equal},
        }


def _other_order(port: Port, given: str, taken: str) -> list[Fact]:
    """A Flatten at the end, whose cells the target has in another order: what that asks of the output, and of a dense layer after it."""
    names = orders(port.leaves, port.source.channels_last)
    order = f": {names[1]}, where {port.source.title} has {names[0]}" if names else ""
    lines = (
        f"{given}, its cells in another order{order}",
        f"convert_output puts it into {port.source.title}'s order, {taken}",
    )
    rows = f"of its weights W (in, out) the rows must follow: W{rows_for_target(port.leaves)}; ported with the chain, they do"
    return [Fact("output", lines), Fact("dense after", (rows,))]


def port(
    layer: Any, to: str = "torch", input_shape: Any = None, *, dialect: str | None = None, release: str | None = None
) -> Port:
    """A layer or chain as code of another framework that gives the same values.

    Args:
        layer: as for `explain`: source text, a live Keras or PyTorch layer or model, an op.
        to: "torch", "keras", "tensorflow" (tf.nn functions), "jax" (flax.nnx; also called "flax") or "onnx".
        input_shape: sizes in the source's own order, with or without the batch; needed where the padding or a Flatten depends on them.
        dialect: the source's framework, found from the text unless given.
        release: the source's release.

    Raises:
        Refusal: CW211, where nothing exact exists; its `nearest` is the nearest Port there is, or None.
        ShapeError: where the source itself does not work. CodeError: where it cannot be read. ArgumentError: CW602 for an unknown target.

    >>> print(port("Conv2D(32, 3, strides=2, padding='same')", to="torch", input_shape=(65, 65, 3)).code)
    from torch import nn
    <BLANKLINE>
    layer = nn.Conv2d(3, 32, 3, stride=2, padding=1)
    <BLANKLINE>
    """
    target = target_of(to)
    chain = _chain(layer, input_shape, dialect, release)
    try:
        draft = translate(chain, target)
        if chain.assumed:
            _check_open(chain, target, draft)
        return _written(chain, target, draft)
    except CannotSay as cannot:
        raise _no_exact(chain, target, cannot) from None


def _chain(layer: Any, input_shape: Any, dialect: str | None, release: str | None) -> Chain:
    """The layers in the order in which they run; steps between them that are no layers need the sizes."""
    try:
        return read_chain(layer, input_shape, dialect=dialect, release=release)
    except (CodeError, ModelError) as error:
        if error.code not in ("CW315", "CW402"):
            raise
        if input_shape is None:
            error.hint += "; give the input too, since a squeeze, a transpose or a slice is ported for its sizes"
            raise
        from convwise.answers.porting.straight import straight

        chain = straight(layer, input_shape, dialect)
        if chain is None:
            raise
        return chain


def _check_open(chain: Chain, target: Target, draft: Draft) -> None:
    """Where nobody gave the sizes, the code must be the same for others.

    Raises:
        CodeError: CW310.
    """
    other = resized(chain)
    if other is None:
        return
    for stage, same in zip_longest(draft.stages, translate(other, target).stages):
        if stage is None or same is None or stage.text != same.text:
            source = chain.layers[(stage or same).source]
            raise CodeError(
                "CW310",
                f"{source.kind} in {target.title} depends on the size of the input, and none was given",
                layer=source.name or source.kind,
                hint="give the input: input_shape=(224, 224, 3), or --input 224x224x3",
            )


def target_of(name: Any) -> Target:
    """The target called `name`.

    Raises:
        ArgumentError: CW602.
    """
    if name == "torch":
        from convwise.answers.porting.to_torch import TARGET as TORCH

        return TORCH
    if name == "keras":
        from convwise.answers.porting.to_keras import TARGET as KERAS

        return KERAS
    if name == "tensorflow":
        from convwise.answers.porting.to_tensorflow import TARGET as TENSORFLOW

        return TENSORFLOW
    if name in ("jax", "flax"):
        from convwise.answers.porting.to_jax import TARGET as JAX

        return JAX
    if name == "onnx":
        from convwise.answers.porting.to_onnx import TARGET as ONNX

        return ONNX
    near = dialects.meant(name)
    raise ArgumentError(
        "CW602",
        f"no port to {name!r}",
        received=name if isinstance(name, str) else repr(name),
        hint=f"did you mean {near!r}?" if near else f"the targets are {', '.join(TARGETS)}",
    )


def _written(chain: Chain, target: Target, draft: Draft, *, exact: bool = True) -> Port:
    ranked = any(layer.rank for layer in chain.layers) and 3 <= len(chain.input) <= 5
    start = (
        map_order(len(chain.input) - 2, chain.channels_last, target.channels_last)
        if ranked
        else plain(len(chain.input))
    )
    stages = without_identities(tuple(draft.stages))
    if chain.assumed and target.name != "keras" and chain.channels_last and input_channels(chain.layers) is None:
        draft.warn(f"{UNTOLD}: {chain.input[-1]} are written")
    free = tuple(None for _ in chain.input[1:-1])
    # Of an input that nobody gave the channels alone are known.
    shape = start.shape(chain.input)
    whole = start.shape((None, *free, chain.input[-1]) if chain.channels_last else (None, chain.input[1], *free))
    return Port(
        chain,
        target.name,
        target.compose(stages, whole if chain.assumed and ranked else shape),
        stages,
        shape,
        draft.shape,
        start,
        draft.state,
        tuple(one.text for one in draft.warnings),
        exact,
    )


def without_identities(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The stages that do something; one stays where none does."""
    kept = tuple(stage for stage in stages if "Identity(" not in stage.text)
    return kept or stages[:1]


def _no_exact(chain: Chain, target: Target, cannot: CannotSay) -> Refusal:
    """The refusal that the caller sees, with the nearest port where there is one."""
    from convwise.answers.porting.approximate import approximated

    refusal = Refusal(
        "CW211",
        f"no exact equivalent in {target.title} is known here: {cannot.fact}",
        layer=cannot.layer,
        received=cannot.received,
        hint=cannot.hint or "write this step by hand, or leave it out",
    )
    for close, told in approximated(chain):
        try:
            port = _written(close, target, translate(close, target, lenient=True), exact=False)
        except Refusal:
            continue
        return _with_nearest(refusal, chain, port, told)
    return refusal


def _with_nearest(refusal: Refusal, chain: Chain, port: Port, told: str) -> Refusal:
    refusal.nearest = Port(
        chain,
        port.to,
        port.code,
        port.stages,
        port.input,
        port.output,
        port.enters,
        port.leaves,
        (told, *port.warnings),
        False,
    )
    refusal.hint = f"the nearest: {told}; error.nearest holds it"
    refusal.detail = f"on {show(chain.given(chain.input))}: .nearest.proof measures how far it is"
    return refusal


def _proofs() -> Any:
    from convwise import proofs

    return proofs
