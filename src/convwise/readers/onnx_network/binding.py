"""Sizes that ops ask for, from numbers of tensors in the graph to numbers of the node's own inputs."""

from __future__ import annotations

from dataclasses import replace

from convwise.dialects.onnx.given import Tensor
from convwise.graph import Work
from convwise.ops.several import Constant, Expand, PadTo, ReshapeTo, ResizeTo, Slice
from convwise.ops.terms import Arithmetic, Scale, SizeOf, Term

WITH_TERMS = (ReshapeTo, Expand, Constant, ResizeTo, PadTo, Slice)
"""Ops that may ask for sizes of other tensors."""


def settled(work: Work) -> bool:
    """Whether an op asks for no sizes but numbers of its own."""
    terms: tuple[Term | None, ...] = ()
    match work:
        case ReshapeTo() | Expand():
            terms = work.target
        case Constant():
            terms = work.shape
        case ResizeTo():
            terms = work.sizes
        case PadTo():
            terms = tuple(term for pair in work.pads for term in pair)
        case Slice():
            terms = (work.start, work.stop)
    return all(term is None or isinstance(term, int) for term in terms)


class Binder:
    """The inputs of one node; a size of another tensor makes that tensor an input too."""

    def __init__(self, inputs: tuple[Tensor, ...], tensors: list[Tensor]) -> None:
        self.inputs = list(inputs)
        self.places = {one.number: place for place, one in reversed(list(enumerate(inputs)))}
        self.tensors = tensors

    def term(self, term: Term) -> Term:
        if isinstance(term, int):
            return term
        if isinstance(term, SizeOf):
            place = self.places.get(term.input)
            if place is None:
                place = self.places[term.input] = len(self.inputs)
                self.inputs.append(self.tensors[term.input])
            return SizeOf(place, term.axis)
        if isinstance(term, Scale):
            return Scale(self.term(term.term), term.factor, term.exact, term.single)
        return Arithmetic(term.kind, self.term(term.left), self.term(term.right))

    def terms(self, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        return tuple(map(self.term, terms))

    def work(self, work: Work) -> Work:
        match work:
            case ReshapeTo():
                return ReshapeTo(self.terms(work.target))
            case Expand():
                return Expand(self.terms(work.target))
            case Constant():
                return Constant(self.terms(work.shape))
            case ResizeTo():
                return replace(work, sizes=self.terms(work.sizes))
            case PadTo():
                return replace(work, pads=tuple((self.term(a), self.term(b)) for a, b in work.pads))
            case Slice():
                start = None if work.start is None else self.term(work.start)
                stop = None if work.stop is None else self.term(work.stop)
                return replace(work, start=start, stop=stop)
        return work
