"""Sets of sizes against Python's own sets, their words against a reading of those words, and joint conditions by trial."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convwise.axis import Pads, Window
from convwise.errors import ArgumentError
from convwise.sizes import JointSet, Reason, SizeMap, SizeSet, TooComplex, equal, identity, joint, legal

RANGE = range(1, 400)

REGULAR = st.builds(
    SizeSet.from_start,
    st.integers(-3, 60),
    st.integers(1, 12),
    st.lists(st.integers(0, 11), max_size=6),
    st.sets(st.integers(-2, 80), max_size=6),
)
FINITE = st.builds(SizeSet.of, st.sets(st.integers(1, 120), max_size=30))
DENSE = st.builds(
    lambda gaps, start: SizeSet.from_start(start) & ~SizeSet.of(gaps), st.sets(st.integers(1, 60)), st.integers(1, 30)
)
SETS = st.one_of(REGULAR, FINITE, DENSE)


def members(sizes: SizeSet) -> set[int]:
    return {n for n in RANGE if n in sizes}


@settings(max_examples=300, deadline=None)
@given(SETS, SETS)
def test_set_algebra_is_that_of_sets(a: SizeSet, b: SizeSet) -> None:
    one, other = members(a), members(b)
    assert members(a & b) == one & other
    assert members(a | b) == one | other
    assert members(~a) == set(RANGE) - one
    assert a.issubset(b) == (one <= other)
    assert (a == b) == (one == other)
    assert a & b == b & a
    assert a | b == b | a
    assert ~~a == a
    assert ~(a & b) == ~a | ~b
    assert a & ~a == SizeSet.none()
    assert a | ~a == SizeSet.every()


@settings(max_examples=300, deadline=None)
@given(SETS, st.integers(-5, 200))
def test_order_and_neighbours(sizes: SizeSet, n: int) -> None:
    inside = sorted(members(sizes))
    assert list(itertools.takewhile(lambda size: size < RANGE.stop, sizes)) == inside
    assert sizes.first(3) == tuple(inside[:3])
    assert sizes.minimum == min(inside, default=None)
    assert bool(sizes) == bool(inside)
    below, above = sizes.nearest(n)
    assert below == max((size for size in inside if size <= n), default=None)
    assert above == min((size for size in inside if size >= n), default=None)
    assert "3" not in sizes


@settings(max_examples=300, deadline=None)
@given(SETS)
def test_the_form_is_the_smallest(sizes: SizeSet) -> None:
    if sizes.start is None:
        assert (sizes.modulus, sizes.residues) == (1, ())
        return
    assert list(sizes.residues) == sorted(set(sizes.residues))
    assert sizes.start in sizes
    assert sizes.start % sizes.modulus in sizes.residues
    shifted = [{(rest + shift) % sizes.modulus for rest in sizes.residues} for shift in range(1, sizes.modulus)]
    assert set(sizes.residues) not in shifted
    assert all(n < sizes.start or n % sizes.modulus not in sizes.residues for n in sizes.exceptions)
    # One regular size before the start is missing, or there is none.
    before = [n for n in range(1, sizes.start) if n % sizes.modulus in sizes.residues]
    assert not before or before[-1] not in sizes


def listed(text: str) -> set[int]:
    """`1..4, 9, 11, ..., 15`, read literally."""
    found: set[int] = set()
    parts = text.split(", ")
    for at, part in enumerate(parts):
        if part == "...":
            first, second, last = int(parts[at - 2]), int(parts[at - 1]), int(parts[at + 1])
            found |= set(range(first, last + 1, second - first))
        elif ".." in part:
            first, last = map(int, part.split(".."))
            found |= set(range(first, last + 1))
        else:
            found.add(int(part))
    return found


def read(text: str) -> set[int]:
    """The sizes in RANGE that the words mean, by the words alone."""
    if text == "no size":
        return set()
    if found := re.fullmatch(r"n in \{(.*)\}", text):
        return listed(found[1])
    text, _, less = text.partition(", but not ")
    rule, extra = text, ""
    if found := re.fullmatch(
        r"(.*?\)|every even n|every odd n|every multiple of \d+|every n|n >= \d+), and (.*)", text
    ):
        rule, extra = found[1], found[2]
    sizes = {n for n in RANGE if holds(rule, n)}
    return (sizes | (listed(extra) if extra else set())) - (listed(less) if less else set())


def holds(rule: str, n: int) -> bool:
    if rule in ("every n", "every even n", "every odd n"):
        return {"every n": True, "every even n": n % 2 == 0, "every odd n": n % 2 == 1}[rule]
    if found := re.fullmatch(r"every multiple of (\d+)", rule):
        return n % int(found[1]) == 0
    for part in rule.split(" and "):
        if found := re.fullmatch(r"n >= (\d+)", part):
            right = n >= int(found[1])
        else:
            found = re.fullmatch(r"n (!?=) (.*) \(mod (\d+)\)", part)
            assert found, part
            right = (n % int(found[3]) in listed(found[2])) == (found[1] == "=")
        if not right:
            return False
    return True


@settings(max_examples=500, deadline=None)
@given(SETS)
def test_the_words_mean_the_set(sizes: SizeSet) -> None:
    assert read(str(sizes)) == members(sizes), str(sizes)


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        (SizeSet.from_start(188, 16, [12]), "n >= 188 and n = 12 (mod 16)"),
        (SizeSet.from_start(46), "n >= 46"),
        (SizeSet.every(), "every n"),
        (SizeSet.of([28]), "n in {28}"),
        (SizeSet.of([28, 29, 30, 31, 40, 41]), "n in {28..31, 40, 41}"),
        (SizeSet.of(range(3, 40, 4)), "n in {3, 7, ..., 39}"),
        (SizeSet.from_start(1, 2, [0], [3]), "every even n, and 3"),
        (SizeSet.from_start(1, 2, [1]), "every odd n"),
        (SizeSet.from_start(2, 32, [0]), "every multiple of 32"),
        (SizeSet.from_start(33, 32, [0]), "n >= 64 and n = 0 (mod 32)"),
        (SizeSet.from_start(5, 16, [12]), "n = 12 (mod 16)"),
        (SizeSet.from_start(7, 16, range(15)), "n >= 7 and n != 15 (mod 16)"),
        (SizeSet.from_start(1, 3, [1, 2]), "n != 0 (mod 3)"),
        (SizeSet.from_start(9, 8, [1, 2, 3, 6]), "n >= 9 and n = 1..3, 6 (mod 8)"),
        (~SizeSet.of([5]), "every n, but not 5"),
        (SizeSet.from_start(20) | SizeSet.of([3]), "n >= 20, and 3"),
        (SizeSet.none(), "no size"),
    ],
)
def test_words(sizes: SizeSet, text: str) -> None:
    assert str(sizes) == text
    assert sizes.text("H") == re.sub(r"\bn\b", "H", text)


def test_reasons_say_what_is_needed_and_nothing_that_follows_from_it() -> None:
    x = identity()
    once = x.through(Window(3))
    twice = once.through(Window(5))
    sizes = legal(once, "first") & legal(twice, "second")
    assert [str(reason) for reason in sizes.reasons] == ["second: needs n >= 7"]
    same = sizes & legal(twice, "third")
    assert same is sizes
    even = equal(x // 2 * 2, x, "even", "W")
    assert [str(reason) for reason in (sizes & even).reasons] == [
        "second: needs n >= 7",
        "even: needs 2 floor(W / 2) = W",
    ]
    by_four = equal(x // 4 * 4, x, "quarter")
    assert [reason.node for reason in (sizes & even & by_four).reasons] == ["second", "quarter"]
    assert [reason.node for reason in (by_four & even).reasons] == ["quarter"]
    assert (sizes & even) == SizeSet.from_start(8, 2, [0])
    own = Reason("mine", "my words")
    assert str(equal(x, 5, own).reasons[0]) == "mine: my words"
    assert legal(once).reasons == ()


def test_what_could_not_be_followed_stays_marked() -> None:
    why = Reason("resize1", "scale 0.7 is not exact")
    sizes = SizeSet.every().inexact(why)
    assert not sizes.exact
    for both in (sizes & SizeSet.from_start(9), SizeSet.from_start(9) & sizes, sizes | SizeSet.of([1]), sizes & sizes):
        assert not both.exact
        assert both.reasons == (why,)
    assert sizes != SizeSet.every()
    assert (~sizes).exact is False


def test_far_apart_sizes_cost_nothing() -> None:
    far = SizeSet.from_start(10**15, 7, [3], [4])
    assert far.nearest(10**15 + 100) == (
        (10**15 + 100) // 7 * 7 + 3 - 7 * ((10**15 + 100) % 7 < 3),
        far.nearest(10**15 + 100)[1],
    )
    assert far.first(2) == (4, far.start)
    assert str(far | SizeSet.from_start(1, 7, [3])) == "n = 3 (mod 7), and 4"
    assert far & SizeSet.from_start(5) == SizeSet.from_start(10**15, 7, [3])
    with pytest.raises(TooComplex):
        far | SizeSet.from_start(1, 5, [1])


def lenet() -> SizeMap:
    return identity().through(Window(5)).through(Window(2, 2)).through(Window(5)).through(Window(2, 2))


def test_flatten_before_dense_couples_the_axes() -> None:
    f = lenet()
    both = joint((f, f), 400, channels=16, reason="fc1")
    assert str(both) == ("height x width in {16..19} x {112..115} or {32..35} x {32..35} or {112..115} x {16..19}")
    sizes = range(1, 130)
    right = {(h, w) for h in sizes for w in sizes if (f(h) or 0) * (f(w) or 0) == 25}
    assert {(h, w) for h in sizes for w in sizes if (h, w) in both} == right
    assert str(both.square) == "n in {32..35}"
    assert str(both.along("width")) == "n in {16..19, 32..35, 112..115}"
    assert both.reasons == (Reason("fc1", "needs 16 x height x width after the layers before it to be 400"),)
    assert str(both.within(SizeSet.from_start(20), SizeSet.from_start(1, 2, [0]))) == (
        "height x width in {32..35} x {32, 34} or {112..115} x {16, 18}"
    )
    assert both.nearest((28, 28)) == (32, 32)
    assert both.nearest((100, 20)) == (112, 19)
    assert (32, 32, 32) not in both
    assert 32 not in both


def both_empty(f: SizeMap) -> JointSet:
    return joint((f, f), 25).within(SizeSet.from_start(1, 2, [1]), SizeSet.of([33, 35])) & joint((f, f), 49)


def test_joint_conditions_that_do_not_couple_or_cannot_hold() -> None:
    f, x = lenet(), identity()
    assert str(joint((f, x.adaptive(1)), 5)) == "height x width in {32..35} x {every n}"
    assert str(joint((f, f), 1050, channels=16)) == "no height x width"
    assert joint((f, f), 1050, channels=16).nearest((3, 3)) is None
    assert not joint((f, f), 0)
    assert str(joint((x,), 784)) == "length in {784}"
    cube = joint((x.through(Window(2, 2)),) * 3, 8)
    assert (4, 5, 4) in cube
    assert (2, 17, 3) in cube
    assert (4, 4, 6) not in cube
    two = joint((f, f), 25) & joint((x, x), 32 * 35)
    assert {(h, w) for h in range(1, 130) for w in range(1, 130) if (h, w) in two} == {(32, 35), (35, 32)}
    with pytest.raises(TooComplex, match="divisors"):
        joint((x, x), 2**62 + 1)
    # One axis that never changes asks for no divisors.
    assert str(joint((x, x.adaptive(2)), 2**62)) == f"height x width in {{{2**61}}} x {{every n}}"
    assert not JointSet(("height", "width"), ())
    assert not both_empty(f)


def test_pads_of_a_window_are_part_of_a_joint_condition() -> None:
    # Conv(3, padding=1) and pool, twice, on 28 x 28: 32 x 7 x 7 = 1568.
    f = identity()
    for _ in range(2):
        f = f.through(Window(3, padding=Pads(1, 1))).through(Window(2, 2))
    both = joint((f, f), 1568, channels=32)
    assert (28, 28) in both
    assert str(both) == "height x width in {4..7} x {196..199} or {28..31} x {28..31} or {196..199} x {4..7}"


@pytest.mark.parametrize("n", ["350", None, float("nan"), 350.0, True])
def test_what_is_no_size_has_no_nearest(n: Any) -> None:
    with pytest.raises(ArgumentError, match="is not a size") as caught:
        SizeSet.from_start(188, 16, [12]).nearest(n)
    assert caught.value.code == "CW601"


def test_sizes_of_numpy_are_sizes() -> None:
    sizes = SizeSet.from_start(188, 16, [12])
    assert sizes.nearest(np.int64(350)) == (348, 364)
    assert {type(size) for size in sizes.nearest(np.int64(348))} == {int}
    assert np.int64(348) in sizes
    assert np.int64(350) not in sizes
    assert "348" not in sizes
