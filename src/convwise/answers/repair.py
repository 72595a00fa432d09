"""A refused layer: the nearest calls that the framework accepts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from convwise import dialects
from convwise.answers.explanation import Explanation, Fix
from convwise.answers.fixes import fixes
from convwise.answers.layer import read_back
from convwise.answers.respelled import spatial
from convwise.answers.wanted import for_axes
from convwise.axis import SAME_UPPER
from convwise.dialects.base import Call, Layer, Value, nearest
from convwise.dialects.writing import Written, write, written
from convwise.errors import ConvwiseError, Refusal
from convwise.ops import Conv, Op, Shape
from convwise.readers.source import read_layer


def repairs(
    refusal: Refusal, shape: Shape | None, release: str | None, want: tuple[int, ...] | None = None
) -> Explanation | None:
    """What the refused layer's explanation can still say: the calls next to it that are accepted, with their outputs.

    With a wanted size they are changes of such calls that give it, where there are any.

    None where it is not known which call was refused.
    """
    call, name = refusal.call, refusal.dialect
    if call is None or name is None:
        return None
    spoken = dialects.get(name)
    found = _meant_by_same(call, name, shape, release) if refusal.code == "CW202" and want is None else []
    aimed: list[Fix] = []
    seen: list[tuple[Op, ...]] = []
    for candidate, label, why in _candidates(call):
        if len(found) >= 3:
            break
        try:
            (layer,) = read_layer(candidate, dialect=name, release=release)
            if layer.ops in seen:
                continue
            aimed += _aimed(layer, shape, want)
            found.append(_fix(layer, candidate, label, why, shape))
            seen.append(layer.ops)
        except ConvwiseError:
            continue
    unique: dict[object, Fix] = {}
    for fix in aimed or found:
        unique.setdefault(tuple(one.ops for one in read_layer(fix.code, dialect=name, release=release)), fix)
    return Explanation(
        dialect=name,
        title=spoken.title,
        release=release or spoken.release,
        kind=call.kind,
        code=call.text,
        input=shape or (),
        output=(),
        headline=refusal.message,
        fixes=tuple(unique.values())[:3],
        params=None,
        macs=None,
        error=refusal,
    )


def _aimed(layer: Layer, shape: Shape | None, want: tuple[int, ...] | None) -> list[Fix]:
    """The accepted call, if it gives the wanted size, or changes of it that do, as whole calls."""
    if shape is None or want is None:
        return []
    spoken = dialects.get(layer.dialect)
    entered = spoken.enter((layer,), shape)
    output = spoken.flow(layer, entered.shape).output
    target, outs = for_axes(want, layer.rank or 0), spatial(layer, output)
    if outs == target:
        return [Fix(layer.call.text, entered.leave(output), layer.call.text)]
    ways = fixes(layer, entered.shape, read_back(layer), outs, target)
    return [replace(fix, output=entered.leave(fix.output), label=fix.code) for fix in ways]


def _fix(layer: Layer, code: str, label: str, why: str, shape: Shape | None) -> Fix:
    if shape is None:
        return Fix(code, (), label, why)
    spoken = dialects.get(layer.dialect)
    entered = spoken.enter((layer,), shape)
    return Fix(code, entered.leave(spoken.flow(layer, entered.shape).output), label, why)


def _meant_by_same(call: Call, dialect: str, shape: Shape | None, release: str | None) -> list[Fix]:
    """For a strided `same` in PyTorch: the calls that give ceil(size / stride), which is what other frameworks mean."""
    bare = _as_written(call)
    for place, value in enumerate(call.args):
        bare = _with(bare, place, "0") if value == "same" else bare
    for name, value in call.kwargs:
        bare = _with(bare, name, "0") if value == "same" else bare
    try:
        (layer,) = read_layer(str(bare), dialect=dialect, release=release)
    except ConvwiseError:
        return []
    op = layer.window_op
    sizes = spatial(layer, shape) if shape is not None else None
    if shape is None or not isinstance(op, Conv) or sizes is None:
        return []
    windows = (replace(window, padding=SAME_UPPER) for window in op.windows)
    target = tuple(window.over(size).out for window, size in zip(windows, sizes, strict=True))
    found = fixes(layer, shape, lambda text: read_layer(text, dialect=dialect, release=release), (), target)
    return [replace(fix, why=fix.why or "ceil(size / stride)") for fix in found]


def _candidates(call: Call) -> Iterator[tuple[str, str, str]]:
    """Calls with one argument made legal or dropped, the rest as it was written: text, what changed, why."""
    text = _as_written(call)
    for name, value in call.kwargs:
        for legal in _legal(name, value):
            yield str(_with(text, name, write(legal))), f"{name}={write(legal)}", ""
    for place, value in enumerate(call.args):
        for legal in _legal("", value):
            yield str(_with(text, place, write(legal))), f"{write(legal)} instead of {write(value)}", ""
    for name, _ in call.kwargs:
        yield str(_with(text, name, None)), f"without {name}", ""


def _as_written(call: Call) -> Written:
    """The call in parts, in the user's words; the user's prefix (`nn.`) is kept where only the values are known."""
    head = call.text.split("(")[0].strip() or call.kind
    return written(call, lambda _: f"{head}()")


def _with(call: Written, which: int | str, text: str | None) -> Written:
    """The call with one argument, by place or by name, as `text`; None leaves a named one out."""
    if isinstance(which, int):
        return replace(call, args=(*call.args[:which], text or "", *call.args[which + 1 :]))
    kept = {name: text if name == which else old for name, old in call.kwargs.items()}
    return replace(call, kwargs={name: new for name, new in kept.items() if new is not None})


def _legal(name: str, value: Value) -> list[Value]:
    """The nearest legal values to a bad one: positive integers, words in lower case, Keras's words for a padding."""
    if name == "padding" and not isinstance(value, str):
        return ["same"]
    if isinstance(value, str):
        near = nearest(value, ("same", "valid")) if name == "padding" else value.lower()
        return [near] if near and near != value else []
    if isinstance(value, bool):
        return [int(value)] if value else []
    if isinstance(value, int):
        return [1] if value < 1 else []
    if isinstance(value, float) and value == value and 1 <= value < 2**31:
        return [int(value)]
    if isinstance(value, tuple) and value and all(isinstance(item, int) for item in value) and min(value) < 1:
        return [tuple(max(item, 1) for item in value)]
    return []
