"""`torch.cuda.amp`: without a GPU `autocast()` changes nothing, in PyTorch too."""

from __future__ import annotations

from convwise.torch.grad import no_grad

__all__ = ["autocast"]


class autocast(no_grad):
    """A context manager and a decorator that changes nothing."""
