"""`Conv`: a convolution with fixed weights, on a compiled kernel where there is one, else on NumPy."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np

from convwise.axis import Axis
from convwise.engine import planning, windows
from convwise.engine.activations import activate
from convwise.engine.activations import known as known_activation
from convwise.engine.arrays import (
    FLOAT,
    Array,
    address,
    check_memory,
    check_sum,
    largest,
    out_of_memory,
    own,
    quiet,
    result_type,
    take,
    working_type,
)
from convwise.engine.calls import Chooser, Held, Prepared, flatten, held, prepare, problem_of
from convwise.engine.compiled import steps_of
from convwise.engine.options import NUMPY, flag, layout_of, method_of, spelling, whole
from convwise.engine.options import windows as windows_of
from convwise.engine.packing import pad_bias
from convwise.engine.problem import Problem, fused
from convwise.engine.running import conv, enter, leave
from convwise.errors import ArgumentError
from convwise.ops import Conv as ConvOp
from convwise.ops import Layout
from convwise.ops.shape import Flow

Options = tuple[Any, ...]
"""stride, padding, dilation, groups, layout, activation, algorithm, threads."""

MOST_SHAPES = 64
"""Inputs of so many shapes and steps are remembered by one convolution, and so many calls by the plain function."""


class Conv:
    """A convolution with fixed weights: `Conv(w, bias, ...)(x)` is `conv2d(x, w, bias, ...)`, with the weights copied and
    put into the order of the multiplication once. Later changes of `w` are not seen, and `weight`, `bias` and the options
    stay what they are. An infinity or NaN in `x` may spoil a tile of outputs, as in `conv2d`; algorithm="direct" spoils none
    but those that read it.

    `tune=True` measures the kernels that could run the layer at the first call with an input of a new shape, which takes some
    tenths of a second, and takes the fastest. What was found is remembered per machine in `measured.json` in the user's
    cache folder (CONVWISE_CACHE, else XDG_CACHE_HOME/convwise; "off" keeps it to the process); `plan(..., tune=True)` shows it.

    Args:
        w: (out, in / groups, kernel height, kernel width), in both layouts.
        bias: (out,) or None. Everything else as in `conv2d`.

    Raises:
        ArgumentError: CW605 for an array, CW606 for an option, CW607 for an algorithm.
        ShapeError: where groups do not divide the channels; at a call, where the sizes of `x` do not work.

    >>> double = Conv(np.full((1, 1, 1, 1), 2.0))
    >>> double(np.ones((1, 2, 2))).tolist()
    [[[2.0, 2.0], [2.0, 2.0]]]
    """

    weight: Array
    bias: Array | None
    layout: Layout
    activation: str | None
    _layout_name: str
    _op: ConvOp
    _method: str
    _threads: int | None
    _packed: windows.Packed | None
    _prepared: dict[Any, tuple[Prepared, Held, Held]]
    _kernel_weights: dict[Any, Held]
    _kernel_bias: Held | None
    _finite: bool
    _tune: bool

    def __init__(
        self,
        w: object,
        bias: object = None,
        *,
        stride: object = 1,
        padding: object = 0,
        dilation: object = 1,
        groups: object = 1,
        layout: str = "NCHW",
        activation: str | None = None,
        algorithm: str | None = None,
        threads: int | None = None,
        tune: bool = False,
    ) -> None:
        tuned = flag("tune", tune)
        with quiet():
            copy = take("w", w).copy()
            own_bias = None if bias is None else take("bias", bias).copy()
        for array in (copy, own_bias):
            if array is not None:
                array.setflags(write=False)  # what is packed already would not hear of a change
        self._settle(copy, own_bias, (stride, padding, dilation, groups, layout, activation, algorithm, threads))
        self._tune = tuned

    @classmethod
    def _of(cls, w: Array, bias: Array | None, options: Options) -> Conv:
        """One without copies, for a single call."""
        self = cls.__new__(cls)
        self._settle(w, bias, options)
        return self

    def _settle(self, w: Array, bias: Array | None, options: Options) -> None:
        stride, padding, dilation, groups, layout, activation, algorithm, threads = options
        _check_weight(w)
        count = whole("groups", groups, 1)
        _check_filters(w, bias, count)
        sliding = windows_of((w.shape[2], w.shape[3]), stride, padding, dilation)
        op = ConvOp(sliding, w.shape[1] * count, len(w), count, bias is not None)
        method, most = method_of(algorithm, threads)
        if activation is not None:
            known_activation(activation)
        self._hold(op, w, bias, layout_of(layout, 4), method, activation, most)

    @classmethod
    def _by_op(cls, op: ConvOp, w: Array, bias: Array | None, layout: Layout, activation: str | None) -> Conv:
        """One for an op whose channels are settled; the arrays are its own from now on."""
        self = cls.__new__(cls)
        self._hold(op, w, bias, Layout(channels_last=layout.channels_last), "auto", activation, None)
        return self

    def _hold(
        self,
        op: ConvOp,
        w: Array,
        bias: Array | None,
        layout: Layout,
        method: str,
        activation: str | None,
        threads: int | None,
    ) -> None:
        self.__dict__.update(
            weight=w,
            bias=bias,
            layout=layout,
            activation=activation,
            _layout_name="NHWC" if layout.channels_last else "NCHW",
            _op=op,
            _method=method,
            _threads=threads,
            _packed=None,
            _prepared={},
            _kernel_weights={},
            _kernel_bias=None,
            _finite=True,  # until packing them tells better
            _tune=False,
        )

    def __setattr__(self, name: str, value: object) -> None:
        """Nothing public changes, because weights are packed once.

        Raises:
            AttributeError: for every public name.
        """
        if not name.startswith("_"):
            raise AttributeError(
                f"a Conv's {name} cannot be set: weights are packed once; make another, Conv(w, bias, ...)"
            )
        object.__setattr__(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        """Without what this process prepared, which holds addresses."""
        return {**self.__dict__, "_prepared": {}, "_kernel_weights": {}, "_kernel_bias": None}

    def __repr__(self) -> str:
        return f"Conv({' x '.join(map(str, self.weight.shape))} {self.weight.dtype}, {self._layout_name})"

    def __call__(self, x: object, residual: object = None) -> Array:
        """The convolution of `x`, with the batch or without; `residual`, of the result's shape, is added before the activation.

        Raises:
            ShapeError, ArgumentError: as `conv2d`; CW605 for a residual of another shape.
        """
        if type(x) is np.ndarray and x.dtype == FLOAT:
            known = self._prepared.get((x.shape, x.strides, residual is not None))
            place = address(x)
            if known is not None and not place & 3:
                prepared, weights, bias = known
                if residual is None or _lies_like(residual, prepared.shape):
                    out = prepared(place, weights, bias.place, residual)
                    return out if self.activation is None else self._finished(out, prepared)
        return self._slow(x, residual)

    def _slow(self, x: object, residual: object) -> Array:
        data = take("x", x)
        extra = None if residual is None else take("residual", residual)
        layout = layout_of(self._layout_name, data.ndim)
        flow = self._op.flow(data.shape, layout)
        output = tuple(size for size in flow.output if size is not None)
        if extra is not None and extra.shape != output:
            raise ArgumentError(
                "CW605",
                f"residual has shape {extra.shape} where {output} is needed",
                received=extra.shape,
                hint="it is added to the result",
            )
        arrays = [array for array in (data, self.weight, self.bias, extra) if array is not None]
        dtype = result_type(*arrays)
        work = working_type(dtype)
        check_memory(output, dtype.itemsize)
        with quiet():
            if 0 in output:
                return np.zeros(output, dtype)
            ready = data.astype(work, copy=False)
            added = None if extra is None else np.ascontiguousarray(extra, work)
            if added is not None and address(added) % work.itemsize:
                added = added.copy()
            if work == FLOAT and self._method not in NUMPY:
                result = self._by_kernel(ready, added, layout, flow)
                if result is not None:
                    return own(result, dtype, *arrays)
            return own(self._by_numpy(ready, added, layout, flow), dtype, *arrays)

    def _by_numpy(self, x: Array, residual: Array | None, layout: Layout, flow: Flow) -> Array:
        if self._method not in (*NUMPY, "auto", "direct"):
            reason = planning.why_none() or f"kernels compute float32, and this is {x.dtype}"
            raise ArgumentError(
                "CW607",
                f"{self._method} cannot run here: {reason}",
                received=self._method,
                hint="algorithm=None chooses",
            )
        work = x.dtype
        bias = None if self.bias is None else self.bias.astype(work, copy=False)
        method = self._method if self._method in NUMPY else "auto"
        sums = conv(enter(x, layout), self._ready(work), bias, self._op, _axes(flow), layout.channels_last, method)
        result = leave(sums, self._op, layout)
        if residual is not None:
            if work.kind != "f":
                check_sum(result, 1, 1, largest(residual))
            result = result + residual
        if self.activation is not None:
            channels = layout.split(tuple(range(result.ndim)))[1]
            result = activate(result, self.activation, {"axis": channels})
        return result

    def _by_kernel(self, x: Array, residual: Array | None, layout: Layout, flow: Flow) -> Array | None:
        if x.ctypes.data % 4 or any(stride % 4 for stride in x.strides):
            x = x.copy()
        prepared = self._prepare(x, residual is not None, layout, flow)
        if prepared is None:
            return None
        weights = self._kernel_weights.get(prepared.packing)
        if weights is None:
            packed, finite = prepared.pack(self.weight.astype(FLOAT, copy=False))
            weights = held(packed)
            if not finite:
                self._finite = False
        # Another thread may have told by now that this plan does not hold.
        if prepared.problem.finite and not self._finite:
            return self._by_kernel(x, residual, layout, flow)
        self._kernel_weights[prepared.packing] = weights
        if self._kernel_bias is None:
            self._kernel_bias = held(pad_bias(self.bias, len(self.weight)))
        if self.weight.dtype == FLOAT and (self.bias is None or self.bias.dtype == FLOAT):
            if len(self._prepared) >= MOST_SHAPES:
                self._prepared.clear()
            self._prepared[x.shape, x.strides, residual is not None] = prepared, weights, self._kernel_bias
        return self._finished(prepared(address(x), weights, self._kernel_bias.place, residual), prepared)

    def _finished(self, out: Array, prepared: Prepared) -> Array:
        if prepared.problem.activation is self.activation:
            return out
        axis = layout_of(self._layout_name, out.ndim).split(tuple(range(out.ndim)))[1]
        assert self.activation is not None
        with quiet():
            return own(activate(out, self.activation, {"axis": axis}), FLOAT)

    def _prepare(self, x: Array, residual: bool, layout: Layout, flow: Flow) -> Prepared | None:
        steps = steps_of(enter(x, layout))
        assert steps is not None
        problem = self._problem(enter(x, layout).shape, _axes(flow), residual)
        if problem is None:
            return None
        name = None if self._method == "auto" else self._method
        prepared = prepare(problem, steps, name, self._chooser())
        if prepared is None:
            if name is not None and name != "direct":
                raise ArgumentError(
                    "CW607",
                    f"{name} cannot run here: {planning.reason(flatten(problem, steps)[0], name)}",
                    received=name,
                    hint="algorithm=None chooses",
                )
            return None
        prepared.shape = tuple(size for size in flow.output if size is not None)
        return prepared

    def _chooser(self) -> Chooser:
        if not self._tune:
            return planning.choose
        from convwise.engine import tuning

        return tuning.choose

    def _problem(self, sizes: tuple[int, ...], axes: list[Axis], residual: bool) -> Problem | None:
        return problem_of(
            sizes,
            len(self.weight),
            self._op.groups or 1,
            axes,
            self._layout_name,
            activation=self.activation if fused(self.activation) is not None else None,
            residual=residual,
            threads=self._threads,
            finite=self._finite,
        )

    def _ready(self, dtype: np.dtype[Any]) -> windows.Packed:
        """NumPy's weights in `dtype` and in the order of the multiplication, kept from call to call."""
        packed = self._packed
        if packed is None or packed.weight.dtype != dtype:
            weight = self.weight.astype(dtype, copy=False)
            packed = windows.pack(weight, self._op.groups or 1, self.layout.channels_last)
            self._packed = packed
        return packed


def _lies_like(array: object, shape: tuple[int, ...]) -> TypeGuard[Array]:
    """Whether it is what kernels read as a residual: float32 numbers in C order of this shape."""
    if type(array) is not np.ndarray or array.dtype != FLOAT or array.shape != shape:
        return False
    return array.flags.c_contiguous and not address(array) & 3


def _axes(flow: Flow) -> list[Axis]:
    return [axis.axis for axis in flow.axes if axis.axis is not None]


_kept: dict[Any, Prepared] = {}


def convolve(x: object, w: object, bias: object, options: Options) -> Array:
    """`conv2d`. What depends on shapes and options alone is remembered; arrays never are."""
    plain = type(x) is np.ndarray and type(w) is np.ndarray and x.dtype == w.dtype == FLOAT
    told = spelling(options) if plain and (bias is None or (type(bias) is np.ndarray and bias.dtype == FLOAT)) else None
    if told is not None:
        assert isinstance(x, np.ndarray)
        assert isinstance(w, np.ndarray)
        key = (x.shape, x.strides, w.shape, getattr(bias, "shape", None), told)
        prepared = _kept.get(key)
        place = address(x)
        if prepared is not None and not place & 3:
            try:
                result = prepared.once(place, w, bias if isinstance(bias, np.ndarray) else None)
            except MemoryError as error:
                raise out_of_memory(error) from None
            if result is not None:
                return result
    else:
        key = None
    one = Conv._of(take("w", w), None if bias is None else take("bias", bias), options)
    result = one(x)
    if key is not None:
        for prepared, *_ in one._prepared.values():
            if prepared.problem.activation is one.activation and prepared.problem.finite:
                if len(_kept) >= MOST_SHAPES:
                    _kept.clear()
                _kept[key] = prepared
    return result


def _check_weight(w: Array) -> None:
    if w.ndim != 4:
        raise ArgumentError(
            "CW605",
            f"w has {w.ndim} axes where 4 are needed",
            received=w.shape,
            hint="(out, in / groups, kernel height, kernel width)",
        )
    if 0 in w.shape:
        raise ArgumentError(
            "CW605",
            f"w has shape {w.shape}: every size must be at least 1",
            received=w.shape,
            hint="(out, in / groups, kernel height, kernel width)",
        )


def _check_filters(w: Array, bias: Array | None, groups: int) -> None:
    if len(w) % groups:
        raise ArgumentError(
            "CW606",
            f"{len(w)} filters do not divide into {groups} groups",
            received=groups,
            hint=f"use groups that divide {len(w)}",
        )
    if bias is not None and bias.shape != (len(w),):
        raise ArgumentError(
            "CW605",
            f"bias has shape {bias.shape} where {(len(w),)} is needed",
            received=bias.shape,
            hint="one number per filter, or None",
        )
