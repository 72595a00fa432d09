"""What a model file may hold at most. Each limit stands in front of the work that it bounds."""

from __future__ import annotations

from typing import Final

NODES: Final = 250_000
"""Nodes in all graphs and functions together: the largest exported networks have some ten thousand."""

OBJECTS: Final = 2_000_000
"""Nodes, names at nodes, attributes, tensors, values and decoded numbers together: below about 500 MB of Python objects."""

FIELDS: Final = 10_000_000
"""Fields walked one by one: a few seconds, whatever the file holds. Tensor data is one field."""

DEPTH: Final = 32
"""Graphs inside graphs (If, Loop, Scan): the protobuf library stops at 100 messages, which is 33 graphs."""

CALLS: Final = 100
"""Functions that call functions: the depth that the ONNX checker allows."""

NAME: Final = 4_096
"""Bytes of one name: exporters that write the whole scope into it stay below 1,000."""

AXES: Final = 64
"""Axes of one tensor: NumPy's own limit; real ones have at most 8."""


LIST: Final = 4_096
"""Elements of one attribute: longer lists are trees or tables, which have no say in shapes, and stay undecoded."""

TEXT: Final = 65_536
"""Bytes of one text in an attribute: longer ones are compiled programs, and stay undecoded."""

SMALL: Final = 64
"""Elements of a tensor whose values are decoded: scales, bounds and constants. Weights are larger."""

SHAPE_LIKE: Final = 4_096
"""The same for int32 and int64, in which shapes, axes, pads and indices are written."""

SIZE: Final = 2**63 - 1
"""Elements of one tensor: what a 64-bit runtime can count."""
