"""`keras.ops` called on a model's tensors: configurations name them by class (`Add`, `GetItem`), Keras 2 by function (`math.add`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from convwise.graph import Work
from convwise.ops import Permute, Pointwise
from convwise.ops.several import (
    Concat,
    Elementwise,
    Gather,
    MatMul,
    Opaque,
    PadTo,
    Reduce,
    ReshapeTo,
    ResizeTo,
    Slice,
    Split,
    Squeeze,
    Unsqueeze,
)
from convwise.readers.echo import shown
from convwise.readers.keras_files.limits import TENSORS
from convwise.readers.keras_files.wiring import CallOf, Odd, Reference, Stored, leaves

POINTWISE_WORDS = """relu relu6 sigmoid softplus softsign silu swish log_sigmoid leaky_relu hard_sigmoid hard_silu hard_swish elu selu gelu celu
    hard_tanh tanh soft_shrink hard_shrink tanh_shrink squareplus softmax log_softmax sparse_plus sparse_sigmoid sparsemax threshold
    absolute abs fabs negative neg exp exp2 expm1 log log10 log1p log2 sqrt rsqrt square reciprocal sign sin cos tan sinh cosh
    arcsin arccos arctan arcsinh arccosh arctanh floor ceil round trunc clip clip_by_value nan_to_num cast saturate_cast stop_gradient identity
    copy zeros_like ones_like full_like isnan isfinite isinf logical_not flip cumsum cumprod sort erf normalize convert_to_tensor"""
POINTWISE = frozenset(POINTWISE_WORDS.split())
BINARY = {
    **dict.fromkeys(("add", "add_v2", "__add__", "__radd__"), "add"),
    **dict.fromkeys(("subtract", "sub", "__sub__", "__rsub__"), "subtract"),
    **dict.fromkeys(("multiply", "mul", "__mul__", "__rmul__"), "multiply"),
    **dict.fromkeys(("divide", "true_divide", "truediv", "divide_no_nan", "__truediv__", "__rtruediv__"), "divide"),
    **{
        kind: kind
        for kind in ("maximum", "minimum", "power", "pow", "floor_divide", "mod", "fmod", "arctan2", "fmax", "fmin")
    },
    **{kind: kind for kind in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "logaddexp")},
    **{kind: kind for kind in ("logical_and", "logical_or", "logical_xor")},
}
REDUCING = {
    **{
        kind: kind
        for kind in ("mean", "sum", "max", "min", "prod", "var", "std", "any", "all", "amax", "amin", "median")
    },
    **{f"reduce_{kind}": kind for kind in ("mean", "sum", "max", "min", "prod", "any", "all")},
    **{kind: kind for kind in ("argmax", "argmin", "logsumexp")},
}
JOINING = frozenset({"concatenate", "concat"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call does: works one after the other, the first of them on all `inputs`."""

    kind: str
    works: tuple[Work, ...]
    inputs: tuple[Reference | Stored, ...]
    outputs: int = 1
    merges: bool = False
    """Whether it is one of Keras's merge layers, which make ranks equal."""


class Unplanned(Exception):  # noqa: N818 (no error: it ends the reading of an op that is then opaque)
    """Why an op's effect cannot be told."""


def snake(word: str) -> str:
    """`GetItem` as Keras's function is called: `get_item`.

    >>> snake("GetItem"), snake("Relu6"), snake("math.reduce_mean")
    ('get_item', 'relu6', 'reduce_mean')
    """
    last = word.rpartition(".")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last).lower()


def modelled(word: str) -> bool:
    """Whether what the op does is known at all.

    >>> modelled("add"), modelled("max_pool")
    (True, False)
    """
    kind = snake(word[:200])
    return (
        kind in BINARY or kind in JOINING or kind in POINTWISE or kind in REDUCING or kind in MOVING or kind == "matmul"
    )


def planned(word: str, config: Mapping[str, Any], call: CallOf) -> Plan:
    """One call of the op that the configuration calls `word`; opaque with the reason where it is not known."""
    kind = snake(word[:200])
    inputs = call.sources
    options = {**config, **{name: value for name, value in call.kwargs.items() if not isinstance(value, Reference)}}
    title = f"ops.{shown(kind, 60)}"
    try:
        works, outputs = _works(kind, options, call, inputs)
    except Unplanned as reason:
        return Plan(title, (Opaque(str(reason)),), inputs)
    return Plan(title, works, inputs, outputs)


def _works(
    kind: str, options: dict[str, Any], call: CallOf, inputs: tuple[Reference | Stored, ...]
) -> tuple[tuple[Work, ...], int]:
    if any(isinstance(leaf, Odd) for leaf in leaves(call.args)):
        raise Unplanned(f"an argument of {shown(kind, 60)} is not a number or a tensor")
    if kind in BINARY and len(inputs) <= 2:
        work: Work = Elementwise(BINARY[kind]) if len(inputs) == 2 else (Pointwise(BINARY[kind]),)
        return (work,), 1
    if kind in JOINING:
        return (Concat(_int(options, "axis", -1)),), 1
    if kind == "matmul" and len(inputs) == 2:
        return (MatMul(),), 1
    if len(inputs) != 1:
        raise Unplanned(f"convwise does not model {shown(kind, 60)} of {len(inputs)} tensors")
    if kind in POINTWISE:
        return ((Pointwise(kind),),), 1
    if kind in REDUCING:
        return (Reduce(REDUCING[kind], _axes(options), _kept(options)),), 1
    if kind in MOVING:
        return MOVING[kind](options, call)
    raise Unplanned(f"convwise does not model {shown(kind, 60)} of keras.ops")


Moved = tuple[tuple[Work, ...], int]


def _int(options: Mapping[str, Any], key: str, default: int | None = None) -> int:
    found = options.get(key, default)
    if type(found) is not int or not -(2**63) <= found < 2**63:
        raise Unplanned(f"its {key} is no whole number")
    return found


def _ints(value: Any, key: str) -> tuple[int, ...]:
    values = (value,) if type(value) is int else value
    if not isinstance(values, list | tuple) or len(values) > TENSORS:
        raise Unplanned(f"its {key} is no list of whole numbers")
    return tuple(_int({key: one}, key) for one in values)


def _axes(options: Mapping[str, Any]) -> tuple[int, ...] | None:
    axis = options.get("axis")
    return None if axis is None else _ints(axis, "axis")


def _kept(options: Mapping[str, Any]) -> bool:
    return bool(options.get("keepdims", options.get("keep_dims", False)))


def _get_item(options: dict[str, Any], call: CallOf) -> Moved:
    """`x[:, 1:-1, ..., None, 0]`, from the front; past an ellipsis axes are counted from the back."""
    key = call.args[1] if len(call.args) > 1 else call.kwargs.get("key")
    parts = list(key) if isinstance(key, list) else [key]
    if parts.count(Ellipsis) > 1:
        raise Unplanned("its key has two ellipses")
    works: list[Work] = []
    axis = 0
    back = False
    # Axes are named in the tensor as it is by then: those taken away or added before it are counted in.
    for number, part in enumerate(parts):
        if part is Ellipsis:
            back = True
            axis = -sum(1 for later in parts[number + 1 :] if later is not None)
            if any(later is None or type(later) is int for later in parts[number + 1 :]):
                raise Unplanned("its key takes or adds axes behind an ellipsis")
        elif part is None:
            works.append(Unsqueeze((axis,)))
            axis += 1
        elif isinstance(part, slice):
            works += _slice(part, axis)
            axis += 1
        elif type(part) is int and not back:
            works.append(Gather(axis))
        else:
            raise Unplanned("its key is computed")
    return (tuple(works) or ((Pointwise("identity"),),)), 1


def _slice(part: slice, axis: int) -> list[Work]:
    start, stop, step = part.start, part.stop, part.step
    step = 1 if step is None else step
    bounds = [one for one in (start, stop, step) if one is not None]
    if any(type(one) is not int or not -(2**63) <= one < 2**63 for one in bounds) or step == 0:
        raise Unplanned("its key is computed")
    return [] if (start, stop, step) == (None, None, 1) else [Slice(axis, start, stop, step)]


def _reshape(options: dict[str, Any], call: CallOf) -> Moved:
    target = options.get("newshape", options.get("shape", call.args[1] if len(call.args) > 1 else None))
    sizes = _ints(
        [-1 if size is None else size for size in target] if isinstance(target, list | tuple) else target, "shape"
    )
    if sizes.count(-1) > 1 or any(size < -1 for size in sizes):
        raise Unplanned("its shape is open in two places")
    return (ReshapeTo(sizes),), 1


def _transpose(options: dict[str, Any], call: CallOf) -> Moved:
    return ((Permute(_ints(options.get("axes", options.get("perm")), "axes")),),), 1


def _split(options: dict[str, Any], call: CallOf) -> Moved:
    wanted, axis = options.get("indices_or_sections"), _int(options, "axis", 0)
    if type(wanted) is int and 1 <= wanted <= TENSORS:
        return (Split(axis, None, wanted, even=True),), wanted
    raise Unplanned("it is cut at places, not into equal parts")


def _pad(options: dict[str, Any], call: CallOf) -> Moved:
    width = options.get("pad_width", options.get("paddings"))
    if not isinstance(width, list | tuple) or len(width) > 64:
        raise Unplanned("its widths are not given for every axis")
    pairs = tuple(_ints(pair, "pad_width") for pair in width)
    if any(len(pair) != 2 or min(pair) < 0 for pair in pairs) or len(pairs) < 2:
        raise Unplanned("its widths are not given for every axis")
    mode = str(options.get("mode", "constant")).lower()
    if mode not in ("constant", "reflect", "edge"):
        raise Unplanned(f"convwise does not model the mode {shown(mode, 40)}")
    places = [axis for axis, pair in enumerate(pairs) if any(pair)]
    return (PadTo(tuple(places), tuple((pairs[axis][0], pairs[axis][1]) for axis in places), mode),), 1


def _resize(options: dict[str, Any], call: CallOf) -> Moved:
    sizes = _ints(options.get("size"), "size")
    if len(sizes) != 2:
        raise Unplanned("its size is not two whole numbers")
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(str(options.get("interpolation")), "nearest")
    return (ResizeTo((-3, -2) if options.get("data_format") != "channels_first" else (-2, -1), sizes, mode),), 1


def _expand_dims(options: dict[str, Any], call: CallOf) -> Moved:
    return (Unsqueeze(_ints(options.get("axis"), "axis")),), 1


def _squeeze(options: dict[str, Any], call: CallOf) -> Moved:
    return (Squeeze(_axes(options)),), 1


MOVING: dict[str, Callable[[dict[str, Any], CallOf], Moved]] = {
    "get_item": _get_item,
    "reshape": _reshape,
    "transpose": _transpose,
    "split": _split,
    "pad": _pad,
    "resize": _resize,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
}
