"""A NumPy array with PyTorch's methods: where the two share a word, PyTorch's meaning holds for PyTorch's way of calling it."""

# mypy: disable-error-code="override, misc"
# PyTorch's meaning of a word takes the place of NumPy's on purpose.
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.torch.dtypes import float32
from convwise.torch.errors import ArgumentError
from convwise.torch.indexing import check_steps, picks, two_steps
from convwise.torch.misfits import axis_of, misfit
from convwise.torch.printing import tensor_text
from convwise.torch.promotion import category, common, meeting
from convwise.torch.sizes import Count, Size


def as_tensor(array: Any, dtype: Any = None) -> Tensor:
    """The array as a `Tensor`, without a copy where that is possible."""
    return np.asarray(array, dtype=dtype).view(Tensor)


def plain(value: Any) -> NDArray[Any]:
    """The value as a plain NumPy array."""
    return np.asarray(value).view(np.ndarray)


def fresh(array: Any) -> Tensor:
    """A new array as PyTorch lays it out: row by row, so that `view` finds its cells side by side."""
    return as_tensor(np.asarray(array, order="C"))


def sizes_given(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one or as one sequence."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], Sequence) else tuple(int(size) for size in sizes)


_DIVIDING = (np.floor_divide, np.remainder, np.fmod)
_PLAIN = np.empty(0)
"""An array that computes as NumPy does."""


def computed(ufunc: np.ufunc, method: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a NumPy function makes of tensors: types meet by PyTorch's rules, whole numbers give float32, nothing warns.

    Raises:
        ArgumentError: CW605 for shapes that do not go together, or a result that cannot be written where it should.
    """
    out = kwargs.pop("out", None) or ()
    if method == "__call__" and len(inputs) == 2:
        if out and (dtype := common(inputs)) is not None and category(dtype) > category(out[0].dtype):
            raise ArgumentError(
                "CW605",
                f"{dtype} numbers cannot be written into a tensor of {out[0].dtype}",
                received=dtype.name,
                quote="can't be cast to the desired output type",
                hint="write x = x + y, or x.float() first",
            )
        arrays = meeting(inputs)
    else:
        arrays = tuple(plain(value) if isinstance(value, np.ndarray) else value for value in inputs)
    if ufunc in _DIVIDING and all(np.asarray(one).dtype.kind in "biu" for one in arrays) and not np.all(arrays[1]):
        quote, hint = "ZeroDivisionError", "floats give inf and nan: x.float() first"
        raise ArgumentError("CW605", "whole numbers are divided by 0", quote=quote, hint=hint)
    if out:
        kwargs["out"] = tuple(one if one is None else plain(one) for one in out)
    try:
        with np.errstate(all="ignore"):
            results = _PLAIN.__array_ufunc__(ufunc, method, *arrays, **kwargs)
    except (ValueError, TypeError) as error:
        raise misfit(error, ufunc, inputs) from None
    if out:
        return out[0] if len(out) == 1 else out
    several = isinstance(results, tuple)
    found = tuple(_single(np.asarray(one), arrays) for one in (results if several else (results,)))
    return found if several else found[0]


def _single(array: NDArray[Any], inputs: tuple[Any, ...]) -> Tensor:
    whole = array.dtype.kind == "f" and all(np.asarray(value).dtype.kind in "biu" for value in inputs)
    return (array.astype(np.float32) if whole else array).view(Tensor)


class Tensor(np.ndarray[Any, Any]):
    """An array that prints, measures and rearranges itself as PyTorch's does. It has no gradients.

    It is a NumPy array too: `np.mean(x, axis=1)` and `x.mean(axis=1)` work beside `x.mean(dim=1)`.
    """

    @property
    def shape(self) -> Size:
        return Size(super().shape)

    @property
    def size(self) -> Count:
        return Count(self.shape)

    @property
    def data(self) -> Tensor:
        return super().view(Tensor)

    @data.setter
    def data(self, value: Any) -> None:
        if np.shape(value) != self.shape:
            raise ArgumentError(
                "CW605",
                f"a tensor of {tuple(np.shape(value))} cannot take the place of one of {tuple(self.shape)}",
                received=np.shape(value),
                hint="of a layer's weight: layer.weight = nn.Parameter(...)",
            )
        self.copy_(value)

    def __new__(cls, *data: Any, device: Any = None) -> Any:
        """`torch.Tensor([1, 2])` holds these numbers as float32, `torch.Tensor(2, 3)` is of that size."""
        from convwise.torch.legacy import made

        return made(data, float32, device)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return computed(ufunc, method, inputs, kwargs)

    def __eq__(self, other: object) -> Any:
        """Number by number; what is no number at all is not equal."""
        return False if other is None or isinstance(other, str) else super().__eq__(other)

    def __ne__(self, other: object) -> Any:
        return True if other is None or isinstance(other, str) else super().__ne__(other)

    def __hash__(self) -> Any:
        """A tensor is itself, whatever its numbers, so that sets and dictionaries hold tensors."""
        return id(self)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return np.asarray(array).view(Tensor)

    def __getitem__(self, index: Any) -> Any:
        """A part that shares the memory; a single number is a tensor without axes."""
        check_steps(index)
        if (steps := two_steps(index, self.ndim)) is not None:
            return fresh(plain(self)[steps[0]][steps[1]])
        found = super().__getitem__(index)
        if isinstance(found, np.ndarray):
            return fresh(found) if picks(index) else found.view(Tensor)
        return plain(self)[(*index, ...) if isinstance(index, tuple) else (index, ...)].view(Tensor)

    def __setitem__(self, index: Any, value: Any) -> None:
        check_steps(index)
        if not self.flags.writeable:
            raise unwritable(tuple(self.shape))
        try:
            if (steps := two_steps(index, self.ndim)) is not None:
                plain(self)[steps[0]][steps[1]] = value
            else:
                super().__setitem__(index, value)
        except ValueError as error:
            if isinstance(error, ArgumentError):
                raise
            raise ArgumentError(
                "CW605",
                f"what is written has {tuple(np.shape(value))}, and does not go into the cells chosen of {tuple(self.shape)}",
                received=np.shape(value),
                quote="must match the existing size",
                hint="from the last axis on, sizes must be equal or 1",
            ) from None

    def __getattr__(self, name: str) -> Any:
        # NumPy asks every array for names of its protocols, which begin so.
        if name.startswith("_"):
            raise AttributeError(f"'Tensor' object has no attribute {name!r}")
        raise AttributeError(f"convwise's Tensor has no {name!r}; dir(convwise.torch.Tensor) lists what there is")

    # Looks

    def __repr__(self) -> str:
        return tensor_text(plain(self))

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else repr(self)

    def item(self, *place: Any) -> Any:
        """The number of a tensor of one, or the one at a place.

        Raises:
            ArgumentError: CW605 for more numbers.
        """
        if not place and self.numel() != 1:
            raise ArgumentError(
                "CW605",
                f"{self.numel()} numbers are no single one",
                received=tuple(self.shape),
                quote=f"a Tensor with {self.numel()} elements cannot be converted to Scalar",
                hint="x.tolist() gives all, x.mean().item() one",
            )
        return plain(self).item(*place)

    def __bool__(self) -> Any:
        if self.numel() != 1:
            many = "more than one value" if self.numel() else "no values"
            raise ArgumentError(
                "CW605",
                f"{self.numel()} numbers are neither true nor false",
                received=tuple(self.shape),
                quote=f"Boolean value of Tensor with {many} is ambiguous",
                hint="write x.any(), x.all(), or x is not None",
            )
        return bool_(plain(self).item())

    # Measures

    def dim(self) -> int:
        return self.ndim

    def numel(self) -> int:
        return int(self.size)

    nelement = numel

    # Kinds of copies

    def numpy(self) -> NDArray[Any]:
        """The plain NumPy array behind it, without a copy."""
        return plain(self)

    def detach(self) -> Tensor:
        return super().view(Tensor)

    def cpu(self) -> Tensor:
        return self

    def contiguous(self, memory_format: Any = None) -> Tensor:
        return as_tensor(np.ascontiguousarray(plain(self))) if self.ndim else self

    def clone(self, *, memory_format: Any = None) -> Tensor:
        return as_tensor(plain(self).copy())

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """The tensor in another type; devices other than the processor are refused.

        Raises:
            ArgumentError: CW606.
        """
        dtype, device = kwargs.get("dtype"), kwargs.get("device")
        for value in args:
            if isinstance(value, Tensor):
                dtype = value.dtype
            elif isinstance(value, np.dtype | type):
                dtype = value
            else:
                device = value
        check_device(device)
        return self if dtype is None or self.dtype == dtype else as_tensor(plain(self).astype(dtype))

    def type(self, dtype: Any = None) -> Any:
        """The tensor in another type, which a name such as "torch.FloatTensor" tells too; without one, the name of its own."""
        from convwise.torch.legacy import NAMES, named

        return f"torch.{NAMES[self.dtype.name]}" if dtype is None else self.to(named(dtype))

    def float(self) -> Tensor:
        return self.to(float32)

    def double(self) -> Tensor:
        return self.to(np.float64)

    def half(self) -> Tensor:
        return self.to(np.float16)

    def long(self) -> Tensor:
        return self.to(np.int64)

    def int(self) -> Tensor:
        return self.to(np.int32)

    def bool(self) -> Tensor:
        return self.to(np.bool_)

    # Gradients: there are none

    requires_grad = False
    grad = None
    is_cuda = False

    @property
    def device(self) -> Device:
        return Device()

    def requires_grad_(self, requires_grad: Any = True) -> Tensor:
        self.requires_grad = bool_(requires_grad)
        return self

    def backward(self, *_: Any, **__: Any) -> None:
        """Refuse.

        Raises:
            ArgumentError: CW606.
        """
        raise ArgumentError(
            "CW606", "convwise runs layers, it does not train them", received="backward()", hint="leave the call out"
        )

    # Rearranging

    def view(self, *sizes: Any) -> Any:
        """PyTorch's `x.view(2, -1)`; with a type, NumPy's."""
        if (
            not sizes
            or (len(sizes) == 1 and not isinstance(sizes[0], int | np.integer | Sequence))
            or isinstance(sizes[0], str)
        ):
            return super().view(*sizes)
        found = self.reshape(*sizes)
        # Where the cells do not lie in the order that the new shape asks for, NumPy has copied them.
        if found.numel() and not np.may_share_memory(found, self):
            raise ArgumentError(
                "CW605",
                f"the cells of this tensor of {tuple(self.shape)} do not lie one after the other, as a view of {tuple(found.shape)} needs",
                received=tuple(self.shape),
                quote="view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
                hint="write reshape in place of view, or x.contiguous().view(...)",
            )
        return found

    def reshape(self, *sizes: Any, **kwargs: Any) -> Tensor:
        """The same elements in another shape; one size may be -1.

        Raises:
            ArgumentError: CW605 where they do not fit.
        """
        target = sizes_given(sizes or (kwargs.pop("shape", ()),))
        try:
            return as_tensor(plain(self).reshape(target, **kwargs))
        except ValueError:
            raise ArgumentError(
                "CW605",
                f"{self.numel()} elements do not fit into {' x '.join(map(str, target))}",
                received=tuple(self.shape),
                quote=f"shape '{list(target)}' is invalid for input of size {self.numel()}",
            ) from None

    def flatten(self, start_dim: Any = 0, end_dim: Any = -1) -> Tensor:
        """Axes start_dim to end_dim as one."""
        if isinstance(start_dim, str):
            return as_tensor(plain(self).flatten("F" if start_dim == "F" else "C"))
        if self.ndim == 0:
            return self.reshape(1)
        start, end = self._axis(start_dim), self._axis(end_dim)
        if start > end:
            raise ArgumentError(
                "CW605",
                f"flattening from axis {start} to axis {end}",
                quote="flatten() has invalid args: start_dim cannot come after end_dim",
            )
        return self.reshape(*self.shape[:start], int(np.prod(self.shape[start : end + 1])), *self.shape[end + 1 :])

    def _axis(self, dim: Any) -> Any:
        return axis_of(dim, self.ndim)

    def transpose(self, *dims: Any) -> Tensor:
        """PyTorch's `x.transpose(1, 2)` swaps two axes; a tuple or nothing is NumPy's."""
        if len(dims) == 2:
            return as_tensor(
                plain(self).swapaxes(self._axis(dims[0]), self._axis(dims[1])) if self.ndim else plain(self)
            )
        return as_tensor(plain(self).transpose(*dims))

    def squeeze(self, dim: Any = None, axis: Any = None) -> Tensor:
        """Axes of size 1 taken away; an axis that is longer stays, as in PyTorch."""
        if axis is not None:
            return as_tensor(plain(self).squeeze(axis))
        if dim is None:
            return as_tensor(plain(self).squeeze())
        dims = tuple(self._axis(one) for one in (dim if isinstance(dim, tuple | list) else (dim,)))
        return as_tensor(plain(self).squeeze(tuple(one for one in dims if self.ndim and self.shape[one] == 1)))

    # Numbers

    def copy_(self, source: Any) -> Tensor:
        """Overwrite with `source`, broadcast as needed.

        Raises:
            ArgumentError: CW605 where the shapes do not go together.
        """
        array = plain(source)
        try:
            np.copyto(plain(self), array, casting="unsafe")
        except ValueError:
            if not self.flags.writeable:
                raise unwritable(tuple(self.shape)) from None
            raise ArgumentError(
                "CW605", f"a tensor of {tuple(array.shape)} does not fit into {tuple(self.shape)}", received=array.shape
            ) from None
        return self

    def fill_(self, value: Any) -> Tensor:
        self[...] = value
        return self

    def zero_(self) -> Tensor:
        return self.fill_(0)

    def normal_(self, mean: Any = 0.0, std: Any = 1.0) -> Tensor:
        from convwise.torch.nn.init import normal_

        return as_tensor(normal_(self, mean, std))

    def uniform_(self, a: Any = 0.0, b: Any = 1.0) -> Tensor:
        from convwise.torch.nn.init import uniform_

        return as_tensor(uniform_(self, a, b))

    def relu(self) -> Tensor:
        return as_tensor(_functional().relu(self))

    def sigmoid(self) -> Tensor:
        return as_tensor(_functional().sigmoid(self))

    def tanh(self) -> Tensor:
        return as_tensor(_functional().tanh(self))

    def softmax(self, dim: Any) -> Tensor:
        return as_tensor(_functional().softmax(self, dim=dim))

    def log_softmax(self, dim: Any) -> Tensor:
        return as_tensor(_functional().log_softmax(self, dim=dim))

    def allclose(self, other: Any, rtol: Any = 1e-05, atol: Any = 1e-08) -> Any:
        return bool_(np.allclose(plain(self), plain(other), rtol, atol))


bool_ = bool


def unwritable(shape: tuple[int, ...]) -> ArgumentError:
    """The error for memory in which one number stands for many, as in what `expand` gives."""
    return ArgumentError(
        "CW605",
        "this memory cannot be written: it is read-only, or one number stands for many",
        received=shape,
        quote="unsupported operation: more than one element of the written-to tensor refers to a single memory location",
        hint="write to x.clone()",
    )


def _functional() -> Any:
    """`torch.nn.functional`, which stands above tensors and is therefore imported when asked."""
    from convwise.torch.nn import functional

    return functional


def check_device(device: Any) -> None:
    """Everything runs on the processor.

    Raises:
        ArgumentError: CW606.
    """
    if device is not None and not str(device).startswith("cpu"):
        raise ArgumentError(
            "CW606",
            "convwise runs on the processor alone",
            axis="device",
            received=str(device),
            quote="Torch not compiled with CUDA enabled" if str(device).startswith("cuda") else "",
            hint='use device="cpu", or leave it out',
        )


class Device(str):
    """`torch.device`: the processor.

    Raises:
        ArgumentError: CW606 for another device.
    """

    type = "cpu"
    index = None  # type: ignore[assignment]

    def __new__(cls, type: Any = "cpu", index: Any = None) -> Device:
        check_device(type)
        return super().__new__(cls, "cpu")

    def __repr__(self) -> str:
        return "device(type='cpu')"
