"""Answers that need numbers: both sides of a diff or a port, run with the same weights on the same input.

`convwise.answers` imports this package when numbers are asked for, because it loads NumPy.
"""

from __future__ import annotations

from convwise.proofs.apart import kept_apart
from convwise.proofs.converting import convert_input, convert_output, convert_weights
from convwise.proofs.networks import prove_networks
from convwise.proofs.proving import prove_diff, prove_port

__all__ = [
    "convert_input",
    "convert_output",
    "convert_weights",
    "kept_apart",
    "prove_diff",
    "prove_networks",
    "prove_port",
]
