"""A fix for a wanted size gives that size: each is written out, read again and computed, over many random layers."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

import convwise as cw
from convwise.answers.explanation import Explanation, Fix
from convwise.axis import Pads, Window

CASES = 120


def several(draw: random.Random, rank: int, low: int, high: int) -> str:
    one = str(draw.randint(low, high))
    return one if rank == 1 or draw.random() < 0.6 else str(tuple(draw.randint(low, high) for _ in range(rank)))


def torch_layer(draw: random.Random, kind: str, rank: int) -> str:
    kernel, stride = several(draw, rank, 1, 5), several(draw, rank, 1, 4)
    padding = several(draw, rank, 0, 2)
    match kind:
        case "conv":
            words = [f"stride={stride}", f"padding={padding}", f"dilation={several(draw, rank, 1, 3)}"]
            return f"nn.Conv{rank}d(3, 4, {', '.join([kernel, *draw.sample(words, draw.randint(0, 3))])})"
        case "pool":
            name = draw.choice(("Max", "Avg"))
            words = [f"stride={stride}", "ceil_mode=True"]
            return f"nn.{name}Pool{rank}d({', '.join([kernel, *draw.sample(words, draw.randint(0, 2))])})"
        case "transposed":
            return f"nn.ConvTranspose{rank}d(3, 4, {kernel}, stride={stride}, padding={draw.randint(0, 1)})"
        case "pad":
            return f"nn.{draw.choice(('Zero', 'Reflection', 'Replication'))}Pad{rank}d({draw.randint(1, 2)})"
        case "resize":
            return f"nn.Upsample({draw.choice(('scale_factor=2', 'size=7'))})"
    return f"nn.Adaptive{draw.choice(('Avg', 'Max'))}Pool{rank}d({several(draw, rank, 1, 9)})"


def keras_layer(draw: random.Random, kind: str, rank: int) -> str:
    kernel, stride = several(draw, rank, 1, 5), several(draw, rank, 1, 4)
    words = [f"strides={stride}", f"padding='{draw.choice(('same', 'valid'))}'"]
    some = draw.sample(words, draw.randint(0, 2))
    match kind:
        case "conv":
            return f"Conv{rank}D({', '.join(['4', kernel, *some])})"
        case "pool":
            return f"{draw.choice(('Max', 'Average'))}Pooling{rank}D({', '.join([kernel, *some])})"
        case "transposed":
            return f"Conv{rank}DTranspose({', '.join(['4', kernel, *some])})"
        case "pad":
            return f"{draw.choice(('ZeroPadding', 'Cropping'))}{rank}D(1)"
        case "resize":
            return f"UpSampling{rank}D(2)" if rank != 2 else draw.choice(("UpSampling2D(2)", "Resizing(5, 6)"))
    return f"AdaptiveAveragePooling{rank}D({several(draw, rank, 1, 9)})"


def spatial(code: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[2:] if "Upsample" in code else shape[1:] if "nn." in code else shape[:-1]


def told(code: str, shape: tuple[int, ...], want: tuple[int, ...]) -> Explanation | None:
    try:
        return cw.explain(code, shape, want=want)
    except cw.ConvwiseError:
        return None


def passes_by(answer: Explanation) -> bool:
    """More than a quarter of an axis is never read; a convolution of one tap is made to thin out."""
    steps = answer.parts or (answer,)
    return any(
        axis.unread_data is not None and 4 * int(axis.unread_data) > (axis.size or 0)
        for step in steps
        for axis in step.axes
        if not (
            step.kind.startswith("Conv") and all(one.window is not None and one.window.kernel == 1 for one in step.axes)
        )
    )


def holds(code: str, shape: tuple[int, ...], want: tuple[int, ...], fix: Fix) -> Explanation:
    applied = cw.explain(fix.code, shape)
    assert applied.output == fix.output, (code, shape, want, fix)
    assert spatial(code, fix.output) == want, (code, shape, want, fix)
    return applied


@pytest.mark.parametrize("kind", ["conv", "pool", "transposed", "adaptive", "pad", "resize"])
def test_every_fix_gives_the_wanted_size_and_reads_most_of_the_input(kind: str) -> None:
    draw = random.Random(kind)
    count = 0
    for _ in range(CASES):
        rank = draw.choice((1, 2, 2, 3))
        sizes = tuple(draw.randint(3, 32) for _ in range(rank))
        code = draw.choice((torch_layer, keras_layer))(draw, kind, rank)
        shape = (3, *sizes) if code.startswith("nn") else (*sizes, 3)
        if code.startswith("nn.Upsample"):
            shape = (1, *shape)
        step = draw.choice((1, 2, 3, 4))
        want = tuple(
            max(1, draw.choice((size, size // step, size * step, size + draw.randint(-2, 3)))) for size in sizes
        )
        answer = told(code, shape, want)
        if answer is None:
            continue
        applied = [holds(code, shape, want, fix) for fix in answer.fixes]
        assert len({fix.code for fix in answer.fixes}) == len(answer.fixes), (code, shape, want)
        thin = [passes_by(one) for one in applied]
        assert not any(thin) or (passes_by(answer) and all(thin)), (code, shape, want)
        count += len(answer.fixes)
    assert count > CASES // 6


def test_a_window_that_reads_most_is_found_where_one_is_near() -> None:
    draw = random.Random(1)
    for _ in range(CASES // 2):
        size, kernel, stride = draw.randint(3, 40), draw.randint(1, 5), draw.randint(1, 5)
        want = draw.randint(1, size)
        windows = [Window(k, s, padding=Pads(0, 0)) for k in (*range(2, 17), size) for s in range(1, 17)]
        axes = [window.over(size) for window in windows]
        near = any(axis.fits and axis.out == want and 4 * int(axis.unread_data) <= size for axis in axes)
        answer = told(f"nn.MaxPool1d({kernel}, stride={stride})", (3, size), (want,))
        if answer is None or not near or answer.output[1:] == (want,):
            continue
        assert answer.fixes, (size, kernel, stride, want)
        assert not passes_by(holds("nn.", (3, size), (want,), answer.fixes[0])), (size, kernel, stride, want)


def chain(write: Callable[..., str], calls: list[str]) -> str:
    return f"nn.Sequential({', '.join(calls)})" if write is torch_layer else f"Sequential([{', '.join(calls)}])"


@pytest.mark.parametrize("write", [torch_layer, keras_layer])
def test_every_fix_of_a_chain_gives_the_wanted_size(write: Callable[..., str]) -> None:
    draw = random.Random(2)
    count = 0
    for _ in range(CASES // 2):
        kinds = [draw.choice(("conv", "pool")) for _ in range(draw.randint(2, 4))]
        calls = [write(draw, kind, 2) for kind in kinds]
        if write is torch_layer:
            places = [place for place, kind in enumerate(kinds) if kind == "conv"]
            calls = [
                call.replace("(3, 4", "(4, 4") if place in places[1:] else call for place, call in enumerate(calls)
            ]
        sizes = (draw.randint(20, 40), draw.randint(20, 40))
        shape = (3, *sizes) if write is torch_layer else (*sizes, 3)
        code = chain(write, calls)
        try:
            output = spatial(code, cw.output_shape(code, shape))
        except cw.ConvwiseError:
            continue
        want = (output[0] + draw.randint(-1, 2), output[1] + draw.randint(-1, 2))
        answer = told(code, shape, want) if min(want) > 0 else None
        for fix in answer.fixes if answer else ():
            assert cw.output_shape(chain(write, fix.code.split("\n")), shape) == fix.output, (code, shape, want, fix)
            assert spatial(code, fix.output) == want, (code, shape, want, fix)
            count += 1
    assert count > 10
