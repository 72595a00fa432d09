"""Source text that is more than a chain, read as a network: tensors become wires, and each application of a layer or function a node.

The walk is the one that reads chains; a `Run` that carries a `Wiring` asks it first about everything that a wire takes part in.
"""

from __future__ import annotations

from convwise.readers.source.graphs.network import read_network_text

__all__ = ["read_network_text"]
