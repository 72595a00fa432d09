"""Exported programs of PyTorch (.pt2 files of `torch.export.save`) as networks: read from their JSON alone, nothing run."""

from __future__ import annotations

from convwise.readers.torch_exported.network import read_exported

__all__ = ["read_exported"]
