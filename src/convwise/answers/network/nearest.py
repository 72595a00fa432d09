"""The legal sizes nearest to an input's, in words: what to pad or crop to get there."""

from __future__ import annotations

from collections.abc import Iterator

from convwise.answers.network.flowing import Run, show
from convwise.answers.network.legal import LegalSizes
from convwise.answers.network.together import pairs

MOST_PAIRS = 3


def nearest_in_words(legal: LegalSizes, flowed: Run) -> Iterator[str]:
    """For each axis that is not legal: the nearest sizes, and the pads that reach the larger."""
    source = next(one for one in flowed.network.sources if one.name == legal.input)
    shape = flowed.inputs[source.name]
    _, _, spatial = source.layout.split(shape)
    known = [size for size in spatial if size is not None]
    if len(known) != len(legal):
        return
    if legal.joint is not None:
        if not legal.takes(known):
            nearest = legal.likeliest(known)
            what = "nearest" if nearest == legal.nearest(known) else "the nearest square"
            around = f"; {what} to {show(known)}: {show(nearest)}" if nearest else ""
            yield f"the legal sizes of {together(legal)}{around}"
        return
    advice: dict[str, list[str]] = {}
    for (name, sizes), size in zip(legal.items(), known, strict=True):
        if size not in sizes:
            most = "" if sizes.exact else f" {legal.limit}"
            text = f"the legal sizes are {sizes.text()}{most}{_around(size, sizes.nearest(size))}"
            advice.setdefault(text, []).append(name)
    yield from (f"{' and '.join(names)}: {text}" for text, names in advice.items())


def together(legal: LegalSizes) -> str:
    """`height and width are both 32..35; or ...`: the first of the sizes that are legal together."""
    assert legal.joint is not None
    told = pairs(legal.joint)
    more = [f"{len(told) - MOST_PAIRS} more pairs"] if len(told) > MOST_PAIRS else []
    return f"{' and '.join(legal)} are {'; or '.join([*told[:MOST_PAIRS], *more])}"


def _around(size: int, nearest: tuple[int | None, int | None]) -> str:
    below, above = nearest
    words = [str(one) for one in (below, above) if one is not None]
    if not words:
        return ""
    text = f"; nearest to {size}: {' and '.join(words)}"
    if above is not None:
        more = above - size
        text += f" (pad {more // 2} + {more - more // 2})"
    return text
