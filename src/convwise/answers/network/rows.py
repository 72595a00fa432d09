"""A view with -1 in the place of the batch: it lays the numbers of all samples out as rows, be they as many as the samples or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from convwise.answers.explanation import Fact, Finding
from convwise.answers.network.flowing import NodeFlow, Run, show
from convwise.answers.network.legal import LegalSizes, legal_of
from convwise.answers.network.nearest import nearest_in_words, together
from convwise.answers.network.symbolic import follow
from convwise.answers.wording import plural
from convwise.dialects.base import Layer
from convwise.errors import ConvwiseError
from convwise.graph import Network, Node, Work
from convwise.ops import Dense, Reshape, Shape, elements
from convwise.ops.several import ReshapeTo, SizeOf

FLAT = {"torch": "x.flatten(1)", "jax": "x.reshape(x.shape[0], -1)", "onnx": "Flatten"}
"""What keeps a row for each sample; elsewhere it is Keras's layer."""


def mixed_rows(flowed: Run) -> Iterator[Finding]:
    """The first `x.view(-1, 400)` before a dense layer that gives other rows than there are samples, up to the network's output."""
    batches = {flowed.inputs[one.name][:1] for one in flowed.network.sources if one.layout.batched}
    given = {shape[:1] for name in flowed.network.outputs if (shape := flowed.shapes.get(name))}
    for number, step in enumerate(flowed.nodes):
        before, after = (*step.inputs, None)[0], (*step.outputs, None)[0]
        if _kept(step.node.work) is None or len(batches) > 1 or not before or not after:
            continue
        rows, *features = after
        if len(features) != 1 or features[0] is None or before[-1] == features[0] or (rows,) not in given:
            continue
        samples, sample = (before[0], before[1:]) if batches else (1, before)
        if batches and (samples,) not in batches:
            continue
        told = _told(samples, sample, rows, features[0])
        if told is not None and _read_by_dense(flowed, number):
            yield Finding("CW523", *told, step.node.name, "\n".join(_advice(flowed, step.node, sample, bool(batches))))
            return


def _told(samples: int | None, sample: Shape, rows: int | None, features: int) -> tuple[str, str] | None:
    """How grave it is, and what it is; None where each sample has its row."""
    cells = elements(sample)
    if cells == features:
        return None
    if cells is None or samples is None or rows is None:
        return "note", f"rows of {features:,} numbers, whatever the batch is: other samples do not become one row each"
    return (
        "warning",
        f"{plural(samples, 'sample')} become{'s' if samples == 1 else ''} {plural(rows, 'row')}: each has {show(sample)} = {cells:,} "
        f"numbers, and a row {features:,}: {samples} x {cells:,} / {features:,} = {rows}",
    )


def _read_by_dense(flowed: Run, number: int) -> bool:
    """Whether a dense layer reads the rows, past what leaves their shape as it is."""
    behind = set(flowed.nodes[number].node.outputs)
    for step in flowed.nodes[number + 1 :]:
        if behind.isdisjoint(step.node.inputs):
            continue
        if any(isinstance(op, Dense) for op in step.ops):
            return True
        if step.outputs == step.inputs[:1]:
            behind.update(step.node.outputs)
    return False


def rows_fact(found: Iterable[Finding]) -> tuple[Fact, ...]:
    """What to do about them, as a row of an explanation."""
    return tuple(Fact("one row each", tuple(one.hint.splitlines())) for one in found)


def _advice(flowed: Run, node: Node, sample: Shape, whole: bool) -> Iterator[str]:
    """What keeps a row for each sample, and the sizes for which the code does so as it is, where samples stand in a batch."""
    cells = elements(sample)
    takes = "" if cells is None else f"takes {cells:,} features then, or "
    flat = FLAT.get(flowed.network.dialect, "layers.Flatten()")
    yield f"{flat} keeps a row for each sample; the layer behind it {takes}refuses maps of another size"
    legal = _with_a_row_each(flowed.network, node) if whole else None
    if legal is not None and legal.exact and all(legal.values()):
        told = list(nearest_in_words(legal, flowed))
        if not told:
            told = [f"the legal sizes of {together(legal)}"] if legal.joint is not None else str(legal).splitlines()
        yield from (f"or for one row a sample, {line}" for line in told)


def _with_a_row_each(network: Network, node: Node) -> LegalSizes | None:
    try:
        return legal_of(follow(keeping_batch(network, node)))
    except ConvwiseError:
        return None


def keeping_batch(network: Network, node: Node) -> Network:
    """The network in which this view keeps the batch, as it was meant to: sizes that merely divide by it are then no way out."""
    work = _kept(node.work)
    if work is None:
        return network
    return replace(network, nodes=tuple(replace(one, work=work) if one is node else one for one in network.nodes))


def rows_kept(network: Network, broken: Iterable[NodeFlow]) -> Network:
    """The network in which the first view that does not divide what reaches it keeps the batch; itself where none was refused."""
    step = next((one for one in broken if one.error is not None and one.error.code == "CW106"), None)
    return keeping_batch(network, step.node) if step is not None else network


def _kept(work: Work) -> Work | None:
    if isinstance(work, ReshapeTo):
        rest = work.target[1:]
        whole = work.target[:1] == (-1,) and rest and all(isinstance(term, int) and term > 0 for term in rest)
        return replace(work, target=(SizeOf(0, 0), *rest)) if whole else None
    ops = work.ops if isinstance(work, Layer) else ()
    op = ops[0] if len(ops) == 1 else None
    if not isinstance(op, Reshape) or op.keeps_batch or len(op.target) < 2:
        return None
    return (
        (replace(op, target=op.target[1:], keeps_batch=True),)
        if op.target[0] == -1 and min(op.target[1:]) > 0
        else None
    )
