"""The functional form used in a Module's forward: `F.relu(x)`, `torch.flatten(x, 1)`, `x.view(x.size(0), -1)`.

`functional` turns a function's name and its arguments (without the tensor) into the Call of a layer that does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from convwise.dialects.base import Call, Parameter, Value, bind
from convwise.dialects.kinds import parameters

Args = tuple[Value, ...]
Kwargs = tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its parameters after the tensor, and how they become a layer's call."""

    parameters: tuple[Parameter, ...]
    build: Callable[[Mapping[str, Value], Args, Kwargs], Call | None]


def _same(kind: str, *dropped: str) -> Callable[[Mapping[str, Value], Args, Kwargs], Call | None]:
    """The layer `kind` takes the same arguments, apart from those `dropped`."""

    def build(bound: Mapping[str, Value], args: Args, kwargs: Kwargs) -> Call | None:
        return Call(kind, (), tuple((name, value) for name, value in bound.items() if name not in dropped))

    return build


def _function(signature: str, kind: str, *dropped: str) -> Function:
    return Function(parameters(signature), _same(kind, *dropped))


def _pad(bound: Mapping[str, Value], args: Args, kwargs: Kwargs) -> Call | None:
    """`F.pad(x, (left, right, top, bottom), mode, value)`: the last axis first."""
    pads, mode, value = bound["pad"], bound["mode"], bound["value"]
    if not isinstance(pads, tuple) or len(pads) not in (2, 4, 6):
        return None if isinstance(pads, tuple) else Call("ZeroPad2d", (pads,))
    rank = len(pads) // 2
    name = {"reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}.get(
        mode if isinstance(mode, str) else ""
    )
    if name:
        return Call(f"{name}Pad{rank}d", (pads,))
    if mode != "constant":
        return None
    return Call(f"ZeroPad{rank}d", (pads,)) if value in (None, 0) else Call(f"ConstantPad{rank}d", (pads, value))


def _interpolate(bound: Mapping[str, Value], args: Args, kwargs: Kwargs) -> Call | None:
    if bound.get("antialias"):
        return None  # no layer has it
    names = ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor")
    return Call("Upsample", (), tuple((name, bound[name]) for name in names if bound[name] is not None))


def _sizes(kind: str) -> Callable[[Mapping[str, Value], Args, Kwargs], Call | None]:
    """`x.view(2, 3)` and `x.view((2, 3))` are one."""

    def build(bound: Mapping[str, Value], args: Args, kwargs: Kwargs) -> Call | None:
        sizes = args[0] if len(args) == 1 and isinstance(args[0], tuple) else args
        if not args:
            named = dict(kwargs).get("size", dict(kwargs).get("shape", dict(kwargs).get("dims")))
            sizes = named if isinstance(named, tuple) else (named,)
        return Call(kind, (tuple(sizes),))

    return build


def _torch_sizes(kind: str) -> Callable[[Mapping[str, Value], Args, Kwargs], Call | None]:
    """`torch.reshape(x, (2, 3))`: the sizes as one tuple."""

    def build(bound: Mapping[str, Value], args: Args, kwargs: Kwargs) -> Call | None:
        sizes = next(iter(bound.values()))
        return Call(kind, (sizes if isinstance(sizes, tuple) else (sizes,),))

    return build


def _leave(bound: Mapping[str, Value], args: Args, kwargs: Kwargs) -> Call | None:
    return Call("Identity")


def _training_only(kind: str) -> Callable[[Mapping[str, Value], Args, Kwargs], Call | None]:
    def build(bound: Mapping[str, Value], args: Args, kwargs: Kwargs) -> Call | None:
        return Call(kind, (), (("p", bound["p"]),))

    return build


MAX = "kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices=False"
AVERAGE = "kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True"
INPLACE = "inplace=False"
ACTIVATIONS: Mapping[str, tuple[str, str]] = {
    "relu": (INPLACE, "ReLU"),
    "relu6": (INPLACE, "ReLU6"),
    "selu": (INPLACE, "SELU"),
    "silu": (INPLACE, "SiLU"),
    "mish": (INPLACE, "Mish"),
    "hardswish": (INPLACE, "Hardswish"),
    "hardsigmoid": (INPLACE, "Hardsigmoid"),
    "leaky_relu": ("negative_slope=0.01 inplace=False", "LeakyReLU"),
    "elu": ("alpha=1.0 inplace=False", "ELU"),
    "celu": ("alpha=1.0 inplace=False", "CELU"),
    "gelu": ("approximate='none'", "GELU"),
    "hardtanh": ("min_val=-1.0 max_val=1.0 inplace=False", "Hardtanh"),
    "hardshrink": ("lambd=0.5", "Hardshrink"),
    "softshrink": ("lambd=0.5", "Softshrink"),
    "softplus": ("beta=1 threshold=20.0", "Softplus"),
    "threshold": ("threshold value inplace=False", "Threshold"),
    "softmax": ("dim=None", "Softmax"),
    "log_softmax": ("dim=None", "LogSoftmax"),
    "softmin": ("dim=None", "Softmin"),
    "sigmoid": ("", "Sigmoid"),
    "tanh": ("", "Tanh"),
    "logsigmoid": ("", "LogSigmoid"),
    "softsign": ("", "Softsign"),
    "tanhshrink": ("", "Tanhshrink"),
    "glu": ("dim=-1", "GLU"),
}
DROPOUTS = {
    "dropout": "Dropout",
    "dropout1d": "Dropout1d",
    "dropout2d": "Dropout2d",
    "dropout3d": "Dropout3d",
    "alpha_dropout": "AlphaDropout",
    "feature_alpha_dropout": "FeatureAlphaDropout",
}


def _functions() -> dict[str, Function]:
    found: dict[str, Function] = {}
    for name, (signature, kind) in ACTIVATIONS.items():
        extra = " _stacklevel=1 dtype=None" if "softm" in name else ""
        found[f"F.{name}"] = Function(parameters(signature + extra), _same(kind, "inplace", "_stacklevel", "dtype"))
    for name, kind in DROPOUTS.items():
        found[f"F.{name}"] = Function(parameters("p=0.5 training=True inplace=False"), _training_only(kind))
    for rank in (1, 2, 3):
        override = " divisor_override=None" if rank > 1 else ""
        found[f"F.max_pool{rank}d"] = _function(MAX, f"MaxPool{rank}d")
        found[f"F.avg_pool{rank}d"] = _function(AVERAGE + override, f"AvgPool{rank}d")
        found[f"F.lp_pool{rank}d"] = _function("norm_type kernel_size stride=None ceil_mode=False", f"LPPool{rank}d")
        found[f"F.adaptive_avg_pool{rank}d"] = _function("output_size", f"AdaptiveAvgPool{rank}d")
        found[f"F.adaptive_max_pool{rank}d"] = _function("output_size return_indices=False", f"AdaptiveMaxPool{rank}d")
    found["F.pad"] = Function(parameters("pad mode='constant' value=None"), _pad)
    interpolate = (
        "size=None scale_factor=None mode='nearest' align_corners=None recompute_scale_factor=None antialias=False"
    )
    found["F.interpolate"] = Function(parameters(interpolate), _interpolate)
    found["F.upsample"] = Function(
        parameters("size=None scale_factor=None mode='nearest' align_corners=None recompute_scale_factor=None"),
        _interpolate,
    )
    found["F.pixel_shuffle"] = _function("upscale_factor", "PixelShuffle")
    found["F.pixel_unshuffle"] = _function("downscale_factor", "PixelUnshuffle")
    found["F.channel_shuffle"] = _function("groups", "ChannelShuffle")
    found["F.unfold"] = _function("kernel_size dilation=1 padding=0 stride=1", "Unfold")
    found["F.fold"] = _function("output_size kernel_size dilation=1 padding=0 stride=1", "Fold")
    found["F.local_response_norm"] = _function("size alpha=1e-4 beta=0.75 k=1.0", "LocalResponseNorm")
    return found


def _with_methods(found: dict[str, Function]) -> dict[str, Function]:
    """The same under `torch.`, and the tensor methods."""
    found["torch.flatten"] = _function("start_dim=0 end_dim=-1", "Flatten")
    found["torch.unflatten"] = Function(
        parameters("dim sizes"), lambda bound, args, kwargs: Call("Unflatten", (bound["dim"], bound["sizes"]))
    )
    found["torch.reshape"] = Function(parameters("shape"), _torch_sizes("reshape"))
    found["torch.permute"] = Function(parameters("dims"), _torch_sizes("permute"))
    found["torch.mean"] = _function("dim=None keepdim=False dtype=None", "mean", "dtype")
    found["torch.amax"] = _function("dim=None keepdim=False", "amax")
    for name in (
        "relu",
        "sigmoid",
        "tanh",
        "selu",
        "celu",
        "softmax",
        "log_softmax",
        "dropout",
        "threshold",
        "hardshrink",
        "channel_shuffle",
    ):
        found[f"torch.{name}"] = found[f"F.{name}"]
    for name in ("pixel_shuffle", "pixel_unshuffle", "max_pool1d", "max_pool2d", "max_pool3d"):
        found[f"torch.{name}"] = found[f"F.{name}"]
    methods = ("relu", "sigmoid", "tanh", "softmax", "log_softmax", "flatten", "unflatten", "mean", "amax")
    found |= {f".{name}": found[f"torch.{name}"] for name in methods}
    found |= {f".{name}_": found[f"torch.{name}"] for name in ("relu", "sigmoid", "tanh")}
    found |= {f".{name}": Function((), _sizes(name)) for name in ("view", "reshape", "permute")}
    found |= {
        f".{name}": Function((), _leave)
        for name in ("contiguous", "clone", "detach", "float", "double", "half", "to", "cuda", "cpu")
    }
    return found


FUNCTIONS: Mapping[str, Function] = _with_methods(_functions())
"""`F.` functions of torch.nn.functional, `torch.` ones, and tensor methods with a dot in front."""

ANY_ARGUMENTS = frozenset(
    {
        ".view",
        ".reshape",
        ".permute",
        ".contiguous",
        ".clone",
        ".detach",
        ".float",
        ".double",
        ".half",
        ".to",
        ".cuda",
        ".cpu",
    }
)
NUMPY = {"axis": "dim", "keepdims": "keepdim"}
"""NumPy's words, which torch's own functions and its methods take as well; those of torch.nn.functional do not."""

RESHAPING_ITSELF = frozenset(
    {"resize_", "unsqueeze_", "squeeze_", "transpose_", "t_", "swapaxes_", "swapdims_", "resize_as_"}
)
"""Methods that give the tensor itself another shape."""

PREFIXES = ("torch.nn.functional.", "nn.functional.", "functional.", "F.")


def functional(name: str, args: Args = (), kwargs: Kwargs | Mapping[str, Value] = ()) -> Call | None:
    """The layer's call that does the same as the function `name`; None where there is none.

    `name` is `F.relu`, `nn.functional.relu`, `torch.flatten`, or a tensor method, `.view` or `view`; `args` and `kwargs`
    are without the tensor. A size kept as it is (`x.size(0)`, `x.shape[0]`, a batch's name) is an `Unknown` with that text.

    Raises:
        CodeError: CW303 to CW306, where the arguments cannot be bound.

    >>> functional("torch.flatten", (1,)).kind, functional("view", (-1, 400)).args
    ('Flatten', ((-1, 400),))
    """
    pairs = tuple(kwargs.items()) if isinstance(kwargs, Mapping) else tuple(kwargs)
    key = next((f"F.{name.removeprefix(prefix)}" for prefix in PREFIXES if name.startswith(prefix)), name)
    key = key if "." in key else f".{key}"
    function = FUNCTIONS.get(key)
    if function is None:
        return None
    if not key.startswith("F."):
        known = {parameter.name for parameter in function.parameters}
        pairs = tuple((NUMPY[word] if NUMPY.get(word) in known else word, value) for word, value in pairs)
    call = Call(name, args, pairs)
    bound = {} if key in ANY_ARGUMENTS else bind(call, function.parameters, "PyTorch")
    return function.build(bound, args, pairs)
