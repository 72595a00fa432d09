"""Sets of sizes in words: short, and exact to the last size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

NOTHING = "no size"


def runs(sizes: Sequence[int]) -> str:
    """Numbers in rising order, with runs and even steps written short.

    >>> runs([1, 2, 3, 4, 9, 11, 13, 15, 20])
    '1..4, 9, 11, ..., 15, 20'
    """
    return ", ".join(_pieces(sizes))


def _pieces(sizes: Sequence[int]) -> Iterator[str]:
    at = 0
    while at < len(sizes):
        step = sizes[at + 1] - sizes[at] if at + 1 < len(sizes) else 0
        last = at
        while last + 1 < len(sizes) and sizes[last + 1] - sizes[last] == step:
            last += 1
        if step == 1 and last > at:
            yield f"{sizes[at]}..{sizes[last]}" if last > at + 1 else f"{sizes[at]}, {sizes[last]}"
        elif last >= at + 3:
            yield f"{sizes[at]}, {sizes[at + 1]}, ..., {sizes[last]}"
        else:
            last = at
            yield str(sizes[at])
        at = last + 1


def braced(sizes: Sequence[int]) -> str:
    """`{28..31}`."""
    return f"{{{runs(sizes)}}}"


def sentence(
    exceptions: Sequence[int], start: int | None, modulus: int, residues: Sequence[int], name: str = "n"
) -> str:
    """The set in words: `n >= 188 and n = 12 (mod 16)`, `every even n, and 3`, `n in {28}`."""
    if start is None:
        return f"{name} in {braced(exceptions)}" if exceptions else NOTHING
    if not exceptions:
        return regular(start, modulus, residues, name)
    first, inside = exceptions[0], set(residues)
    if first < start and all(size % modulus in inside for size in exceptions):
        members = set(exceptions)
        if (start - first) // modulus * len(residues) <= 2 * len(exceptions):
            gaps = [n for n in range(first, start) if n % modulus in inside and n not in members]
            if len(gaps) < len(exceptions):
                return f"{regular(first, modulus, residues, name)}, but not {runs(gaps)}"
    return f"{regular(start, modulus, residues, name)}, and {runs(exceptions)}"


def regular(start: int, modulus: int, residues: Sequence[int], name: str = "n") -> str:
    """The regular part alone; nothing is said of a start that the residues give by themselves."""
    natural = start <= modulus and not any(0 < residue < start for residue in residues)
    if modulus == 1:
        return f"every {name}" if start == 1 else f"{name} >= {start}"
    if natural and list(residues) == [0]:
        return f"every even {name}" if modulus == 2 else f"every multiple of {modulus}"
    if natural and modulus == 2:
        return f"every odd {name}"
    rests = residues_in_words(modulus, residues, name)
    return rests if natural else f"{name} >= {start} and {rests}"


def residues_in_words(modulus: int, residues: Sequence[int], name: str = "n") -> str:
    """`n = 12 (mod 16)`, or `n != 3 (mod 16)` where that is shorter."""
    inside = set(residues)
    others = [rest for rest in range(modulus) if rest not in inside]
    if len(others) < len(residues) and len(runs(others)) < len(runs(residues)):
        return f"{name} != {runs(others)} (mod {modulus})"
    return f"{name} = {runs(residues)} (mod {modulus})"
