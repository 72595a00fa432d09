"""Few sizes are left and a node could not be followed: each size is tried, and the set is exact."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from build import Builder

from convwise.answers.network.flowing import run
from convwise.answers.network.legal import LegalSizes, legal_sizes
from convwise.answers.network.settling import MOST_TRIED
from convwise.graph import Network
from convwise.ops import Dense, Flatten
from convwise.ops.several import Concat, Elementwise, Opaque, ReshapeTo, SizeOf
from convwise.readers.models import read


def tokens(cells: int, table: int, *, magic: bool = False) -> Network:
    """Rows times columns must be `cells`; a token joins them, and a stored table of `table` is added to them."""
    b = Builder()
    b.add("Gemm", (Flatten(), Dense(3 * cells, 5)), "x", name="head")
    x = b.add("Reshape", ReshapeTo((SizeOf(0, 0), 3, -1)), "x", name="flat")
    x = b.add("Magic", Opaque("an operator that is not known"), x, name="magic") if magic else x
    x = b.add("Concat", Concat(2), "token", x, name="join")
    b.add("Add", Elementwise("add"), x, "table", name="place")
    return replace(b.network("head", "place"), shapes={"token": (1, 3, 1), "table": (1, 3, table)})


def tried(network: Network, last: int) -> set[tuple[int, int]]:
    sizes = product(range(1, last + 1), repeat=2)
    return {pair for pair in sizes if not run(network, (1, 3, *pair), strict=False).errors}


def taken(legal: LegalSizes, last: int) -> set[tuple[int, int]]:
    return {pair for pair in product(range(1, last + 1), repeat=2) if legal.takes(pair)}


def test_a_token_beside_a_product_of_sizes() -> None:
    network = tokens(6, 7)
    legal = legal_sizes(network)
    assert legal.exact
    assert taken(legal, 8) == tried(network, 8) == {(1, 6), (2, 3), (3, 2), (6, 1)}
    assert str(legal["height"]) == "n in {1..3, 6}"
    assert "join" not in {reason.node for reason in legal["height"].reasons}


def test_a_table_that_no_size_fits() -> None:
    network = tokens(6, 9)
    legal = legal_sizes(network)
    assert legal.exact
    assert taken(legal, 8) == tried(network, 8) == set()
    assert legal["height"].minimum is None
    assert any(
        reason.node == "place" and reason.text.startswith("does not take what comes of 2 x 3: ")
        for reason in legal["width"].reasons
    )


def test_one_size_is_no_joint_condition() -> None:
    legal = legal_sizes(tokens(1, 2))
    assert (legal.exact, legal.joint, str(legal)) == (True, None, "height: n in {1}\nwidth: n in {1}")


@pytest.mark.parametrize("network", [tokens(6, 7, magic=True), tokens(720, 721)], ids=["unknown", "too many"])
def test_what_is_not_settled_stays_open(network: Network) -> None:
    legal = legal_sizes(network)
    assert not legal.exact
    assert {"magic", "join"} & {reason.node for reason in legal["height"].reasons}
    assert (legal.takes((2, 3)), MOST_TRIED) == (network.nodes[2].name == "magic", 16)


STEEP = "nn.Conv2d(3, 4, 5, stride=97), nn.ReLU(), nn.MaxPool2d(3, stride=89), nn.Conv2d(4, 4, 3, stride=83)"


@pytest.mark.parametrize(
    ("code", "bound"),
    [
        (f"nn.Sequential({STEEP})", 17465),
        (f"nn.Sequential({', '.join(['nn.Conv2d(3, 3, 3, stride=2)'] * 17)})", 2**18 - 1),
        (f"nn.Sequential({', '.join(['nn.Conv2d(3, 3, 3, stride=2, padding=1)'] * 17)})", 1),
    ],
)
def test_strides_whose_product_is_beyond_any_table(code: str, bound: int) -> None:
    network = read(code)
    legal = legal_sizes(network)
    assert (legal.exact, str(legal["height"])) == (True, "every n" if bound == 1 else f"n >= {bound}")
    for size in (bound - 1, bound, bound + 1, bound + 4711, 3 * bound):
        if size:
            assert (not run(network, (1, 3, size, bound), strict=False).errors) == (size in legal["height"])
    if bound > 1:
        (reason,) = legal["width"].reasons
        assert reason.node == network.nodes[-1].name
        assert reason.text == f"the windows up to this one need n >= {bound}"


@pytest.mark.parametrize("more", ["nn.Conv2d(4, 4, 2), nn.PixelUnshuffle(3)", "nn.Flatten(), nn.Linear(36, 2)"])
def test_steep_lines_with_other_conditions_stay_open(more: str) -> None:
    assert not legal_sizes(read(f"nn.Sequential({STEEP}, {more})")).exact
