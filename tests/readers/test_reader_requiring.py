"""What a forward asks of its input beside its layers: `assert`, `raise`, numbers of parts; and what it gives that cannot be followed."""

from __future__ import annotations

import pytest
from readers.test_reader_branches import module, names, refused

from convwise.errors import ShapeError
from convwise.readers.models import read

PATCHES = "self.conv = nn.Conv2d(3, 8, 4, stride=4)"
CONDITIONS = {
    "assert": "assert x.shape[2] % 4 == 0, 'no multiple'\nreturn self.conv(x)",
    "raise": "if x.shape[2] % 4 != 0:\n    raise ValueError(f'{x.shape}')\nreturn self.conv(x)",
    "else": "if x.size(2) % 4 == 0:\n    x = self.conv(x)\nelse:\n    raise ValueError('no multiple')\nreturn x",
    "both": "h, w = x.shape[2:]\nassert h % 4 == 0 and w % 4 == 0\nreturn self.conv(x)",
    "torch": "torch._assert(x.shape[2] % 4 == 0, 'no multiple')\nreturn self.conv(x)",
}


@pytest.mark.parametrize("name", [name for name in CONDITIONS if name != "else"])
def test_a_condition_on_sizes_is_one_of_the_network(name: str) -> None:
    # PyTorch stops at a height of 18.
    network = read(module(CONDITIONS[name], first=PATCHES), input_shape=(1, 3, 16, 16))
    assert not network.notes
    legal = network.legal_sizes()
    assert legal.exact
    assert str(legal).splitlines()[0] == "height: every multiple of 4"


ONE_SIZE = "if x.shape[2] == 18:\n    raise ValueError(f'{x.shape}')\nreturn self.conv(x)"


def test_a_branch_that_depends_on_sizes_leaves_them_inexact() -> None:
    network = read(module(CONDITIONS["else"], first=PATCHES), input_shape=(1, 3, 16, 16))
    assert {note.code for note in network.notes} == {"CW422"}
    assert str(network.legal_sizes()).splitlines()[0] == "height: n >= 4 on the branch that was read (not exact)"


def test_a_condition_that_no_node_asks_for_is_told_and_leaves_the_sizes_inexact() -> None:
    network = read(module(ONE_SIZE, first=PATCHES), input_shape=(1, 3, 16, 16))
    assert [(note.code, note.text) for note in network.notes] == [
        (
            "CW422",
            "`if x.shape[2] == 18: raise` is taken not to stop the forward; the sizes that it refuses are not left out",
        )
    ]
    legal = network.legal_sizes()
    assert not legal.exact
    assert str(legal).splitlines()[0] == "height: n >= 4 on the branch that was read (not exact)"


@pytest.mark.parametrize("forward", [CONDITIONS["assert"], CONDITIONS["raise"], CONDITIONS["else"]])
def test_an_input_that_the_condition_refuses_is_refused(forward: str) -> None:
    error = refused_at(module(forward, first=PATCHES), (1, 3, 18, 16))
    assert "stops the forward" in error


def refused_at(text: str, shape: tuple[int, ...]) -> str:
    with pytest.raises(ValueError, match=r"\[CW315\]") as caught:
        read(text, input_shape=shape)
    return str(caught.value)


@pytest.mark.parametrize(
    "forward",
    [
        "_, _, h, w = x.shape\nassert h == 224 and w == 224, f'{h}'\nreturn self.conv(x)",
        "if x.shape[2] != 224 or x.shape[3] != 224:\n    raise ValueError('no')\nreturn self.conv(x)",
        "torch._assert(x.shape[2] == 224, 'height')\ntorch._assert(x.shape[3] == 224, 'width')\nreturn self.conv(x)",
    ],
)
def test_a_condition_that_asks_for_one_size_is_exact(forward: str) -> None:
    network = read(module(forward, first=PATCHES))
    legal = network.legal_sizes()
    assert legal.exact
    assert str(legal).splitlines() == ["height: n in {224}", "width: n in {224}"]
    with pytest.raises(ShapeError, match="pieces of 224 are not the 16 there are"):
        network.trace((1, 3, 16, 224))


def test_conditions_that_hold_for_every_size_say_nothing() -> None:
    first = f"{PATCHES}; self.mode = 'max'"
    forward = "assert x.dim() == 4 and not self.training\nif self.mode == 'max':\n    x = self.conv(x)\nelse:\n    raise ValueError(self.mode)\nreturn x"
    network = read(module(forward, first=first))
    assert not network.notes
    assert network.legal_sizes().exact
    assert "`assert x.shape[1] == 4` stops the forward whatever the input" in refused_at(
        module("assert x.shape[1] == 4\nreturn self.conv(x)"), (1, 3, 16, 16)
    )


def test_pieces_whose_number_depends_on_the_size_are_not_dropped() -> None:
    error = refused(module("a = self.conv(x)\nb, d = torch.split(x, 8, dim=3)\nreturn a, F.relu(b)"))
    assert error.code == "CW315"
    assert "how many pieces there are follows from the input's size" in error.fact
    unused = read(module("a = self.conv(x)\nb, d = torch.split(x, 8, dim=3)\nreturn a"))
    assert [note.code for note in unused.notes] == ["CW315"]
    assert unused.notes[0].text.endswith("follows from the input's size; what it asks of the input is left out")
    assert str(unused.legal_sizes()).splitlines()[1] == "width: n >= 3 at most (not exact)"


def test_parts_and_names_must_be_as_many() -> None:
    error = refused(module("a = self.conv(x)\nb, d, e = torch.split(a, 4, dim=1)\nreturn a, F.relu(b)"))
    assert error.fact == "`b, d, e` cannot be followed: 2 values are unpacked into 3 names"
    assert (
        "how many parts there are depends on the input's size" in refused(module("a, b = self.conv(x)\nreturn a")).fact
    )


def test_queries_keys_and_values_are_unpacked_along_the_first_axis() -> None:
    forward = """y = self.c(x).flatten(2).transpose(1, 2)
b, n, c = y.shape
q, k, v = self.q(y).reshape(b, n, 3, 2, 4).permute(2, 0, 3, 1, 4)
a = (q @ k.transpose(-2, -1)).softmax(-1)
return (a @ v).transpose(1, 2).reshape(b, n, c)"""
    network = read(module(forward, first="self.c, self.q = nn.Conv2d(3, 8, 1), nn.Linear(8, 24)"))
    assert [one.name for one in network.sources] == ["x"]
    assert network.trace((2, 3, 10, 10)).rows[-1].output == (2, 100, 8)


def test_the_values_of_a_maximum_are_followed() -> None:
    first = "self.c, self.d = nn.Conv2d(3, 8, 3), nn.Conv2d(1, 8, 9)"
    network = read(module("return self.c(x), self.d(torch.max(x, 1, keepdim=True).values)", first=first))
    assert names(network) == ["c", "max", "d"]
    assert str(network.legal_sizes()["height"]) == "n >= 9"


def test_an_output_that_the_text_does_not_tell_is_named() -> None:
    network = read(module("return self.conv(x), self.extra"))
    assert [(note.code, note.text) for note in network.notes] == [
        ("CW315", "self.extra is given back too, and the text does not say what it is")
    ]
    assert not network.legal_sizes().exact
