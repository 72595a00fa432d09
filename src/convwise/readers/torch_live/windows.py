"""The functions behind the layers: convolution, dense, normalisation, pooling, padding and resizing, with weights as tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from convwise.axis import Window
from convwise.dialects.base import Call, Layer
from convwise.ops import GlobalPool, Norm, Pointwise, Resize
from convwise.ops.several import Constant, Elementwise, PadTo, ResizeTo, Term, Windows
from convwise.readers.torch_live.place import Place, is_literal, literal, tensor_of, terms
from convwise.readers.torch_live.values import NotFollowed, NotKnown, Tensor, combine, is_term, tensors_in

MODES = {"linear": "linear", "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}


def _numbers(place: Place, weight: Tensor) -> tuple[int, ...]:
    """The sizes of a weight, which no input may change."""
    shape = place.building.shape(weight)
    numbers = tuple(size for size in shape if size is not None)
    if len(numbers) != len(shape):
        raise NotFollowed("the weight's shape follows from the input")
    return numbers


def _weights(*values: Any) -> tuple[Tensor, ...]:
    return tuple(value for value in values if isinstance(value, Tensor))


def convolution(rank: int, transposed: bool = False) -> Any:
    """`F.conv2d` and its like: the layer that the weight's shape says."""

    def conv(
        place: Place,
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: Any = 1,
        **words: Any,
    ) -> Tensor:
        return _conv(place, x, weight, bias, {"stride": stride, "padding": padding, "dilation": dilation}, groups)

    def transpose(
        place: Place,
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: Any = 1,
        dilation: Any = 1,
    ) -> Tensor:
        words = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
        return _conv(place, x, weight, bias, words, groups, transposed=True)

    return transpose if transposed else conv


def _conv(
    place: Place, x: Any, weight: Any, bias: Any, words: dict[str, Any], groups: Any, transposed: bool = False
) -> Tensor:
    first, second, *kernel = _numbers(place, tensor_of(weight, place.kind))
    count = int(literal(groups))
    channels = (first, second * count) if transposed else (second * count, first)
    plain = tuple((name, _one(literal(value))) for name, value in words.items())
    kind = f"Conv{'Transpose' if transposed else ''}{len(kernel)}d"
    call = Call(kind, (*channels, tuple(kernel)), (*plain, ("groups", count), ("bias", bias is not None)))
    return place.layer(call, tensor_of(x, place.kind), *_weights(weight, bias))


def _one(value: Any) -> Any:
    """`(2,)` is 2 for every axis: ATen writes it so."""
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def atens_convolution(
    place: Place, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: Any, *rest: Any
) -> Tensor:
    output_padding, groups = rest[0], rest[1]
    words = {"stride": stride, "padding": padding, "dilation": dilation}
    if transposed:
        words["output_padding"] = output_padding
    return _conv(place, x, weight, bias, words, groups, bool(transposed))


def linear(place: Place, x: Any, weight: Any, bias: Any = None) -> Tensor:
    out, features = _numbers(place, tensor_of(weight, place.kind))
    call = Call("Linear", (features, out), (("bias", bias is not None),))
    return place.layer(call, tensor_of(x, place.kind), *_weights(weight, bias))


def embedding(place: Place, x: Any, weight: Any, *more: Any, **words: Any) -> Tensor:
    ids, table = tensor_of(x, place.kind), tensor_of(weight, place.kind)
    if place.rank(table) != 2:
        ids, table = table, ids
    return place.one(Constant((*place.building.sizes(ids), place.building.size(table, -1))), ids, table)


def _normed(place: Place, kind: str, x: Any, groups: int | None, *stored: Any, eps: Any = 1e-5) -> Tensor:
    """A normalisation over the channels whose stored tensors say how many those are."""
    tensors = _weights(*stored)
    features = _numbers(place, tensors[0])[0] if tensors else None
    weighted, epsilon = bool(tensors), float(literal(eps))
    op = Norm(kind, features, "channels", scale=weighted, center=weighted, groups=groups, epsilon=epsilon)
    return place.one((op,), tensor_of(x, place.kind), *tensors)


def _normed_channels(place: Place, tensor: Tensor, weights: tuple[Tensor, ...]) -> int | None:
    """The channels of a normalisation that is a layer as well; None where the text leaves them open, or its weights have others."""
    channels = place.building.size(tensor, 1) if place.rank(tensor) > 1 else None
    fits = all(_numbers(place, weight) == (channels,) for weight in weights)
    return channels if isinstance(channels, int) and fits else None


def batch_norm(
    place: Place,
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    *more: Any,
    **words: Any,
) -> Tensor:
    eps = words.get("eps", more[2] if len(more) > 2 else 1e-5)
    return _normed(place, "batch", x, None, weight, bias, running_mean, running_var, eps=eps)


def atens_batch_norm(place: Place, x: Any, weight: Any, bias: Any, *more: Any, **words: Any) -> tuple[Any, ...]:
    """The output, and statistics that only training reads."""
    moments = [one for one in more[:2] if isinstance(one, Tensor)]
    return _normed(place, "batch", x, None, weight, bias, *moments), NotKnown("mean"), NotKnown("deviation")


def atens_layer_norm(place: Place, x: Any, shape: Any, *more: Any) -> tuple[Any, ...]:
    return layer_norm(place, x, shape, *more), NotKnown("mean"), NotKnown("deviation")


def atens_group_norm(
    place: Place, x: Any, weight: Any, bias: Any, images: Any, channels: Any, cells: Any, groups: Any, *more: Any
) -> tuple[Any, ...]:
    return group_norm(place, x, groups, weight, bias), NotKnown("mean"), NotKnown("deviation")


def instance_norm(
    place: Place,
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    *more: Any,
    **words: Any,
) -> Tensor:
    eps = words.get("eps", more[2] if len(more) > 2 else 1e-5)
    tensor, tensors = tensor_of(x, place.kind), _weights(weight, bias)
    rank, channels = place.rank(tensor) - 2, _normed_channels(place, tensor, tensors)
    if channels is None or rank not in (1, 2, 3) or len(tensors) == 1 or _weights(running_mean, running_var):
        return _normed(place, "instance", x, None, weight, bias, running_mean, running_var, eps=eps)
    call = Call(f"InstanceNorm{rank}d", (channels,), (("eps", literal(eps)), ("affine", bool(tensors))))
    return place.layer(call, tensor, *tensors)


def group_norm(
    place: Place, x: Any, num_groups: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5, *more: Any
) -> Tensor:
    tensor, tensors, groups = tensor_of(x, place.kind), _weights(weight, bias), int(literal(num_groups))
    channels = _normed_channels(place, tensor, tensors)
    if channels is None or groups < 1 or channels % groups or (tensors and weight is None):
        return _normed(place, "group", x, groups, weight, bias, eps=eps)
    told = (("eps", literal(eps)), ("affine", bool(tensors)), ("bias", len(tensors) > 1))
    return place.layer(Call("GroupNorm", (groups, channels), told), tensor, *tensors)


def layer_norm(
    place: Place,
    x: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: Any = 1e-5,
    *more: Any,
    **words: Any,
) -> Tensor:
    tensor, tensors = tensor_of(x, place.kind), _weights(weight, bias)
    if not is_literal(normalized_shape):
        return place.one((Pointwise("layer_norm"),), tensor, *tensors)
    sizes = tuple(literal(normalized_shape)) if isinstance(normalized_shape, list | tuple) else (normalized_shape,)
    weighted = (("elementwise_affine", bool(tensors)), ("bias", len(tensors) > 1))
    call = Call("LayerNorm", (sizes,), (("eps", literal(eps)), *weighted))
    return place.layer(call, tensor, *tensors)


# ------------------------------------------------------------------ resizing and padding


def interpolate(
    place: Place,
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: Any = "nearest",
    align_corners: Any = None,
    recompute_scale_factor: Any = None,
    antialias: Any = False,
) -> Tensor:
    """`F.interpolate`; a size that follows from another tensor is kept as that."""
    tensor = tensor_of(x, place.kind)
    if size is None or is_literal(size):
        words = {"size": size, "scale_factor": scale_factor, "mode": mode, "align_corners": align_corners}
        words["recompute_scale_factor"] = recompute_scale_factor
        if antialias:
            ops = place.called("F.interpolate", (), words).ops
            return place.one(
                tuple(replace(op, mode=f"{op.mode}+antialias") for op in ops if isinstance(op, Resize)), tensor
            )
        return place.function("F.interpolate", tensor, (), words)
    rank = place.rank(tensor) - 2
    wanted = (size,) * rank if is_term(size) else terms(size, "the new size")
    if len(wanted) != rank:
        raise NotFollowed(f"{len(wanted)} sizes for {rank} spatial axes")
    kind = MODES.get(mode, str(mode))
    told = kind in ("nearest", "linear") and not antialias
    return place.one(ResizeTo(tuple(range(2, rank + 2)), wanted, kind, align_corners is True, told), tensor)


def resized(mode: str) -> Any:
    """ATen's own resizing: `upsample_bilinear2d(x, size, align_corners, scales)`."""

    def resize(place: Place, x: Any, size: Any = None, *more: Any, **words: Any) -> Tensor:
        scales = next((part for part in reversed(more) if isinstance(part, list | tuple)), words.get("scale_factors"))
        corners = any(part is True for part in more)
        if size is None:
            return interpolate(place, x, None, scales, mode, corners if mode in MODES else None)
        return interpolate(place, x, tuple(size), None, mode, corners if mode in MODES else None)

    return resize


def pad(place: Place, x: Any, pad: Any, mode: Any = "constant", value: Any = None) -> Tensor:
    """`F.pad`: the last axis first. On other axes than all spatial ones, or by computed widths, each axis for itself."""
    tensor = tensor_of(x, place.kind)
    rank = place.rank(tensor)
    widths = terms(pad, "the padding")
    if len(widths) // 2 == rank - 2 and is_literal(widths) and is_literal(value):
        return place.function("F.pad", tensor, (widths,), {"mode": mode, "value": value})
    pairs = [(widths[at], widths[at + 1]) for at in range(0, len(widths) - 1, 2)]
    axes = tuple(rank - 1 - number for number in range(len(pairs)))
    kept = [(axis, pair) for axis, pair in zip(axes, pairs, strict=True) if pair != (0, 0)]
    if not kept:
        return place.pointwise(tensor, "pad")
    return place.one(PadTo(tuple(axis for axis, _ in kept), tuple(pair for _, pair in kept), str(mode)), tensor)


# ------------------------------------------------------------------ pooling


def pool(name: str, whole: str) -> Any:
    """`F.avg_pool2d` and its like; a window as large as its input is global pooling."""

    def pooling(place: Place, x: Any, kernel_size: Any, *args: Any, **words: Any) -> Any:
        tensor = tensor_of(x, place.kind)
        if not is_literal(kernel_size):
            return _whole(place, tensor, whole, kernel_size, args[1:], words)
        stride = words.pop("stride", args[0] if args else None)
        rest = tuple(_one(literal(part)) for part in args[1:])
        stride = None if isinstance(stride, list | tuple) and not stride else _one(literal(stride))
        found = place.function(f"F.{name}", tensor, (_one(literal(kernel_size)), stride, *rest), words)
        several = words.get("return_indices") or (len(args) > 4 and args[4] is True) or "_with_indices" in place.kind
        return (found, found) if several else found

    return pooling


def _whole(
    place: Place, tensor: Tensor, kind: str, window: Any, rest: tuple[Any, ...], words: dict[str, Any]
) -> Tensor:
    """Global pooling: a window as large as the map, without padding; `rest` are the arguments behind the stride."""
    spatial: tuple[Term, ...] = place.building.sizes(tensor)[2:]
    own = (window,) * len(spatial) if is_term(window) else terms(window, "the window")
    if own not in _alike(place, tensor):
        raise NotFollowed("the window's size follows from other sizes than its own input's")
    padding = rest[0] if rest else words.get("padding", 0)
    if literal(padding) not in (0, (), (0,) * len(own)):
        raise NotFollowed("a window as large as the map, with padding")
    divided = words.get("divisor_override") is not None or len(rest) > 3
    ops = (GlobalPool(kind, len(own), keep_dims=True), Pointwise("divided otherwise"))
    return place.one(ops if divided else ops[:1], tensor)


def norm_pool(name: str) -> Any:
    """`F.lp_pool2d`: the norm's type stands before the window."""
    pooling = pool(name, "lp")

    def pooled(place: Place, x: Any, norm_type: Any, kernel_size: Any, *args: Any, **words: Any) -> Any:
        if is_literal(kernel_size):
            return place.function(f"F.{name}", tensor_of(x, place.kind), (norm_type, kernel_size, *args), words)
        return pooling(place, x, kernel_size, *args, **words)

    return pooled


def _alike(place: Place, tensor: Tensor) -> Iterator[tuple[Term, ...]]:
    """The spatial sizes of a tensor, and of those that it was computed from cell by cell: they are the same."""
    numbers = {known.name: number for number, known in enumerate(place.building.tensors)}
    makers = {name: node for node in place.building.nodes for name in node.outputs}
    while True:
        yield place.building.sizes(tensor)[2:]
        node = makers.get(place.building.tensors[tensor.number].name)
        if node is None or not all(place.building.tensors[numbers[name]].is_stored for name in node.inputs[1:]):
            return
        ops = node.work.ops if isinstance(node.work, Layer) else node.work
        cells = isinstance(ops, tuple) and all(isinstance(op, Pointwise) for op in ops)
        others = [place.building.tensors[numbers[name]].free for name in node.inputs[1:]]
        if not cells and not (
            isinstance(ops, Elementwise) and all(one is not None and set(one) <= {1} for one in others)
        ):
            return
        tensor = Tensor(numbers[node.inputs[0]])


def unpool(rank: int) -> Callable[..., Tensor]:
    """`F.max_unpool2d`: to the size that is given, or by whole windows side by side."""

    def unpooling(
        place: Place,
        x: Any,
        indices: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:
        tensor = tensor_of(x, place.kind)
        sizes = place.building.sizes(tensor)
        if output_size is not None:
            spatial = terms(output_size, "the new size")[-rank:]
        else:
            strides = kernel_size if stride is None or stride in ((), []) else stride
            windows, steps, pads = (
                tuple(value) if isinstance(value, list | tuple) else (value,) * rank
                for value in (literal(kernel_size), literal(strides), literal(padding))
            )
            if windows != steps or any(pads):
                raise NotFollowed("its windows overlap or leave gaps")
            spatial = tuple(combine("mul", size, window) for size, window in zip(sizes[-rank:], windows, strict=True))
        return place.one(Constant((*sizes[:-rank], *spatial)), tensor, *tensors_in([indices]))

    return unpooling


def adaptive(name: str) -> Any:
    """`F.adaptive_avg_pool2d`; to a size that follows from another tensor, it is a resize by areas."""

    def pooling(place: Place, x: Any, output_size: Any, return_indices: Any = False) -> Any:
        tensor = tensor_of(x, place.kind)
        if is_literal(output_size):
            wanted = tuple(output_size) if isinstance(output_size, list | tuple) else output_size
            found = place.function(f"F.{name}", tensor, (wanted,), {})
        else:
            rank = int(name[-2])
            sizes = (output_size,) * rank if is_term(output_size) else tuple(output_size)
            kept = [(number - rank, size) for number, size in enumerate(sizes) if size is not None]
            axes = tuple(axis + place.rank(tensor) for axis, _ in kept)
            found = place.one(ResizeTo(axes, terms([size for _, size in kept], "the new size"), "area"), tensor)
        return (found, found) if return_indices is True or "_with_indices" in place.kind else found

    return pooling


def unfold(place: Place, x: Any, *args: Any, **words: Any) -> Tensor:
    """`x.unfold(dimension, size, step)` puts windows over one axis on a new last one; `F.unfold` is im2col."""
    if place.kind.startswith("F."):
        return place.function("F.unfold", tensor_of(x, place.kind), args, words)
    return _windows(place, tensor_of(x, place.kind), *args, **words)


def _windows(place: Place, x: Tensor, dimension: Any, size: Any, step: Any) -> Tensor:
    if not is_literal((size, step)):
        raise NotFollowed("the window follows from the input's size")
    if type(size) is not int or type(step) is not int or size < 1 or step < 1:
        raise NotFollowed(f"a window of {size} every {step} cells")
    return place.one(Windows(place.axis(dimension, place.rank(x)), Window(size, step)), x)


def columns(name: str) -> Callable[..., Tensor]:
    """ATen's words for `F.unfold` and `F.fold`, with the same arguments."""

    def laid(place: Place, x: Any, *args: Any, **words: Any) -> Tensor:
        return place.function(name, tensor_of(x, place.kind), args, words)

    return laid


def atens_pad(mode: str) -> Callable[..., Tensor]:
    """ATen has a function for each kind of border."""

    def padded(place: Place, x: Any, pads: Any, *value: Any) -> Tensor:
        return pad(place, x, pads, mode)

    return padded


def handlers() -> dict[str, Any]:
    """By the function's name."""
    found: dict[str, Any] = {
        "linear": linear,
        "embedding": embedding,
        "batch_norm": batch_norm,
        "instance_norm": instance_norm,
        "group_norm": group_norm,
        "layer_norm": layer_norm,
        "interpolate": interpolate,
        "upsample": interpolate,
        "pad": pad,
        "constant_pad_nd": atens_pad("constant"),
        "unfold": unfold,
        "im2col": columns("F.unfold"),
        "col2im": columns("F.fold"),
        "convolution": atens_convolution,
        "native_batch_norm": atens_batch_norm,
        "_native_batch_norm_legit": atens_batch_norm,
        "_native_batch_norm_legit_no_training": atens_batch_norm,
        "native_layer_norm": atens_layer_norm,
        "native_group_norm": atens_group_norm,
        "upsample_nearest1d": resized("nearest"),
        "upsample_nearest2d": resized("nearest"),
        "upsample_nearest3d": resized("nearest"),
        "upsample_linear1d": resized("linear"),
        "upsample_bilinear2d": resized("bilinear"),
        "upsample_trilinear3d": resized("trilinear"),
        "upsample_bicubic2d": resized("bicubic"),
    }
    for rank in (1, 2, 3):
        found[f"reflection_pad{rank}d"] = atens_pad("reflect")
        found[f"replication_pad{rank}d"] = atens_pad("replicate")
        found[f"conv{rank}d"] = convolution(rank)
        found[f"conv_transpose{rank}d"] = convolution(rank, transposed=True)
        found[f"max_pool{rank}d"] = pool(f"max_pool{rank}d", "max")
        found[f"max_pool{rank}d_with_indices"] = found[f"max_pool{rank}d"]
        found[f"max_unpool{rank}d"] = unpool(rank)
        found[f"avg_pool{rank}d"] = pool(f"avg_pool{rank}d", "average")
        found[f"lp_pool{rank}d"] = norm_pool(f"lp_pool{rank}d")
        found[f"adaptive_avg_pool{rank}d"] = adaptive(f"adaptive_avg_pool{rank}d")
        found[f"adaptive_max_pool{rank}d"] = adaptive(f"adaptive_max_pool{rank}d")
    return found


HANDLERS = handlers()
