"""The exact sets of input sizes that a whole network takes, with the nodes that force each condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from convwise.answers.network.conditions import Conditions, as_joint
from convwise.answers.network.dims import Key
from convwise.answers.network.settling import bounded, settled
from convwise.answers.network.symbolic import Symbolic, follow
from convwise.answers.printed import GIVE, NOT_SHOWN, unsettled
from convwise.errors import ArgumentError, ShapeError
from convwise.graph import UNTOLD, Network
from convwise.sizes import JointSet, Reason, SizeSet, TooComplex

PARTIAL = (
    ("CW422", "on the branch that was read", "the code asks for sizes and one way was followed: "),
    ("CW314", "as the text was read", ""),
    ("CW315", "", ""),
)
"""Codes of notes that a network carries where its code was not followed as a whole, what its sets then hold for, and why.

Another branch, or an array in the place of a number, may take sizes that this reading refuses: such sets are no bound.
"""


FURTHEST = 512
"""So far a square is looked for."""


@dataclass(frozen=True, slots=True)
class LegalSizes(Mapping[str, SizeSet]):
    """Axis name -> the sizes of that axis that some sizes of the others go with.

    `joint` is the condition on all axes at once, None where every combination is legal. `names` are the axes in order,
    `input` is the name of the network's input. Sizes that a file merely declares are no condition; they are in `declared`.
    `rests` is the condition under which the sets, which are not exact then, are right: how a printed model was taken to run.
    `way` says of sets that are not exact what they hold for, where they are no upper bound either: other sizes may take
    another way through the code.
    """

    input: str
    names: tuple[str, ...]
    sets: tuple[SizeSet, ...]
    joint: JointSet | None = None
    declared: tuple[int | str | None, ...] = ()
    rests: str = ""
    way: str = ""

    def __getitem__(self, name: str) -> SizeSet:
        if name not in self.names:
            raise KeyError(name)
        return self.sets[self.names.index(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def exact(self) -> bool:
        """Whether the sets are the truth; where not, their reasons name the nodes that could not be followed."""
        return all(sizes.exact for sizes in self.sets)

    @property
    def limit(self) -> str:
        """How far sets go that are not exact: an upper bound, or the sizes of the one way that was read."""
        return self.rests or self.way or "at most"

    def takes(self, sizes: Sequence[int]) -> bool:
        """Whether these sizes, one an axis, are legal together."""
        if self.joint is not None and tuple(sizes) not in self.joint:
            return False
        return len(sizes) == len(self.sets) and all(n in allowed for n, allowed in zip(sizes, self.sets, strict=True))

    def nearest(self, sizes: Sequence[int]) -> tuple[int, ...] | None:
        """The nearest sizes that are legal together, of equally near ones the smaller; None where there are none."""
        if self.joint is not None:
            return self.joint.nearest(sizes)
        found = []
        for n, allowed in zip(sizes, self.sets, strict=True):
            around = [size for size in allowed.nearest(n) if size is not None]
            if not around:
                return None
            found.append(min(around, key=lambda size: (abs(size - n), size)))
        return tuple(found)

    def likeliest(self, sizes: Sequence[int]) -> tuple[int, ...] | None:
        """The nearest sizes; where sizes depend on each other the nearest that are all equal, if there are some not too far and they bend an image less."""
        nearest = self.nearest(sizes)
        if self.joint is None or nearest is None:
            return nearest
        n = round(sum(sizes) / len(sizes))
        around = (size for more in range(FURTHEST) for size in (n - more, n + more) if size > 0)
        squares = ((size,) * len(sizes) for size in around)
        square = next((one for one in squares if self.takes(one)), None)
        return (
            square
            if square is not None and (len(set(sizes)) == 1 or _bent(sizes, square) < _bent(sizes, nearest))
            else nearest
        )

    def above(self, sizes: Sequence[int]) -> tuple[int, ...] | None:
        """The smallest sizes at or above these that are legal, an axis by itself; None where there are none."""
        found = [allowed.nearest(n)[1] for n, allowed in zip(sizes, self.sets, strict=True)]
        whole = tuple(size for size in found if size is not None)
        return whole if len(whole) == len(found) and self.takes(whole) else None

    def __str__(self) -> str:
        doubt = f" ({self.rests})" if self.rests else f" {self.limit} (not exact)"
        lines = [f"{name}: {sizes.text()}{'' if sizes.exact else doubt}" for name, sizes in self.items()]
        return "\n".join([*lines, *([f"together: {self.joint}"] if self.joint is not None else [])])

    def _repr_html_(self) -> str:
        from convwise.answers.present import sizes_html

        return sizes_html(self)

    def to_dict(self) -> dict[str, Any]:
        return {
            "input": self.input,
            "declared": list(self.declared),
            "axes": {name: set_to_dict(sizes) for name, sizes in self.items()},
            "joint": None if self.joint is None else str(self.joint),
            "exact": self.exact,
        }


def set_to_dict(sizes: SizeSet) -> dict[str, Any]:
    """A set as JSON has it."""
    return {
        "text": str(sizes),
        "minimum": sizes.minimum,
        "start": sizes.start,
        "modulus": sizes.modulus,
        "residues": list(sizes.residues),
        "exceptions": list(sizes.exceptions),
        "exact": sizes.exact,
        "reasons": [{"node": reason.node, "condition": reason.text} for reason in sizes.reasons],
    }


def legal_sizes(network: Network, input: str | None = None) -> LegalSizes:
    """The sizes of one input (None: the first that has spatial axes) that the whole network takes.

    Raises:
        ArgumentError: CW606 where the network has no such input, or none with spatial axes.
        CodeError: CW314 where a printed model does not settle it.
    """
    return legal_of(follow(network), input)


def _bent(sizes: Sequence[int], wanted: Sequence[int]) -> Fraction:
    """How much more one axis is stretched than another to get from these sizes to those: 1 where the proportions stay."""
    scales = [Fraction(new, old) for old, new in zip(sizes, wanted, strict=True) if old and new]
    return max(scales) / min(scales) if scales else Fraction(1)


def legal_of(symbolic: Symbolic, input: str | None = None) -> LegalSizes:
    """The same for a network that has been followed already."""
    legal = _followed(symbolic, input)
    found = None if legal.exact else settled(symbolic, legal)
    legal = legal if found is None else replace(legal, sets=found[0], joint=found[1])
    sets = None if legal.exact else bounded(symbolic, legal)
    legal = legal if sets is None else replace(legal, sets=sets)
    if symbolic.network.unordered:
        return _as_printed(symbolic.network.unordered, legal)
    for code, way, why in PARTIAL:
        # What is trained decides no size.
        notes = (note.text for note in symbolic.network.notes if note.code == code and UNTOLD not in note.text)
        told = next(notes, None)
        if told is not None:
            reason = Reason("", f"{why}{told}")
            sets = tuple(sizes.inexact(reason) for sizes in legal.sets)
            legal = replace(legal, sets=sets, way=legal.way or way)
    return legal


def _as_printed(owner: str, legal: LegalSizes) -> LegalSizes:
    """The sizes of layers whose order was taken from a print: right for this order alone.

    Raises:
        CodeError: CW314 where no size suits this order.
    """
    empty = next((sizes for sizes in legal.values() if not sizes), None)
    if empty is not None:
        node, fact = next(((one.node, one.text) for one in empty.reasons), ("a layer", "no size is legal"))
        raise unsettled(ShapeError("CW110", fact, layer=f"'{node}'"), owner)
    reason = Reason("", f"{NOT_SHOWN.format(owner=owner)}: {GIVE}")
    sets = tuple(sizes.inexact(reason) for sizes in legal.sets)
    return replace(legal, sets=sets, rests=f"if {owner}'s layers run once each in the printed order")


def _followed(symbolic: Symbolic, input: str | None) -> LegalSizes:
    """What the conditions on free sizes leave: all legal sizes, and maybe more where that is not exact."""
    source = _chosen(symbolic, input)
    keys = tuple(key for key, axis in enumerate(symbolic.keys) if axis.source == source)
    names = tuple(symbolic.keys[key].name for key in keys)
    declared = next(one.declared for one in symbolic.network.sources if one.name == source)
    asks = symbolic.conditions
    if asks.never:
        nothing = SizeSet.none(*dict.fromkeys(asks.never))
        return LegalSizes(source, names, (nothing,) * len(keys), None, declared)
    sets = [_marked(asks.sets[key], key, asks) for key in keys]
    try:
        joint = _joint(asks, keys, names, sets)
    except TooComplex as error:
        reason = Reason("", f"a joint condition is not given: {error.fact}")
        sets = [sizes.inexact(reason) for sizes in sets]
        joint = None
    sets = [_coupled(sizes, key, keys, asks) for sizes, key in zip(sets, keys, strict=True)]
    if joint is None:
        return LegalSizes(source, names, tuple(sets), None, declared)
    if len(joint.boxes) <= 1:
        parts = joint.boxes[0] if joint.boxes else (SizeSet.none(),) * len(keys)
        both = [_with(part, sizes, joint.reasons) for part, sizes in zip(parts, sets, strict=True)]
        return LegalSizes(source, names, tuple(both), None, declared)
    marginal = [_with(joint.along(name), sizes, joint.reasons) for name, sizes in zip(names, sets, strict=True)]
    return LegalSizes(source, names, tuple(marginal), joint, declared)


def _chosen(symbolic: Symbolic, input: str | None) -> str:
    names = list(dict.fromkeys(axis.source for axis in symbolic.keys))
    if input is None and names:
        return names[0]
    if input not in names or input is None:
        raise ArgumentError(
            "CW606",
            f"no input {input!r} with spatial axes" if input else "no input has spatial axes",
            received=input,
            hint=f"the inputs with spatial axes are {', '.join(names)}" if names else "",
        )
    return input


def _marked(sizes: SizeSet, key: Key, asks: Conditions) -> SizeSet:
    """The set, marked as not exact where a node that this axis reaches could not be followed."""
    open_ = tuple(dict.fromkeys(reason for keys, reason in asks.open if key in keys))
    return sizes.inexact(*open_) if open_ else sizes


def _joint(asks: Conditions, keys: tuple[Key, ...], names: tuple[str, ...], sets: list[SizeSet]) -> JointSet | None:
    """What the axes must meet together; a condition that the others imply adds nothing, and no reason."""
    found = JointSet(names, (tuple(sizes.because() for sizes in sets),))
    asked = False
    for boxes, reason in asks.joints:
        if {key for box in boxes for key in box} <= set(keys):
            narrower = found & as_joint(boxes, keys, names, reason)
            if narrower.boxes != found.boxes:
                found, asked = narrower, True
    return found if asked else None


def _coupled(sizes: SizeSet, key: Key, keys: tuple[Key, ...], asks: Conditions) -> SizeSet:
    """Conditions that also concern another input are named, not followed."""
    for boxes, reason in asks.joints:
        concerned = {one for box in boxes for one in box}
        if key in concerned and not concerned <= set(keys):
            sizes = sizes.inexact(Reason(reason.node, f"{reason.text}, which another input takes part in"))
    return sizes


def _with(sizes: SizeSet, own: SizeSet, joint_reasons: tuple[Reason, ...]) -> SizeSet:
    reasons = tuple(dict.fromkeys((*own.reasons, *joint_reasons)))
    made = sizes.because(*reasons)
    return made if own.exact else made.inexact()
