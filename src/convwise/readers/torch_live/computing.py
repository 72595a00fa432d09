"""Functions that compute: elementwise arithmetic, reductions, products of matrices, new tensors of a computed shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from convwise.ops import GlobalPool
from convwise.ops.several import Constant, Einsum, Elementwise, MatMul, Reduce, ReshapeTo, Slice, Term
from convwise.readers.torch_live.indexing import unknown_cells
from convwise.readers.torch_live.place import Place, tensor_of, terms
from convwise.readers.torch_live.rearranging import transpose
from convwise.readers.torch_live.values import (
    NotFollowed,
    NotKnown,
    Tensor,
    combine,
    compare,
    is_term,
    tensors_in,
)

_UNARY = """
_to_copy abs absolute acos alias alpha_dropout angle asin atan bernoulli bfloat16 bitwise_not bool byte ceil
celu clamp clamp_max clamp_min clip clone contiguous cos cosh cpu cuda cumprod cumsum data deg2rad dequantize
detach detach_copy digamma double drop_block2d dropout dropout1d dropout2d dropout3d elu empty_like erf erfc
exp exp2 expm1 feature_dropout fill flip fliplr flipud float floor frac full_like gelu gumbel_softmax half
hardshrink hardsigmoid hardswish hardtanh int invert isfinite isinf isnan leaky_relu lgamma lift_fresh_copy
local_response_norm log log10 log1p log2 log_softmax logical_not logit logsigmoid long masked_fill mish
nan_to_num native_dropout neg negative normal normalize ones_like pin_memory positive prelu rand_like
randn_like reciprocal relu relu6 requires_grad_ roll round rrelu rsqrt selu sigmoid sign silu sin sinc sinh
softmax softmin softplus softshrink softsign sqrt square stochastic_depth tan tanh tanhshrink threshold to
tril triu trunc type type_as uniform zero zeros_ zeros_like
"""
UNARY = frozenset(_UNARY.split())
"""Functions of one tensor that leave its shape alone; other tensors among their arguments do not change it either."""

BINARY = {
    "add": "add",
    "iadd": "add",
    "radd": "add",
    "sub": "sub",
    "subtract": "sub",
    "isub": "sub",
    "rsub": "rsub",
    "mul": "mul",
    "multiply": "mul",
    "imul": "mul",
    "div": "truediv",
    "divide": "truediv",
    "truediv": "truediv",
    "itruediv": "truediv",
    "true_divide": "truediv",
    "floordiv": "floordiv",
    "ifloordiv": "floordiv",
    "floor_divide": "floordiv",
    "mod": "mod",
    "remainder": "mod",
    "fmod": "mod",
    "pow": "pow",
    "maximum": "max",
    "minimum": "min",
}
COMPARISONS = frozenset(("eq", "ne", "lt", "le", "gt", "ge"))
_SEVERAL = """
addcdiv addcmul and and_ atan2 bitwise_and bitwise_or bitwise_xor copy copysign float_power greater greater_equal heaviside
hypot lerp less less_equal logical_and logical_or logical_xor not_equal or or_ where xor
"""
SEVERAL = frozenset(_SEVERAL.split())
"""Functions of several tensors whose shapes are broadcast."""

PLAIN_SETTINGS: dict[str, Any] = {"alpha": 1, "rounding_mode": None}
"""Arguments by name of arithmetic, with the values for which it is plain."""

REDUCTIONS = {
    "mean": "mean",
    "sum": "sum",
    "nansum": "sum",
    "amax": "max",
    "amin": "min",
    "prod": "prod",
    "std": "std",
    "var": "var",
    "logsumexp": "logsumexp",
    "norm": "norm",
    "all": "all",
    "any": "any",
    "argmax": "argmax",
    "argmin": "argmin",
}
WITH_INDICES = {"max": "max", "min": "min", "median": "median", "mode": "mode"}


def arithmetic(place: Place, key: str, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
    """`torch.add(x, y, alpha=2)`: a setting changes the values, so that what comes out is no plain sum, and no size."""
    settings = {word: words.get(word, plain) for word, plain in PLAIN_SETTINGS.items()}
    others = tuple(value for word, value in words.items() if word not in PLAIN_SETTINGS)
    if settings == PLAIN_SETTINGS or not any(True for _ in tensors_in(args)):
        return elementwise(place, key, (*args, *others))
    return elementwise(place, f"{key} with settings", (*args, *others))


def elementwise(place: Place, key: str, args: tuple[Any, ...]) -> Any:
    """Arithmetic on tensors, on sizes, or on both."""
    tensors = list(tensors_in(args))
    if len(tensors) > 1:
        return place.one(Elementwise(key), *tensors)
    if len(tensors) == 1:
        return place.pointwise(tensors[0], key)
    if key in COMPARISONS:
        return compare(key, args[0], args[1])
    if key in ("maximum", "minimum", "max", "min"):
        return combine(key[:3], args[0], args[1])
    kind = BINARY.get(key)
    if kind is None:
        return NotKnown(key)
    left, right = args[0], args[1]
    if kind == "add" and isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return (*left, *right)
    if kind == "mul" and isinstance(left, list | tuple) and isinstance(right, int):
        return tuple(left) * right
    return combine("sub", right, left) if kind == "rsub" else combine(kind, left, right)


def reduce(place: Place, key: str, args: tuple[Any, ...], words: dict[str, Any]) -> Tensor:
    """`x.mean((2, 3))`; over all spatial axes it is global pooling."""
    x = tensor_of(args[0], place.kind)
    if key == "norm":
        args = (args[0], *args[2:])
        words = {name: value for name, value in words.items() if name != "p"}
    dim = words.get("dim", words.get("axis", args[1] if len(args) > 1 else None))
    keep = words.get(
        "keepdim", words.get("keepdims", args[-1] if len(args) > 2 and isinstance(args[-1], bool) else False)
    )
    axes = None if dim is None or dim == () else tuple(dim) if isinstance(dim, list | tuple) else (dim,)
    kind = REDUCTIONS.get(key) or WITH_INDICES[key]
    if axes is None:
        return place.one(Reduce(kind, None, False), x)
    rank = place.rank(x)
    numbers = tuple(sorted(place.axis(axis, rank) for axis in axes))
    if rank > 2 and numbers == tuple(range(2, rank)) and kind in ("mean", "max"):
        return place.one((GlobalPool("average" if kind == "mean" else "max", rank - 2, bool(keep)),), x)
    return place.one(Reduce(kind, numbers, bool(keep)), x)


def with_indices(place: Place, key: str, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
    """`x.max(1)` gives values and their places; `torch.max(x, y)` is elementwise, and so is `max` of two sizes."""
    tensors = list(tensors_in(args))
    if len(tensors) != 1:
        return elementwise(place, key, args)
    if key == "mode" and len(args) == 1 and "dim" not in words:
        words = {**words, "dim": -1}
    if len(args) == 1 and not words:
        return reduce(place, key, args, words)
    found = reduce(place, key, args, words)
    return (found, found)


def matmul(place: Place, left: Any, right: Any, *more: Any, **words: Any) -> Tensor:
    return place.one(MatMul(), tensor_of(left, place.kind), tensor_of(right, place.kind))


def added_product(place: Place, added: Any, left: Any, right: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`torch.addmm` and `torch.baddbmm`; what is not added as it stands is no plain sum."""
    product = matmul(place, left, right)
    kind = "add" if beta == 1 and alpha == 1 else "add with settings"
    return place.one(Elementwise(kind), tensor_of(added, place.kind), product)


def attention(place: Place, query: Any, key: Any, value: Any, *more: Any, **words: Any) -> Tensor:
    """softmax(scale q k^T + mask) v; the scale and the mask are not read."""
    scores = matmul(place, query, transpose(place, tensor_of(key, place.kind), -2, -1))
    return matmul(place, place.pointwise(scores, "attention_weights"), value)


def einsum(place: Place, equation: Any, *operands: Any) -> Tensor:
    """The output's sizes by their letters; `...` is not followed."""
    tensors = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    if not isinstance(equation, str) or "->" not in equation or "." in equation:
        raise NotFollowed(f"the equation {str(equation)[:40]!r} is not followed")
    inputs, _, output = equation.replace(" ", "").partition("->")
    letters = tuple(inputs.split(","))
    if len(letters) != len(tensors) or len(set(output)) < len(output) or not set(output) <= set(inputs) - {","}:
        raise NotFollowed(f"the equation {equation[:40]!r} does not fit what it is given")
    words = (
        "einsum(): subscript {letter} has size {size} for operand {operand} "
        "which does not broadcast with previously seen size {seen}"
    )
    return place.one(Einsum(letters, output, words), *(tensor_of(part, place.kind) for part in tensors))


def created(place: Place, *sizes: Any, size: Any = None, **words: Any) -> Tensor:
    """`torch.zeros(n, c)`, `torch.zeros((n, c))`."""
    wanted = size if not sizes else sizes[0] if isinstance(sizes[0], list | tuple) else sizes
    return place.one(Constant(terms(wanted, "the shape")))


def filled(place: Place, size: Any, *more: Any, **words: Any) -> Tensor:
    return place.one(Constant(terms(size, "the shape")))


def new(place: Place, x: Any, *sizes: Any, **words: Any) -> Tensor:
    """`x.new_zeros(sizes)`."""
    return created(place, *sizes, **words)


def new_filled(place: Place, x: Any, size: Any, *more: Any, **words: Any) -> Tensor:
    return filled(place, size)


def arange(place: Place, *ends: Any, **words: Any) -> Tensor:
    start: Any = 0
    end: Any
    step: Any
    end, step = words.get("end"), words.get("step", 1)
    if len(ends) == 1:
        end = ends[0]
    elif len(ends) > 1:
        start, end = ends[:2]
        step = ends[2] if len(ends) > 2 else step
    if all(isinstance(part, int | float) for part in (start, end, step)) and step:
        return place.one(Constant((max(math.ceil((end - start) / step), 0),)))
    if step != 1 or not (is_term(start) and is_term(end)):
        raise NotFollowed("how many numbers there are is not known")
    return place.one(Constant((combine("sub", end, start),)))


def linspace(place: Place, start: Any, end: Any, steps: Any = 100, **words: Any) -> Tensor:
    return place.one(Constant(terms(steps, "the number of steps")))


def meshgrid(place: Place, *tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    parts = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    sizes = [place.building.size(tensor_of(part, place.kind), 0) for part in parts]
    if indexing == "xy" and len(sizes) > 1:
        sizes[:2] = sizes[1::-1]
    return tuple(place.one(Constant(tuple(sizes)), part) for part in parts)


def one_hot(place: Place, x: Any, num_classes: Any = -1) -> Tensor:
    if not isinstance(num_classes, int) or num_classes < 1:
        raise NotFollowed("the number of classes follows from the values")
    tensor = tensor_of(x, place.kind)
    return place.one(Constant((*place.building.sizes(tensor), num_classes)), tensor)


def topk(place: Place, x: Any, k: Any, dim: int = -1, *more: Any, **words: Any) -> tuple[Tensor, Tensor]:
    tensor = tensor_of(x, place.kind)
    axis = place.axis(dim, place.rank(tensor))
    count = terms(k, "k")[0]
    sizes = list(place.building.sizes(tensor))
    tensor = _holding(place, tensor, axis, count, 0, "selected index k out of range")
    sizes[axis] = count
    found = place.one(Constant(tuple(sizes)), tensor)
    return found, found


def kth_value(
    place: Place, x: Any, k: Any, dim: int = -1, keepdim: bool = False, **words: Any
) -> tuple[Tensor, Tensor]:
    tensor = tensor_of(x, place.kind)
    axis = place.axis(dim, place.rank(tensor))
    text = f"kthvalue(): selected number k out of range for dimension {axis}"
    tensor = _holding(place, tensor, axis, terms(k, "k")[0], 1, text)
    found = place.one(Reduce("kthvalue", (axis,), bool(keepdim)), tensor)
    return found, found


def gather(place: Place, x: Any, axis: int, index: Any) -> Tensor:
    """As many cells as the index has, which on the other axes may have no more than the tensor."""
    tensor, chosen = tensor_of(x, place.kind), tensor_of(index, place.kind)
    sizes = place.building.sizes(chosen)
    for other, size in enumerate(sizes):
        if other != axis and size != place.building.size(tensor, other):
            tensor = _holding(place, tensor, other, size, 0, "")
    unknown_cells(place, tensor, axis)
    return place.one(Constant(sizes), chosen, tensor)


def _holding(place: Place, x: Tensor, axis: int, count: Term, least: int, words: str) -> Tensor:
    """The tensor, behind a node that asks for so many cells of the axis where it may have fewer."""
    size = place.building.size(x, axis)
    if isinstance(count, int) and count < least:
        raise NotFollowed(f"it asks for {count} cells")
    if isinstance(count, int) and isinstance(size, int) and count <= size:
        return x
    return replace(place, name=f"{place.name}.cells").one(Slice(axis, 0, count, within=True, words=words), x)


def ordered(place: Place, x: Any, *more: Any, **words: Any) -> tuple[Tensor, Tensor]:
    """`torch.sort` and `torch.cummax`: the values and their places."""
    found = place.pointwise(tensor_of(x, place.kind), "sort")
    return found, found


def grid_sample(place: Place, x: Any, grid: Any, *more: Any, **words: Any) -> Tensor:
    tensor, cells = tensor_of(x, place.kind), tensor_of(grid, place.kind)
    lead = place.building.sizes(tensor)[:2]
    return place.one(Constant((*lead, *place.building.sizes(cells)[1:-1])), tensor, cells)


def affine_grid(place: Place, theta: Any, size: Any, align_corners: Any = None) -> Tensor:
    """For each cell of an image of this size as many numbers as it has spatial axes."""
    sizes = terms(size, "the size of the image")
    rank = len(sizes) - 2
    matrices = replace(place, name=f"{place.name}.theta").one(
        ReshapeTo((sizes[0], rank, rank + 1)), tensor_of(theta, place.kind)
    )
    return place.one(Constant((sizes[0], *sizes[2:], rank)), matrices)


HANDLERS: dict[str, Callable[..., Any]] = {
    "matmul": matmul,
    "bmm": matmul,
    "mm": matmul,
    "addmm": added_product,
    "baddbmm": added_product,
    "scaled_dot_product_attention": attention,
    "einsum": einsum,
    "zeros": created,
    "ones": created,
    "empty": created,
    "rand": created,
    "randn": created,
    "full": filled,
    "new_zeros": new,
    "new_ones": new,
    "new_empty": new,
    "new_full": new_filled,
    "arange": arange,
    "linspace": linspace,
    "meshgrid": meshgrid,
    "one_hot": one_hot,
    "topk": topk,
    "kthvalue": kth_value,
    "cummax": ordered,
    "cummin": ordered,
    "sort": ordered,
    "grid_sample": grid_sample,
    "affine_grid": affine_grid,
}
"""By the function's or method's name."""
