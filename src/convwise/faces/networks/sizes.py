"""The legal sizes of a network in the terminal: the sets, what forces them, and how to get from a size to a legal one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from convwise.answers.explanation import show
from convwise.answers.network.features import Remade
from convwise.answers.network.fitting import Fit
from convwise.answers.network.legal import LegalSizes
from convwise.answers.network.together import pairs
from convwise.escaping import escape
from convwise.sizes import SizeSet

LABEL = 15
MOST = 8
"""So many pairs of sizes, and so many reasons, are told one by one."""
MADE = {"torch": "in_features={}", "keras": "built for {} features"}


def render_sizes(
    legal: LegalSizes,
    near: Sequence[Fit] = (),
    remade: Sequence[Remade] = (),
    dialect: str = "",
    width: int = 100,
) -> str:
    """The legal sizes of each axis, what forces them, and the nearest to those asked for."""
    rows = [*_sets(legal), *_reasons(legal), *_near(legal, near), *_remade(near, remade, dialect)]
    lines = [f"{_title(legal)}, {escape(legal.rests)}" if legal.rests else _title(legal)]
    for label, text in rows:
        lines += _row(label, text, width)
    return "\n".join(lines)


def render_sizes_line(legal: LegalSizes, near: Sequence[Fit] = ()) -> str:
    """The legal sizes in one line, and the nearest to those asked for."""
    # What is to be done to reach a size stands below it, set in.
    told = [f"{label}: {text.replace('; ', ', ')}" for label, text in _near(legal, near) if not label.startswith(" ")]
    return "; ".join([*str(legal).splitlines(), *told])


def _title(legal: LegalSizes) -> str:
    if any(isinstance(size, int) for size in legal.declared) and len(legal.declared) > 1:
        sizes = " x ".join("?" if size is None else escape(str(size)) for size in legal.declared)
        return f"{escape(legal.input)} (declared as {sizes}) takes"
    return f"{escape(legal.input)} takes"


def _row(label: str, text: str, width: int) -> list[str]:
    """`label   text`, the text folded beside the label."""
    column = LABEL + 1
    room = max(width - column, 24)
    folded = textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=True) or [""]
    start = label if len(label) >= LABEL else f"{label:<{LABEL}}"
    return [f"{start if number == 0 else ' ' * LABEL} {line}" for number, line in enumerate(folded)]


def _sets(legal: LegalSizes) -> Iterator[tuple[str, str]]:
    texts: dict[str, list[str]] = {}
    for name, sizes in legal.items():
        texts.setdefault(set_text(sizes, legal.way, doubt_told=bool(legal.rests)), []).append(name)
    for text, names in texts.items():
        yield ", ".join(names), text
    if legal.joint is not None:
        told = pairs(legal.joint)
        kept = told if len(told) <= MOST else [*told[: MOST - 1], f"and {len(told) - MOST + 1} more pairs"]
        for number, line in enumerate(kept):
            yield "" if number else "together", line


def set_text(sizes: SizeSet, way: str = "", *, doubt_told: bool = False) -> str:
    """The set in words, with its first members where those are not plain to see; `way` as `LegalSizes` has it. That it is not exact
    is left out where it is told above.
    """
    if not sizes:
        return f"no size {way}: others may work" if way else "no size at all"
    text = sizes.text()
    if not sizes.finite and sizes.modulus > 1:
        text += f": {', '.join(map(str, sizes.first(3)))} ..."
    if sizes.exact or doubt_told:
        return text
    if way:
        return f"{text} ({way}: others may work too, and some of these may not)"
    return f"{text} (at most these: not all of the network could be followed)"


def _reasons(legal: LegalSizes) -> Iterator[tuple[str, str]]:
    """Every reason once, with the axis where it does not hold for all."""
    axes: dict[str, list[str]] = {}
    for name, sizes in legal.items():
        for reason in sizes.reasons:
            text = f"{escape(reason.node)}: {escape(reason.text)}" if reason.node else escape(reason.text)
            axes.setdefault(text, []).append(name)
    told = [
        text if len(names) == len(legal) else f"{text} ({' and '.join(dict.fromkeys(names))})"
        for text, names in axes.items()
    ]
    kept = told if len(told) <= MOST else [*told[: MOST - 1], f"and {len(told) - MOST + 1} more conditions"]
    for number, text in enumerate(kept):
        yield "" if number else "because", text


def _near(legal: LegalSizes, near: Sequence[Fit]) -> Iterator[tuple[str, str]]:
    """For each size asked for: legal, or the nearest and what to do to the image."""
    if legal.joint is not None and near:
        yield from _near_together(legal, near)
        return
    alike: dict[tuple[object, ...], list[Fit]] = {}
    for fit in near:
        alike.setdefault((fit.size, fit.below, fit.above, fit.pad, fit.crop, fit.undo), []).append(fit)
    for fits in alike.values():
        fit = fits[0]
        label = f"near {fit.size}" if len(fits) == len(near) else f"{', '.join(one.axis for one in fits)} {fit.size}"
        around = [size for size in (fit.below, fit.above) if size is not None]
        if fit.size in around:
            yield label, _taken(legal)
            continue
        yield label, _verdict([str(size) for size in around], legal)
        for size in reversed(around):
            yield f"  for {size}", _reached(fit, size)


def _near_together(legal: LegalSizes, near: Sequence[Fit]) -> Iterator[tuple[str, str]]:
    """The same where only some combinations are legal."""
    wanted = tuple(fit.size for fit in near)
    whole = [point for point in (_point(fit.below for fit in near), _point(fit.above for fit in near)) if point]
    points = list(dict.fromkeys(whole)) or [
        point for point in [_point(fit.below or fit.above for fit in near)] if point
    ]
    if wanted in points:
        yield f"near {show(wanted)}", _taken(legal)
        return
    yield f"near {show(wanted)}", _verdict([show(point) for point in points], legal)
    for point in reversed(points):
        done: dict[str, list[str]] = {}
        for fit, size in zip(near, point, strict=True):
            done.setdefault(_reached(fit, size), []).append(fit.axis)
        same = len(done) == 1
        yield (
            f"  for {show(point)}",
            "; ".join(text if same else f"{' and '.join(axes)}: {text}" for text, axes in done.items()),
        )


def _point(sizes: Iterable[int | None]) -> tuple[int, ...] | None:
    found = tuple(sizes)
    known = tuple(size for size in found if size is not None)
    return known if len(known) == len(found) else None


def _taken(legal: LegalSizes) -> str:
    """What is said of sizes that lie in the sets; those of sets that are not exact may be refused all the same."""
    if legal.exact:
        return "legal"
    if legal.rests or legal.way:
        return "legal in the printed order" if legal.rests else f"legal {legal.way}"
    return "may be legal: not all of the network could be followed"


def _verdict(around: Sequence[str], legal: LegalSizes) -> str:
    verdict = "not legal in the printed order" if legal.rests else "not legal"
    if not around:
        return f"{verdict}, and no size is"
    nearest = "the nearest" if legal.exact or legal.rests or legal.way else "the nearest that may be"
    return f"{verdict}; {nearest} {'is' if len(around) == 1 else 'are'} {' and '.join(around)}"


def _reached(fit: Fit, size: int) -> str:
    """What to do to an image of the size asked for, and what that does to the output."""
    if size > fit.size and fit.pad is not None:
        undo = f", then crop {_sides(fit.undo)} off the output" if fit.undo and any(fit.undo) else ""
        return f"pad {_sides(fit.pad)}{undo}"
    return f"crop {_sides(fit.crop)}" if size < fit.size and fit.crop is not None else "as it is"


def _sides(cells: tuple[int, int]) -> str:
    return f"{cells[0]} before and {cells[1]} after"


def _remade(near: Sequence[Fit], remade: Sequence[Remade], dialect: str) -> Iterator[tuple[str, str]]:
    """The dense layers that would take the size: `fc1: in_features=256 would take 28 x 28`."""
    wanted = show(tuple(fit.size for fit in near))
    for number, one in enumerate(remade):
        made = MADE.get(dialect, "weights for {} features").format(one.features)
        subject = f"{escape(one.node)} with {made}" if dialect != "keras" else f"{escape(one.node)} {made}"
        yield "" if number else "  or", f"{subject} instead of {one.now} would take {wanted}"
