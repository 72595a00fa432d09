"""What real PyTorch does with a case: a run on CPU tensors of zeros, never shapes alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch_cases import Case
from torch_compare import clean

torch.set_num_threads(1)


@dataclass(frozen=True)
class Truth:
    """The output's shape and the number of parameters, or what was said instead."""

    shape: tuple[int, ...] | None
    parameters: int | None = None
    words: str = ""


def run(case: Case) -> Truth:
    """Make the layer as it stands and call it once, in training mode, without gradients."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            layer = getattr(torch.nn, case.kind)(*case.args, **dict(case.kwargs))
            output = layer(torch.zeros(case.shape))
        except Exception as error:
            return Truth(None, words=clean(f"{error}"))
        if isinstance(output, tuple):
            output = output[0]
        if min(output.shape, default=0) < 0:
            return Truth(None, words=f"PyTorch gives a negative size: {tuple(output.shape)}")
        return Truth(tuple(output.shape), sum(p.numel() for p in layer.parameters()))
