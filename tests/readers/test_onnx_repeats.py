"""What is remembered of equal nodes, in one file and from file to file, changes nothing."""

from __future__ import annotations

import pytest
from readers import onnx_bytes as write

import convwise as cw
from convwise.errors import ModelError
from convwise.readers.onnx import limits, nodes, read_onnx, wire
from convwise.readers.onnx_network import recipes


def forget() -> None:
    nodes._SHARED.clear()
    recipes.RECIPES.clear()
    recipes.MARKS.clear()


def model(channels: int, named: str) -> bytes:
    """Two convolutions of the same attributes on other channels, equal activations, a reshape to stored numbers, a bias shared."""
    weights = [
        write.tensor(f"{named}1", (channels, 3, 3, 3), bytes(channels * 108)),
        write.tensor(f"{named}2", (channels, channels, 3, 3), bytes(channels * channels * 36)),
    ]
    body = [
        write.node("Conv", f"x {named}1", "a", f"/{named}/one/Conv", kernel_shape=[3, 3]),
        write.node("Relu", "a", "b", f"/{named}/one/Relu"),
        write.node("Conv", f"b {named}2", "c", f"/{named}/two/Conv", kernel_shape=[3, 3]),
        write.node("Relu", "c", "d", f"/{named}/two/Relu"),
        write.node("Add", "d d", "e", f"/{named}/Add"),
        write.node("Flatten", "e", "y", f"/{named}/Flatten"),
    ]
    return write.whole(body, tensors=weights)


@pytest.mark.parametrize("channels", [4, 5])
def test_a_file_is_read_alike_whatever_was_read_before(channels: int) -> None:
    forget()
    alone = cw.read(model(channels, "w"))
    for other in (4, 5, 6):
        cw.read(model(other, "v"))
    again = cw.read(model(channels, "w"))
    assert again == alone
    assert again.trace((1, 3, 9, 10)).to_dict() == alone.trace((1, 3, 9, 10)).to_dict()
    assert again.trace((1, 3, 9, 10))["/w/two/Conv"].output == (1, channels, 5, 6)
    assert again.trace((1, 3, 9, 10)).totals.params == channels * 27 + channels * channels * 9


def test_a_full_table_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    alone = cw.read(model(4, "w"))
    for module, name in ((nodes, "MOST_SHARED"), (recipes, "MOST_RECIPES"), (recipes, "MOST_MARKS")):
        monkeypatch.setattr(module, name, 1)
    assert cw.read(model(4, "w")) == alone == cw.read(model(4, "w"))


def test_a_known_tail_is_paid_for_like_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a file at the limit would be read or refused as the table stands."""
    data = write.whole([write.node("Relu", "x", "y", "r", alpha=[1, 2, 3])])
    forget()
    fewest = next(count for count in range(1, 200) if readable(data, count, monkeypatch))
    for count in (fewest - 1, fewest):
        monkeypatch.setattr(limits, "OBJECTS", limits.OBJECTS)
        assert readable(data, count, monkeypatch) is (count == fewest)


def readable(data: bytes, objects: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    with monkeypatch.context() as patched:
        patched.setattr(limits, "OBJECTS", objects)
        try:
            read_onnx(data)
        except ModelError as error:
            return error.code != "CW405"
    return True


@pytest.mark.parametrize("size", [1, 127, 128, 16_383, 16_384, 70_000])
def test_leading_payloads_are_the_fields(size: int) -> None:
    from convwise.readers.onnx.schema import GRAPH

    parts = [write.encode([(1, b"a" * size)]), write.encode([(1, b"b" * 3)]), write.encode([(2, "name"), (1, b"c")])]
    data = b"".join(parts)
    spans, at = wire.leading(data, 0, len(data), 0x0A, 10)
    assert at == len(parts[0]) + len(parts[1])
    every = [
        (first, end)
        for number, _, _, first, end in wire.fields(data, 0, len(data), GRAPH, wire.Budget())
        if number == 1
    ]
    assert spans == every[:2]
    assert wire.leading(data, 0, len(data), 0x0A, 1)[0] == every[:1]
    assert wire.leading(data[:-2], len(parts[0]), len(data) - 2, 0x0A, 9)[0] == every[1:2]
