"""Exported programs of PyTorch: sizes, parameters, what is fixed, and damaged or hostile files."""

from __future__ import annotations

import copy
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from readers.pt2_bytes import archive, call, given, program, sizes, tensor

import convwise as cw


def small(shape: tuple[int | str, ...] = ("b", 3, "h", "w"), **more: Any) -> dict[str, Any]:
    """A strided convolution, a normalisation, two halves of the channels, and a view of a size that is asked for."""
    stored = {"p_a_weight": (8, 3, 3, 5), "p_a_bias": (8,), "p_bn_weight": (8,), "p_bn_bias": (8,)}
    nodes = [
        call(
            "torch.ops.aten.conv2d.default",
            [tensor("conv2d")],
            given("input", tensor("x")),
            given("weight", tensor("p_a_weight")),
            given("bias", tensor("p_a_bias")),
            given("stride", {"as_ints": [2, 1]}),
            given("padding", {"as_ints": [1, 2]}),
            module="a",
        ),
        call(
            "torch.ops.aten._native_batch_norm_legit_no_training.default",
            [tensor("bn"), tensor("bn_1"), tensor("bn_2")],
            *(
                given(name, tensor(value))
                for name, value in (("input", "conv2d"), ("weight", "p_bn_weight"), ("bias", "p_bn_bias"))
            ),
            module="bn",
        ),
        call(
            "torch.ops.aten.split.Tensor",
            [{"as_tensors": [{"name": "half"}, {"name": "other"}]}],
            given("self", tensor("bn")),
            given("split_size", {"as_int": 4}),
            given("dim", {"as_int": 1}),
        ),
        call(
            "torch.ops.aten.add.Tensor", [tensor("add")], given("self", tensor("half")), given("other", tensor("other"))
        ),
        call(
            "torch.ops.aten.sym_size.int",
            [{"as_sym_int": {"as_name": "size"}}],
            given("self", tensor("add")),
            given("dim", {"as_int": 2}),
        ),
        call(
            "_operator.mul",
            [{"as_sym_int": {"as_name": "rows"}}],
            given("", {"as_sym_int": {"as_name": "size"}}),
            given("", {"as_int": 4}),
        ),
        call(
            "torch.ops.aten.view.default",
            [tensor("view")],
            given("self", tensor("add")),
            given("size", {"as_sym_ints": [{"as_int": -1}, {"as_name": "rows"}]}),
        ),
    ]
    return program(shape, stored, nodes, ["view"], **more)


def test_an_exported_program_with_open_sizes() -> None:
    network = cw.read(archive(small()))
    trace = network.trace((2, 3, 9, 10))
    assert [(row.name, row.output, row.params) for row in trace] == [
        ("a.conv2d", (2, 8, 5, 10), 368),
        ("bn._native_batch_norm_legit_no_training", (2, 8, 5, 10), 16),
        ("split", (2, 4, 5, 10), 0),
        ("add", (2, 4, 5, 10), 0),
        ("view", (20, 20), 0),
    ]
    assert (network.title, network.dialect) == ("Net", "torch")
    assert network.sources[0].declared == (None, 3, None, None)
    assert network.legal_sizes()["height"].minimum == 1
    with pytest.raises(cw.ShapeError, match="3 channels"):
        network.trace((2, 4, 9, 10))
    assert network.check((2, 3, 9, 10)) == []


def test_sizes_that_the_export_fixed_are_told_where_others_are_given() -> None:
    network = cw.read(archive(small((1, 3, 9, 10))))
    assert network.trace().outputs == {"view": (10, 20)}
    assert network.trace((1, 3, 11, 10)).outputs == {"view": (10, 24)}
    (told,) = network.check((1, 3, 11, 10))
    assert told.code == "CW521"
    assert (
        "the file declares 1x3x9x10, and the exported program refuses another input: axis 2 is 11 and not 9"
        in told.text
    )


def test_a_largest_size_that_the_export_was_given_is_noted() -> None:
    network = cw.read(archive(small(ranges={"h": {"min_val": 8, "max_val": 64}, "w": {"min_val": 2, "max_val": None}})))
    assert [note.code for note in network.notes] == ["CW521"]
    assert "takes sizes of 8 to 64 on axis 2 of 'x'" in network.notes[0].text


def refused(network: Any, shape: tuple[int, ...]) -> list[str]:
    return [one.text for one in network.check(shape) if (one.code, one.level) == ("CW521", "warning")]


def test_sizes_outside_the_bounds_are_a_warning() -> None:
    network = cw.read(archive(small(ranges={"h": {"min_val": 8, "max_val": 64}, "w": {"min_val": 2, "max_val": None}})))
    assert refused(network, (1, 3, 8, 10)) == refused(network, (1, 3, 64, 1)) == []
    start = "the exported program refuses this input: its guards ask for x.size()[2] "
    assert refused(network, (1, 3, 7, 10)) == [f"{start}>= 8"]
    assert refused(network, (1, 3, 65, 10)) == [f"{start}<= 64"]


@pytest.mark.parametrize(
    ("guard", "sizes"),
    [
        ("((-1) + (L['x'].size()[2] // 2)) != 1", {4, 5}),
        ("L['x'].size()[2] % 3 == 1 and max(4, L['x'].size()[2]) < 9", {2, 3, 5, 6, 8, 9, 10, 11}),
        ("(L['x'].size()[2] // 4) == 1 or 8 // (L['x'].size()[2] // 4) > 4", {1, 2, 3, 8, 9, 10, 11}),
        ("math.trunc(0.7*torch.sym_float(L['x'].size()[2])) != 4", {6, 7}),
        ("L['x'].size()[2]*L['x'].size()[3] >= 50", {1, 2, 3, 4}),
    ],
)
def test_guards_that_the_program_checks_are_a_warning(guard: str, sizes: set[int]) -> None:
    network = cw.read(archive(small(guards=[guard, guard])))
    assert network.notes == ()
    assert {size for size in range(1, 12) if refused(network, (1, 3, size, 10))} == sizes
    told = guard.replace("L['x']", "x")
    assert refused(network, (1, 3, min(sizes), 10))[0].endswith(f"its guards ask for {told}")


@pytest.mark.parametrize(
    "guard",
    [
        "L['y'].size()[2] == 3",
        "L['x'].size()[2] ** 99 > 3",
        "__import__('os')",
        "max(3) > 1",
        "L['x'].stride()[2] == 1",
        "'\\d' == 3",
        "(" * 300 + "1" + ")" * 300,
        "-" * 200 + "1",
        "1 +",
        "1 < 2 < 3",
        "x" * 5000,
    ],
)
def test_a_guard_that_is_not_followed_is_noted(guard: str) -> None:
    network = cw.read(archive(small(guards=[guard, "1e999 - 1e999 == math.trunc(1e999)", 7])))
    assert [(note.code, note.text) for note in network.notes] == [
        ("CW521", "the program checks its input by 2 guards, and 1 of them could not be followed")
    ]
    assert len(refused(network, (1, 3, 9, 10))) == 1


def test_columns_by_atens_own_words() -> None:
    told = ({"as_ints": [3, 2]}, {"as_ints": [1, 1]}, {"as_ints": [1, 0]}, {"as_ints": [2, 1]})
    names = ("kernel_size", "dilation", "padding", "stride")
    arguments = (given("self", tensor("x")), *map(given, names, told))
    laid = call("torch.ops.aten.im2col.default", [tensor("columns")], *arguments)
    network = cw.read(archive(program(("n", 3, "h", "w"), {}, [laid], ["columns"])))
    assert network.trace((2, 3, 9, 10)).outputs == {"im2col": (2, 18, 5 * 9)}


def test_another_input_by_name_or_without_its_batch() -> None:
    data = archive(small())
    assert cw.read(data, input_shape={"x": (1, 3, 9, 10)}).trace().outputs == {"view": (10, 20)}
    assert cw.read(data, input_shape=(3, 9, 10)).trace().outputs == {"view": (10, 20)}
    with pytest.raises(cw.ArgumentError, match="takes no input 'y'"):
        cw.read(data, input_shape={"y": (1, 3, 9, 10)})
    with pytest.raises(cw.ArgumentError, match="2 axes for the input 'x', which has 4"):
        cw.read(data, input_shape=(9, 9))


def test_an_operator_that_is_not_known_keeps_the_sizes_that_the_file_records() -> None:
    nodes = [
        call("torch.ops.mine.fold.default", [tensor("y")], given("x", tensor("x"))),
        call("torch.ops.aten.relu.default", [tensor("z")], given("self", tensor("y"))),
    ]
    network = cw.read(archive(program((1, 3, 9, 10), {}, nodes, ["z"], recorded={"y": (1, 5, 4)})))
    assert network.trace().outputs == {"relu": (1, 5, 4)}
    assert "'fold' (mine.fold.default) is told with the sizes that the file records" in network.notes[0].text
    lost = cw.read(archive(program((1, 3, 9, 10), {}, nodes, ["z"], recorded={"y": (1, "s", 4)})))
    assert [note.code for note in lost.notes] == ["CW421"]


def test_the_name_of_the_older_member() -> None:
    assert cw.read(archive(small(), "serialized_exported_program.json")).trace((2, 3, 9, 10)).outputs == {
        "view": (20, 20)
    }


def broken(change: str) -> Any:
    told = small()
    module = told["graph_module"]
    graph = module["graph"]
    match change:
        case "json":
            return "{"
        case "list":
            return []
        case "graph":
            del module["graph"]
        case "nodes":
            graph["nodes"] = {}
        case "target":
            graph["nodes"][0]["target"] = 7
        case "unknown":
            graph["nodes"].reverse()
        case "twice":
            graph["nodes"][3]["outputs"] = [tensor("conv2d")]
        case "open":
            graph["tensor_values"]["p_a_bias"] = sizes("s")
        case "negative":
            graph["tensor_values"]["x"]["sizes"][1] = {"as_int": -3}
        case "huge":
            graph["tensor_values"]["p_a_bias"] = sizes(*[2**62] * 3)
        case "axes":
            graph["tensor_values"]["x"] = sizes(*[1] * 65)
        case "deep":
            return "[" * 500 + "]" * 500
    return told


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ("json", "CW413", "this is no JSON"),
        ("list", "CW406", "the file has no dict 'graph_module'"),
        ("graph", "CW406", "graph_module has no dict 'graph'"),
        ("nodes", "CW406", "the graph has no list 'nodes'"),
        ("target", "CW406", "a call has no str 'target'"),
        ("unknown", "CW406", "is read before anything gives it"),
        ("twice", "CW406", "'conv2d' is given twice"),
        ("open", "CW406", "'p_a_bias' is stored, and its sizes are open"),
        ("negative", "CW406", "a size of input 'x' is -3|a size of tensor 'x' is -3"),
        ("huge", "CW405", "tensor 'p_a_bias' has the sizes"),
        ("axes", "CW406", "tensor 'x' has 65 axes"),
        ("deep", "CW413", "nested more than"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(change: str, code: str, says: str) -> None:
    with pytest.raises(cw.ModelError, match=says) as caught:
        cw.read(archive(broken(change)))
    assert caught.value.code == code
    assert "torch.export.save" in str(caught.value)


def test_a_damaged_archive_is_an_error_of_ours() -> None:
    data = archive(small())
    for stop in range(0, len(data), 37):
        with suppress(cw.ModelError):
            cw.read(data[:stop])
    rng = Random(3)
    for _ in range(300):
        changed = bytearray(data)
        changed[rng.randrange(len(changed))] = rng.randrange(256)
        with suppress(cw.ConvwiseError):
            cw.read(bytes(changed)).trace((2, 3, 9, 10))


@pytest.mark.parametrize("kind", ["add", "mul", "sub", "floordiv", "pow"])
@pytest.mark.parametrize("first", [{"as_int": 3}, {"as_name": "size"}])
def test_sizes_that_are_computed_in_thousands_of_steps(kind: str, first: Any) -> None:
    told = small()
    nodes = told["graph_module"]["graph"]["nodes"]
    last = {"as_sym_int": first}
    for number in range(3000):
        name = {"as_sym_int": {"as_name": f"n{number}"}}
        nodes.insert(-1, call(f"_operator.{kind}", [name], given("", last), given("", last)))
        last = name
    nodes[-1]["inputs"][1]["arg"]["as_sym_ints"][1] = last["as_sym_int"]
    with suppress(cw.ConvwiseError):
        cw.read(archive(told)).trace((2, 3, 9, 10))


def test_no_changed_value_is_a_crash() -> None:
    rng, whole = Random(4), small()
    for _ in range(600):
        told = copy.deepcopy(whole)
        place: Any = told["graph_module"]
        for _ in range(rng.randint(2, 9)):
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = rng.choice(keys)
            if not isinstance(place[key], dict | list) or rng.random() < 0.2:
                place[key] = rng.choice([None, -1, 2**70, "x", [], {}, True, 1.5, {"as_int": 3}, [None], {"name": "x"}])
                break
            place = place[key]
        with suppress(cw.ConvwiseError):
            cw.read(archive(told)).trace((2, 3, 9, 10))
