"""How to feed an image of any size: pads, crops, and the crop that undoes the pads; sizes in words."""

from __future__ import annotations

from build import Builder, lenet, resnet, unet

import convwise as cw
from convwise.answers.network.conditions import boxes_multiple
from convwise.answers.network.fitting import Fit, fits
from convwise.answers.network.legal import legal_sizes
from convwise.answers.network.symbolic import follow
from convwise.axis import Window
from convwise.graph import Network, Node, Source
from convwise.ops import Conv, Resize
from convwise.ops.several import Arithmetic, Concat, Elementwise, Opaque, ReshapeTo, SizeOf
from convwise.sizes import SizeSet, identity


def test_a_padded_u_net() -> None:
    height, wide = fits(unet("none", 1), (350, 352))
    assert height == Fit("height", 350, 336, 352, (1, 1), (7, 7), (1, 1))
    assert wide == Fit("width", 352, 352, 352, (0, 0), (0, 0), (0, 0))


def test_a_valid_u_net_and_a_classifier() -> None:
    assert fits(unet(), (570, 572))[0] == Fit("height", 570, 556, 572, (1, 1), (7, 7), (1, 1))
    height = fits(lenet(), (40, 30))[0]
    assert (height.below, height.above, height.undo) == (35, None, None)


def test_pads_are_put_where_the_undoing_crop_is_whole() -> None:
    b = Builder()
    x = b.conv(b.pool("x"), (3, 3), 1)
    b.concat(b.up(b.pool(b.pool(x)), (3, 3)), b.pool(x), name="join")
    assert str(legal_sizes(b.network())["height"]) == "n >= 8 and n = 0..3 (mod 8)"
    (height, _) = fits(b.network(), (30, 32))
    assert (height.above, height.pad, height.undo) == (32, (0, 2), None)


def test_sizes_in_words() -> None:
    symbolic = follow(resnet("18"))
    assert symbolic.words("add4_2") == ("1", "512", "floor((H - 1) / 32) + 1", "floor((W - 1) / 32) + 1")
    network = unet("none", 1)
    symbolic = follow(network)
    legal = legal_sizes(network)
    keys = dict(enumerate(legal.sets))
    assert symbolic.words("bottom", keys) == ("1", "64", "H / 16", "W / 16")
    words = follow(lenet()).words("flatten6")
    assert words == ("1", "16 x (floor(H / 4) - 3) x (floor(W / 4) - 3)")


def test_what_cannot_be_followed_is_named() -> None:
    from fractions import Fraction

    b = Builder()
    x = b.add("Resize", (Resize(scales=(Fraction(0.7), Fraction(2)), exact=False),), "x", name="shrink")
    b.conv(x, (3, 4), 3)
    legal = legal_sizes(b.network())
    assert not legal["height"].exact
    assert legal["width"].exact
    (reason,) = legal["height"].reasons
    assert reason.node == "shrink"
    assert "scales by 0.7" in reason.text


def test_an_unknown_node_makes_its_own_axes_inexact() -> None:
    b = Builder()
    b.add("Magic", Opaque("its operator is not known"), "x", name="magic")
    b.plus("x", "magic")
    legal = legal_sizes(b.network())
    assert not legal.exact
    assert {reason.node for reason in legal["width"].reasons} == {"magic", "add1"}


def test_what_no_size_meets() -> None:
    b = Builder()
    b.conv("x", (4, 8), 3, name="wrong")
    legal = legal_sizes(b.network())
    assert legal.exact
    assert str(legal["height"]) == "no size"
    assert [str(reason) for reason in legal["height"].reasons] == ["wrong: needs 4 channels"]


def test_two_inputs() -> None:
    sources = (Source("a", (None, 3, None, None)), Source("b", (None, 3, None, None)))
    first = Node("half", "Conv", (Conv((Window(2, 2),) * 2, 3, 3),), ("a",), ("h",))
    nodes = (first, Node("join", "Concat", Concat(1), ("h", "b"), ("j",)))
    network = Network("two", "onnx", sources, nodes, ("j",))
    legal = legal_sizes(network, "a")
    assert legal["height"].minimum == 2
    assert not legal.exact
    assert any(reason.node == "join" for reason in legal["height"].reasons)
    alone = Network("two", "onnx", sources, (first,), ("h",))
    assert str(legal_sizes(alone, "a")["width"]) == "n >= 2"
    assert str(legal_sizes(alone, "b")["width"]) == "every n"


def test_single_sizes_by_broadcasting() -> None:
    b = Builder()
    one = b.conv("x", (3, 3), 3, 2, 1)
    two = b.pool("x")
    b.add("Add", Elementwise("add"), one, two)
    assert str(legal_sizes(b.network())["height"]) == "every even n, and 3"


def test_shares_of_a_divisor() -> None:
    factors = ((0, identity()), (1, identity()))
    boxes = boxes_multiple(factors, 12)
    empty = SizeSet.none()
    for one in range(1, 30):
        for other in range(1, 30):
            inside = any(one in box.get(0, empty) and other in box.get(1, SizeSet.every()) for box in boxes)
            assert inside == (one * other % 12 == 0)


def test_windows_cut_out_of_both_axes() -> None:
    b = Builder()
    rows, columns = (Arithmetic("floor_divide", SizeOf(0, axis), 7) for axis in (2, 3))
    b.add("Reshape", ReshapeTo((1, 3, rows, 7, columns, 7)), "x", name="windows")
    legal = legal_sizes(b.network())
    assert legal.exact
    assert str(legal) == "height: every multiple of 7\nwidth: every multiple of 7"
    assert [reason.node for reason in legal["height"].reasons] == ["windows"]


def test_a_crop_that_leaves_nothing_is_not_proposed() -> None:
    """Padded from 5 to 7 a window of 7 gives one cell, of which a cell on each side cannot be cut off."""
    for text, size, above in (("nn.Conv2d(3, 8, 7)", 5, 7), ("nn.Conv2d(3, 8, 3)", 0, 3)):
        height, width = fits(cw.read(text), (size, above), None)
        assert (height.above, height.undo) == (above, None)
        assert width.undo == (0, 0)
    (height, _) = fits(cw.read("nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Conv2d(8, 8, 5))"), (5, 11), None)
    assert (height.above, height.undo) == (11, None)
    (height, _) = fits(cw.read("nn.ConvTranspose2d(3, 8, 2, stride=2)"), (0, 4), None)
    assert (height.above, height.undo) == (1, None)


def test_advice_is_about_the_whole_network() -> None:
    """What the broken layer alone would take is less, and where axes are in the wrong places no size is told at all."""
    network = cw.read("nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Conv2d(8, 8, 5))")
    (error,) = [one for one in network.check((1, 3, 8, 9)) if one.level == "error"]
    assert error.hint.splitlines() == [
        "height: the legal sizes are n >= 11; nearest to 8: 11 (pad 1 + 2)",
        "width: the legal sizes are n >= 11; nearest to 9: 11 (pad 1 + 1)",
        "or a smaller kernel or dilation, or more padding there",
    ]
    (error,) = [one for one in network.check((1, 28, 29, 3)) if one.level == "error"]
    assert error.hint == "the order is N, C, H, W: did you mean 1x3x28x29?"
