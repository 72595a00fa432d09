"""Expressions, read and computed by the small evaluator below, against the maps they stand for."""

from __future__ import annotations

import re
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sizes import PATHS, Step, follow, halved, through

from convwise.axis import Pads, Window
from convwise.sizes import SizeMap, SizeSet, broadcast, equal, expression, identity, maximum, minimum

x = identity()
TOKEN = re.compile(r"\s*(\d+|[A-Za-z]+|.)")


class Reader:
    """Evaluates `2 floor((H - 1) / 32) + 1` in exact fractions, by recursive descent; knows nothing of the package."""

    def __init__(self, text: str, n: int) -> None:
        self.tokens = TOKEN.findall(text.strip())
        self.n = n

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self, *wanted: str) -> str:
        assert not wanted or self.peek() in wanted, (wanted, self.tokens)
        return self.tokens.pop(0)

    def value(self) -> Fraction:
        found = self.sum()
        assert not self.tokens, self.tokens
        return found

    def sum(self) -> Fraction:
        total = -self.product() if self.peek() == "-" and self.take() else self.product()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            total += sign * self.product()
        return total

    def product(self) -> Fraction:
        total = self.atom()
        while True:
            if self.peek() in ("/", "mod"):
                total = total / self.atom() if self.take() == "/" else total % self.atom()
            elif self.peek() == "(" or self.peek().isalpha():
                total *= self.atom()
            else:
                return total

    def atom(self) -> Fraction:
        token = self.take()
        if token.isdigit():
            return Fraction(token)
        if token == "H":
            return Fraction(self.n)
        if token == "(":
            inside = self.sum()
            self.take(")")
            return inside
        self.take("(")
        arguments = [self.sum()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.sum())
        self.take(")")
        return Fraction({"floor": lambda a: floor(a), "min": min, "max": max}[token](*arguments))


def agree(f: SizeMap, text: str, sizes: range, legal: SizeSet | None = None) -> None:
    for n in sizes:
        value = f(n)
        if value is not None and (legal is None or n in legal):
            assert Reader(text, n).value() == value, (text, n)


@settings(max_examples=150, deadline=None)
@given(PATHS)
def test_an_expression_equals_its_map(steps: list[Step]) -> None:
    f, _ = follow(steps)
    formula = expression(f)
    sizes = range(1, min(f.start + 2 * f.period + 100, 1500))
    for n in sizes:
        if (value := f(n)) is not None:
            assert formula.tree.at(n) == value
    text = formula.text("H")
    if "[" not in text and "one of" not in text and " if " not in text and f.legal:
        agree(f, text, range(1, min(sizes.stop, 250)))


@settings(max_examples=150, deadline=None)
@given(
    PATHS, st.integers(1, 50), st.integers(1, 8), st.sets(st.integers(0, 7), max_size=3), st.sets(st.integers(1, 40))
)
def test_with_legal_sizes_it_is_exact_on_those(
    steps: list[Step], start: int, modulus: int, residues: set[int], also: set[int]
) -> None:
    f, _ = follow(steps)
    legal = SizeSet.from_start(start, modulus, residues, also)
    formula = expression(f, legal)
    for n in range(1, 600):
        if n in legal and (value := f(n)) is not None:
            assert formula.tree.at(n) == value
            if formula.divisible:
                assert formula.divisible[0].at(n) % formula.divisible[1] == 0


SAME3 = Window(3, padding=Pads(1, 1))
POOL = Window(2, 2)


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (x, "H"),
        (x.adaptive(7), "7"),
        (through(halved(7), *[halved()] * 4), "floor((H - 1) / 32) + 1"),
        (through(Window(3, 2)), "floor((H - 1) / 2)"),
        (through(Window(3, 2), Window(3, 2)), "floor((H - 3) / 4)"),
        (through(POOL, POOL, POOL), "floor(H / 8)"),
        (x.ceil_divided(2).ceil_divided(3), "floor((H - 1) / 6) + 1"),
        (x.plus(-184), "H - 184"),
        (through(POOL).times(2), "2 floor(H / 2)"),
        (through(POOL).times(2).through(POOL), "floor(H / 2)"),
        (through(POOL).transposed(Window(2, 128)), "128 floor(H / 2) - 126"),
        (x.times(Fraction(3, 2)), "floor(3 H / 2)"),
        (x.times(3).plus(-5), "3 H - 5"),
        (100 - x, "100 - H"),
        (-x, "-H"),
        (x % 16, "H mod 16"),
        (16 - x % 16, "16 - (H mod 16)"),
        (x + (-x) % 16, "16 floor((H - 1) / 16) + 16"),
        (x.times(Fraction(2, 3)).times(Fraction(3, 2)), "floor(3 floor(2 H / 3) / 2)"),
        (x // 2 + x // 3, "floor(H / 2) + floor(H / 3)"),
        (x // 2 - x // 3 + x // 2, "2 floor(H / 2) - floor(H / 3)"),
        (maximum(x // 2, x // 3 + 5), "max(floor(H / 2), floor(H / 3) + 5)"),
        (minimum(x, 40 - x), "min(H, 40 - H)"),
        ((-minimum(x, x // 2 + 9)) % 8, "(-min(H, floor(H / 2) + 9)) mod 8"),
        (broadcast(through(halved()), through(POOL)), "floor((H - 1) / 2) + 1"),
    ],
)
def test_readable_forms(f: SizeMap, text: str) -> None:
    assert expression(f).text("H") == text
    agree(f, text, range(1, 3000))


@pytest.mark.parametrize(
    ("f", "legal", "text"),
    [
        (through(POOL, POOL, POOL, POOL), SizeSet.from_start(1, 16, [0]), "H / 16 when 16 divides H"),
        (through(halved(), halved(), halved()), SizeSet.from_start(1, 8, [0]), "H / 8 when 8 divides H"),
        (through(POOL).times(2), SizeSet.from_start(1, 2, [0]), "H"),
        (through(POOL).times(2).plus(-3), SizeSet.from_start(1, 2, [0]), "H - 3"),
        (through(POOL).times(3), SizeSet.from_start(1, 2, [0]), "3 H / 2 when 2 divides H"),
        (through(halved(), halved()), SizeSet.from_start(1, 4, [1]), "(H - 1) / 4 + 1 when 4 divides H - 1"),
        (through(SAME3, POOL, SAME3, POOL), SizeSet.of([28, 29, 30, 31]), "7"),
        (through(SAME3, POOL, Window(3)), SizeSet.of([28, 29, 30, 31]), "floor(H / 2) - 2"),
        (x.through(Window(3)), SizeSet.of([28, 31]), "H - 2"),
        (x // 2 + x // 3, SizeSet.from_start(1, 6, [0]), "5 H / 6 when 6 divides H"),
        (x, SizeSet.none(), "nothing"),
    ],
)
def test_legal_sizes_simplify(f: SizeMap, legal: SizeSet, text: str) -> None:
    formula = expression(f, legal)
    assert formula.full("H") == text
    assert str(formula) == formula.full() == text.replace("H", "n")
    if legal:
        agree(f, formula.text("H"), range(1, 3000), legal)


def test_an_even_division_says_so_once() -> None:
    formula = expression(x // 16, SizeSet.from_start(1, 16, [0]))
    assert (formula.text("W"), formula.condition("W")) == ("W / 16", "16 divides W")
    assert expression(x // 16).condition() == ""


def test_a_table_is_the_last_resort() -> None:
    odd = SizeMap((), 1, 2, (0, 5, 1))
    assert expression(odd).text("H") == "2 floor(H / 3) + {0: 0, 1: 5, 2: 1}[H mod 3]"
    single = equal(x // 7, 1)
    f = maximum(x.within(single), x.within(single) % 5)
    assert [expression(f).tree.at(n) for n in single] == list(single)
    table = SizeMap(((2, 9),), 4, 1, (0, 3))
    assert expression(table).text("H") == "(9 if H = 2, else floor(H / 2) + {0: 0, 1: 3}[H mod 2])"
    assert [expression(table).tree.at(n) for n in (2, 4, 5)] == [9, 2, 5]
    long = SizeMap((), 1, 0, tuple(n * n % 101 for n in range(101)))
    assert expression(long).text("H") == "(one of 101 values by H mod 101, + 0 floor(H / 101))"
    assert [expression(long).tree.at(n) for n in (3, 101, 110)] == [9, 0, 81]


def test_many_ways_back_are_not_all_walked() -> None:
    f = x.times(Fraction(2, 3))
    for step in range(40):
        f = (f + f // 2 + f % 5) // 2 + step if f.period < 3000 else f.plus(1)
    formula = expression(f)
    assert [formula.tree.at(n) for n in range(50, 90)] == [f(n) for n in range(50, 90)]
    assert len(formula.text()) < 20_000
