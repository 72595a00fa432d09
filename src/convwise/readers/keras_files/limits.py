"""What a Keras file may hold at most. Each limit stands in front of the work that it bounds."""

from __future__ import annotations

from typing import Final

CONFIG: Final = 64 * 1024 * 1024
"""Bytes of a configuration: those of the largest published networks stay below 2 MiB."""

DIRECTORY: Final = 16 * 1024 * 1024
"""Bytes of a zip archive's directory."""

ENTRIES: Final = 10_000
"""Entries of a zip archive; Keras writes three and, for some layers, a folder of assets."""

RATIO: Final = 200
"""How many times its packed size a configuration may be, past the first MiB: real ones reach about 40."""

ITEMS: Final = 2_000_000
"""Values in a configuration, counted before one is built: below about 500 MB of Python objects."""

NESTING: Final = 400
"""Brackets inside brackets; a model in a model takes three, or four where it is functional."""

MODELS: Final = 64
"""Models inside models."""

NODES: Final = 100_000
"""Layer calls once nested models are opened, each counted once more for every model around it: a model used twice in one used twice,
and so on, doubles at each level."""

ARGUMENTS: Final = 16
"""Lists inside lists in the arguments of one call."""

TENSORS: Final = 4_096
"""Tensors that one call may take or give."""

DIGITS: Final = 30
"""Digits of an integer; more are no size of anything."""

AXES: Final = 64
"""Axes of one tensor: NumPy's own limit."""

SECONDS: Final = 20
"""How long libhdf5 may take over one attribute."""

MEMORY: Final = 2 * 1024 * 1024 * 1024
"""Bytes of address space for the process with libhdf5; loading the library takes a quarter of it."""
