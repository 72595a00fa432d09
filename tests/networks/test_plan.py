"""What is kept from one size to the next, and from one file to the next, changes no answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from build import Builder, inception, resnet, unet, vgg

from convwise.answers.network.flowing import run
from convwise.answers.network.plan import planned
from convwise.answers.network.trace import Trace, trace
from convwise.axis import Window
from convwise.errors import ShapeError
from convwise.graph import Network
from convwise.ops import Pool, elements
from convwise.ops.several import Concat, Elementwise

NETWORKS: list[Callable[[], Network]] = [vgg, lambda: resnet("50"), inception, unet]


def peak(traced: Trace, network: Network) -> int:
    """Liveness node by node, as the words say it."""
    last = {name: number for number, node in enumerate(network.nodes) for name in node.inputs}
    last.update(dict.fromkeys(network.outputs, len(network.nodes)))
    sizes = {name: elements(shape) or 0 for name, shape in traced.run.shapes.items() if shape is not None}
    alive = {source.name for source in network.sources}
    most = sum(sizes[name] for name in alive)
    for number, node in enumerate(network.nodes):
        alive.update(node.outputs)
        most = max(most, sum(sizes[name] for name in alive))
        alive -= {name for name in (*node.inputs, *node.outputs) if last.get(name, number) == number}
    return 4 * most


@pytest.mark.parametrize("make", NETWORKS)
def test_another_size_is_answered_as_by_a_network_that_was_never_asked(make: Callable[[], Network]) -> None:
    network = make()
    for size in (236, 268, 188, 236):
        shape = (1, network.sources[0].declared[1], size, size + 32)
        assert trace(network, shape).to_dict() == trace(make(), shape).to_dict()  # type: ignore[arg-type]


@pytest.mark.parametrize("make", NETWORKS)
def test_peak_memory_is_that_of_the_tensors_alive(make: Callable[[], Network]) -> None:
    network = make()
    traced = trace(network, (1, network.sources[0].declared[1], 236, 236))  # type: ignore[arg-type]
    assert traced.totals.peak_activation_bytes == peak(traced, network)


def halved() -> tuple[Builder, str, str]:
    """Two nodes that halve the input."""
    b = Builder(declared=(1, 3, 8, 8))
    pool = (Pool("max", (Window(2, stride=2), Window(2, stride=2))),)
    return b, b.add("MaxPool", pool, "x", name="one"), b.add("MaxPool", pool, "x", name="other")


def test_nodes_that_do_the_same_to_the_same_tensors_share_a_site() -> None:
    b, one, other = halved()
    b.add("Add", Elementwise("add"), one, other, name="sum")
    b.add("Add", Elementwise("add"), one, one, name="twice")
    plan = planned(b.network("sum", "twice"))
    assert plan.of[0] == plan.of[1] != plan.of[2]
    assert plan.kinds[one] == plan.kinds[other] == plan.kinds["sum"] == plan.kinds["twice"] != plan.kinds["x"]


def test_each_of_several_broken_nodes_tells_its_own_place() -> None:
    b, one, _ = halved()
    join = Concat(1)
    for name in ("first", "second"):
        b.add("Concat", join, "x", one, name=name)
    network = b.network("first", "second")
    found = run(network, (1, 3, 8, 8), strict=False)
    assert [step.node.name for step in found.nodes if step.error is not None] == ["first", "second"]
    assert [str(error.layer).split()[0] for error in found.errors] == ["'first'", "'second'"]
    with pytest.raises(ShapeError, match="first"):
        trace(network, (1, 3, 8, 8))


def test_fields_are_worked_out_when_they_are_asked_for() -> None:
    traced = trace(vgg(), (1, 3, 224, 224))
    assert traced.sight.found is None
    assert traced["pool5"].receptive_field == (212, 212)
    assert traced.sight.found is not None


def test_rows_are_equal_by_what_they_say() -> None:
    one, other = trace(vgg(), (1, 3, 224, 224)), trace(vgg(), (1, 3, 224, 224))
    assert one.rows == other.rows
    assert len({one["pool5"], other["pool5"]}) == 1
    assert one["pool5"] != trace(vgg(), (1, 3, 192, 224))["pool5"]
    assert repr(one["pool5"]).startswith("Row(name='pool5', op='")
