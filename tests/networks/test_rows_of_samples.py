"""`x.view(-1, n)` where a sample has not n numbers: told exactly where the network's rows are not its samples."""

from __future__ import annotations

import re
from itertools import product

import pytest

import convwise as cw
from convwise.answers.explanation import Finding
from convwise.answers.network.together import pairs
from convwise.graph import Network

LENET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 10)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = ROWS
        return self.fc2(F.dropout(F.relu(self.fc1(F.dropout(x, 0.5))), 0.5))
"""
VIEW = LENET.replace("ROWS", "x.view(-1, 16 * 5 * 5)")
JAX = """
class Net(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(1, 6, (5, 5), padding="VALID", rngs=rngs)
        self.fc = nnx.Linear(400, 10, rngs=rngs)
    def __call__(self, x):
        x = self.conv(x)
        return self.fc(x.reshape(-1, 400))
"""


def told(network: Network, *shape: int) -> list[Finding]:
    return [one for one in network.check(shape) if one.code == "CW523"]


@pytest.mark.parametrize("rows", ["x.view(-1, 400)", "x.reshape((-1, 400))", "torch.reshape(x, (-1, 400))"])
def test_told_where_the_output_has_not_a_row_for_each_sample(rows: str) -> None:
    network = cw.read(LENET.replace("ROWS", rows))
    seen = set()
    for batch, height, width in product((1, 3, 25), (28, 32, 35, 36, 52), (16, 32, 34, 52, 115)):
        try:
            out = network.trace((batch, 1, height, width))[-1].output
        except cw.ShapeError:
            continue
        assert out is not None
        assert bool(told(network, batch, 1, height, width)) == (out[0] != batch)
        seen.add((out[0] or 0) - batch)
    assert min(seen) < 0 < max(seen)
    assert 0 in seen


def test_the_arithmetic_what_to_do_and_the_sizes_are_told() -> None:
    (one,) = told(cw.read(VIEW), 4, 1, 52, 52)
    assert (one.level, one.node) == ("warning", "view_6")
    assert (
        one.text == "4 samples become 16 rows: each has 16x10x10 = 1,600 numbers, and a row 400: 4 x 1,600 / 400 = 16"
    )
    first, second = one.hint.splitlines()
    assert first.startswith("x.flatten(1) keeps a row for each sample; the layer behind it takes 1,600 features then")
    assert "both 32..35; or one 16..19, the other 112..115; nearest to 52x52: 35x35" in second
    (one,) = told(cw.read(VIEW), 100, 1, 28, 28)
    assert "100 samples become 64 rows: each has 16x4x4 = 256 numbers" in one.text


def test_one_image_without_a_batch_becomes_several_rows() -> None:
    (one,) = told(cw.read(VIEW, input_shape=(1, 52, 52)), 1, 52, 52)
    assert one.text.startswith("1 sample becomes 4 rows: each has 16x10x10 = 1,600 numbers")
    assert "legal sizes" not in one.hint
    assert told(cw.read(VIEW, input_shape=(1, 32, 32)), 1, 32, 32) == []


def test_inspect_and_why_tell_it_too() -> None:
    assert [one.code for one in cw.read(VIEW).trace((4, 1, 52, 52)).notes] == ["CW523"]
    branch = VIEW.replace("self.fc2(F", "self.fc2(x[:, :120] + F")
    for text in (VIEW, branch):
        why = cw.explain(text, (4, 1, 52, 52))
        assert [one.code for one in why.findings if one.level == "warning"] == ["CW523"]
        assert any("x.flatten(1)" in line for fact in why.facts for line in fact.lines)
        assert all(one.code != "CW523" for one in cw.explain(text, (4, 1, 32, 35)).findings)


@pytest.mark.parametrize("text", [VIEW, VIEW.replace("self.fc2(F", "self.fc2(x[:, :120] + F")])
def test_sizes_proposed_where_the_view_is_refused_give_a_row_for_each_sample(text: str) -> None:
    (one,) = [one for one in cw.read(text).check((4, 1, 37, 39)) if one.code == "CW106"]
    assert "both 32..35; or one 16..19, the other 112..115; nearest to 37x39: 35x35" in one.hint
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(text, (4, 1, 37, 39))
    assert caught.value.explanation is not None
    (works,) = [fact.lines for fact in caught.value.explanation.facts if fact.label == "would work"]
    assert re.search("32 ?x ?32 to 35 ?x ?35", works[0])


def test_where_no_size_gives_a_row_for_each_sample_those_that_divide_are_proposed() -> None:
    text = LENET.replace("ROWS", "x.view(-1, 24)").replace("400", "24")
    (one,) = [one for one in cw.read(text).check((1, 1, 35, 35)) if one.code == "CW106"]
    assert "1 x 16 x 5 x 5 = 400, not a multiple of 24" in one.text
    (sizes,) = re.findall("to 35x35: ([0-9]+)x([0-9]+)", one.hint)
    assert cw.read(text).trace((1, 1, *map(int, sizes)))[-1].output is not None


def test_open_sizes_are_a_note_with_the_sizes_that_give_a_row_each() -> None:
    (one,) = cw.read(VIEW).trace().notes
    assert (one.code, one.level) == ("CW523", "note")
    assert "both 32..35; or one 16..19, the other 112..115" in one.hint
    told = cw.read(VIEW).symbolic().where()
    assert told[0] == "H (height) and W (width): n >= 16"
    assert told[1].startswith("height and width are both n >= 32 and n = 12..15 (mod 20); or one ")


@pytest.mark.parametrize("rows", ["x.flatten(1)", "x.view(x.size(0), -1)", "x.view(-1, x.shape[1] * 25)"])
def test_what_keeps_the_batch_is_not_told(rows: str) -> None:
    assert told(cw.read(LENET.replace("ROWS", rows)), 4, 1, 32, 33) == []


def test_rows_of_positions_are_meant() -> None:
    text = VIEW.replace("x.view(-1, 16 * 5 * 5)", "x.permute(0, 2, 3, 1).reshape(-1, 16)").replace("400", "16")
    assert cw.read(text).trace((4, 1, 32, 36))[-1].output == (4 * 5 * 6, 10)
    assert told(cw.read(text), 4, 1, 32, 36) == []


@pytest.mark.parametrize(
    "end",
    ["self.fc1(x.view(-1, 400)).view(x.size(0), -1)", "F.relu(x.view(-1, 400))", "self.fc1(x.flatten(1)[:, :400])"],
)
def test_rows_that_are_put_together_again_or_that_no_dense_layer_reads_are_not_told(end: str) -> None:
    text = VIEW.replace("x = x.view(-1, 16 * 5 * 5)", f"return {end}")
    assert told(cw.read(text), 4, 1, 52, 52) == []


def test_other_frameworks_are_told_in_their_words() -> None:
    keras = "x = i = keras.Input((None, None, 1))\nx = layers.Conv2D(16, 5)(x)\nx = keras.ops.reshape(x, (-1, 400))\nm = keras.Model(i, layers.Dense(10)(x))"
    (one,) = told(cw.read(keras), 2, 14, 14, 1)
    assert one.text.startswith("2 samples become 8 rows: each has 10x10x16 = 1,600 numbers")
    assert one.hint.startswith("layers.Flatten() keeps a row")
    (one,) = told(cw.read(JAX), 2, 14, 24, 1)
    assert one.text.startswith("2 samples become 6 rows: each has 10x20x6 = 1,200 numbers")
    assert one.hint.startswith("x.reshape(x.shape[0], -1) keeps a row")


def test_boxes_of_three_axes_that_begin_lowest_come_first() -> None:
    text = "nn.Sequential(nn.Conv3d(3, 16, 3, padding=1), nn.MaxPool3d(2))"
    net = f"class N(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.f = {text}\n        self.l = nn.Linear(1024, 5)\n"
    net += "    def forward(self, x):\n        return self.l(self.f(x).view(-1, 1024))\n"
    joint = cw.read(net).legal_sizes().joint
    assert joint is not None
    lowest = [max(part.minimum or 0 for part in box) for box in joint.boxes]
    told = pairs(joint)
    numbers = [max(map(int, re.findall(r"n >= (\d+)", line.replace("every multiple of", "n >=")))) for line in told]
    assert numbers == sorted(numbers) != lowest
    assert cw.read(net).symbolic().joint[0].startswith(f"depth and height and width are {told[0]}; or {told[1]}")
