"""Locks of short steps that many threads take."""

from __future__ import annotations

import os
import threading


def lock() -> threading.RLock:
    """A lock that a fork takes first and gives back on both sides: else a child whose lock another thread held would wait for ever.

    The thread that holds it may take it again, as a signal handler that calls a layer does.
    """
    made = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=made.acquire, after_in_parent=made.release, after_in_child=made.release)
    return made
