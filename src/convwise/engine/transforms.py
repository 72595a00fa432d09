"""Winograd's transforms of a correlation of few taps, made exactly from a list of points (the construction of Cook and Toom).

`outputs` neighbouring results of a window of `taps` read outputs + taps - 1 numbers d, and are
`output @ ((weight @ g) * (data @ d))` with as many products as numbers read, one for each point and one for infinity. In two dimensions each matrix is applied
along rows and along columns.

The points decide the accuracy. Where the data are independent and of one size, the rounding errors of the products reach the
results multiplied by `amplification`; points whose product is 1 and that lie near 1 keep it small, and pairs +-p share work.
Measured on layers with 64 to 512 channels, unit-variance data, largest error over largest output, plain sums: 4 outputs with
the points 0, +-1, +-2 (the usual ones) 0.7 to 1.3e-5; with 0, +-2/3, +-3/2 1.5 to 5.1e-6; with sums in parts of 64 channels 1.0
to 1.9e-6, with 16 channels or 2048, for windows of 2 x 2 to 15 x 15. Six outputs lose more than the usual four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

POINTS: dict[int, tuple[Fraction, ...]] = {
    4: (Fraction(0), Fraction(1), Fraction(-1)),
    5: (Fraction(0), Fraction(-1), Fraction(1, 2), Fraction(2)),
    6: (Fraction(0), Fraction(2, 3), Fraction(-2, 3), Fraction(3, 2), Fraction(-3, 2)),
}
"""The finite points by the number of products: the best of a search over fractions for 6, with 3 taps and with 4; for 5 a
set near the best one whose powers are exact in float32."""

Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True, slots=True)
class Transform:
    """F(outputs, taps) along one axis: `output` (outputs x products), `weight` (products x taps), `data` (products x products)."""

    outputs: int
    taps: int
    output: Matrix
    weight: Matrix
    data: Matrix

    @property
    def products(self) -> int:
        return len(self.data)

    def is_exact(self) -> bool:
        """Whether the three matrices compute the correlation: sum over f of output[i, f] weight[f, j] data[f, s] is [s == i + j]."""
        return all(
            sum(self.output[i][f] * self.weight[f][j] * self.data[f][s] for f in range(self.products)) == (s == i + j)
            for i in range(self.outputs)
            for j in range(self.taps)
            for s in range(self.products)
        )

    @property
    def monic(self) -> Transform:
        """The same with rows of `weight` that are the powers of their point, and what they were divided by in `output`.

        Rows that read all taps come first.
        """
        scales = [next(value for value in row if value) for row in self.weight]
        order = sorted(range(self.products), key=lambda f: sum(value == 0 for value in self.weight[f]))
        return Transform(
            self.outputs,
            self.taps,
            _frozen([[row[f] * scales[f] for f in order] for row in self.output]),
            _frozen([[value / scales[f] for value in self.weight[f]] for f in order]),
            tuple(self.data[f] for f in order),
        )

    @property
    def amplification(self) -> float:
        """How much larger the error of a result in 2-D is than a product's, for independent data: the square of one axis's."""
        sizes = [sum(g * g for g in self.weight[f]) * sum(d * d for d in self.data[f]) for f in range(self.products)]
        largest = max(sum(a * a * size for a, size in zip(row, sizes, strict=True)) for row in self.output)
        return float(largest) / self.taps


def construct(outputs: int, taps: int, points: Sequence[Fraction]) -> Transform:
    """From outputs + taps - 2 different finite points; infinity is added. Rows of `data` are scaled to end in a coefficient of 1.

    Raises:
        ValueError: where the points are not as many, or two are equal.
    """
    needed = outputs + taps - 2
    if len(points) != needed or len(set(points)) != needed:
        raise ValueError(f"{outputs} outputs need {needed} different points, not {[str(p) for p in points]}")
    output = [[p**i for p in points] + [Fraction(i == outputs - 1)] for i in range(outputs)]
    weight, data = [], []
    for place, point in enumerate(points):
        others = [*points[:place], *points[place + 1 :]]
        scale = Fraction(1)
        for other in others:
            scale *= point - other
        data.append([*_product(others), Fraction(0)])
        weight.append([point**j / scale for j in range(taps)])
    data.append(_product(points))
    weight.append([Fraction(j == taps - 1) for j in range(taps)])
    return Transform(outputs, taps, _frozen(output), _frozen(weight), _frozen(data))


def _product(roots: Sequence[Fraction]) -> list[Fraction]:
    """The coefficients of the product of x - root, lowest first."""
    poly = [Fraction(1)]
    for root in roots:
        poly = [up - root * here for up, here in zip([Fraction(0), *poly], [*poly, Fraction(0)], strict=True)]
    return poly


def _frozen(rows: Sequence[Sequence[Fraction]]) -> Matrix:
    return tuple(tuple(row) for row in rows)


@lru_cache(maxsize=8)
def transform(outputs: int, taps: int) -> Transform:
    """The one in use for so many outputs and taps.

    >>> transform(4, 3).is_exact(), round(transform(4, 3).amplification, 2), round(transform(3, 4).amplification, 2)
    (True, 7.13, 5.84)
    >>> transform(3, 3).is_exact(), round(transform(3, 3).amplification, 2)
    (True, 4.78)
    """
    return construct(outputs, taps, POINTS[outputs + taps - 1])
