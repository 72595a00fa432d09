"""Batch, instance, group, layer and RMS normalisation, as a freshly made layer does it: in training mode.

Source of the rules: `torch/nn/modules/{batchnorm,instancenorm,normalization}.py` and `F.batch_norm`, run with torch 2.13.0.
"""

from __future__ import annotations

from math import prod

from convwise.dialects.base import Layer, LayerFlow, Unknown, Value, known, run_ops
from convwise.dialects.kinds import Arguments, parameters, show, truth
from convwise.dialects.torch.kind import FIRST, FIRST_UNBATCHED, Kind, wrong_rank
from convwise.dialects.torch.values import integers, listed, number, too_small, weight_words, whole, wrong_type
from convwise.errors import MatchChannels, Meant, Refusal, ShapeError
from convwise.ops import Norm, Op, Pointwise, Shape
from convwise.ops.shape import LARGEST

EVAL = "in evaluation mode PyTorch takes it"


def _features(arguments: Arguments, name: str, used: bool) -> int | None:
    """How many features the weights are made for; None where nothing is made, or the text does not say."""
    value = arguments.get(name)
    if not used or isinstance(value, Unknown) or name not in arguments:
        return None
    if isinstance(value, tuple):
        raise ShapeError(
            "CW210",
            f"{name} is {show(value)}, not one number",
            received=value,
            hint=f"write {name}={value[0] if value else 1}",
        )
    words = weight_words(1, value, only=True)
    if not truth(arguments, "affine"):
        # Without a scale, the running moments are the first numbers to be made.
        words = words.replace("empty()", "zeros()")
    count = whole(value, name, least=-LARGEST, quote=words)
    if count < 1:
        raise too_small(name, count, 1)
    return count


def _check_numbers(arguments: Arguments, *, instance: bool) -> None:
    """BatchNorm looks at eps in Python and wants it positive; the rest is the C++ parser's."""
    function = "instance_norm" if instance else "batch_norm"
    eps = arguments["eps"]
    words = f"instance_norm(): argument 'eps' (position 8) must be float, not {_type(eps)}"
    number(eps, "eps", words if instance else f"'<=' not supported between instances of '{_type(eps)}' and 'float'")
    if not instance and isinstance(eps, int | float) and eps <= 0:
        quote = f"batch_norm eps must be positive during training, but got {eps}"
        raise Refusal(
            "CW201", f"eps is {eps}; it must be greater than 0", received=eps, hint="try eps=1e-5", quote=quote
        )
    momentum = arguments["momentum"]
    if momentum is not None:
        number(
            momentum, "momentum", f"{function}(): argument 'momentum' (position 7) must be float, not {_type(momentum)}"
        )


def _type(value: Value) -> str:
    return "NoneType" if value is None else type(value).__name__


def _epsilon(arguments: Arguments, default: float = 1e-5) -> float:
    value = arguments["eps"]
    return default if value is None or isinstance(value, Unknown) else float(value)


def resolve_batch(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    """BatchNorm, SyncBatchNorm and InstanceNorm, lazy or not."""
    affine, moments = truth(arguments, "affine"), truth(arguments, "track_running_stats")
    bias = affine and truth(arguments, "bias")
    features = _features(arguments, "num_features", affine or moments)
    instance = "Instance" in kind.name
    _check_numbers(arguments, instance=instance)
    return (
        Norm(
            "instance" if instance else "batch",
            features,
            "channels",
            affine,
            bias,
            moments,
            epsilon=_epsilon(arguments),
        ),
    )


def run_batch(layer: Layer, shape: Shape) -> LayerFlow:
    op = layer.ops[0]
    assert isinstance(op, Norm)
    lazy = layer.kind.startswith("Lazy")
    if len(shape) < 2 and lazy and (op.scale or op.moments):
        raise wrong_rank(f"{len(shape)} axes; the channels are the second", shape, "tuple index out of range")
    _check_batch_rank(layer, shape)
    if shape[1] == 0 and (layer.kind == "SyncBatchNorm" or (lazy and op.scale)):
        quote = (
            "SyncBatchNorm number of input channels should be non-zero"
            if not lazy
            else "select(): index 0 out of range"
        )
        raise ShapeError("CW102", "the input has 0 channels", axis="channels", received=0, quote=quote)
    rest = (shape[0], *shape[2:])
    if None not in rest and prod(size for size in rest if size is not None) == 1:
        quote = f"Expected more than 1 value per channel when training, got input size torch.Size({listed(shape)})"
        raise ShapeError(
            "CW103",
            "one value per channel has no spread to normalise by",
            received=shape,
            detail="batch 1 x 1 cell",
            quote=quote if None not in shape else "",
            hint=f"give a batch of at least 2, or a larger map; {EVAL}",
        )
    _check_features(op, shape, shape[1], 1)
    return run_ops(layer, shape, FIRST)


def _check_batch_rank(layer: Layer, shape: Shape) -> None:
    rank = len(shape)
    allowed = {"1d": (2, 3), "2d": (4,), "3d": (5,)}.get(layer.kind[-2:])
    if allowed is None:
        if rank < 2:
            raise wrong_rank(
                f"{rank} axes where at least 2 are needed", shape, f"expected at least 2D input (got {rank}D input)"
            )
    elif rank not in allowed:
        wanted = " or ".join(f"{n}D" for n in allowed)
        hint = (
            f"add the batch: {'x'.join(str(size) for size in (1, *shape))}"
            if rank == allowed[0] - 1 and rank > 1
            else ""
        )
        raise wrong_rank(
            f"{rank} axes where {' or '.join(map(str, allowed))} are needed, the batch included",
            shape,
            f"expected {wanted} input (got {rank}D input)",
            hint,
        )


def _check_features(op: Norm, shape: Shape, channels: int | None, factor: int) -> None:
    if op.features is None or channels is None or channels == op.features:
        return
    what = "running_mean" if op.moments else "weight"
    quote = f"{what} should contain {channels * factor} elements not {op.features * factor}"
    if 0 in shape:
        raise ShapeError(
            "CW210",
            f"the layer normalises {op.features} channels, the input has {channels}",
            axis="channels",
            received=channels,
            detail="PyTorch does not look at an empty input",
        )
    raise ShapeError(
        "CW102",
        f"the layer normalises {op.features} channels, the input has {channels}",
        axis="channels",
        received=channels,
        hint=_channel_hint(op.features, shape, channels),
        quote=quote,
    )


def _channel_hint(wanted: int, shape: Shape, channels: int) -> str:
    if shape[-1] == wanted and len(shape) > 2:
        batch = () if shape[0] is None else shape[:1]
        order = {1: "C, L", 2: "C, H, W", 3: "C, D, H, W"}.get(len(shape) - 2, "C, ...")
        meant = (*batch, wanted, channels, *shape[2:-1])
        return Meant(f"the order is {'N, ' if batch else ''}{order}: did you mean {'x'.join(map(str, meant))}?")
    return MatchChannels.of(channels, wanted)


def run_instance(layer: Layer, shape: Shape) -> LayerFlow:
    op = layer.ops[0]
    assert isinstance(op, Norm)
    rank = int(layer.kind[-2])
    lazy = layer.kind.startswith("Lazy")
    if len(shape) < 2 and lazy and (op.scale or op.moments):
        raise wrong_rank(f"{len(shape)} axes; the channels are the second", shape, "tuple index out of range")
    if len(shape) not in (rank + 1, rank + 2):
        quote = f"expected {rank + 1}D or {rank + 2}D input (got {len(shape)}D input)"
        raise wrong_rank(f"{len(shape)} axes where {rank + 1} or {rank + 2} are needed", shape, quote)
    batched = len(shape) == rank + 2
    place = 1 if batched else 0
    channels, spatial = shape[place], shape[place + 1 :]
    if op.scale and batched and shape[0] == 0:
        quote = "select(): index 0 out of range for tensor of size [0] at dimension 0"
        raise ShapeError(
            "CW103", "an empty batch cannot be normalised with a scale", axis="batch", received=0, quote=quote
        )
    if lazy and op.scale and shape[1] == 0:
        raise ShapeError(
            "CW102", "the input has 0 channels", axis="channels", received=0, quote="select(): index 0 out of range"
        )
    # The lazy layer reads its number of features from the second axis, batch or no batch.
    wanted = shape[1] if lazy and (op.scale or op.moments) else op.features
    if op.scale and wanted is not None and channels is not None and channels != wanted:
        quote = f"expected input's size at dim={place} to match num_features ({wanted}), but got: {channels}."
        raise ShapeError(
            "CW102",
            f"the layer normalises {wanted} channels, the input has {channels}",
            axis="channels",
            received=channels,
            quote=quote,
            hint=_channel_hint(wanted, shape, channels) if batched else f"make the layer for {channels} channels",
        )
    if None not in spatial and prod(size for size in spatial if size is not None) == 1:
        full = shape if batched else (1, *shape)
        quote = f"Expected more than 1 spatial element when training, got input size torch.Size({listed(full)})"
        raise ShapeError(
            "CW103",
            "one cell per channel has no spread to normalise by",
            received=shape,
            quote=quote if None not in full else "",
            hint="give a larger map",
        )
    if op.moments and not op.scale:
        count = shape[0] if batched else 1
        if wanted is not None and channels is not None and channels != wanted:
            _check_features(Norm("instance", wanted, moments=True), shape, channels, count if count is not None else 1)
    return run_ops(layer, shape, FIRST if batched else FIRST_UNBATCHED)


def resolve_group(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    value = known(arguments["num_groups"], "num_groups")
    channels_value = arguments["num_channels"]
    affine = truth(arguments, "affine")
    bias = affine and truth(arguments, "bias")
    groups = whole(
        value,
        "num_groups",
        least=-LARGEST,
        quote="group_norm(): argument 'num_groups' (position 2) must be int"
        if not isinstance(value, str | tuple | None)
        else "",
    )
    channels = None
    if not affine and not _is_int64(channels_value):
        raise ShapeError(
            "CW210",
            f"num_channels is {show(channels_value)}, not an integer",
            received=show(channels_value),
            hint="write the number of channels",
        )
    if not isinstance(channels_value, Unknown):
        quote = weight_words(1, channels_value, only=True) if not isinstance(channels_value, str | tuple | None) else ""
        channels = whole(channels_value, "num_channels", least=-LARGEST, quote=quote)
    if groups < 1:
        quote = "by zero" if groups == 0 else f"Expected num groups to be greater than 0, got {groups}"
        raise too_small("num_groups", groups, 1, quote)
    if channels is not None and channels % groups:
        quote = f"num_channels ({channels}) must be divisible by num_groups ({groups})"
        near = max(channels // groups, 1) * groups
        raise Refusal(
            "CW205",
            f"num_channels={channels} does not divide into num_groups={groups}",
            received=channels,
            hint=f"try num_channels={near}, or groups that divide {channels}",
            quote=quote,
        )
    if channels is not None and channels < 0 and affine:
        raise too_small("num_channels", channels, 1)
    if channels is not None and channels < 1 and (affine or channels == 0):
        raise ShapeError(
            "CW210",
            "num_channels is 0: there is nothing to normalise",
            received=channels,
            hint="give at least 1 channel",
        )
    number(
        arguments["eps"],
        "eps",
        f"group_norm(): argument 'eps' (position 5) must be float, not {_type(arguments['eps'])}",
    )
    return (
        Norm(
            "group", channels if affine else None, "channels", affine, bias, groups=groups, epsilon=_epsilon(arguments)
        ),
    )


def _is_int64(value: Value) -> bool:
    return isinstance(value, Unknown) or (type(value) is int and abs(value) <= LARGEST)


def run_group(layer: Layer, shape: Shape) -> LayerFlow:
    op = layer.ops[0]
    assert isinstance(op, Norm)
    assert op.groups
    if len(shape) < 2:
        raise wrong_rank(
            f"{len(shape)} axes where at least 2 are needed",
            shape,
            f"Expected at least 2 dimensions for input tensor but received {len(shape)}",
        )
    batch, channels, spatial = shape[0], shape[1], shape[2:]
    if None not in shape and batch is not None and channels is not None:
        first = batch * channels // op.groups
        if first * prod(size for size in spatial if size is not None) == 1:
            quote = f"Expected more than 1 value per channel when training, got input size {listed((first, op.groups, *spatial))}"
            raise ShapeError(
                "CW103",
                "one value per group has no spread to normalise by",
                received=shape,
                quote=quote,
                hint="use fewer groups, or a larger map",
            )
    if channels is not None and channels % op.groups:
        quote = f"Expected number of channels in input to be divisible by num_groups, but got input of shape {listed(shape)} and num_groups={op.groups}"
        raise ShapeError(
            "CW105",
            f"{channels} channels do not divide into {op.groups} groups",
            axis="channels",
            received=channels,
            quote=quote if None not in shape else "",
        )
    if op.features is not None and channels is not None and channels != op.features:
        quote = f"Expected weight to be a vector of size equal to the number of channels in input, but got weight of shape [{op.features}] and input of shape {listed(shape)}"
        raise ShapeError(
            "CW102",
            f"the layer normalises {op.features} channels, the input has {channels}",
            axis="channels",
            received=channels,
            hint=_channel_hint(op.features, shape, channels),
            quote=quote if None not in shape else "",
        )
    return run_ops(layer, shape, FIRST)


def resolve_layer(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    """LayerNorm and RMSNorm: the last axes, whose sizes are fixed."""
    value = known(arguments["normalized_shape"], "normalized_shape")
    affine = truth(arguments, "elementwise_affine")
    if not isinstance(value, int | tuple | str):
        raise wrong_type("normalized_shape", value, "an integer or a tuple", f"'{_type(value)}' object is not iterable")
    items = tuple(value) if isinstance(value, str) else value if isinstance(value, tuple) else (value,)
    wrong = next((i for i, item in enumerate(items) if type(item) is not int), 0)
    sizes = integers(items, "normalized_shape", weight_words(wrong + 1, items[wrong]) if items and affine else "")
    if not sizes:
        quote = "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []"
        raise Refusal(
            "CW204", "normalized_shape is empty", received=(), hint="name the sizes of the last axes", quote=quote
        )
    negative = next((size for size in sizes if size < 0), None)
    if negative is not None:
        quote = (
            f"Trying to create tensor with negative dimension {negative}"
            if affine
            else f"Given normalized_shape={listed(sizes)}"
        )
        raise too_small("normalized_shape", negative, 1, quote)
    rms = kind.name == "RMSNorm"
    if not (rms and arguments["eps"] is None):
        function, place = ("rms_norm", 4) if rms else ("layer_norm", 5)
        number(
            arguments["eps"],
            "eps",
            f"{function}(): argument 'eps' (position {place}) must be float, not {_type(arguments['eps'])}",
        )
    axes = tuple(range(-len(sizes), 0))
    center = affine and not rms and truth(arguments, "bias")
    # RMSNorm's own default is the smallest step of float32.
    epsilon = _epsilon(arguments, 2.0**-23)
    return (Norm("rms" if rms else "layer", prod(sizes), axes, affine, center, epsilon=epsilon, shape=sizes),)


def check_layer(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Norm)
    assert op.shape is not None
    wanted = op.shape
    if layer.kind == "RMSNorm" and len(shape) < len(wanted):
        raise wrong_rank(
            f"{len(shape)} axes where at least {len(wanted)} are needed",
            shape,
            f"Input tensor must have at least {len(wanted)} dimensions, but got {len(shape)}",
        )
    tail = shape[len(shape) - len(wanted) :] if len(shape) >= len(wanted) else ()
    if len(tail) < len(wanted) or any(
        size is not None and size != want for size, want in zip(tail, wanted, strict=True)
    ):
        quote = f"Given normalized_shape={listed(wanted)}, expected input with shape [*, {listed(wanted)[1:]}, but got input of size{listed(shape)}"
        if layer.kind == "RMSNorm":
            quote = f"Given normalized_shape={listed(wanted)}, expected input with shape [*"
        fact = f"the input ends in {' x '.join(map(str, tail)) or 'nothing'}; the layer normalises {' x '.join(map(str, wanted))}"
        hint = f"write normalized_shape={tail[0] if len(tail) == 1 else tail}" if tail and None not in tail else ""
        raise ShapeError(
            "CW109", fact, axis="features", received=shape, quote=quote if None not in shape else "", hint=hint
        )


def resolve_local(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    value = known(arguments["size"], "size")
    size = whole(value, "size", least=-LARGEST, quote="")
    if size < 1:
        raise too_small(
            "size",
            size,
            1,
            "kernel size should be greater than zero, but got k" if size >= -1 else "pad should be at most half of",
        )
    options = tuple((name, number(arguments[name], name)) for name in ("alpha", "beta", "k"))
    return (Pointwise("local_response_norm", (("size", size), *options)),)


def check_local(layer: Layer, shape: Shape) -> None:
    if len(shape) < 3:
        raise wrong_rank(
            f"{len(shape)} axes where at least 3 are needed", shape, f"input (got {len(shape)} dimensions)"
        )


BATCH = "num_features eps=1e-5 momentum=0.1 affine=True track_running_stats=True {}device=None dtype=None * bias=True"
LAZY = "eps=1e-5 momentum=0.1 affine=True track_running_stats=True device=None dtype=None * bias=True"
INSTANCE = (
    "num_features eps=1e-5 momentum=0.1 affine=False track_running_stats=False device=None dtype=None * bias=True"
)
KINDS = (
    *(
        Kind(
            f"BatchNorm{rank}d",
            parameters(BATCH.format("")),
            resolve_batch,
            run=run_batch,
            rank=rank if rank > 1 else None,
        )
        for rank in (1, 2, 3)
    ),
    *(
        Kind(f"LazyBatchNorm{rank}d", parameters(LAZY), resolve_batch, run=run_batch, rank=rank if rank > 1 else None)
        for rank in (1, 2, 3)
    ),
    Kind("SyncBatchNorm", parameters(BATCH.format("process_group=None ")), resolve_batch, run=run_batch),
    *(
        Kind(f"InstanceNorm{rank}d", parameters(INSTANCE), resolve_batch, run=run_instance, rank=rank)
        for rank in (1, 2, 3)
    ),
    *(
        Kind(f"LazyInstanceNorm{rank}d", parameters(LAZY), resolve_batch, run=run_instance, rank=rank)
        for rank in (1, 2, 3)
    ),
    Kind(
        "GroupNorm",
        parameters("num_groups num_channels eps=1e-5 affine=True device=None dtype=None * bias=True"),
        resolve_group,
        run=run_group,
    ),
    Kind(
        "LayerNorm",
        parameters("normalized_shape eps=1e-5 elementwise_affine=True bias=True device=None dtype=None"),
        resolve_layer,
        check=check_layer,
    ),
    Kind(
        "RMSNorm",
        parameters("normalized_shape eps=None elementwise_affine=True device=None dtype=None"),
        resolve_layer,
        check=check_layer,
    ),
    Kind("LocalResponseNorm", parameters("size alpha=1e-4 beta=0.75 k=1.0"), resolve_local, check=check_local),
)
