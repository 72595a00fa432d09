"""Both sides run through the engine with the same random weights on the same random input, and compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convwise.answers.porting.difference import MOST_MACS, NOT_RUN, Numbers
from convwise.dialects.base import Unknown
from convwise.errors import ConvwiseError
from convwise.ops import AdaptivePool, GlobalPool, Layout, Pool, Shape
from convwise.proofs.activations import WIDTHS, Parted, parted, runs, sentence, told_width, widened
from convwise.proofs.comparing import compare
from convwise.proofs.converting import (
    Canonical,
    canonical,
    chain_slots,
    convert_input,
    convert_output,
    target_weights,
)
from convwise.proofs.pairing import shared_weights
from convwise.proofs.parting import both, compared
from convwise.proofs.running import run_op

if TYPE_CHECKING:
    from convwise.answers.porting.port import Port
    from convwise.answers.porting.reading import Chain

Array = NDArray[Any]
BATCH = 2
MOST = 2**25
"""Numbers in one array, up to which a proof is run."""
LARGE = 2**16
"""Cells of a sample from which on one is enough."""
SEED = 20150608


def prove_port(port: Port) -> Numbers:
    """The source and the port, each through its own weights: what the target holds is converted there and back."""
    chain = port.source
    if (told := _not_run(chain)) is not None:
        return told
    generator = np.random.default_rng(SEED)
    own = random_weights(chain, generator)
    x = random_input(chain.input, generator)
    expected = run_chain(chain, canonical(chain, own), x)
    received = convert_output(port, run_port(port, canonical(chain, own), convert_input(port, x)))
    return compare(expected, received, _layout(chain, expected))


def prove_diff(a: Chain, b: Chain, *, real: bool = False, most_macs: int | None = None) -> Numbers:
    """Both chains with the same weights on the same input: through the reference, or with `real` through their frameworks."""
    most = MOST_MACS if most_macs is None else most_macs
    if (idle := _not_run(a, most) or _not_run(b, most)) is not None:
        return idle
    generator = np.random.default_rng(SEED)
    weights = shared_weights(a, b, generator)
    if isinstance(weights, str):
        return Numbers(None, None, None, "not run", note=weights, proved_by="nothing")
    data = Data(weights, random_input(a.input, generator))
    try:
        told = _told_apart(a, b, data, generator)
    except ConvwiseError:
        if not real:
            raise
        told = Told(NOT_RUN, data)  # what the reference does not know the frameworks may
    if not real or told.data is None:
        return told.numbers
    from convwise.proofs.frameworks import compared_for_real

    note = told.numbers.note if told.numbers.max_abs is not None else ""
    return replace(compared_for_real(a, b, told.data.weights, told.data.x), note=note)


@dataclass(frozen=True, slots=True)
class Data:
    """What both chains are run on."""

    weights: tuple[Canonical, Canonical]
    x: Array

    def widened(self, width: float) -> Data:
        """The same, `width` times as wide."""
        one, other = self.weights
        return Data((widened(one, width), widened(other, width)), self.x * width)


@dataclass(frozen=True, slots=True)
class Told:
    """The numbers, and the data that gave them; no data where single values alone tell the chains apart."""

    numbers: Numbers
    data: Data | None


CELLS = 2**10
"""Cells of output that are looked at where each is the largest of a few."""


def _told_apart(a: Chain, b: Chain, data: Data, generator: np.random.Generator) -> Told:
    """What random data show; where they show nothing, what more of them, wider ones and single values do."""
    numbers = compared(a, b, data.weights, data.x)
    functions = runs(a), runs(b)
    apart = list(parted(*functions))
    note = "; ".join(sentence(one, (a.title, b.title)) for one in apart)
    if not numbers.equal:
        return Told(replace(numbers, note=note), data)
    for _ in range(_repeats(a, b)):
        other = replace(data, x=random_input(a.input, generator))
        shown = compared(a, b, other.weights, other.x)
        if not shown.equal:
            return Told(replace(shown, note=note), other)
    for width in WIDTHS if apart or len(functions[0]) != len(functions[1]) else ():
        other = data.widened(width)
        shown = compared(a, b, other.weights, other.x)
        if not shown.equal:
            return Told(replace(shown, note="; ".join(filter(None, (note, told_width(width))))), other)
    for one in apart:
        if one.seldom:
            return Told(_of_value(one, note), None)
    return Told(numbers, data)


def _repeats(a: Chain, b: Chain) -> int:
    """How many more inputs are tried: the largest of a few cells may be the same by chance."""
    pools = (Pool, GlobalPool, AdaptivePool)
    largest = any(isinstance(piece.op, pools) and piece.op.kind == "max" for one in (a, b) for piece in one.pieces())
    cells = [prod(size or BATCH for size in shape) for shape in (a.output, a.input)]
    return min(31, CELLS // cells[0], LARGE // cells[1]) if largest and all(cells) else 0


def _of_value(one: Parted, note: str) -> Numbers:
    gap, largest = abs(one.made[0] - one.made[1]), max(map(abs, one.made))
    names = both(*one.names)
    where = f"where {names} {'is' if names in one.names else 'are'} given {one.given:.7g}"
    return Numbers(gap, gap / largest if largest else None, largest, where, first=names, note=note)


def _not_run(chain: Chain, most_macs: int = MOST_MACS) -> Numbers | None:
    """Where there is nothing to run, or far too much, or where a function is not known."""
    for layer in chain.layers:
        written = layer.arguments.get("activation")
        if isinstance(written, Unknown):
            note = f"activation={written.text} is code that the text does not give, so that nothing is run"
            return Numbers(None, None, None, "not run", note=note, proved_by="nothing")
    if 0 in chain.input or 0 in chain.output:
        return Numbers(0.0, 0.0, 0.0, "nowhere", note="there are no cells to compare", equal=True)
    shapes = [chain.input, *(flow.output for flow in chain.flows)]
    largest = max(prod(size for size in shape if size is not None) for shape in shapes)
    weights = max((prod(slot.shape or ()) for _, slot in chain_slots(chain)), default=0)
    macs = sum(flow.macs or 0 for flow in chain.flows)
    smaller = "a smaller input, or fewer channels, show the same"
    note = ""
    if max(largest, weights) > MOST:
        note = f"{max(largest, weights):,} numbers are too many to run here (at most {MOST:,}); {smaller}"
    elif macs > most_macs:
        note = f"{macs:,} multiply-adds are more than {most_macs:,}; {smaller}, or allow more (most_macs, --most-macs)"
    return Numbers(None, None, None, "not run", note=note, proved_by="nothing") if note else None


def random_weights(chain: Chain, generator: np.random.Generator) -> list[Array]:
    """Weights as the chain's framework holds them; variances are positive."""
    found = []
    for _, slot in chain_slots(chain):
        shape = slot.shape or ()
        if slot.role == "variance":
            found.append(generator.uniform(0.5, 2.0, shape))
        elif slot.role == "weight" and len(shape) > 1:
            # Weights of about 1 / sqrt(inputs) keep the outputs of deep chains in range.
            found.append(generator.standard_normal(shape) / max(np.prod(shape) / max(shape[0], shape[-1]), 1) ** 0.5)
        else:
            found.append(generator.standard_normal(shape))
    return found


def random_input(shape: Shape, generator: np.random.Generator) -> Array:
    """A standard normal input; a batch that is free has two samples, one where a sample is large."""
    batch = BATCH if prod(size for size in shape if size is not None) <= LARGE else 1
    return generator.standard_normal(tuple(batch if size is None else size for size in shape))


def run_chain(chain: Chain, weights: Canonical, x: Array) -> Array:
    """The chain's output."""
    for piece in chain.pieces():
        own = {
            role: array
            for (layer, op, role), array in weights.items()
            if (layer, op) == (piece.layer_number, piece.op_number)
        }
        x = run_op(piece.op, x, own, Layout(piece.layer.channels_last), chain.dialect)
    return x


def run_port(port: Port, weights: Canonical, x: Array) -> Array:
    """The port's output, from the weights as the target holds them."""
    held = target_weights(port, weights)
    for number, stage in enumerate(port.stages):
        layout = Layout(stage.channels_last)
        for place, op in enumerate(stage.ops):
            own = {slot.role: slot.way.there(array) for at, slot, array in held if (at, slot.op) == (number, place)}
            # A function in the code does what the op itself says; only a layer has its framework's own ways.
            x = run_op(op, x, own, layout, port.to if stage.layer is not None else "plain")
    return x


def _layout(chain: Chain, output: Array) -> Layout | None:
    """Where the output's channels stand, if it is a map."""
    return Layout(chain.channels_last) if output.ndim >= 3 else None
