"""Making tensors, with PyTorch's argument names and default types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convwise.torch.dtypes import float32
from convwise.torch.errors import ArgumentError
from convwise.torch.tensor import Tensor, as_tensor, check_device, plain


def sizes(given: tuple[Any, ...], options: dict[str, Any] | None = None) -> tuple[int, ...]:
    """Sizes given one by one, as one sequence, or as `size=`.

    Raises:
        ArgumentError: CW601.
    """
    if options and options.get("size") is not None:
        given = (options["size"],)
    found = (
        tuple(given[0])
        if len(given) == 1 and isinstance(given[0], Sequence) and not isinstance(given[0], str)
        else given
    )
    found = tuple(
        size.item() if isinstance(size, np.ndarray) and size.ndim == 0 and size.dtype.kind in "iu" else size
        for size in found
    )
    for size in found:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 0:
            raise ArgumentError(
                "CW601",
                f"sizes are integers of at least 0, not {size!r}",
                received=found,
                quote=f"Trying to create tensor with negative dimension {size}: {list(found)}"
                if isinstance(size, int)
                else "",
                hint="write torch.randn(1, 3, 28, 28)",
            )
    return tuple(int(size) for size in found)


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A copy of the data: Python's floats become float32, its integers int64; arrays keep their type."""
    check_device(device)
    array = np.array(data)
    if dtype is None and array.dtype == np.float64 and not _holds_arrays(data):
        dtype = float32
    if array.dtype.kind not in "biufc":
        raise ArgumentError(
            "CW605",
            f"no tensor of {array.dtype}",
            received=type(data).__name__,
            hint="give numbers, all rows of the same length",
        )
    return as_tensor(array.astype(dtype) if dtype is not None else array)


def _holds_arrays(data: Any) -> bool:
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return isinstance(data, np.ndarray | np.generic)


def from_numpy(ndarray: Any) -> Tensor:
    """The array as a tensor that shares its memory.

    Raises:
        ArgumentError: CW605 for what is no array.
    """
    if not isinstance(ndarray, np.ndarray):
        raise ArgumentError(
            "CW605",
            f"{type(ndarray).__name__} is no NumPy array",
            received=type(ndarray).__name__,
            quote=f"expected np.ndarray (got {type(ndarray).__name__})",
            hint="use torch.tensor for lists",
        )
    return as_tensor(ndarray)


def as_tensor_(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`torch.as_tensor`: no copy where the data is an array of that type."""
    check_device(device)
    return as_tensor(data, dtype) if isinstance(data, np.ndarray) else tensor(data, dtype=dtype)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any) -> Tensor:
    check_device(device)
    return as_tensor(np.zeros(sizes(size, options), dtype or float32))


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any) -> Tensor:
    check_device(device)
    return as_tensor(np.ones(sizes(size, options), dtype or float32))


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any) -> Tensor:
    """Zeros: nothing unwritten is ever shown."""
    return zeros(*size, dtype=dtype, device=device, **options)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    check_device(device)
    return as_tensor(
        np.full(sizes(tuple(size)), fill_value, dtype or (float32 if isinstance(fill_value, float) else None))
    )


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    check_device(device)
    return as_tensor(np.eye(n, m, dtype=dtype or float32))


def arange(
    *bounds: Any, start: Any = None, end: Any = None, step: Any = None, dtype: Any = None, device: Any = None, **_: Any
) -> Tensor:
    """From `start`, else 0, up to `end`, in steps of `step`, else 1; fractions among them make it float32.

    Raises:
        ArgumentError: CW606 for bounds that are missing, too many, or apart the other way than the steps go.
    """
    check_device(device)
    places = ("start", "end", "step") if len(bounds) > 1 or end is not None else ("end",)
    given = {"start": start, "end": end, "step": step, **dict(zip(places, bounds, strict=False))}
    if len(bounds) > 3 or given["end"] is None:
        hint = "torch.arange(end), torch.arange(start, end) or torch.arange(start, end, step)"
        raise ArgumentError("CW606", f"{len(bounds)} bounds are no range", received=bounds, hint=hint)
    low, high, by = given["start"] or 0, given["end"], 1 if given["step"] is None else given["step"]
    if by == 0 or (high - low) * by < 0:
        quote = "step must be nonzero" if by == 0 else "upper bound and lower bound inconsistent with step sign"
        raise ArgumentError("CW606", f"no range from {low} to {high} in steps of {by}", received=by, quote=quote)
    array = np.arange(low, high, by)
    return as_tensor(array.astype(dtype or (float32 if array.dtype.kind == "f" else np.int64)))


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    check_device(device)
    return as_tensor(np.linspace(start, end, steps).astype(dtype or float32))


def logspace(start: float, end: float, steps: int, base: float = 10.0, *, dtype: Any = None, **_: Any) -> Tensor:
    return as_tensor(np.logspace(start, end, steps, base=base).astype(dtype or float32))


def empty_like(input: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    """Zeros: nothing unwritten is ever shown."""
    return zeros_like(input, dtype=dtype)


def scalar_tensor(s: Any, *, dtype: Any = None) -> Tensor:
    return as_tensor(np.asarray(s, dtype or float32))


def asarray(obj: Any, *, dtype: Any = None, copy: bool | None = None, device: Any = None) -> Tensor:
    """The data as a tensor, without a copy where that is possible and none is asked for."""
    return tensor(obj, dtype=dtype, device=device) if copy else as_tensor_(obj, dtype, device)


def clone(input: Any, *, memory_format: Any = None) -> Tensor:
    return as_tensor(input).clone()


def zeros_like(input: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return as_tensor(np.zeros_like(plain(input), dtype=dtype))


def ones_like(input: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return as_tensor(np.ones_like(plain(input), dtype=dtype))


def full_like(input: Any, fill_value: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return as_tensor(np.full_like(plain(input), fill_value, dtype=dtype))


FUNCTIONS = (logspace, empty_like, scalar_tensor, asarray, clone)
