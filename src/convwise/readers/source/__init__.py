"""Source text read as layers: never executed, only parsed, and walked with a budget."""

from __future__ import annotations

from convwise.readers.source.read import read_layer, read_text
from convwise.readers.source.result import Found, Snippet

__all__ = ["Found", "Snippet", "read_layer", "read_text"]
