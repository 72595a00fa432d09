"""Our answer to a case beside PyTorch's, and what counts as a difference."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch_cases import Case

from convwise.dialects.torch import flow, read
from convwise.errors import ConvwiseError, Refusal


@dataclass(frozen=True)
class Ours:
    """The output's shape and the trained numbers, or the error."""

    shape: tuple[int | None, ...] | None
    parameters: int | None = None
    error: ConvwiseError | None = None


def ask(case: Case) -> Ours:
    try:
        result = flow(read(case.call), case.shape)
    except ConvwiseError as error:
        return Ours(None, error=error)
    return Ours(result.output, result.trainable)


def disagreement(case: Case, shape: tuple[int, ...] | None, parameters: int | None, ours: Ours) -> str:
    """What differs; empty where nothing does.

    Two things are no difference. convwise refuses by itself what PyTorch reads in a way nobody means (CW210). And an empty
    tensor skips most of PyTorch's checks, so that a layer which no other input gets through may pass one without elements.
    """
    if ours.error is not None and ours.error.code == "CW210":
        return ""
    if isinstance(ours.error, Refusal) and 0 in case.shape and shape is not None:
        return ""
    if ours.shape != shape:
        return f"PyTorch {'refuses' if shape is None else f'gives {shape}'}, convwise {ours.error if ours.shape is None else f'gives {ours.shape}'}"
    if shape is not None and ours.parameters != parameters:
        return f"PyTorch has {parameters} parameters, convwise counts {ours.parameters}"
    return ""


def clean(words: str) -> str:
    """Sets are printed in any order: sort them. C++ stack frames go."""
    words = words.split("\nException raised from")[0]
    return re.sub(
        r"\{('[a-z]+'(?:, '[a-z]+')*)\}", lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}", words
    )


def quoted(ours: Ours, words: str) -> bool:
    """Whether our quote, if there is one, is what PyTorch said."""
    return ours.error is None or clean(ours.error.quote) in clean(words)
