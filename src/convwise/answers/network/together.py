"""Sizes that are legal only together, in words: each pair once, whichever way round."""

from __future__ import annotations

from convwise.sizes import JointSet, SizeSet


def pairs(joint: JointSet) -> list[str]:
    """`both 32..35`, `one 16..19, the other 112..115`, or with the names of the axes; the square ones first, then those that begin lowest."""
    low = sorted(joint.boxes, key=lambda box: max(part.minimum or 0 for part in box))
    boxes = [tuple(_bare(part) for part in box) for box in low]
    lines = []
    for box in dict.fromkeys(boxes):
        if len(set(box)) == 1:
            lines.append(f"{'both' if len(box) == 2 else 'all'} {box[0]}")
        elif len(box) == 2 and box[::-1] in boxes:
            if boxes.index(box) < boxes.index(box[::-1]):
                lines.append(f"one {box[0]}, the other {box[1]}")
        else:
            lines.append(" with ".join(f"{name} {part}" for name, part in zip(joint.names, box, strict=True)))
    return sorted(lines, key=lambda line: not line.startswith(("both", "all")))


def _bare(sizes: SizeSet) -> str:
    return sizes.braces().removeprefix("{").removesuffix("}") if sizes.finite else sizes.text()
