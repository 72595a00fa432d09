"""Which input sizes a network takes, exactly: maps of sizes along a path, and the sets of legal sizes.

SizeMap     n -> size inside the network, or nothing where n is not legal: a finite table, then f(n + period) = f(n) + step
SizeSet     the legal sizes: finite exceptions, and {n >= start, n mod modulus in residues}; with the reasons
JointSet    sizes on several axes at once
expression  a map in words, exact for every legal size
"""

from __future__ import annotations

from convwise.sizes.conditions import at_least, broadcastable, divisible, equal, legal
from convwise.sizes.formula import Formula, expression
from convwise.sizes.joint import JointSet, joint
from convwise.sizes.maps import SizeMap, broadcast, chosen, constant, identity, maximum, minimum
from convwise.sizes.pattern import LIMIT, TooComplex
from convwise.sizes.sets import Reason, SizeSet

__all__ = [
    "LIMIT",
    "Formula",
    "JointSet",
    "Reason",
    "SizeMap",
    "SizeSet",
    "TooComplex",
    "at_least",
    "broadcast",
    "broadcastable",
    "chosen",
    "constant",
    "divisible",
    "equal",
    "expression",
    "identity",
    "joint",
    "legal",
    "maximum",
    "minimum",
]
