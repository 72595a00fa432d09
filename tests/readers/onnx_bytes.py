"""Writes .onnx files for the tests, byte by byte: also such as no library would write.

A message is a list of (field number, value): an int is a varint, a float a fixed 32-bit number, a list a message inside,
a tuple a packed list of varints, anything else text or bytes.
"""

from __future__ import annotations

import random
import struct
from typing import Any

Message = list[tuple[int, Any]]

FLOAT, INT64, STRING = 1, 7, 8


def varint(value: int, longer: int = 0) -> bytes:
    """`longer`: bytes more than needed, which is legal."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    longer = min(longer, 10 - len(out))
    if longer > 0:
        out[-1] |= 128
        out += b"\x80" * (longer - 1) + b"\x00"
    return bytes(out)


def encode(message: Message, style: random.Random | None = None) -> bytes:
    """The bytes of a message; with a `style` in another form that means the same: other orders, longer numbers, unknown fields."""
    parts = list(message)
    longer = 0
    if style:
        numbers = list(dict.fromkeys(number for number, _ in parts))
        style.shuffle(numbers)
        parts = [part for number in numbers for part in parts if part[0] == number]
        for _ in range(style.choice([0, 0, 1, 2])):
            parts.insert(
                style.randrange(len(parts) + 1),
                (style.choice([99, 1000, 536870911]), style.choice([7, b"unknown", 1.5])),
            )
        longer = style.choice([0, 0, 1, 3])
    out = bytearray()
    for number, value in parts:
        if isinstance(value, bool | int):
            out += varint(number << 3, longer) + varint(value, longer)
        elif isinstance(value, float):
            out += varint(number << 3 | 5, longer) + struct.pack("<f", value)
        else:
            if isinstance(value, list):
                value = encode(value, style)
            elif isinstance(value, tuple):
                value = b"".join(varint(part) for part in value)
            elif isinstance(value, str):
                value = value.encode()
            out += varint(number << 3 | 2, longer) + varint(len(value), longer) + value
    return bytes(out)


def attribute(name: str, value: Any) -> Message:
    match value:
        case int():
            held: Message = [(3, value), (20, 2)]
        case float():
            held = [(2, value), (20, 1)]
        case str() | bytes():
            held = [(4, value), (20, 3)]
        case ("tensor", message):
            held = [(5, message), (20, 4)]
        case ("graph", message):
            held = [(6, message), (20, 5)]
        case ("fields", *fields):
            held = list(fields)
        case [float(), *_]:
            held = [*((7, part) for part in value), (20, 6)]
        case [str(), *_]:
            held = [*((9, part) for part in value), (20, 8)]
        case _:
            held = [*((8, part) for part in value), (20, 7)]
    return [(1, name), *held]


def node(
    op: str | bytes, inputs: str = "", outputs: str = "", name: str = "", domain: str = "", **attributes: Any
) -> Message:
    """Names of inputs and outputs with blanks between."""
    return [
        *((1, each) for each in inputs.split()),
        *((2, each) for each in outputs.split()),
        *([(3, name)] if name else []),
        (4, op),
        *((5, attribute(key, value)) for key, value in attributes.items()),
        *([(7, domain)] if domain else []),
    ]


def tensor(
    name: str, dims: tuple[int, ...], raw: bytes | None = None, kind: int = FLOAT, *more: tuple[int, Any]
) -> Message:
    data = [] if raw is None else [(9, raw)]
    return [*((1, size) for size in dims), (2, kind), *([(8, name)] if name else []), *data, *more]


def value(name: str, dims: tuple[int | str | None, ...] | None = (), kind: int = FLOAT) -> Message:
    axes = [(1, [] if size is None else [(2 if isinstance(size, str) else 1, size)]) for size in dims or ()]
    return [(1, name), (2, [(1, [(1, kind), *([] if dims is None else [(2, axes)])])])]


def graph(
    nodes: list[Message],
    tensors: list[Message] = (),
    values: list[Message] = (),
    inputs: str = "x",
    outputs: str = "y",
    more: Message = (),
) -> Message:  # type: ignore[assignment]
    return [
        *((1, each) for each in nodes),
        (2, "net"),
        *((5, each) for each in tensors),
        *((11, value(each, ("batch", 3, None, 10))) for each in inputs.split()),
        *((12, value(each, None)) for each in outputs.split()),
        *((13, each) for each in values),
        *more,
    ]


def function(name: str, nodes: list[Message], domain: str = "own", *more: tuple[int, Any]) -> Message:
    return [
        (1, name),
        (4, "a"),
        (5, "b"),
        *((7, each) for each in nodes),
        (9, opset("", 17)),
        (9, opset("own", 1)),
        (10, domain),
        *more,
    ]


def opset(domain: str, version: int) -> Message:
    return [(1, domain), (2, version)] if domain else [(2, version)]


def model(body: Message, functions: list[Message] = (), opsets: Message | None = None, ir_version: int = 8) -> Message:  # type: ignore[assignment]
    imports = [(8, opset("", 17)), (8, opset("own", 1))] if opsets is None else opsets
    return [(1, ir_version), (2, "tests"), (3, "1.0"), (7, body), *imports, *((25, each) for each in functions)]


def whole(nodes: list[Message], **parts: Any) -> bytes:
    """The bytes of a model with these nodes; `parts` go to `graph`."""
    return encode(model(graph(nodes, **parts)))


def chain(length: int) -> bytes:
    """A chain of `length` nodes, Conv and Relu by turns, each with a name of its own."""
    nodes = [
        node("Conv", f"t{i} w{i % 9}", f"t{i + 1}", f"/net/{i}/Conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        if i % 2
        else node("Relu", f"t{i}", f"t{i + 1}", f"/net/{i}/Relu")
        for i in range(length)
    ]
    weights = [tensor(f"w{i}", (3, 3, 3, 3), bytes(324)) for i in range(9)]
    return whole(nodes, tensors=weights, inputs="t0", outputs=f"t{length}")


def samples() -> dict[str, bytes]:
    """Small models that together hold everything that is read."""
    branch = graph(
        [node("Constant", "", "c", value=("tensor", tensor("", (2,), bytes(16), INT64)))], inputs="", outputs="c"
    )
    inner = graph(
        [node("If", "q", "z", then_branch=("graph", branch), else_branch=("graph", branch))], inputs="q", outputs="z"
    )
    nodes = {
        "plain": [
            node("Conv", "x w", "h", "/conv1/Conv", kernel_shape=[3, 3], group=1, auto_pad="SAME_UPPER"),
            node("Relu", "h", "y"),
        ],
        "bodies": [node("Loop", "x", "y", "loop", body=("graph", inner)), node("Relu", "y", "z")],
        "attributes": [
            node(
                "Odd",
                "x",
                "y",
                "odd",
                "own",
                f=0.5,
                i=-7,
                s="text",
                fs=[0.5, -1.0],
                many=["a", "b"],
                none=("fields", (20, 7)),
            ),
            node("Constant", "", "k", value_ints=[1, -1, 300]),
            node("Constant", "", "l", value_float=2.5),
        ],
        "calls": [node("act", "x", "y", "call", "own", slope=0.25)],
    }
    tensors = [
        tensor("w", (4, 3, 3, 3), bytes(432)),
        tensor("shape", (3,), struct.pack("<3q", 1, -1, 5), INT64),
        tensor("scales", (2,), None, FLOAT, (4, struct.pack("<2f", 1.0, 2.0))),
        tensor("listed", (3,), None, INT64, (7, (1, -1, 300))),
        tensor("texts", (1,), None, STRING, (6, "one")),
        tensor("far", (100, 100), None, FLOAT, (13, [(1, "location"), (2, "weights.bin")]), (14, 1)),
    ]
    sparse = (
        15,
        [
            (1, tensor("sparse", (2,), struct.pack("<2f", 1.0, 2.0))),
            (2, tensor("", (2,), struct.pack("<2q", 0, 3), INT64)),
            (3, 4),
        ],
    )
    declared = [value("h", (1, 4, "height", None)), value("rest", None)]
    act = function("act", [node("LeakyRelu", "a", "b", alpha=("fields", (21, "slope"), (20, 1)))], "own", (6, "slope"))
    return {
        name: encode(
            model(
                graph(each, tensors=tensors, values=declared, more=[sparse]), functions=[act] if name == "calls" else []
            )
        )
        for name, each in nodes.items()
    }
