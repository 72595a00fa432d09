"""What the reader of live PyTorch modules does without PyTorch: values, sizes as terms, input shapes."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest

from convwise.errors import ArgumentError, ModelError
from convwise.graph import Node
from convwise.ops import Dense, Flatten, Pointwise
from convwise.ops.several import Arithmetic, Elementwise, Expand, Opaque, ReshapeTo, Scale, SizeOf
from convwise.ops.terms import value
from convwise.readers.torch_live import is_module, read_live_torch
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.calls import call
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.sources import given_shapes, taken, wanted
from convwise.readers.torch_live.values import (
    AllOf,
    Comparison,
    NotFollowed,
    NotKnown,
    Real,
    Tensor,
    ceil_of,
    combine,
    compare,
    floor_of,
    renumbered,
    truth,
)

H, W = SizeOf(0, 2), SizeOf(0, 3)


def test_nothing_is_a_module_without_pytorch() -> None:
    assert not is_module(3)
    with pytest.raises(ModelError, match=r"a dict is no torch.nn.Module \[CW401\]"):
        read_live_torch({})


@pytest.mark.parametrize("size", range(1, 60))
@pytest.mark.parametrize(
    ("real", "floor", "ceil"),
    [
        (combine("truediv", H, 16), lambda n: math.floor(n / 16), lambda n: math.ceil(n / 16)),
        (combine("mul", H, 0.5), lambda n: int(n * 0.5), lambda n: math.ceil(n * 0.5)),
        (combine("truediv", combine("mul", 3.0, H), 4), lambda n: int(3.0 * n / 4), lambda n: math.ceil(3.0 * n / 4)),
        (combine("mul", H, 0.7), lambda n: int(n * 0.7), None),
    ],
)
def test_a_real_size_rounds_as_python_does(real: Any, floor: Any, ceil: Any, size: int) -> None:
    shapes = ((1, 3, size, 7),)
    assert isinstance(real, Real)
    assert value(floor_of(real), shapes) == floor(size)
    if ceil is None:
        with pytest.raises(NotFollowed, match="rounded up"):
            ceil_of(real)
    else:
        assert value(ceil_of(real), shapes) == ceil(size)


def test_arithmetic_folds_numbers_and_keeps_sizes() -> None:
    assert combine("floordiv", 7, 2) == 3
    assert combine("truediv", 7, 2) == 3.5
    assert combine("mul", H, 1) == combine("add", 0, H) == combine("floordiv", H, 1) == H
    assert combine("sub", H, H) == 0
    assert combine("sub", H, W) == Arithmetic("subtract", H, W)
    assert combine("pow", 2, 10**9) == NotKnown("a power")
    assert combine("pow", H, 2) == NotKnown("pow")
    for kind in ("floordiv", "mod", "truediv"):
        with pytest.raises(NotFollowed, match="division by zero"):
            combine(kind, 3, 0)


def test_comparisons_are_answered_where_they_can_be() -> None:
    assert compare("eq", 4, 4) is True
    assert compare("eq", H, H) is True
    assert compare("lt", H, H) is False
    assert compare("ne", (1, H), (1, H, W)) is True
    assert compare("eq", (1, H), (2, H)) is False
    assert compare("ne", (H, W), (H, W)) is False
    question = compare("ne", (H, W), (W, W))
    assert question == AllOf((Comparison("eq", H, W),), negated=True)
    assert truth(question, [(1, 3, 9, 10)]) is True
    assert truth(question, [(1, 3, 9, 9)]) is False
    assert truth(question, [None]) is None
    assert truth(Comparison("ge", H, 9), [(1, 3, 9, 10)]) is True
    assert truth(Tensor(0), [(1,)]) is None
    assert compare("gt", Tensor(0), 3) == NotKnown("gt")


def test_tensors_are_numbered_anew_for_each_node() -> None:
    numbers = {4: 0}
    term = Arithmetic("add", SizeOf(7, 2), Scale(Arithmetic("multiply", SizeOf(4, 3), SizeOf(7, 1)), Fraction(1, 2)))
    again = Arithmetic("add", SizeOf(1, 2), Scale(Arithmetic("multiply", SizeOf(0, 3), SizeOf(1, 1)), Fraction(1, 2)))
    assert renumbered(term, numbers) == again
    assert numbers == {4: 0, 7: 1}


def started(*shapes: Any) -> tuple[Building, list[Tensor]]:
    building = Building()
    return building, [building.source("x", shape, None) for shape in shapes]


def test_a_size_of_another_tensor_becomes_an_input() -> None:
    building, (x, y) = started((None, 6, None, None), (None, None, 8))
    place = Place(building, "view", ".view")
    n, c, h, w = call(place, "getattr", (x, "shape"), {})
    assert (n, c, h, w) == (SizeOf(0, 0), 6, H, W)
    out = call(place, "view", (y, n, -1, combine("mul", h, 2)), {})
    (node,) = building.nodes
    assert node.inputs == ("x_1", "x")
    assert node.work == ReshapeTo((SizeOf(1, 0), -1, Arithmetic("multiply", SizeOf(1, 2), 2)))
    assert building.shape(out) == (None, None, None)


def test_names_are_made_unique() -> None:
    building, (x,) = started((None, 6))
    assert [call(Place(building, "a.relu", "F.relu"), "relu", (x,), {}) for _ in range(3)]
    assert [node.name for node in building.nodes] == ["a.relu", "a.relu_1", "a.relu_2"]
    assert [node.inputs for node in building.nodes] == [("x",)] * 3


@pytest.mark.parametrize(
    ("name", "args"),
    [("nonsense", ()), ("view", ("banana",)), ("split", (2,)), ("einsum", ()), ("permute", (0, 9)), ("chunk", ("2",))],
)
def test_what_is_not_followed_is_opaque(name: str, args: tuple[Any, ...]) -> None:
    building, (x,) = started((None, None, None))
    out = call(Place(building, name, f"torch.{name}"), name, (x, *args), {})
    assert isinstance(out, Tensor)
    (node,) = building.nodes
    assert isinstance(node.work, Opaque)
    assert node.work.reason
    assert node.inputs == ("x",)
    assert building.opaque == 1


def test_what_reads_no_tensor_is_not_known() -> None:
    building, _ = started()
    assert call(Place(building, "f", "f"), "nonsense", (3,), {}) == NotKnown("nonsense")
    assert building.nodes == []


def test_shapes_are_given_by_order_or_name() -> None:
    assert given_shapes(["x"], None) == {}
    assert given_shapes(["x"], (3, 9, 10)) == given_shapes(["x"], [[3, 9, 10]]) == {"x": (3, 9, 10)}
    assert given_shapes(["x", "y"], [(1, 2), (None, 3)]) == {"x": (1, 2), "y": (None, 3)}
    assert given_shapes(["x", "y"], {"y": [1, 2]}) == {"y": (1, 2)}
    for wrong in ("3x9x10", (3, True), (3, -1), 7, [(1, 2), "ab"]):
        with pytest.raises(ArgumentError, match=r"CW601"):
            given_shapes(["x"], wrong) and given_shapes(["x", "y"], wrong)


def node(work: Any, *inputs: str, output: str = "y") -> Node:
    return Node(output, "op", work, inputs, (output,))


def test_what_reads_the_input_says_its_shape() -> None:
    dense = Dense(12, 3)
    assert taken((dense,), None) == (None, 12)
    assert taken((Pointwise("relu"),), None) is None
    assert wanted([node((Pointwise("relu"),), "x"), node((dense,), "y", output="z")], "x") == (None, 12)
    assert wanted([node((dense,), "other")], "x") is None
    assert wanted([node((Flatten(),), "x"), node((dense,), "y", output="z")], "x") == (None,) * 4
    assert wanted([node(ReshapeTo((-1, 12)), "x"), node((dense,), "y", output="z")], "x") == (None,) * 4
    assert wanted([node(Elementwise("add"), "w", "x"), node((dense,), "y", output="z")], "x") == (None, 12)
    assert wanted([node(Expand((-1, 4)), "x"), node((dense,), "y", output="z")], "x") is None
