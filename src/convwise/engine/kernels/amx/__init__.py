"""Convolution by the tile registers (AMX) of x86 processors, written in C: Halide programs cannot keep sums of three parts in them.

`amx.c` says how. It needs a compiler that knows the instructions (gcc from 11 on); with others the family is left out.
"""

from __future__ import annotations

from convwise import machine

NAME = machine.AMX
SYMBOL = "cw_amx_bf16x3_avx512"
FLAGS = ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma", "-mamx-tile", "-mamx-bf16")
"""What the compiler must be told beyond what it is told for all sources."""
