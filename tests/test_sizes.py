"""Maps of sizes against direct evaluation, size by size; published networks; how fast it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convwise.axis import SAME_LOWER, SAME_UPPER, Pads, Window
from convwise.errors import ArgumentError, ConvwiseError
from convwise.sizes import (
    LIMIT,
    SizeMap,
    SizeSet,
    TooComplex,
    at_least,
    broadcast,
    broadcastable,
    chosen,
    constant,
    divisible,
    equal,
    identity,
    legal,
    maximum,
    minimum,
)

x = identity()
Direct = Callable[[int], int | None]
Step = tuple[str, Callable[[SizeMap], SizeMap], Callable[[int], int | None]]
"""What a step is called, what it makes of a map, and what it makes of one number (None: not legal)."""


def sized(n: int, out: int) -> int | None:
    return out if n >= 1 and out >= 1 else None


@st.composite
def windows(draw: st.DrawFn, explicit: bool = False) -> Window:
    kernel, stride, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    pads = st.builds(Pads, st.integers(-2, 5), st.integers(-2, 5))
    padding = draw(pads if explicit else pads | st.sampled_from([SAME_UPPER, SAME_LOWER]))
    return Window(kernel, stride, dilation, padding, draw(st.booleans()) and not explicit)


def window_step(window: Window) -> Step:
    return str(window), lambda f: f.through(window), lambda n: sized(n, window.over(n).out) if n >= 1 else None


def transposed_step(window: Window, extra: int) -> Step:
    return (
        f"transposed {window} {extra}",
        lambda f: f.transposed(window, extra),
        lambda n: sized(n, window.transposed(n, extra)) if n >= 1 else None,
    )


def pad_step(low: int, high: int) -> Step:
    def direct(n: int) -> int | None:
        return sized(n, n + low + high) if n + min(low, 0) + min(high, 0) >= 0 else None

    return f"pad {low} {high}", lambda f: f.padded(Pads(low, high)), direct


def resize_step(over: int, under: int, ceil: bool) -> Step:
    scale, rounded = Fraction(over, under), math.ceil if ceil else math.floor
    return f"times {scale}", lambda f: f.times(scale, ceil=ceil), lambda n: sized(n, rounded(n * scale))


SIMPLE: list[Step] = [
    ("unshuffle 2", lambda f: f.divided(2), lambda n: n // 2 if n >= 1 and n % 2 == 0 else None),
    ("unshuffle 3", lambda f: f.divided(3), lambda n: n // 3 if n >= 1 and n % 3 == 0 else None),
    ("adaptive 7", lambda f: f.adaptive(7), lambda n: 7 if n >= 1 else None),
    ("crop to even", lambda f: (f // 2) * 2, lambda n: n // 2 * 2),
    ("plus 5", lambda f: f + 5, lambda n: n + 5),
    ("40 minus", lambda f: 40 - f, lambda n: 40 - n),
    ("mod 6", lambda f: f % 6, lambda n: n % 6),
    ("ceil / 3", lambda f: f.ceil_divided(3), lambda n: math.ceil(n / 3)),
    ("truncated / 4", lambda f: f.truncated(4), lambda n: math.trunc(n / 4)),
    ("at least 3", lambda f: f.at_least(3), lambda n: n if n >= 3 else None),
    ("pad to 8", lambda f: f + (-f) % 8, lambda n: -(-n // 8) * 8),
    ("at most 20", lambda f: minimum(f, constant(20)), lambda n: min(n, 20)),
    ("sum of halves", lambda f: f // 2 + (f - 1) // 3, lambda n: n // 2 + (n - 1) // 3),
    ("with its half", lambda f: maximum(f // 2 + 6, f - 3), lambda n: max(n // 2 + 6, n - 3)),
]

LAYERS = st.one_of(
    windows().map(window_step),
    st.tuples(windows(explicit=True), st.integers(0, 3)).map(lambda pair: transposed_step(*pair)),
    st.tuples(st.integers(-4, 4), st.integers(-4, 4)).map(lambda pair: pad_step(*pair)),
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.booleans()).map(lambda triple: resize_step(*triple)),
)
STEPS = st.one_of(LAYERS, LAYERS, st.sampled_from(SIMPLE))
PATHS = st.lists(STEPS, max_size=6)


def follow(steps: list[Step]) -> tuple[SizeMap, Direct]:
    f = x
    for _, step, _ in steps:
        f = step(f)

    def direct(n: int) -> int | None:
        value: int | None = n
        for _, _, step in steps:
            value = None if value is None else step(value)
        return value

    return f, direct


def horizon(*maps: SizeMap) -> int:
    """The sizes up to which a brute check says everything: past the start, some periods, and 50 more."""
    return min(max(f.start for f in maps) + 3 * math.lcm(*(f.period for f in maps)) + 50, 4000)


@settings(max_examples=400, deadline=None)
@given(PATHS)
def test_a_path_equals_direct_evaluation_at_every_size(steps: list[Step]) -> None:
    f, direct = follow(steps)
    table = {n: direct(n) for n in range(1, horizon(f))}
    assert {n: f(n) for n in table} == table
    assert [n for n in table if n in f.legal] == [n for n in table if table[n] is not None]
    assert dict(f.items(len(table))) == {n: v for n, v in table.items() if v is not None and n < len(table)}


@settings(max_examples=200, deadline=None)
@given(PATHS)
def test_the_form_is_the_smallest(steps: list[Step]) -> None:
    f, direct = follow(steps)

    def regular(n: int) -> int | None:
        value = f.base[n % f.period]
        return None if value is None else value + f.step * (n // f.period)

    for period in (d for d in range(1, f.period) if f.period % d == 0):
        rise = Fraction(f.step * period, f.period)
        assert any(
            (regular(n) is None) != (regular(n + period) is None) or (regular(n) or 0) + rise != regular(n + period)
            for n in range(f.period)
            if regular(n) is not None or regular(n + period) is not None
        )
    if any(value is not None for value in f.base):
        assert f(f.start) is not None
        # Between the last size that breaks the rule and the start, nothing is legal and the rule says so.
        breaks = [n for n in range(1, f.start) if direct(n) != regular(n)]
        assert all(regular(n) is None for n in range(max(breaks, default=0) + 1, f.start))
    else:
        assert (f.period, f.step, f.start) == (1, 0, max((n for n, _ in f.head), default=0) + 1)


def test_two_ways_to_one_map_give_equal_values() -> None:
    assert x.through(Window(2, 2)).through(Window(2, 2)) == x.through(Window(4, 4)) == (x // 4).at_least(1)
    assert hash(x.plus(3).plus(-3)) == hash(x)
    assert x.plus(-3).plus(3) == x.at_least(4) != x
    assert x.through(Window(3, 2, padding=SAME_UPPER)).through(Window(5, 3, padding=SAME_LOWER)) == x.ceil_divided(6)
    assert x.times(2).divided(2) == x
    assert x - x == constant(0)
    assert repr(x.plus(1)) == "SizeMap(head=(), start=1, step=1, base=(1,))"


PAIRS = st.tuples(st.lists(STEPS, max_size=3), st.lists(STEPS, max_size=3))


@settings(max_examples=100, deadline=None)
@given(PAIRS)
def test_two_maps_together_equal_direct_evaluation(pair: tuple[list[Step], list[Step]]) -> None:
    (f, one), (g, other) = follow(pair[0]), follow(pair[1])
    sizes = range(1, min(2 * horizon(f, g), 1500))
    both = {n: (one(n), other(n)) for n in sizes}
    defined = {n: (a, b) for n, (a, b) in both.items() if a is not None and b is not None}
    assert {n for n in sizes if n in equal(f, g)} == {n for n, (a, b) in defined.items() if a == b}
    assert {n for n in sizes if n in at_least(f, g)} == {n for n, (a, b) in defined.items() if a >= b}
    assert {n for n in sizes if n in divisible(f, 4)} == {
        n for n, (a, _) in both.items() if a is not None and a % 4 == 0
    }
    assert {n for n in sizes if n in equal(f, 5)} == {n for n, (a, _) in both.items() if a == 5}
    fitting = {n for n, (a, b) in defined.items() if a == b or 1 in (a, b)}
    assert {n for n in sizes if n in broadcastable(f, g)} == fitting
    for made, rule in (
        (f + g, lambda a, b: a + b),
        (f - g, lambda a, b: a - b),
        (minimum(f, g), min),
        (maximum(f, g), max),
    ):
        assert {n: v for n in sizes if (v := made(n)) is not None} == {n: rule(a, b) for n, (a, b) in defined.items()}
    whole = {n: (a, b) for n, (a, b) in defined.items() if n in fitting and min(a, b) >= 0}
    assert {n: broadcast(f, g)(n) for n in whole} == {n: b if a == 1 else a for n, (a, b) in whole.items()}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(STEPS, max_size=3),
    st.integers(1, 40),
    st.lists(st.integers(0, 5), max_size=3),
    st.sets(st.integers(1, 30)),
)
def test_a_map_within_a_set(steps: list[Step], start: int, residues: list[int], also: set[int]) -> None:
    f, direct = follow(steps)
    sizes = SizeSet.from_start(start, 6, residues, also)
    kept = f.within(sizes)
    assert {n: kept(n) for n in range(1, 400)} == {n: direct(n) if n in sizes else None for n in range(1, 400)}
    picked = chosen(sizes, f, f + 1)
    wanted = {n: None if (v := direct(n)) is None else v + (n not in sizes) for n in range(1, 400)}
    assert {n: picked(n) for n in wanted} == wanted


def test_a_value_that_is_always_the_same_is_found() -> None:
    assert constant(7).value == x.adaptive(7).value == (x - x + 7).value == 7
    assert x.value is None
    assert (x % 2).value is None
    assert (x % 2).within(SizeSet.from_start(1, 2, [1])).value == 1


def halved(kernel: int = 3) -> Window:
    return Window(kernel, 2, padding=Pads(kernel // 2, kernel // 2))


def through(*steps: Window) -> SizeMap:
    f = x
    for window in steps:
        f = f.through(window)
    return f


CONV, POOL = Window(3), Window(2, 2)


def unet(crops: tuple[int, ...] | None) -> tuple[SizeMap, SizeSet]:
    """The U-Net of 2015; `crops` are the fixed cells cut from each side of a skip, deepest first; None: cut to fit."""
    f, skips, sizes = x, [], SizeSet.every()
    for _ in range(4):
        f = f.through(CONV).through(CONV)
        skips.append(f)
        f = f.through(POOL)
    f = f.through(CONV).through(CONV)
    for level in range(4):
        f = f.transposed(POOL)
        skip = skips.pop()
        if crops is None:
            sizes &= at_least(skip, f, f"crop{level}", "H")
        else:
            sizes &= equal(skip.plus(-2 * crops[level]), f, f"concat{level}", "H")
        f = f.through(CONV).through(CONV)
        sizes &= legal(f, f"up{level}", "H")
    return f, sizes


def test_unet_with_its_fixed_crops() -> None:
    f, sizes = unet((4, 16, 40, 88))
    assert str(sizes) == "n >= 188 and n = 12 (mod 16)"
    assert (f(572), sizes.nearest(350), sizes.minimum) == (388, (348, 364), 188)
    assert [str(reason) for reason in sizes.reasons] == [
        "up1: needs H >= 188",
        "concat3: needs H - 180 = 16 floor((H + 4) / 16) - 184",
    ]


def test_unet_with_centre_crops_takes_every_size_from_188() -> None:
    f, sizes = unet(None)
    assert str(sizes) == "n >= 188"
    assert f(572) == 388
    assert [str(reason) for reason in sizes.reasons] == ["up1: needs H >= 188"]


def test_nothing_beside_one_is_nothing() -> None:
    """n // 2 beside what a slice from 2 on leaves, at 2: 1 and 0."""
    half, rest = x.through(Window(2, 2)), x - 2
    assert [broadcast(half, rest)(n) for n in (2, 3, 4)] == [0, 1, 2]
    assert [broadcast(rest, half)(n) for n in (2, 3, 4)] == [0, 1, 2]
    # n % 6 is 0 again and again, but only beside what does not fit it; at 1 both are 1.
    assert broadcast(x, x % 6)(1) == broadcast(x % 6, x)(1) == 1
    # In turns 0 and 1 beside 1: what fits every size.
    assert [broadcast(x % 2, constant(1))(n) for n in (1, 2, 3, 4)] == [1, 0, 1, 0]


def test_broadcasting_adds_single_sizes() -> None:
    f, g = through(halved()), through(POOL)
    sizes = broadcastable(f, g, "add")
    assert str(sizes) == "every even n, and 3"
    assert (sizes.start, sizes.modulus, sizes.residues, sizes.exceptions) == (2, 2, (0,), (3,))
    assert broadcast(f, g)(3) == 2
    assert sizes.reasons[0].text == "needs floor((n - 1) / 2) + 1 = floor(n / 2), or one of them 1"


@pytest.mark.parametrize(
    ("windows", "smallest", "text"),
    [
        (
            [Window(11, 4, padding=Pads(2, 2)), Window(3, 2), Window(5, padding=Pads(2, 2)), Window(3, 2)]
            + [Window(3, padding=Pads(1, 1))] * 3
            + [Window(3, 2)],
            63,
            "floor((n - 31) / 32), n >= 63",
        ),
        (([Window(3, padding=Pads(1, 1))] * 3 + [POOL]) * 5, 32, "floor(n / 32), n >= 32"),
        (
            [Window(3, 2), CONV, Window(3, padding=Pads(1, 1)), Window(3, 2), Window(1), CONV] + [Window(3, 2)] * 3,
            75,
            "floor((n - 43) / 32), n >= 75",
        ),
        ([halved(7), *[halved()] * 4], 1, "floor((n - 1) / 32) + 1, every n"),
        ([CONV, POOL] * 4, 46, "floor((n - 30) / 16), n >= 46"),
    ],
    ids=["AlexNet", "VGG", "Inception v3", "ResNet", "a small Keras model"],
)
def test_smallest_sizes_of_published_networks(windows: list[Window], smallest: int, text: str) -> None:
    f = through(*windows)
    assert f.legal.minimum == smallest
    assert str(f) == text


def test_a_size_in_between_counts() -> None:
    # 2 -> 0 -> 2 is not legal although the pads would make up for it.
    assert x.through(CONV).padded(Pads(1, 1))(2) is None
    # Cropping more than there is on one side is not made up for by a pad on the other.
    assert x.padded(Pads(-5, 9))(4) is None
    assert x.padded(Pads(-5, 9))(5) == 9
    assert x.padded(Pads(3, 3), at_least=4).legal.minimum == 4


def test_huge_numbers_stay_cheap_and_exact() -> None:
    f = x.through(Window(10**12)).through(Window(3, 2))
    assert f.legal.minimum == 10**12 + 2
    assert str(f) == "floor(n / 2) - 500000000000, n >= 1000000000002"
    assert equal(f, 10**15).minimum == 2 * 10**15 + 10**12
    assert str(equal(x, 10**9) | SizeSet.from_start(1, 2, [0])) == "every even n"
    assert x.times(10**9)(3) == 3 * 10**9


@pytest.mark.parametrize(
    "make",
    [
        lambda: x.through(Window(3, LIMIT + 1)),
        lambda: x.times(Fraction(0.7)),
        lambda: x % (LIMIT * 2),
        lambda: x // 10**30,
        lambda: x.divided(10**30),
        lambda: (x // 509) + (x // 521),
        lambda: (x // 509).through(Window(3, 521)),
        lambda: minimum(x, constant(10**9)),
        lambda: 10**9 - x.at_least(1) if (10**9 - x).at_least(0) else x,
        lambda: ~SizeSet.from_start(10**9),
        lambda: SizeSet.from_start(1, 10**9, [3]),
        lambda: SizeSet.from_start(1, 509, [2]) & SizeSet.from_start(1, 521, [1]),
        lambda: chosen(SizeSet.from_start(1, 2, [0]), x, x // 2),
    ],
)
def test_what_is_too_complex_is_refused_quickly(make: Callable[[], object]) -> None:
    began = time.process_time()
    with pytest.raises(TooComplex, match=r"the sizes have|different rates") as caught:
        make()
    assert time.process_time() - began < 2
    assert isinstance(caught.value, ConvwiseError)
    assert caught.value.code == "CW308"


@pytest.mark.parametrize(
    "make", [lambda: x.times(0), lambda: x // 0, lambda: x % -3, lambda: x.times(0.5), lambda: x.divided(0)]
)
def test_arguments_that_mean_nothing(make: Callable[[], object]) -> None:
    with pytest.raises(ArgumentError, match="must be"):
        make()


def test_a_chain_of_a_hundred_windows_takes_milliseconds() -> None:
    chain = [Window(3 + i % 5, 2 if i % 20 == 19 else 1, padding=Pads(i % 2, 1 + i % 7)) for i in range(100)]
    through(*chain)
    best = min(_timed(lambda: through(*chain)) for _ in range(5))
    assert best < 0.05


def test_long_and_dense_networks_do_not_blow_up() -> None:
    began = time.process_time()
    f, sizes = through(halved(7), halved()), SizeSet.every()
    for block in range(4):
        features = [f]
        for layer in range(60):
            f = features[-1].through(Window(1)).through(Window(3, padding=Pads(1, 1)))
            for earlier in features[-8:]:
                sizes &= equal(earlier, f, f"concat{block}.{layer}")
            features.append(f)
        f = f.through(POOL)
        sizes &= legal(f, f"pool{block}")
    assert (str(sizes), sizes.reasons[-1].node) == ("n >= 61", "pool3")
    for step in range(20_000):
        f = f.plus(1 if step % 2 else -1)
    assert str(f) == "floor((n - 1) / 64), n >= 65" or f(1000) == 15
    assert time.process_time() - began < 10


def _timed(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began
