"""An error message and the model that it came from: which layer says it, for which input, and what to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from convwise.answers.explanation import Explanation, Fact, Fix, show
from convwise.answers.network.apart import kept_apart
from convwise.answers.network.dims import Key
from convwise.answers.network.features import remade
from convwise.answers.network.flowing import NodeFlow, Run, path_to, run
from convwise.answers.network.flowing import show as dense_show
from convwise.answers.network.legal import LegalSizes, legal_sizes
from convwise.answers.network.nearest import MOST_PAIRS, nearest_in_words
from convwise.answers.network.rows import keeping_batch
from convwise.answers.network.symbolic import AxisKey, follow
from convwise.answers.network.together import pairs
from convwise.answers.printed import GIVE, NOT_SHOWN
from convwise.answers.tracebacks.clue import Clue
from convwise.answers.tracebacks.locate import Located, candidates, locate, written
from convwise.answers.tracebacks.shortcuts import shortcut
from convwise.answers.tracebacks.unbatched import called, lacks_batch, turned_sample, without_batch
from convwise.answers.wording import listed
from convwise.dialects.base import Layer
from convwise.errors import ConvwiseError
from convwise.graph import Network, Node
from convwise.ops import ConvTranspose, PixelShuffle, Resize, Shape
from convwise.ops.several import Elementwise
from convwise.readers.echo import shown
from convwise.sizes import JointSet, SizeSet

MOST_OTHERS = 4
KEPT = ("sizes", "because", "channels")
"""What the message alone tells that is told beside the model too."""
ON_ARRAY = ("x", "np.", "tf.")
"""How a fix begins that lays the array out otherwise: then no size is at fault."""
MADE = ("conv", "built")
"""Layers made for a number of channels: where the wrong number comes from is no more than likely in any model."""


def in_model(
    told: Explanation, clue: Clue | None, network: Network, shape: Shape | None, names: tuple[str, ...]
) -> Explanation:
    """The explanation of the message, with what the model tells beside it."""
    if clue is None:
        return _unlocated(told, network, shape)
    if clue.what == "loss":
        return _also(told, "in the model", f"no layer of it says this: the loss does{_gives(network, shape)}")
    if clue.what == "entry":
        return _entry(told, clue, network)
    found = locate(network, clue, shape, names) or without_batch(network, clue, shape, names)
    if found is None:
        return _unfound(told, clue, network, shape)
    if clue.what == "dense" and (lacking := lacks_batch(told, found)) is not None:
        return lacking
    if found.flowed is not None:
        network = found.flowed.network
    facts = [Fact("in the model", tuple(_where(found)))]
    network = keeping_batch(network, found.node)
    flowed, legal = found.flowed, _legal(network)
    apart = _samples_apart(found, clue)
    fixes = apart or _fixes(told, found, clue)
    if clue.what in (*MADE, "norm", "join") and legal is not None and not all(legal.values()):
        # No size is at fault: the channels are not those of the layer, or one branch has a stride that the other lacks.
        legal = None
    if apart and legal is not None and not all(legal.values()):
        legal = None
    if not apart and any(fix.code.startswith(ON_ARRAY) for fix in fixes):
        legal = None
    if network.unordered:
        # The layer is there, but sizes along the printed order would be guesses.
        flowed = legal = None
        facts.append(Fact("not told", (f"{NOT_SHOWN.format(owner=network.unordered)}: {GIVE}",)))
    if flowed is not None:
        step = next(one for one in flowed.nodes if one.node is found.node)
        facts.append(Fact("on the way", (_way(flowed, step),)))
        facts.append(Fact("its input", (_input(network, found, flowed),)))
        if words := tuple(nearest_in_words(legal, flowed)) if legal is not None and len(legal) else ():
            facts.append(Fact("would work", words))
    elif legal is not None and len(legal) and clue.what != "built":
        facts.append(Fact("would work", tuple(str(legal).splitlines())))
    if flowed is not None and legal is not None and len(legal):
        fixes = (*fixes, *_inputs(network, flowed, legal, clue))
    return replace(
        told,
        name=found.node.name or None,
        input=next(iter(flowed.inputs.values()))
        if flowed is not None and found.given and len(flowed.inputs) == 1
        else (),
        facts=(
            told.facts[0],
            *facts,
            *(fact for fact in told.facts[1:] if fact.label in KEPT or (fact.label == "perhaps" and clue.what in MADE)),
            *(
                replace(fact, label="because")
                for fact in told.facts[1:]
                if fact.label == "perhaps" and _doubled(network, clue)
            ),
        ),
        fixes=fixes,
    )


def _doubled(network: Network, clue: Clue) -> bool:
    """Whether two branches are joined in a model that makes maps larger: an odd size that was halved then is why they differ."""
    ops = [op for node in network.nodes for op in (node.work.ops if isinstance(node.work, Layer) else ())]
    return clue.what == "join" and any(isinstance(op, ConvTranspose | Resize | PixelShuffle) for op in ops)


def _also(told: Explanation, label: str, text: str) -> Explanation:
    return replace(told, facts=(*told.facts, Fact(label, (text,))))


def _where(found: Located) -> list[str]:
    lines = [f"{called(found.node)} says this"]
    if found.others:
        others = [called(node) for node in found.others[:MOST_OTHERS]]
        more = len(found.others) - len(others)
        lines.append(f"{listed([*others, *([f'{more} more'] if more else [])])} can say the same")
    return lines


def _way(flowed: Run, step: NodeFlow) -> str:
    at = [one.node for one in flowed.nodes].index(step.node)
    way = path_to(step.node, flowed.nodes[:at], flowed.shapes)
    inputs = [dense_show(flowed.shapes.get(name)) for name in step.node.inputs]
    return f"{way} -> here" if len(inputs) == 1 else f"{way} -> here, where {listed(inputs)} meet"


def _input(network: Network, found: Located, flowed: Run) -> str:
    shapes = listed([f"{shown(name)} {show(shape)}" for name, shape in flowed.inputs.items()])
    if found.given or not found.boxes:
        return shapes
    keys = follow(network).keys
    sets = _sets(found, keys)
    batch = f"a batch of {found.samples} and " if found.samples and found.samples > 1 else ""
    return f"such as {shapes}" + (f": the message comes of {batch}{sets}" if sets else "")


def _sets(found: Located, keys: tuple[AxisKey, ...]) -> str:
    """`height and width 64..67`, or the pairs."""
    used = sorted({key for box in found.boxes for key in box})
    if not used or len({keys[key].source for key in used}) > 1:
        return ""
    names = tuple(keys[key].name for key in used)
    boxes = tuple(tuple(box.get(key, SizeSet.every()) for key in used) for box in found.boxes)
    if len(boxes) > 1:
        told = pairs(JointSet(names, boxes))
        more = [f"{len(told) - MOST_PAIRS} more pairs"] if len(told) > MOST_PAIRS else []
        return f"{' and '.join(names)} {'; or '.join([*told[:MOST_PAIRS], *more])}"
    texts: dict[str, list[Key]] = {}
    for key, sizes in zip(used, boxes[0], strict=True):
        texts.setdefault(sizes.braces().strip("{}") if sizes.finite else sizes.text(), []).append(key)
    return " and ".join(f"{' and '.join(keys[key].name for key in group)} {text}" for text, group in texts.items())


def _legal(network: Network) -> LegalSizes | None:
    try:
        return legal_sizes(network)
    except ConvwiseError:
        return None


def _fixes(told: Explanation, found: Located, clue: Clue) -> tuple[Fix, ...]:
    """The message's fixes as far as they help in this model: the layer made anew, or the array laid out otherwise."""
    fixes: list[Fix] = []
    flowed = found.flowed
    place = f"for {shown(found.node.name)}: " if found.node.name else ""
    for fix in told.fixes:
        # The model tells whether a Flatten stands before the layer, and that the message came of a batch.
        if flowed is not None and clue.what == "dense" and not _helps(fix, found.node, flowed):
            continue
        if flowed is not None and clue.what == "dense" and fix.code.startswith("nn.Linear("):
            fix = _made(fix, found.node, flowed, clue)
        if flowed is not None and fix.code.startswith("x.permute("):
            fix = turned_sample(fix, flowed)
        if clue.what in ("norm", "conv") and (again := _again(fix, found.node, clue)) is not fix:
            if again is not None:
                fixes.append(replace(again, why=f"{place}{again.why}"))
            continue
        fixes.append(replace(fix, why=f"{place}{fix.why}"))
    if clue.what == "join" and flowed is not None and isinstance(found.node.work, Elementwise):
        one, other = (flowed.shapes.get(name) or () for name in found.node.inputs[:2])
        layout = replace(found.node.layout, batched=flowed.network.sources[0].layout.batched)
        made = shortcut(flowed.network.dialect, layout, one, other)
        return (made,) if made is not None else tuple(fixes)
    return tuple(fixes)


def _samples_apart(found: Located, clue: Clue) -> tuple[Fix, ...]:
    """What keeps a row for each sample, where a view or a Flatten mixed them, and the dense layers made for these rows."""
    flowed = found.flowed
    apart = kept_apart(flowed) if flowed is not None and clue.what in ("reshape", "dense") else None
    if flowed is None or apart is None or flowed.network.dialect != "torch":
        return ()
    kept = f"in the place of {shown(apart.node.name) or 'the view'}: keeps the samples apart"
    fixes = [Fix(apart.code, apart.rows, "", kept)]
    for one in apart.made:
        code = f"nn.Linear({one.features}, {one.out})" if one.out else f"in_features={one.features}"
        fixes.append(
            Fix(
                code,
                apart.output if one is apart.made[-1] else (),
                "",
                f"for {shown(one.node)}: takes what then reaches it",
            )
        )
    return tuple(fixes)


def _inputs(network: Network, flowed: Run, legal: LegalSizes, clue: Clue) -> Iterator[Fix]:
    """The dense layers made anew, where the message does not tell how, and the nearest input that works, shown to work by a run."""
    source = next(one for one in network.sources if one.name == legal.input)
    sizes = [size for size in source.layout.split(flowed.inputs[source.name])[2] if size is not None]
    if len(sizes) != len(legal):
        return
    if clue.what == "dense" and network.dialect != "torch":
        for one in remade(network, sizes, legal.input):
            yield Fix(f"{shown(one.node)} made for {one.features} features", (), "", f"instead of {one.now}")
    # Another size may go another way through the code, so nothing is promised of one where a single way was read.
    points = () if legal.way else (legal.above(sizes), legal.likeliest(sizes))
    for point in dict.fromkeys(one for one in points if one is not None):
        shape = _shaped(network, flowed, legal.input, point)
        output = _works(network, flowed, legal.input, shape)
        if output is not None:
            yield Fix(f"an input of {show(shape)}", output, "", _reach(flowed.inputs[legal.input], shape))


def _again(fix: Fix, node: Node, clue: Clue) -> Fix | None:
    """The fix in the layer's own name and with its groups, which the message does not tell; None for one of another layer."""
    op = node.work.ops[0] if isinstance(node.work, Layer) and node.work.ops else None
    if clue.what == "norm" and fix.code.startswith("nn."):
        kind, _, arguments = fix.code[3:].partition("(")
        if kind[:-2] != node.kind[:-2]:
            return fix
        # The message's first guess takes the layer's own number of axes, so the second is left out.
        why = fix.why.split(",")[0].split(";")[0]
        return replace(fix, code=f"nn.{node.kind}({arguments}", why=why) if kind.endswith("2d") else None
    if isinstance(op, ConvTranspose) and fix.code.startswith("nn.ConvTranspose") and clue.have is not None:
        why = fix.why.split(",")[0]
        if op.groups == 1:
            return replace(fix, why=why)
        if op.groups is None or op.out_channels is None or clue.have % op.groups:
            return None
        kernel = op.kernel[0] if len(set(op.kernel)) == 1 else op.kernel
        code = f"nn.ConvTranspose{len(op.kernel)}d({clue.have}, {op.out_channels}, {kernel}, groups={op.groups})"
        return replace(fix, code=code, why=why)
    return fix


def _made(fix: Fix, node: Node, flowed: Run, clue: Clue) -> Fix:
    """The output with the axes that the model tells: PyTorch's message counts the rows of all but the last of them."""
    reaching = flowed.shapes.get(node.inputs[0]) or ()
    before, why = reaching[:-1], fix.why.split(":")[0]
    if clue.rows is None or clue.out is None:
        return fix
    if len(before) == 1:
        return replace(fix, output=(clue.rows, clue.out), why=why)
    if None not in before and prod(size for size in before if size is not None) == clue.rows:
        return replace(fix, output=(*before, clue.out), why=why)
    return replace(fix, output=())


def _helps(fix: Fix, node: Node, flowed: Run) -> bool:
    reaching = flowed.shapes.get(node.inputs[0]) or ()
    return fix.code != "x[None]" and (fix.code != "x.flatten(1)" or len(reaching) > 2)


def _reach(shape: Shape, wanted: Shape) -> str:
    more = [new - old for new, old in zip(wanted, shape, strict=True) if new is not None and old is not None]
    if not any(more):
        return ""
    return "pad or resize the image" if all(one >= 0 for one in more) else "crop or resize the image"


def _shaped(network: Network, flowed: Run, input: str, point: tuple[int, ...]) -> Shape:
    """The input with these sizes, and with the channels that the file declares, not those that were fed by mistake."""
    source = next(one for one in network.sources if one.name == input)
    batch, channels, _ = source.layout.split(flowed.inputs[input])
    declared = source.layout.split(tuple(size if isinstance(size, int) else None for size in source.declared))[1]
    return source.layout.join(batch, declared if declared is not None else channels, point)


def _works(network: Network, flowed: Run, input: str, shape: Shape) -> Shape | None:
    """What the network gives for such an input; None where it breaks."""
    again = run(network, {**flowed.inputs, input: shape}, strict=False)
    if again.errors or not network.outputs:
        return None
    return again.shapes.get(network.outputs[0])


def _gives(network: Network, shape: Shape | None) -> str:
    """`; for input 8 x 1 x 28 x 28 it gives 8 x 1 x 25 x 25`, of the input that is given or written in the code."""
    told = shape or written(network)
    if told is None or not network.outputs:
        return ""
    try:
        flowed = run(network, told, strict=False)
    except ConvwiseError:
        return ""
    output = flowed.shapes.get(network.outputs[0])
    given = listed([f"{shown(name)} {show(one)}" for name, one in flowed.inputs.items()])
    return "" if output is None or flowed.errors else f"; for {given} it gives {show(output)}"


def _unlocated(told: Explanation, network: Network, shape: Shape | None) -> Explanation:
    """A message without the numbers of a layer: where the input that is given or written breaks is all that can be told."""
    fed = shape or written(network)
    line = "the message alone does not tell which layer of it says this"
    try:
        flowed = None if fed is None else run(network, fed, strict=False)
    except ConvwiseError:
        flowed = None
    first = next((step for step in flowed.nodes if step.error is not None), None) if flowed is not None else None
    if flowed is not None and first is None and (gives := _gives(network, shape)):
        return _also(told, "in the model", f"its layers take what they are given{gives}")
    if flowed is None or first is None or first.error is None:
        return _also(told, "in the model", line)
    given = listed([f"{shown(name)} {show(one)}" for name, one in flowed.inputs.items()])
    return _also(told, "in the model", f"with {given} it breaks at {called(first.node)}: {first.error.fact}")


def _unfound(told: Explanation, clue: Clue, network: Network, shape: Shape | None) -> Explanation:
    lines = ["no layer of it can say this: is it the model that the message came from?"]
    if gives := _gives(network, shape):
        lines = [f"no layer of it can say this{gives}"]
    for node, dims in candidates(network, clue)[:MOST_OTHERS]:
        lines.append(f"{called(node)} has these weights, but what reaches it here is {dims}")
    if shape is not None and not gives:
        try:
            flowed = run(network, shape, strict=False)
        except ConvwiseError as error:
            return _also(told, "in the model", f"{lines[0]} ({error.fact})")
        first = next((step for step in flowed.nodes if step.error is not None), None)
        if first is not None and first.error is not None:
            lines.append(f"with an input of {dense_show(shape)} it breaks at {called(first.node)}: {first.error.fact}")
    return replace(told, facts=(*told.facts, Fact("in the model", tuple(lines))))


def _entry(told: Explanation, clue: Clue, network: Network) -> Explanation:
    """The input was declared otherwise: do its layers take what was fed?"""
    source = next((one for one in network.sources if one.name == clue.name), network.sources[0])
    declared = tuple(size if isinstance(size, int) else None for size in source.declared)
    fed = list(clue.shapes[0]) if clue.shapes else list(declared)
    if not clue.shapes and clue.axis is not None and clue.axis < len(fed):
        fed[clue.axis] = clue.have
    if clue.shapes and tuple(fed) == declared:
        # The text shows what was fed, and the message what the model was made for.
        return told
    if len(fed) != len(declared):
        return _also(told, "in the model", "its input was refused before any layer was run")
    shapes: dict[str, Shape] = {source.name: tuple(fed)}
    flowed = run(network, shapes, strict=False)
    first = next((step for step in flowed.nodes if step.error is not None), None)
    lines = [f"the input {shown(source.name)} is declared as {show(declared)}"]
    if first is None:
        lines.append(f"its layers take {show(tuple(fed))} all the same: only the declaration refuses it")
    else:
        assert first.error is not None
        lines.append(f"with {show(tuple(fed))} it breaks at {called(first.node)}: {first.error.fact}")
    facts = [*told.facts, Fact("in the model", tuple(lines))]
    legal = _legal(network)
    if legal is not None and len(legal):
        facts.append(Fact("would work", tuple(nearest_in_words(legal, flowed)) or tuple(str(legal).splitlines())))
    return replace(told, name=source.name, facts=tuple(facts))
