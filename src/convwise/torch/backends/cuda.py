"""`torch.backends.cuda`: switches that scripts set."""

from __future__ import annotations


class matmul:
    """How exact matrix products are on a GPU."""

    allow_tf32 = False
