"""flax's max_pool and avg_pool, and lax.reduce_window.

flax adds the strides to tuples, so that lists are refused; its average counts padding unless told otherwise.
"""

from __future__ import annotations

from convwise.axis import NO_PADS, Padding, Pads, Window
from convwise.dialects.base import Layer, Unknown, Value, known
from convwise.dialects.jax.numbers import LARGEST, check_spans, pairs, word
from convwise.dialects.kinds import Arguments, Kind, Resolved, show, truth, wrong_type
from convwise.errors import CodeError, Refusal, ShapeError
from convwise.ops import Pool, Shape

REDUCTIONS = {"lax.max": "max", "max": "max", "lax.add": "sum", "add": "sum", "jnp.maximum": "max", "jnp.add": "sum"}


def resolve(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """nn.max_pool(x, window_shape, strides=None, padding='VALID'); without strides every place is used."""
    shape = known(arguments["window_shape"], "window_shape")
    if not isinstance(shape, tuple):
        raise _no_tuple("window_shape", shape)
    kernel = _positive(shape, "window_shape", "window_dimensions")
    rank = len(kernel)
    if not rank:
        raise CodeError("CW317", "convwise does not model a window without axes", received="()")
    strides = known(arguments["strides"], "strides")
    if strides is None or strides == () or strides == 0:
        strides = (1,) * rank
    if not isinstance(strides, tuple):
        raise _no_tuple("strides", strides)
    if len(strides) != rank:
        quote = f"len({kernel}) must equal len({strides})"
        fact = f"strides has {len(strides)} values where {rank} are needed"
        raise Refusal(
            "CW101",
            fact,
            received=strides,
            axis="strides",
            hint=f"write strides={(strides[:1] or (1,)) * rank}",
            quote=quote,
        )
    steps = _positive(strides, "strides", "window_strides")
    given = known(arguments["padding"], "padding")
    if isinstance(given, str):
        rules: tuple[Padding, ...] = (word(given),) * rank
    else:
        if not isinstance(given, tuple):
            quote = f"'{type(given).__name__}' object is not iterable"
            hint = f"write a pair for each axis: padding={((given, given),) * rank}" if type(given) is int else ""
            raise Refusal(
                "CW204", f"padding is {show(given)}", received=show(given), axis="padding", hint=hint, quote=quote
            )
        if len(given) != rank:
            fact = f"padding has {len(given)} pairs where {rank} are needed"
            raise Refusal("CW101", fact, received=given, axis="padding")
        rules = pairs(given, rank)
    windows = tuple(Window(size, step, 1, rule) for size, step, rule in zip(kernel, steps, rules, strict=True))
    check_spans(windows)
    if kind.family == "max":
        return Resolved((Pool("max", windows),), rank, True)
    return Resolved((Pool("average", windows, truth(arguments, "count_include_pad")),), rank, True)


def _no_tuple(name: str, value: Value) -> Refusal:
    quote = "" if isinstance(value, str) else f"object of type '{type(value).__name__}' has no len()"
    hint = f"write {name}=({value}, {value})" if type(value) is int else f"write {name} as a tuple"
    return Refusal(
        "CW204", f"{name} is {show(value)}, not a tuple", received=show(value), axis=name, hint=hint, quote=quote
    )


def _positive(items: tuple[Value, ...], name: str, theirs: str) -> tuple[int, ...]:
    for item in items:
        if isinstance(item, bool):
            raise ShapeError("CW210", f"{name} holds {item}; JAX takes it for {int(item)}", received=items, axis=name)
        if type(item) is not int:
            raise wrong_type(name, items, "integers")
        if not 1 <= item <= LARGEST:
            quote = f"reduce_window {theirs} must have every element be strictly positive" if item < 1 else ""
            fact = f"{name} is {show(items)}; every value must be at least 1"
            raise Refusal("CW201" if item < 1 else "CW107", fact, received=items, axis=name, hint="try 1", quote=quote)
    return items


def resolve_window(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """lax.reduce_window(operand, init_value, computation, window_dimensions, ...): windows over all axes of the data."""
    name = arguments["computation"]
    text = name.text if isinstance(name, Unknown) else str(name)
    family = REDUCTIONS.get(text.removeprefix("jax."))
    if family is None:
        fact = f"convwise does not model the computation {text}"
        raise CodeError("CW317", fact, received=text, hint="lax.max and lax.add are modelled")
    shape = known(arguments["window_dimensions"], "window_dimensions")
    if not isinstance(shape, tuple):
        fact = f"window_dimensions is {show(shape)}, not a sequence"
        raise Refusal("CW204", fact, received=show(shape), axis="window_dimensions", hint="write (1, 2, 2, 1)")
    kernel = _positive(shape, "window_dimensions", "window_dimensions")
    axes = len(kernel)
    padding = known(arguments["padding"], "padding")
    if arguments["window_strides"] is None and isinstance(padding, str) and padding.upper() != "VALID":
        quote = f"operands could not be broadcast together with shapes ({axes},) (0,)"
        fact = f"padding={padding!r} without window_strides"
        raise Refusal("CW204", fact, received=None, axis="window_strides", hint=f"write {(1,) * axes}", quote=quote)
    strides = _all(arguments, "window_strides", axes)
    base, dilations = _all(arguments, "base_dilation", axes), _all(arguments, "window_dilation", axes)
    if max(base) > 1:
        hint = "dilate the data first, lax.pad(x, 0., ((0, 0, 0), (0, 0, 1), ...)), and leave base_dilation out"
        fact = "convwise does not model base_dilation"
        raise CodeError("CW317", fact, received=show(arguments["base_dilation"]), hint=hint)
    given = known(arguments["padding"], "padding")
    rules = (word(given),) * axes if isinstance(given, str) else pairs(given, axes)
    windows = tuple(Window(*one) for one in zip(kernel, strides, dilations, rules, strict=True))
    check_spans(windows)
    last = _trivial(windows[-1])
    if not _trivial(windows[0]) or not (last or _trivial(windows[1])) or axes < 3:
        raise CodeError(
            "CW317",
            "convwise models windows over the sizes alone, not over the batch or the channels",
            received=show(shape),
        )
    inner = windows[1:-1] if last else windows[2:]
    op = Pool("max", inner) if family == "max" else Pool("average", inner, divisor=1)
    return Resolved((op,), axes - 2, last)


def _trivial(window: Window) -> bool:
    return window.kernel == window.stride == 1 and (not isinstance(window.padding, Pads) or window.padding == NO_PADS)


def _all(arguments: Arguments, name: str, axes: int) -> tuple[int, ...]:
    value = known(arguments[name], name)
    if value is None:
        return (1,) * axes
    if not isinstance(value, tuple):
        raise Refusal("CW204", f"{name} is {show(value)}, not a sequence", received=show(value), axis=name)
    if len(value) != axes:
        fact = f"{name} has {len(value)} values where {axes} are needed"
        raise Refusal(
            "CW101", fact, received=value, axis=name, hint="one for each axis of the data, batch and channels too"
        )
    return _positive(value, name, name)


def check(layer: Layer, shape: Shape) -> None:
    """Raises ShapeError CW101 where the data has another number of axes."""
    rank = layer.rank or 2
    if layer.kind == "lax.reduce_window":
        if len(shape) != rank + 2:
            quote = "reduce_window got the wrong number of window_dimensions for operand"
            raise ShapeError("CW101", f"{len(shape)} axes where {rank + 2} are needed", received=shape, quote=quote)
        return
    if len(shape) < rank + 1:
        fact = f"{len(shape)} axes where {rank + 2} are needed"
        raise ShapeError("CW101", fact, received=shape, hint="batch, sizes and channels")
    if len(shape) > rank + 2 and not isinstance(layer.arguments["padding"], str):
        fact = f"{len(shape)} axes: with explicit padding flax takes one batch axis alone"
        raise ShapeError("CW101", fact, received=shape, hint="use 'SAME' or 'VALID', or one batch axis")
