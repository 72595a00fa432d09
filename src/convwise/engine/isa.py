"""The instruction sets as the kernels see them, and the names of the built symbols."""

from __future__ import annotations

from convwise.instructions import ALL, AVX2, AVX512, NEON, SSE2, Isa, usable

__all__ = ["ALL", "AVX2", "AVX512", "NEON", "SSE2", "Isa", "symbol", "usable"]


def symbol(family: str, variant: str, isa: Isa) -> str:
    """The exported name of one kernel."""
    return f"cw_{family}_{variant}_{isa.name}"
