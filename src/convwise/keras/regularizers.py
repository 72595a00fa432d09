"""Regularizers and constraints are for training: they are taken, kept with the layer, and never used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class L1L2:
    l1: float = 0.0
    l2: float = 0.0


def L1(l1: float = 0.01) -> L1L2:
    return L1L2(l1=l1)


def L2(l2: float = 0.01) -> L1L2:
    return L1L2(l2=l2)


l1, l2, l1_l2 = L1, L2, L1L2
