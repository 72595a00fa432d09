"""One layer on one shape: Keras's own checks with the input in hand, then the ops; refusals keep Keras's words."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from convwise.dialects.base import Layer, LayerFlow, describe, run_ops
from convwise.dialects.keras.kinds import IMAGES, KINDS, MOVING, canonical
from convwise.errors import Meant, ShapeError
from convwise.ops import Conv, ConvTranspose, Dense, Flow, Layout, Norm, Pointwise, Resize, Shape, spatial_names
from convwise.ops.shape import check_countable

LAYOUTS = {True: Layout(channels_last=True), False: Layout(channels_last=False)}

SLIDING = frozenset(("conv", "transpose", "depthwise", "separable", "max_pool", "average_pool"))
SPATIAL = SLIDING | {
    "global_max",
    "global_average",
    "adaptive_max",
    "adaptive_average",
    "cropping",
    "up_sampling",
    "resizing",
    "center_crop",
    *MOVING,
}
"""Families that need at least one cell on every axis."""

EMPTY = {"global_max": "Cannot compute the max of an empty tensor.", "resizing": "image must have at least one channel"}
"""What TensorFlow says of images without channels."""

WEIGHTED = frozenset(("conv", "transpose", "depthwise", "separable"))


def flow(layer: Layer, shape: Shape) -> LayerFlow:
    """What the layer does to `shape`, batch included.

    Raises:
        ShapeError: CW1xx, with Keras's words in `quote` where it has some. Refusal: CW201 where a run always fails for such a shape.
    """
    family, rank = KINDS[canonical(layer.kind)]
    try:
        negative = next((size for size in shape if size is not None and size < 0), None)
        if negative is not None:
            raise negative_size(shape)
        if rank is not None or family in ("permute", "dense"):
            _check_rank(layer, family, shape)
        found = _special(layer, family, shape) or _run(layer, family, shape)
        check_countable(shape, found.output)
    except ShapeError as error:
        error.layer = error.layer or describe(layer)
        raise
    return found


def _run(layer: Layer, family: str, shape: Shape) -> LayerFlow:
    layout = LAYOUTS[layer.channels_last]
    if family in SPATIAL:
        _check_cells(layer, family, layout, shape)
    try:
        return run_ops(layer, shape, layout)
    except ShapeError as error:
        error.quote = error.quote or _words(layer, family, error, layout, shape)
        raise


def negative_size(shape: Shape) -> ShapeError:
    """No size is negative."""
    size = next(size for size in shape if size is not None and size < 0)
    return ShapeError(
        "CW103",
        f"the size {size} is negative",
        received=shape,
        quote=f"Cannot convert '{shape}' to a shape. Negative dimensions are not allowed.",
        hint="sizes are 0 or more, or None where they are not known",
    )


def _check_rank(layer: Layer, family: str, shape: Shape) -> None:
    """Keras's `InputSpec`: the number of axes."""
    axes = len(shape)
    if family == "dense":
        if axes >= 2:
            return
        wanted, least = 2, "min_ndim=2"
    elif family == "permute":
        wanted = len(layer.arguments["dims"]) + 1
        if axes == wanted:
            return
        least = f"ndim={wanted}"
    else:
        assert layer.rank is not None
        wanted = layer.rank + 2
        if axes == wanted or (axes == 3 and family in IMAGES):
            return
        least = f"{'min_' if family in WEIGHTED else ''}ndim={wanted}"
    quote = f"expected {least}, found ndim={axes}. Full shape received: {shape}"
    if family in WEIGHTED and axes > wanted:
        quote = _too_many_axes(layer, family, shape)
    elif family in (*IMAGES, "adaptive_max", "adaptive_average"):
        quote = ""
    names = ", ".join(_axis_names(layer, wanted))
    raise ShapeError(
        "CW101",
        f"{axes} axes where {'at least ' if family == 'dense' else ''}{wanted} are needed",
        received=shape,
        detail=f"{shape} must be ({names})",
        quote=quote,
        hint=_rank_hint(layer, family, shape, wanted),
    )


def _axis_names(layer: Layer, wanted: int) -> Iterable[str]:
    if layer.rank is None or layer.rank == 0 or canonical(layer.kind) == "Permute":
        return (
            "batch",
            *(["..."] if canonical(layer.kind) == "Dense" else [f"axis {i}" for i in range(1, wanted - 1)]),
            "features",
        )
    spatial = spatial_names(layer.rank)
    return ("batch", *spatial, "channels") if layer.channels_last else ("batch", "channels", *spatial)


def _rank_hint(layer: Layer, family: str, shape: Shape, wanted: int) -> str:
    axes, kind = len(shape), canonical(layer.kind)
    if layer.rank and axes == 2 and shape[0] is None:
        return "it reads maps: put it before what flattens them, or a Reshape before it"
    if layer.rank and axes == layer.rank:
        sizes = [str(size) for size in shape]
        return f"are the channels missing? Write {'x'.join([*sizes, '3'] if layer.channels_last else ['3', *sizes])}"
    other = f"{kind[:-2]}{axes - 2}D"
    if kind.endswith("D") and other in KINDS:
        return Meant(f"did you mean {other}? It takes {axes} axes")
    if family == "dense" or axes > wanted:
        return "Flatten() before it makes one axis of all" if family == "repeat_vector" else ""
    return "Reshape before it gives the missing axes"


def _too_many_axes(layer: Layer, family: str, shape: Shape) -> str:
    if family == "transpose":
        return ""
    return f"Kernel shape must have the same length as input, but received kernel of shape {_kernel_shape(layer, family, shape)} and input of shape {shape}."


def _kernel_shape(layer: Layer, family: str, shape: Shape) -> tuple[Any, ...]:
    """The kernel as Keras prints it: the window, the input's channels, the filters."""
    op = layer.window_op
    assert isinstance(op, Conv | ConvTranspose)
    channels = shape[-1] if layer.channels_last else shape[1]
    filters: Any = layer.arguments.get("filters")
    if family == "depthwise":
        filters = None if channels is None else channels * layer.arguments["depth_multiplier"]
    return (*op.kernel, channels, filters)


def _check_cells(layer: Layer, family: str, layout: Layout, shape: Shape) -> None:
    """At least one cell on every axis, and channels that are known where weights are made for them."""
    assert layer.rank is not None
    if len(shape) == layer.rank + 1:
        shape = (None, *shape)
    _, channels, spatial = layout.split(shape)
    for name, size in zip(spatial_names(layer.rank), spatial, strict=True):
        if size == 0:
            raise ShapeError(
                "CW103",
                "the size is 0: there is no cell to read",
                axis=name,
                received=0,
                quote=_cell_words(layer, family, shape),
                hint="sizes are 1 or more",
            )
    blended = family == "up_sampling" and any(isinstance(op, Resize) and op.mode != "nearest" for op in layer.ops)
    if channels == 0 and (blended or family in ("global_max", "resizing", "center_crop")):
        raise ShapeError(
            "CW102", "0 channels; at least 1 is needed", axis="channels", received=0, quote=EMPTY.get(family, "")
        )
    if family in WEIGHTED and channels is None:
        raise ShapeError(
            "CW102",
            "the number of channels is not known, and the weights depend on it",
            axis="channels",
            received=shape,
            hint="give the channels a number; height and width may stay open",
        )


def _cell_words(layer: Layer, family: str, shape: Shape) -> str:
    window = layer.window_op
    if window is not None and family != "transpose" and layer.arguments["padding"].lower() == "valid":
        return _too_small(layer, family, shape)
    return _crop_words(layer, shape) if family == "cropping" else ""


def _words(layer: Layer, family: str, error: ShapeError, layout: Layout, shape: Shape) -> str:
    """What Keras says where an op of ours says `error`."""
    if error.code in ("CW102", "CW109") and (made := _made_for(layer)) and error.received:
        axis = -1 if layer.channels_last or family == "dense" else 1
        return f"expected axis {axis} of input shape to have value {made}, but received input with shape {shape}"
    if error.code == "CW104" and family in SLIDING:
        return _too_small(layer, family, shape)
    if error.code == "CW104" and family == "cropping":
        return _crop_words(layer, shape)
    if error.code == "CW102" and family in WEIGHTED:
        return _no_channels(layer, family, layout, shape)
    if error.code == "CW105" and family == "conv":
        groups, channels = layer.arguments["groups"], layout.split(shape)[1]
        words = "The number of input channels must be evenly divisible by the number of groups."
        return f"{words} Received groups={groups}, but the input has {channels} channels (full input shape is {shape})."
    if error.code == "CW106" and family == "reshape":
        target = layer.arguments["target_shape"]
        words = "The total size of the tensor must be unchanged"
        if -1 in target:
            words += ", however, the input size cannot by divided by the specified dimensions in target_shape"
        return f"{words}. Received: input_shape={shape[1:]}, target_shape={target}"
    return ""


def _made_for(layer: Layer) -> int | None:
    """The features or channels that a layer's stored weights take; None for a layer without weights, or of any input."""
    op = layer.ops[0] if layer.ops else None
    if isinstance(op, Dense):
        return op.in_features
    return op.in_channels if isinstance(op, Conv | ConvTranspose) else None


def _no_channels(layer: Layer, family: str, layout: Layout, shape: Shape) -> str:
    """Keras finds a window that does not fit before it finds that there is no channel; a dilated one fails in other words."""
    op = layer.window_op
    assert op is not None
    if family == "transpose":
        return ""
    spatial = layout.split(shape)[2]
    if any(size is not None and not window.over(size).fits for window, size in zip(op.windows, spatial, strict=True)):
        return _too_small(layer, family, shape)
    usual = len(op.windows) == 2 and all(window.dilation == 1 for window in op.windows)
    return "filter must not have zero elements" if usual else ""


def _too_small(layer: Layer, family: str, shape: Shape) -> str:
    """Keras's words for a window longer than its input; it prints some of the tuples as arrays."""
    op = layer.window_op
    assert op is not None
    strides = tuple(window.stride for window in op.windows)
    if family in ("max_pool", "average_pool"):
        if layer.arguments["padding"] != "valid":
            # Keras says it only of the word in lower case; 'VALID' fails further down, in other words.
            return ""
        sizes = tuple(window.kernel for window in op.windows)
        received = f"Received: `inputs.shape={array(shape)}`, `pool_size={array(sizes)}`, `strides={strides}`, `padding=valid`."
        return f"Computed output size would be zero or negative. {received}"
    dilation = array(tuple(window.dilation for window in op.windows))
    received = f"Received `inputs shape={shape}`, `kernel shape={_kernel_shape(layer, family, shape)}`"
    return f"Computed output size would be zero or negative. {received}, `dilation_rate={dilation}`, `strides={strides}`, `padding=valid`."


def array(values: tuple[int | None, ...]) -> str:
    """A tuple as NumPy prints an array: integers in columns of one width.

    >>> array((1, 10, 8)), array((None, 10))
    ('[ 1 10  8]', '[None 10]')
    """
    if None in values:
        return f"[{' '.join(map(str, values))}]"
    width = max((len(str(value)) for value in values), default=0)
    return f"[{' '.join(str(value).rjust(width) for value in values)}]"


def _crop_words(layer: Layer, shape: Shape) -> str:
    if layer.rank == 1:
        words = "`cropping` parameter of `Cropping1D` layer must be smaller than the input length."
        cuts: Any = next(iter(_pairs(layer)))
    else:
        words = "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the input."
        cuts = tuple(_pairs(layer))
    return f"{words} Received: inputs.shape={shape}, cropping={cuts}"


def _pairs(layer: Layer) -> Iterable[tuple[int, int]]:
    for cut in layer.ops[0].cuts:  # type: ignore[union-attr]
        yield cut.low, cut.high


def _special(layer: Layer, family: str, shape: Shape) -> LayerFlow | None:
    """Layers whose answer needs more of the shape than their op sees; None for the others."""
    op = layer.ops[0] if layer.ops else None
    if isinstance(op, Norm):
        return _normalised(layer, op, shape)
    if family == "flatten" and len(shape) < 2:
        if shape:
            return LayerFlow(layer, shape, (shape[0], 1), (Flow(shape, (shape[0], 1)),))
        raise ShapeError(
            "CW101",
            "no axis where at least 1 is needed",
            received=shape,
            quote="expected min_ndim=1, found ndim=0. Full shape received: ()",
        )
    if family in ("reshape", "prelu") and not shape:
        raise ShapeError("CW101", "no axis where at least the batch is needed", received=shape)
    if family == "dense" and shape[-1] is None:
        raise ShapeError(
            "CW109",
            "the number of features is not known, and the weights depend on it",
            axis="features",
            received=shape,
            quote="Shapes used to initialize variables must be fully-defined (no `None` dimensions).",
            hint="give every size before Flatten a number, or take GlobalAveragePooling instead of Flatten",
        )
    if family in ("resizing", "center_crop") and len(shape) == 3:
        return _single_image(layer, family, shape)
    if any(isinstance(one, Pointwise) and one.kind in ("prelu", "rescaling", "softmax") for one in layer.ops):
        return _pointwise(layer, family, shape)
    return None


def _single_image(layer: Layer, family: str, shape: Shape) -> LayerFlow:
    """Resizing and CenterCrop take one image without a batch, too."""
    layout = Layout(layer.channels_last, batched=False)
    _check_cells(layer, family, LAYOUTS[layer.channels_last], shape)
    assert isinstance(layer.ops[0], Resize)
    found = layer.ops[0].flow(shape, layout)
    return LayerFlow(layer, shape, found.output, (found,))


def _in_range(axes: Iterable[int], shape: Shape, quote: str) -> None:
    for axis in axes:
        if not -len(shape) <= axis < len(shape):
            raise ShapeError(
                "CW101",
                f"there is no axis {axis} in a shape of {len(shape)} axes",
                received=axis,
                quote=quote,
                hint=f"axes are numbered {-len(shape)} to {len(shape) - 1}, the batch is 0",
            )


def _normalised(layer: Layer, op: Norm, shape: Shape) -> LayerFlow:
    assert not isinstance(op.axes, str)
    quote = "" if op.kind == "unit" else "tuple index out of range"
    _in_range(op.axes, shape, quote)
    places = [axis % len(shape) for axis in op.axes]
    if len(set(places)) < len(places):
        quote = "Axes contains duplicate dimension" if op.kind != "rms" else ""
        raise ShapeError(
            "CW101", f"axis {op.axes} names one axis twice", received=op.axes, quote=quote, hint="name every axis once"
        )
    sizes = [shape[place] for place in places]
    if op.kind != "unit" and any(size is None for size in sizes):
        words = "Shapes used to initialize variables must be fully-defined (no `None` dimensions)."
        raise ShapeError(
            "CW102",
            "the size of the normalised axis is not known, and the weights depend on it",
            received=shape,
            quote=words,
            hint="give it a number",
        )
    if op.kind == "instance" and sizes[0] == 0:
        raise ShapeError(
            "CW105",
            "no channel to normalise",
            axis="channels",
            received=0,
            quote="integer modulo by zero",
            hint="at least one channel is needed",
        )
    if op.kind == "group":
        _check_norm_groups(op, sizes[0])
    if op.kind in ("group", "instance") and (len(shape) < 2 or op.axes[0] == -len(shape)):
        raise ShapeError(
            "CW101",
            f"groups cannot lie along axis {op.axes[0]} of {len(shape)}",
            received=shape,
            quote="pop index out of range",
            hint="take the channels' axis",
        )
    if op.kind == "rms":
        _check_rms(op, shape)
    return run_ops(layer, shape, LAYOUTS[layer.channels_last])


def _check_norm_groups(op: Norm, channels: int | None) -> None:
    groups = op.groups or 1
    assert channels is not None
    if channels < groups:
        quote = f"Number of groups ({groups}) cannot be more than the number of channels ({channels})."
    elif channels % groups:
        quote = f"Number of groups ({groups}) must be a multiple of the number of channels ({channels})."
    else:
        return
    raise ShapeError(
        "CW105",
        f"{channels} channels do not divide into {groups} groups",
        axis="channels",
        received=channels,
        quote=quote,
        hint=f"use groups that divide {channels}" if channels else "at least one channel is needed",
    )


def _check_rms(op: Norm, shape: Shape) -> None:
    """Keras multiplies by a scale of the normalised axes' sizes as if those axes were the last ones."""
    assert not isinstance(op.axes, str)
    if op.axes == (-1,) or not op.axes:
        return
    # Keras sorts the numbers as they are written, negative ones first.
    scale = tuple(shape[axis] for axis in sorted(op.axes))
    tail = shape[len(shape) - len(scale) :]
    pairs = list(zip(scale, tail, strict=True))
    if all(size in (wide, 1) for size, wide in pairs):
        return
    clash = any(size != wide and 1 not in (size, wide) for size, wide in pairs)
    raise ShapeError(
        "CW102" if clash else "CW210",
        f"the scale of axis {op.axes} has sizes {scale}, which do not line up with the last axes {tail}",
        received=shape,
        quote=f"Incompatible shapes: [{','.join(map(str, shape))}] vs. [{','.join(map(str, scale))}]" if clash else "",
        hint="RMSNormalization works along the last axes",
    )


def _pointwise(layer: Layer, family: str, shape: Shape) -> LayerFlow:
    """PReLU's numbers follow the shape; rescaling's must fit it; a softmax needs its axis."""
    layout = LAYOUTS[layer.channels_last]
    flows: list[Flow] = []
    current = shape
    if family in SPATIAL:
        _check_cells(layer, family, layout, shape)
    for op in layer.ops:
        if isinstance(op, Pointwise) and op.kind == "prelu":
            flows.append(_prelu(op, current))
        else:
            if isinstance(op, Pointwise) and op.kind in ("softmax", "rescaling"):
                _check_pointwise(op, current)
            try:
                flows.append(op.flow(current, layout))
            except ShapeError as error:
                error.quote = error.quote or _words(layer, family, error, layout, shape)
                raise
        current = flows[-1].output
    return LayerFlow(layer, shape, current, tuple(flows))


def _prelu(op: Pointwise, shape: Shape) -> Flow:
    shared = dict(op.options).get("shared_axes", ())
    sizes = list(shape[1:])
    assert isinstance(shared, tuple)
    for axis in shared:
        if not -len(sizes) <= axis - 1 < len(sizes):
            words = "list assignment index out of range"
            hint = f"axes are numbered 1 to {len(sizes)}, the batch apart"
            raise ShapeError(
                "CW101", f"there is no axis {axis} to share in {shape}", received=axis, quote=words, hint=hint
            )
        sizes[axis - 1] = 1
    if None in sizes:
        words = "Shapes used to initialize variables must be fully-defined (no `None` dimensions)."
        hint = "share the axes of unknown size: shared_axes=[1, 2]"
        raise ShapeError(
            "CW102",
            "PReLU has a number for every place, and the size is not known",
            received=shape,
            quote=words,
            hint=hint,
        )
    numbers = prod(size for size in sizes if size is not None)
    return Flow(shape, shape, (), numbers, numbers)


def _check_pointwise(op: Pointwise, shape: Shape) -> None:
    options = dict(op.options)
    if op.kind == "softmax":
        axis = options["axis"]
        axes = axis if isinstance(axis, tuple) else (axis,)
        _in_range(axes, shape, f"`dim` must be in the range [{-len(shape)}, {len(shape)})" if len(axes) == 1 else "")
        if len({one % len(shape) for one in axes}) < len(axes):
            raise ShapeError(
                "CW101",
                f"axis {axes} names one axis twice",
                received=axes,
                quote="Axes contains duplicate dimension",
                hint="name every axis once",
            )
        return
    for name in ("scale", "offset"):
        numbers = options[name]
        if (
            isinstance(numbers, tuple)
            and len(numbers) != 1
            and (not shape or (shape[-1] is not None and shape[-1] != len(numbers)))
        ):
            last = shape[-1] if shape else 1
            raise ShapeError(
                "CW102" if last != 1 else "CW210",
                f"{name} has {len(numbers)} numbers, the input has {last} channels",
                axis="channels",
                received=last,
                quote=f"Incompatible shapes: [{','.join(map(str, shape))}] vs. [{len(numbers)}]" if last != 1 else "",
                hint=f"give one number, or {last}",
            )
