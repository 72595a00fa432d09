"""The law of free sizes: for every size the maps give what concrete shapes give, and a size is legal if and only if they flow."""

from __future__ import annotations

from fractions import Fraction

import pytest
from build import alexnet, fpn, inception, lenet, resnet, unet, vgg
from drawing import CHANNELS, networks
from hypothesis import HealthCheck, given, settings

from convwise.answers.network.flowing import run
from convwise.answers.network.legal import legal_of, legal_sizes
from convwise.answers.network.symbolic import follow
from convwise.graph import Network, Node, Source
from convwise.ops.several import PadTo, Scale, SizeOf

SIZES = ((n, 40 - n) for n in range(1, 40))
SAMPLE = [*SIZES, *((n, n) for n in range(1, 40)), (64, 9), (7, 100), (33, 34), (128, 129)]


def agree(network: Network, channels: int, sample: list[tuple[int, int]]) -> None:
    symbolic = follow(network)
    legal = legal_of(symbolic)
    for height, wide in sample:
        flowed = run(network, (1, channels, height, wide), strict=False)
        fits = not flowed.errors
        if legal.exact:
            assert legal.takes((height, wide)) == fits, (height, wide, flowed.errors, str(legal))
        elif fits:
            assert legal.takes((height, wide)), (height, wide, str(legal))
        if fits:
            for node in network.nodes:
                for name in node.outputs:
                    expected, found = flowed.shapes[name], symbolic.at(name, {0: height, 1: wide})
                    if found is None:
                        continue
                    assert expected is not None
                    pairs = [(one, other) for one, other in zip(expected, found, strict=True) if other is not None]
                    assert all(one == other for one, other in pairs), (name, height, wide, expected, found)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks())
def test_free_sizes_agree_with_numbers(network: Network) -> None:
    agree(network, CHANNELS, SAMPLE)


@pytest.mark.parametrize(
    "network",
    [
        alexnet(),
        vgg(11),
        resnet("18"),
        unet(),
        unet("centre"),
        unet("none", 1),
        fpn(),
        fpn(like=True),
        inception(),
        lenet(),
    ],
    ids=lambda network: network.title,
)
def test_real_networks_agree_with_numbers(network: Network) -> None:
    channels = network.sources[0].declared[1]
    assert isinstance(channels, int)
    agree(network, channels, [(n, n + 5) for n in range(1, 300, 7)] + [(n, n) for n in range(180, 240)])


def test_the_u_net_of_2015() -> None:
    legal = legal_sizes(unet())
    assert str(legal["height"]) == str(legal["width"]) == "n >= 188 and n = 12 (mod 16)"
    assert {reason.node for reason in legal["height"].reasons} >= {"join1", "join2", "join3", "join4"}
    assert any(
        "needs floor((n - 4) / 8) - 15 = 2 floor((n + 4) / 16) - 16" in reason.text
        for reason in legal["height"].reasons
    )
    assert str(legal_sizes(unet("centre"))["height"]) == "n >= 188"
    assert str(legal_sizes(unet("none", 1))["height"]) == "every multiple of 16"
    assert legal["height"].nearest(350) == (348, 364)
    assert legal.joint is None
    assert run(unet(), (1, 1, 572, 572)).shapes["conv34"] == (1, 2, 388, 388)


def test_the_smallest_inputs() -> None:
    assert legal_sizes(alexnet())["height"].minimum == 63
    assert legal_sizes(vgg())["width"].minimum == 32
    assert str(legal_sizes(resnet("50"))["height"]) == "every n"


def test_flatten_couples_the_axes() -> None:
    legal = legal_sizes(lenet())
    assert str(legal.joint) == "height x width in {16..19} x {112..115} or {32..35} x {32..35} or {112..115} x {16..19}"
    assert str(legal["height"]) == "n in {16..19, 32..35, 112..115}"
    assert legal.takes((33, 35))
    assert not legal.takes((16, 16))
    assert legal.nearest((40, 40)) == (35, 35)
    assert any(reason.node == "fc1" for reason in legal["width"].reasons)


def test_a_computed_size_may_be_zero_where_it_is_no_size_of_a_map() -> None:
    half = Scale(SizeOf(0, 2), Fraction(1, 2))
    nodes = (Node("pad", "Pad", PadTo((2,), ((half, 0),)), ("x",), ("y",)),)
    network = Network("halves", "torch", (Source("x", (1, 3, None, None)),), nodes, ("y",))
    legal = legal_sizes(network)["height"]
    assert legal.exact
    assert legal.minimum == 1
    for size in range(1, 20):
        assert run(network, (1, 3, size, 5)).shapes["y"] == (1, 3, size + size // 2, 5)
        assert size in legal
