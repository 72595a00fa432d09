"""Adaptive pools as fixed ones: exact only where all windows are of one length and one step apart."""

from __future__ import annotations

from convwise import dialects
from convwise.answers.solve.question import Question
from convwise.answers.solve.saying import CHANNELS_FIRST, gives
from convwise.axis import Window, share, sliding_share
from convwise.errors import ShapeError
from convwise.ops import Pool, spatial_names


def fixed_pool(question: Question) -> str:
    """The fixed pool that reads exactly the windows of the adaptive one, at every size of the question.

    Raises:
        ShapeError: CW111 where no fixed pool reads them. Refusal: where the dialect cannot say it.
    """
    windows = []
    for name, pairs in zip(spatial_names(question.rank), question.axes, strict=True):
        found = {(given, wanted): sliding_share(given, wanted) for given, wanted in pairs}
        for (given, wanted), window in found.items():
            if window is None:
                raise _uneven(name, given, wanted)
        fixed = set(found.values())
        if len(fixed) > 1:
            told = [f"{given} to {wanted}: {_told(window)}" for (given, wanted), window in found.items() if window]
            raise ShapeError(
                "CW111",
                "one fixed pool cannot stand for the adaptive one at several sizes",
                axis=name,
                detail="\n".join(told),
                hint="ask for one size, or keep the adaptive pool, which fits itself to every size",
            )
        windows.append(fixed.pop())
    spoken = dialects.get(question.dialect)
    kind = "max" if question.op == "adaptive_max_pool" else "average"
    text = spoken.spell(
        (Pool(kind, tuple(one for one in windows if one is not None)),), spoken.name not in CHANNELS_FIRST
    )
    if not gives(spoken, question, text):
        raise AssertionError(f"{text} was read back as something else")
    return text


def _told(window: Window) -> str:
    return f"windows of {window.kernel}, {window.stride} apart"


def _uneven(name: str, given: int, wanted: int) -> ShapeError:
    if wanted > given:
        fact = f"{given} to {wanted}: an adaptive pool repeats cells where it enlarges, which no fixed pool does"
        return ShapeError("CW111", fact, axis=name, received=wanted, hint="Upsample or UpSampling enlarges")
    windows = [share(index, given, wanted) for index in range(min(wanted, 6))]
    shown = ", ".join(f"{one.start}-{one.stop - 1}" for one in windows) + (", ..." if wanted > len(windows) else "")
    exact = [size for size in (given - given % wanted, given + -given % wanted) if size]
    sizes = " and ".join(str(size) for size in exact)
    return ShapeError(
        "CW111",
        f"{given} to {wanted}: the adaptive pool's windows are not alike, so no fixed pool is exact",
        axis=name,
        received=given,
        detail=f"window i reads cells floor(i x {given} / {wanted}) to ceil((i + 1) x {given} / {wanted}) - 1: {shown}\n"
        f"they are alike where size mod {wanted} is 0 or 1; {given} mod {wanted} = {given % wanted}",
        hint=f"a fixed pool is exact at {sizes}; at {given} keep the adaptive pool, or resize or crop the map first",
    )
