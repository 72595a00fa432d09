"""The instruction sets that kernels are built for, best first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Isa:
    """One instruction set as a kernel's schedule sees it.

    `lanes` are the float32 numbers of one register, `registers` their count. `target` is Halide's name of it; `arch` and
    `features` (as Linux names them) are what a processor needs for its code.
    """

    name: str
    lanes: int
    registers: int
    arch: str
    target: str
    features: tuple[str, ...] = ()


SSE2 = Isa("sse2", 4, 16, "x86-64", "x86-64-linux")
AVX2 = Isa("avx2", 8, 16, "x86-64", "x86-64-linux-avx2-avx-fma-f16c-sse41", ("avx2", "avx", "fma", "f16c", "sse4_1"))
AVX512 = Isa(
    "avx512",
    16,
    32,
    "x86-64",
    "x86-64-linux-avx512_skylake-avx512-avx2-avx-fma-f16c-sse41",
    (*AVX2.features, "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"),
)
NEON = Isa("neon", 4, 32, "arm-64", "arm-64-linux")

ALL = (AVX512, AVX2, SSE2, NEON)
"""Best first within an architecture."""


def usable(arch: str, flags: frozenset[str]) -> tuple[Isa, ...]:
    """Those that a processor can run, best first.

    >>> [isa.name for isa in usable("x86-64", frozenset())]
    ['sse2']
    """
    return tuple(isa for isa in ALL if isa.arch == arch and flags.issuperset(isa.features))
