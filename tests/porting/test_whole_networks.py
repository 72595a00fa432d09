"""Whole networks told apart: by their rows, and by their values where both can be run."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pytest
from readers.onnx_bytes import INT64, node, tensor, whole

import convwise as cw
from convwise.answers.porting.difference import Difference
from convwise.cli import main
from convwise.ops.several import Elementwise, PadTo, Reduce, Slice, Split, Squeeze
from convwise.proofs.several import CannotRunError, run_several

TORCH = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.stem = nn.Conv2d(3, 8, 3, stride=2)
        self.bn = nn.BatchNorm2d(8, eps=1e-3)
        self.one = nn.Conv2d(8, 8, 3, padding=1)
        self.two = nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(16, 5)
        self.soft = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.bn(F.relu(self.stem(self.pad(x))))
        y = self.one(x) + self.two(x)
        y = torch.cat([y, x], 1)
        y = y.mean((2, 3))
        return self.soft(self.fc(y))
"""
KERAS = """\
x = keras.Input((18, 20, 3))
y = layers.Conv2D(8, 3, strides=2, padding="same", name="stem", activation="relu")(x)
y = layers.BatchNormalization(name="norm")(y)
two = layers.Conv2D(8, 1, name="two")(y)
one = layers.Conv2D(8, 3, padding="same", name="one")(y)
z = layers.Add()([one, two])
z = layers.Concatenate()([z, y])
z = layers.GlobalAveragePooling2D(name="pooled")(z)
z = layers.Dense(5, activation="softmax")(z)
model = keras.Model(x, z)
"""
SHAPE = (1, 18, 20, 3)
PADDED = TORCH.replace("3, stride=2)", "3, stride=2, padding=1)").replace("self.pad(x)", "x")
"""The port that everybody writes first: equal shapes, every window shifted by one cell."""


def lines(difference: Difference, label: str) -> tuple[str, ...]:
    return next((fact.lines for fact in difference.facts if fact.label == label), ())


def test_networks_of_two_frameworks_are_run_and_are_equal() -> None:
    """With branches that the two tell in another order, a padding layer, and an activation inside a layer."""
    found = cw.diff(KERAS, TORCH, SHAPE)
    assert found.equal, found
    assert found.numbers.proved_by == "reference"
    assert found.numbers.largest is not None
    assert 0 < found.numbers.largest <= 1  # a softmax
    assert lines(found, "layers") == ("6 convolutions, pools, norms and dense layers in both",)


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ((", eps=1e-3", ""), "norm (BatchNormalization) and bn (BatchNorm2d)"),
        (("self.one(x) + self.two(x)", "self.one(x) - self.two(x)"), "add (Add) and sub (-)"),
        (("F.relu(self.stem(self.pad(x)))", "self.stem(self.pad(x))"), "stem (Conv2D) and stem (Conv2d)"),
        (("torch.cat([y, x], 1)", "torch.cat([x, y], 1)"), "concatenate (Concatenate) and cat (torch.cat)"),
        (("Softmax(dim=1)", "Softmax(dim=0)"), "dense (Dense) and fc (Linear)"),
    ],
)
def test_the_first_layer_whose_values_part_is_named(change: tuple[str, str], first: str) -> None:
    changed = TORCH.replace(*change)
    assert changed != TORCH
    found = cw.diff(KERAS, changed, SHAPE)
    assert not found.equal
    assert found.same_windows
    assert found.numbers.first == first
    assert f"they part after {first.split(' and ')[0]}" in str(found)


STRAIGHT = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.act = nn.ReLU6()
        self.last = nn.Conv2d(8, 4, 3)

    def forward(self, x):
        y = self.last(self.act(self.stem(x)))
        return y + y
"""


@pytest.mark.parametrize(
    ("act", "equal", "words"),
    [
        ("nn.ReLU()", False, "random data of about -3 to 3 show no difference; these are 16 times as wide"),
        ("nn.Hardtanh(0, 6)", True, ""),
        ("nn.Hardtanh(0, 6.0001)", False, "16 times as wide"),
    ],
)
def test_activations_that_part_far_away_are_told_apart(act: str, equal: bool, words: str) -> None:
    found = cw.diff(cw.read(STRAIGHT), cw.read(STRAIGHT.replace("nn.ReLU6()", act)), (1, 3, 9, 10))
    assert found.equal is equal
    assert words in found.note
    if not equal:
        assert found.first == f"act (ReLU6) and act ({act[3:].partition('(')[0]})"


def test_settings_between_which_no_data_fall_are_not_shown_to_be_equal() -> None:
    one, other = (STRAIGHT.replace("nn.ReLU6()", f"nn.Hardshrink({width})") for width in (0.5, 0.50001))
    found = cw.diff(cw.read(one), cw.read(other), (1, 3, 9, 10))
    assert found.headline == (
        "Not shown to be equal: random data show no difference, but given -0.500005, "
        "act (Hardshrink) makes it -0.500005, act (Hardshrink) makes it 0."
    )


def test_rows_tell_shifted_windows_before_anything_is_run() -> None:
    found = cw.diff(KERAS, PADDED, SHAPE)
    assert found.same_shape
    assert not found.same_windows
    first = lines(found, "first")
    assert first[0] == "stem (Conv2D) and stem (Conv2d)"
    assert any("first input cell of output 0: (0, 0)" in line and "(-1, -1)" in line for line in first)
    assert found.numbers.first == first[0]
    assert not found.equal
    assert str(found).count("stem (Conv2D) and stem (Conv2d)") == 1


def test_what_cannot_be_run_is_named_and_the_rest_is_compared() -> None:
    scaled = TORCH.replace("self.one(x) + self.two(x)", "self.one(x) * 0.5 + self.two(x)")
    found = cw.diff(scaled, scaled, (1, 3, 18, 20))
    assert not found.equal
    assert found.numbers.max_abs is None
    assert "of 8 layers agree, the others were not run: mul (*): its settings are not read" in found.headline
    shifted = cw.diff(scaled, scaled.replace(", eps=1e-3", ""), (1, 3, 18, 20))
    assert shifted.numbers.first == "bn (BatchNorm2d)"  # before the one that is not run


def test_a_network_too_large_is_not_run_unless_more_is_allowed() -> None:
    found = cw.diff(KERAS, TORCH, SHAPE, most_macs=10_000)
    assert not found.equal
    assert "multiply-adds of model are more than 10,000" in found.numbers.note
    assert "--most-macs" in found.numbers.note
    assert cw.diff(KERAS, TORCH, SHAPE, most_macs=10_000_000).equal


def test_other_weights_are_told() -> None:
    found = cw.diff(KERAS, TORCH.replace("nn.Conv2d(8, 8, 1)", "nn.Conv2d(8, 8, 3, padding=1)"), SHAPE)
    assert not found.equal
    assert "not the same weights" in found.numbers.note
    unnormed = TORCH.replace("self.bn(F.relu(self.stem(self.pad(x))))", "F.relu(self.stem(self.pad(x)))")
    assert "6 layers" not in str(cw.diff(KERAS, unnormed, SHAPE).numbers.note)
    assert "5 layers with weights in the first, 4 in the second" in cw.diff(KERAS, unnormed, SHAPE).numbers.note


def test_networks_that_were_read_before_are_taken(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    assert cw.diff(cw.read(KERAS), cw.read(TORCH), SHAPE).equal
    with pytest.raises(cw.ArgumentError, match="CW610"):
        cw.diff(KERAS, TORCH, SHAPE, real=True)
    for name, text in (("a.py", KERAS), ("b.py", TORCH)):
        (tmp_path / name).write_text(text)
    words = ["diff", str(tmp_path / "a.py"), str(tmp_path / "b.py"), "1x18x20x3"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equal"] is True
    assert main([*words, "--most-macs", "10"]) == 1
    assert "multiply-adds" in capsys.readouterr().out
    assert main([*words, "--most-macs", "-1"]) == 2
    assert "'most_macs' must be a whole number" in capsys.readouterr().err


def test_ops_on_several_arrays() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    y = x[:, :1] + 1
    np.testing.assert_array_equal(run_several(Elementwise("sub"), [x, y])[0], x - y)
    np.testing.assert_array_equal(run_several(Elementwise("mean"), [x, 3 * x])[0], 2 * x)
    np.testing.assert_array_equal(run_several(Reduce("sum", (1,), False), [x])[0], x.sum(1))
    np.testing.assert_array_equal(run_several(Slice(1, 1, None), [x])[0], x[:, 1:])
    np.testing.assert_array_equal(run_several(PadTo((2,), ((1, 2),), "reflect"), [x])[0][..., 0], x[..., 1])
    assert [piece.shape for piece in run_several(Split(2, (1, 3)), [x])] == [(2, 3, 1), (2, 3, 3)]
    assert run_several(Squeeze((1,)), [y])[0].shape == (2, 4)
    for unknown in (Elementwise("where"), Elementwise("power"), PadTo((2,), ((1, 2),))):
        with pytest.raises(CannotRunError):
            run_several(unknown, [x, y])


EXPORTED = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.one = nn.Conv2d(8, 8, 3, padding=1)
        self.two = nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu(self.bn(self.stem(x)))
        y = self.one(x) + self.two(x)
        return self.fc(y.mean((2, 3)))
"""


def exported(folder: Path, pads: list[int]) -> str:
    """The same as an exporter writes it: the normalisation folded into the convolution, the mean a reduction."""
    weights = {"w0": (8, 3, 3, 3), "w1": (8, 8, 3, 3), "w2": (8, 8, 1, 1), "w3": (5, 8)}
    sizes = {**weights, **{f"b{number}": (shape[0],) for number, shape in enumerate(weights.values())}}
    nodes = [
        node("Conv", "x w0 b0", "a", "stem", kernel_shape=[3, 3], strides=[2, 2], pads=pads),
        node("Relu", "a", "r", "relu"),
        node("Conv", "r w1 b1", "c", "one", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Conv", "r w2 b2", "d", "two", kernel_shape=[1, 1]),
        node("Add", "c d", "e", "add"),
        node("ReduceMean", "e", "f", "mean", axes=[2, 3], keepdims=0),
        node("Gemm", "f w3 b3", "y", "fc", transB=1),
    ]
    path = folder / "net.onnx"
    path.write_bytes(
        whole(nodes, tensors=[tensor(name, shape, bytes(4 * prod(shape))) for name, shape in sizes.items()])
    )
    return str(path)


def test_an_export_with_its_normalisations_folded_is_the_same_network(tmp_path: Path) -> None:
    found = cw.diff(exported(tmp_path, [1, 1, 1, 1]), EXPORTED, (1, 3, 18, 10))
    assert found.equal, found
    assert "taken as folded" in lines(found, "folded")[0]
    shifted = cw.diff(exported(tmp_path, [0, 0, 1, 1]), EXPORTED, (1, 3, 18, 10))
    assert shifted.same_shape
    assert not shifted.equal
    assert shifted.numbers.first == "stem (Conv) and stem (Conv2d)"


def test_without_an_export_a_missing_normalisation_is_a_difference() -> None:
    bare = EXPORTED.replace("self.bn(self.stem(x))", "self.stem(x)")
    found = cw.diff(EXPORTED, bare, (1, 3, 18, 10))
    assert not found.equal
    assert not lines(found, "folded")


@pytest.mark.parametrize(
    ("onnx", "torch", "equal"),
    [
        (("LeakyRelu", {"alpha": 0.2}), "nn.LeakyReLU(0.2)", True),
        (("LeakyRelu", {"alpha": 0.2}), "nn.LeakyReLU(0.1)", False),
        (("HardSigmoid", {"alpha": 1 / 6}), "nn.Hardsigmoid()", True),
        (("Softmax", {}), "nn.Softmax(-1)", True),
        (("Softmax", {"axis": 1}), "nn.Softmax(-1)", False),
        (("Selu", {}), "nn.SELU()", True),
        (("Selu", {"alpha": 1.67326319217681884765625, "gamma": 1.0507010221481323}), "nn.SELU()", True),
        (("Selu", {"alpha": 1.0, "gamma": 1.0}), "nn.SELU()", False),
    ],
)
def test_settings_of_functions_are_read_from_a_file(onnx: Any, torch: str, equal: bool, tmp_path: Path) -> None:
    op, attributes = onnx
    nodes = [
        node("Conv", "x w", "a", "conv", kernel_shape=[3, 3]),
        node(op, "a", "b", "act", **attributes),
        node("Add", "a b", "y", "add"),
    ]
    path = tmp_path / "net.onnx"
    path.write_bytes(whole(nodes, tensors=[tensor("w", (4, 3, 3, 3), bytes(432))]))
    code = TORCH.partition("        self.pad")[0] + (
        f"        self.conv = nn.Conv2d(3, 4, 3, bias=False)\n        self.act = {torch}\n\n"
        "    def forward(self, x):\n        x = self.conv(x)\n        return x + self.act(x)\n"
    )
    assert cw.diff(str(path), code, (1, 3, 9, 10)).equal is equal


@pytest.mark.parametrize(
    ("factors", "equal"),
    [({}, True), ({"alpha": 1.0, "beta": 1.0}, True), ({"alpha": 2.0}, False), ({"beta": 0.5}, False)],
)
def test_factors_of_a_product_are_no_dense_layer(factors: Any, equal: bool, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    nodes = [node("GlobalAveragePool", "x", "a", "pool"), node("Flatten", "a", "f", "flat")]
    stored = [tensor("w", (5, 3), bytes(60)), tensor("b", (5,), bytes(20))]
    path.write_bytes(whole([*nodes, node("Gemm", "f w b", "y", "fc", transB=1, **factors)], tensors=stored))
    network = cw.read(path)
    assert list(network.trace((1, 3, 9, 10)).outputs.values()) == [(1, 5)]
    code = "nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))"
    assert bool(cw.diff(network, code, (1, 3, 9, 10)).equal) is equal


def test_settings_that_nothing_runs_stop_the_comparison(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    nodes = [node("Conv", "x w", "a", "conv", kernel_shape=[3, 3]), node("HardSigmoid", "a", "y", "act")]
    path.write_bytes(whole(nodes, tensors=[tensor("w", (4, 3, 3, 3), bytes(432))]))
    found = cw.diff(str(path), str(path), (1, 3, 9, 10))
    assert not found.equal
    assert "act (HardSigmoid): its settings are not read" in found.numbers.note


MEANS = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.act = nn.SiLU()

    def forward(self, x):
        y = self.act(self.conv(x))
        return y.mean((2, 3))
"""


@pytest.mark.parametrize(
    ("change", "verdict", "output"),
    [
        (("y.mean((2, 3))", "F.adaptive_avg_pool2d(y, 1).flatten(1)"), "Equal: the same shape, the same values.", "8 and 8"),
        (("y.mean((2, 3))", "y.contiguous().mean((2, 3))"), "Equal: the same shape, the same windows, the same values.", "8 and 8"),
        # A function in other words, which reads the convolution twice.
        (("self.act(self.conv(x))", "self.conv(x)\n        y = y * torch.sigmoid(y)"), "Equal: the same shape, the same windows, the same values.", "8 and 8"),
        (("y.mean((2, 3))", "F.adaptive_max_pool2d(y, 1).flatten(1)"), "Not equal: the shapes agree, the values differ everywhere.", "8 and 8"),
        (("y.mean((2, 3))", "y"), "Not equal: the shapes differ.", "8 and 8 x 9 x 10"),
        (("y.mean((2, 3))", "F.interpolate(y, scale_factor=2)"), "Not equal: the shapes differ.", "8 and 8 x 18 x 20"),
    ],
)  # fmt: skip
def test_the_networks_own_outputs_decide(change: tuple[str, str], verdict: str, output: str) -> None:
    changed = MEANS.replace(*change)
    assert changed != MEANS
    found = cw.diff(cw.read(MEANS), cw.read(changed), (1, 3, 9, 10))
    assert found.headline == verdict
    assert lines(found, "output") == (f"{output}, channels first",)


LINEAR = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.GroupNorm(2, 4)
        self.up = nn.Upsample(scale_factor=2)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        return self.fc(self.up(self.norm(self.conv(x))))
"""


def export(groups: int = 2, nearest: str = "floor") -> bytes:
    """As torch.onnx writes the network: a normalisation of groups and a dense layer on a map are several nodes."""
    ints, floats = "<%dq", "<%df"
    stored = {"w0": (4, 3, 3, 3), "b0": (4,), "s": (4, 1, 1), "t": (4, 1, 1), "w1": (16, 5), "b1": (5,)}
    tensors = [tensor(name, shape, bytes(4 * prod(shape))) for name, shape in stored.items()]
    tensors += [
        tensor("parted", (3,), pack(ints % 3, 0, groups, -1), INT64),
        tensor("back", (4,), pack(ints % 4, 0, 4, 7, 8), INT64),
        tensor("scales", (4,), pack(floats % 4, 1, 1, 2, 2)),
    ]
    one, zero = (("tensor", tensor("", (groups,), pack(floats % groups, *[number] * groups))) for number in (1, 0))
    nodes = [
        node("Conv", "x w0 b0", "a", "conv", kernel_shape=[3, 3]),
        node("Reshape", "a parted", "c", "parts"),
        node("Constant", "", "one", value=one),
        node("Constant", "", "zero", value=zero),
        node("InstanceNormalization", "c one zero", "d", "norm", epsilon=1e-5),
        node("Reshape", "d back", "e", "whole"),
        node("Mul", "e s", "f", "scale"),
        node("Add", "f t", "g", "shift"),
        node(
            "Resize",
            "g scales",
            "h",
            "up",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode=nearest,
        ),
        node("MatMul", "h w1", "i", "fc"),
        node("Add", "b1 i", "y", "bias"),
    ]
    nodes[8].insert(1, (1, ""))  # no region of interest
    return whole(nodes, tensors=tensors)


@pytest.mark.parametrize(("groups", "norm", "equal"), [(2, 2, True), (4, 4, True), (4, 2, False)])
def test_weights_that_an_export_keeps_beside_their_layer(groups: int, norm: int, equal: bool, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(export(groups=groups))
    found = cw.diff(cw.read(LINEAR.replace("(2, 4)", f"({norm}, 4)")), str(path), (1, 3, 9, 10))
    assert found.equal is equal, str(found)
    assert found.numbers.max_abs is not None, str(found)


def test_a_resize_that_reads_other_cells_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(export(nearest="ceil"))
    found = cw.diff(cw.read(LINEAR), str(path), (1, 3, 9, 10))
    assert not found.equal
    assert "its settings are not read" in found.note
