"""Checks: each finding on a network that has the fault, with its numbers, and none on one that has not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from build import Builder, alexnet, lenet, resnet, unet, vgg
from readers.onnx_bytes import encode, graph, model, node, value

import convwise as cw
from convwise.answers.explanation import Finding
from convwise.answers.network.checking import check
from convwise.ask import ask
from convwise.axis import SAME_UPPER, Pads, Window
from convwise.errors import ArgumentError
from convwise.graph import Network
from convwise.ops import Conv, Pad, Pool
from convwise.ops.several import Opaque
from convwise.readers.models import read


def found(network: Network, shape: Any, code: str) -> list[Finding]:
    return [one for one in check(network, shape) if one.code == code]


def test_a_fine_network_has_nothing_to_tell() -> None:
    assert check(alexnet(), (1, 3, 224, 224)) == []
    assert [one.code for one in check(vgg(11), (1, 3, 224, 224))] == []


def test_an_illegal_size_names_the_node_and_the_nearest_sizes() -> None:
    first = check(unet("none", 1), (1, 1, 350, 352))[0]
    assert (first.code, first.level, first.node) == ("CW110", "error", "join4")
    assert "axis 2 is 43 in one input and 42 in another" in first.text
    assert (
        first.hint.splitlines()[0]
        == "height: the legal sizes are every multiple of 16; nearest to 350: 336 and 352 (pad 1 + 1)"
    )
    assert "width" not in first.hint


def test_a_joint_condition_is_told_where_each_axis_is_fine_alone() -> None:
    first = check(lenet(), (1, 1, 16, 33))[0]
    assert (first.code, first.node) == ("CW109", "fc1")
    assert "both 32..35; or one 16..19, the other 112..115" in first.hint
    assert "nearest to 16x33: 32x33" in first.hint


def test_features_that_no_size_gives() -> None:
    b = Builder(declared=("N", 1, None, None))
    x = b.flatten(b.pool(b.conv("x", (1, 32), 3, 1, 1)))
    b.dense(x, (1050, 10), name="fc")
    first = check(b.network(), (1, 1, 14, 14))[0]
    assert (first.code, first.level, first.node) == ("CW518", "error", "fc")
    assert first.text.startswith("no input size gives the 1050 features that the layer takes; this input gives 1568")
    assert first.hint == "make the layer for 1568 features"
    # 32 x 49 = 1568 can be reached, so there the size is what is wrong.
    assert found(lenet(), (1, 1, 40, 40), "CW518") == []


def test_lost_data_is_told_where_no_branch_reads_it() -> None:
    b = Builder()
    b.pool("x", name="pool")
    (tail,) = found(b.network(), (1, 3, 27, 28), "CW502")
    assert (tail.level, tail.node, tail.text) == ("note", "pool", "the last cell of 27 (height) is read by no window")
    b.conv("x", (3, 4), 3, 1, 1)
    assert found(b.network(), (1, 3, 27, 28), "CW502") == []
    gaps = found(resnet("50-original"), (1, 3, 64, 64), "CW501")
    assert gaps[0].level == "warning"
    assert gaps[0].text.startswith("8 of 16 cells (height and width) lie between or behind the windows")
    assert found(resnet("50"), (1, 3, 64, 64), "CW501") == []


def test_a_last_row_of_padding_is_no_loss() -> None:
    b = Builder()
    b.conv("x", (3, 4), 3, 2, 1)
    assert check(b.network(), (1, 3, 128, 128)) == []


def test_windows_in_the_padding() -> None:
    b = Builder()
    b.conv("x", (3, 4), 1, 1, 2, name="conv")
    (blind,) = found(b.network(), (1, 3, 8, 8), "CW503")
    assert blind.text == "4 of 12 windows (height and width) stand wholly in the padding"


def test_a_receptive_field_larger_than_the_input_is_told_once() -> None:
    (one,) = found(resnet("50"), (1, 3, 224, 224), "CW514")
    assert one.level == "note"
    assert "cells (height), the input has 224" in one.text
    assert found(resnet("50"), (1, 3, 512, 512), "CW514") == []


def test_even_kernels() -> None:
    b = Builder()
    b.add("Conv", (Conv((Window(4, padding=SAME_UPPER),) * 2, 3, 4),), "x", name="even")
    b.add("Conv", (Conv((Window(3, padding=SAME_UPPER),) * 2, 3, 4),), "x", name="odd")
    (one,) = found(b.network("even", "odd"), (1, 3, 9, 10), "CW516")
    assert (one.node, one.text) == ("even", "the window spans 4 cells and keeps the size: it pads 1 before and 2 after")


def efficient(first: Pads, second: Pads) -> Network:
    """Two strided layers behind stored padding."""
    b = Builder()
    x = b.add("ZeroPad2d", (Pad((first, first)),), "x")
    x = b.conv(x, (3, 4), 3, 2, name="stem")
    x = b.add("ZeroPad2d", (Pad((second, second)),), x)
    b.conv(x, (4, 4), 5, 2, name="block")
    return b.network()


def test_padding_that_was_stored_for_another_size() -> None:
    stored = efficient(Pads(0, 1), Pads(1, 2))
    assert found(stored, (1, 3, 224, 224), "CW517") == []
    one, other = found(stored, (1, 3, 227, 224), "CW517")
    assert (one.level, one.node) == ("warning", "stem")
    assert one.text == "the padding 0 + 1 (height) is `same` for another input size; for 227 cells it is 1 + 1"
    assert (other.node, "for 113 cells it is 2 + 2" in other.text) == ("block", True)
    # The same pads on both sides are what people write by hand.
    assert found(efficient(Pads(1, 1), Pads(2, 2)), (1, 3, 224, 224), "CW517") == []


def test_dead_branches() -> None:
    b = Builder()
    x = b.conv("x", (3, 4), 3)
    b.relu(b.conv(x, (4, 4), 3, name="aux"))
    main = b.relu(x)
    (one,) = found(b.network(main), (1, 3, 32, 32), "CW519")
    assert (one.level, one.node) == ("warning", "relu2")
    assert one.text == "no output of the network depends on it"
    assert found(b.network(main, "relu2"), (1, 3, 32, 32), "CW519") == []


def test_unknown_ops() -> None:
    b = Builder()
    b.add("Magic", Opaque("its operator is not known"), "x", name="magic")
    (one,) = found(b.network(), (1, 3, 9, 10), "CW513")
    assert (one.level, one.node, one.text) == ("note", "magic", "Magic is not followed: its operator is not known")


def test_a_batch_that_is_added_is_told() -> None:
    for given in ((3, 64, 80), {"x": "3x64x80"}):
        (one,) = found(vgg(11), given, "CW509")
        assert (one.level, one.node) == ("note", "x")
        assert one.text == "a batch of 1 was added: 1x3x64x80; 3x64x80 itself was not checked"
    assert found(vgg(11), (1, 3, 64, 80), "CW509") == []
    code = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.c = nn.Conv2d(3, 4, 3)\n"
    code += "        self.b = nn.BatchNorm2d(4)\n    def forward(self, x):\n        y = self.c(x)\n        return self.b(y) + y\n"
    told = ask({"command": "check", "model": code, "input": "3x9x9"})
    assert [one["code"] for one in told["findings"]] == ["CW509"]
    assert told["passed"]


def relu_file(*dims: int | str | None) -> bytes:
    body = graph([node("Relu", "x", "y")], inputs="", more=[(11, value("x", dims))])
    return encode(model(body))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((2, 3, 9, 10), "axis 0 is 2 and not 1"),
        ((1, 3, 9, 12), "axis 3 is 12 and not 10"),
        ((3, 8, 10), "axis 2 is 8 and not 9"),
        ((1, 3, 9, 10), ""),
        ((3, 9, 10), ""),
        (None, ""),
    ],
)
def test_an_input_other_than_the_file_declares_is_warned_of(given: Any, words: str) -> None:
    file = relu_file(1, 3, 9, 10)
    for network in (read(file), read(file, input_shape=given)):
        told = [one for one in network.check(given) if one.code == "CW521"]
        start = "the file declares 1x3x9x10, and onnxruntime refuses another input: "
        assert [(one.level, one.node, one.text) for one in told] == ([("warning", "x", start + words)] if words else [])
    assert [one.code for one in read(relu_file("N", 3, None, "W")).check(given)] == (
        ["CW509"] if given and len(given) == 3 else []
    )


def test_levels_can_be_changed_and_codes_silenced() -> None:
    b = Builder()
    b.add("Pool", (Pool("max", (Window(2, 2), Window(2, 3))),), "x")
    network = b.network()
    assert [one.level for one in check(network, (1, 3, 9, 9))] == ["warning", "note"]
    changed = check(network, (1, 3, 9, 9), {"CW502": "error", "cw501": "off"})
    assert [(one.code, one.level) for one in changed] == [("CW502", "error")]
    with pytest.raises(ArgumentError, match=r"no level 'fatal' \(for CW502\)"):
        check(network, (1, 3, 9, 9), {"CW502": "fatal"})


def test_errors_come_first_and_a_break_is_told_once() -> None:
    broken = check(replace(vgg(11), outputs=("pool5",)), (1, 3, 30, 64))
    assert broken[0].level == "error"
    assert [one.node for one in broken if one.level == "error"] == ["pool5"]
    assert "height: the legal sizes are n >= 32; nearest to 30: 32 (pad 1 + 1)" in broken[0].hint


@pytest.mark.parametrize(
    ("code", "shape", "batched", "own"),
    [
        ("nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 2)", (3, 8, 8), "1x3x8x8", "write nn.Linear(36, 2)"),
        (
            "nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)",
            (3, 8, 8),
            "1x3x8x8",
            "write nn.Linear(1, 2)",
        ),
        ("nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)", (3, 8, 8), "1x3x8x8", "add the batch: 1x8x6x6"),
        ("nn.Flatten(), nn.Linear(784, 10)", (784,), "1x784", "axes are numbered -1 to 0"),
    ],
)
def test_a_batch_that_is_missing_is_the_first_advice(code: str, shape: tuple[int, ...], batched: str, own: str) -> None:
    text = f"nn.Sequential({code})"
    (found,) = cw.read(text, input_shape=shape).check(shape)
    assert found.code in ("CW109", "CW101")
    assert found.hint.splitlines() == [
        f"give {batched}: the input has no batch axis, and with a batch of 1 all fits",
        own,
    ]
    whole = tuple(int(size) for size in batched.split("x"))
    assert not [one for one in cw.read(text, input_shape=whole).check(whole) if one.level == "error"]


def test_a_batch_is_not_advised_where_it_does_not_help() -> None:
    (found,) = cw.read(
        "nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 2))", input_shape=(3, 9, 9)
    ).check()
    assert "batch" not in found.hint


def test_what_runs_in_evaluation_alone_is_told() -> None:
    """As PyTorch does: a batch of 1 whose maps are single cells, and nothing larger."""
    code = "nn.Sequential(nn.AdaptiveAvgPool2d({}), nn.BatchNorm2d(3), nn.BatchNorm2d(3, track_running_stats={}))"
    (one,) = found(
        cw.read(code.format(1, True).replace(", nn.BatchNorm2d(3, track_running_stats=True)", "")),
        (1, 3, 9, 10),
        "CW522",
    )
    assert (one.level, one.node) == ("note", "1")
    assert (
        one.text
        == "in training PyTorch refuses BatchNorm2d here, on 1 x 3 x 1 x 1: one value per channel has no spread to normalise by"
    )
    for shape, size in (((2, 3, 9, 10), 1), ((1, 3, 9, 10), (1, 2)), ((None, 3, 9, 10), 1)):
        assert found(cw.read(code.format(size, True)), shape, "CW522") == []
    # Without stored moments evaluation refuses it as well.
    (error,) = cw.read(code.format(1, False)).check((1, 3, 9, 10))[:1]
    assert (error.level, error.node) == ("error", "2")
