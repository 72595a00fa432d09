"""What comes nearest where nothing exact exists: the chain with the step that cannot be said replaced by its closest relative."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from convwise.answers.porting.reading import Chain
from convwise.dialects.base import LayerFlow
from convwise.ops import Op, Pointwise, Resize

RELATIVES = {"sparsemax": "softmax", "sparse_sigmoid": "hard_sigmoid", "sparse_plus": "softplus"}


def approximated(chain: Chain) -> Iterator[tuple[Chain, str]]:
    """The chain with close relatives in it, and what was replaced; the closest first, none where there is no relative."""
    for kernels in (CLOSE, FAR):
        told: list[str] = []
        flows: list[LayerFlow] = []
        for flow in chain.flows:
            ops = tuple(_relative(op, told, kernels) for op in flow.layer.ops)
            layer = replace(flow.layer, ops=ops)
            flows.append(replace(flow, layer=layer))
        if told:
            yield replace(chain, layers=tuple(flow.layer for flow in flows), flows=tuple(flows)), "; ".join(told)


CLOSE = {"lanczos3": "keys", "lanczos5": "keys", "cubic": "keys", "area": "linear"}
FAR = dict.fromkeys(("lanczos3", "lanczos5", "cubic", "keys", "area"), "linear")
"""A kernel -> one that more frameworks have."""


def _relative(op: Op, told: list[str], kernels: Mapping[str, str]) -> Op:
    match op:
        case Resize():
            kernel = op.mode.partition("+")[0]
            mode = kernels.get(kernel, kernel)
            if mode != op.mode or op.align_corners:
                told.append(
                    f"resizing by {mode.replace('keys', 'the other cubic kernel')} instead of {op.mode}{' with aligned corners' if op.align_corners else ''}"
                )
                return replace(op, mode=mode, align_corners=False)
        case Pointwise() if op.kind in RELATIVES:
            told.append(f"{RELATIVES[op.kind]} instead of {op.kind}")
            options = (("axis", -1),) if RELATIVES[op.kind] == "softmax" else ()
            return Pointwise(RELATIVES[op.kind], options)
    return op
