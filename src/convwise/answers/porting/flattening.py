"""The order in which a Flatten lays out the cells of a map, where the two sides keep their channels in different places."""

from __future__ import annotations

from collections.abc import Iterator

from convwise.answers.explanation import Fact
from convwise.answers.porting.arrangement import Arrangement
from convwise.answers.porting.difference import Reordered
from convwise.answers.porting.meeting import order_between
from convwise.answers.porting.reading import Chain
from convwise.errors import Refusal
from convwise.ops import Flatten, Shape, spatial_names


def flattening(one: Chain, other: Chain) -> list[Fact]:
    """Whether a Flatten lays out its cells in another order."""
    for first, _ in zip(_flattens(one), _flattens(other), strict=False):
        if len(first) > 2 and one.channels_last != other.channels_last and (sum(size != 1 for size in first[1:]) > 1):
            orders = tuple(_order(len(first) - 2, chain.channels_last) for chain in (one, other))
            if order_between(one.layers, other.layers, len(one.input)).plain:
                # Nothing before the Flatten knows of channels, so that both read one and the same array.
                line = f"both lay out the same array in the same order; of a map as each has it, the order would be {orders[0]} and {orders[1]}"
            else:
                line = f"cells come in the order {orders[0]} and {orders[1]}: the rows of a dense layer after it must follow (port does it)"
            return [Fact("flatten", (line,))]
    return []


def _flattens(chain: Chain) -> Iterator[Shape]:
    return (piece.input for piece in chain.pieces() if isinstance(piece.op, Flatten))


def _order(rank: int, channels_last: bool) -> str:
    spatial = ", ".join(spatial_names(rank))
    return f"{spatial}, channels" if channels_last else f"channels, {spatial}"


def orders(cells: Arrangement, channels_last: bool) -> tuple[str, str] | None:
    """The axes of the flattened cells in the source's order and in the target's, by name; None where more than the channels moved.

    >>> orders(Arrangement((0, 1), (3, 4, 2), (2, 0, 1)), channels_last=True)
    ('height, width, channels', 'channels, height, width')
    """
    count = len(cells.order)
    ways = {(count - 1, *range(count - 1)): True, (*range(1, count), 0): False}
    last = ways.get(cells.order)
    if last is None or not 2 <= count <= 4:
        return None
    last = channels_last if count == 2 else last
    return _order(count - 1, last), _order(count - 1, not last)


def reordered(one: Chain, other: Chain) -> Reordered | None:
    """The second is what the first is in its words, so that only the order of flattened cells tells them apart; shown by running the port."""
    from convwise.answers.porting.port import TARGETS, port

    if one.dialect == other.dialect or other.dialect not in TARGETS or not flattening(one, other):
        return None
    try:
        found = port(one, to=other.dialect)
    except Refusal:
        return None
    ops, pieces = [op for stage in found.stages for op in stage.ops], list(other.pieces())
    # Where a framework's words leave the input channels open, the ported op does too.
    same = len(ops) == len(pieces) and all(op in (one.op, one.free) for op, one in zip(ops, pieces, strict=True))
    if not same or not found.proof.equal:
        return None
    if not found.leaves.shuffled:
        told = "the rows of the dense layer's weights in its order of cells"
        return Reordered(False, ("", ""), f"the second as it stands, with {told} (port's convert_weights)")
    names = orders(found.leaves, one.channels_last) or ("the first's", "the second's")
    back = into_source(found.leaves, other.dialect)
    return Reordered(
        True, names, f"the second as it stands; y{back} puts its output into the first's order (port's convert_output)"
    )


def into_source(cells: Arrangement, dialect: str) -> str:
    """What to call on the target's flattened tensor so that its cells come in the source's order.

    >>> into_source(Arrangement((0, 1), (3, 4, 2), (2, 0, 1)), "torch")
    '.reshape(-1, 2, 3, 4).permute(0, 2, 3, 1).reshape(-1, 24)'
    """
    sizes = ", ".join(str(cells.cells[axis]) for axis in cells.order)
    axes = ", ".join(str(cells.order.index(axis) + 1) for axis in range(len(cells.order)))
    turn = "permute" if dialect == "torch" else "transpose"
    return f".reshape(-1, {sizes}).{turn}(0, {axes}).reshape(-1, {cells.count()})"


def rows_for_target(cells: Arrangement) -> str:
    """What to call on a dense kernel (in, out) of the source so that its rows follow the target's order of cells.

    >>> rows_for_target(Arrangement((0, 1), (3, 4, 2), (2, 0, 1)))
    '.reshape(3, 4, 2, -1).transpose(2, 0, 1, 3).reshape(24, -1)'
    """
    sizes = ", ".join(map(str, cells.cells))
    axes = ", ".join(map(str, cells.order))
    return f".reshape({sizes}, -1).transpose({axes}, {len(cells.order)}).reshape({cells.count()}, -1)"
