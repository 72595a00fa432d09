"""Groups that are no vectors of channels: what each output reads is spread out for it, by shuffles, over each other, or number by number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convwise.engine import Conv, conv2d, native, planning
from convwise.engine.families import grouped
from convwise.engine.problem import Choice, Problem

needed = pytest.mark.skipif(native.library() is None, reason="no kernels here")
STEPS = st.sampled_from([1, 2])


def spread(problem: Problem, algorithm: str | None) -> Choice | None:
    """The kernel for any groups, whatever else there is."""
    library = planning.library()
    assert library is not None
    found = [choice for choice in grouped.choices(problem, library.isa) if choice.variant.startswith("any_")]
    return found[0] if found else planning.choose(problem, algorithm)


@needed
@given(
    each=st.tuples(st.sampled_from([1, 2, 3, 5, 7, 8, 12, 16, 19]), st.sampled_from([1, 2, 3, 5, 7, 9, 16, 20])),
    groups=st.integers(2, 17),
    layout=st.sampled_from(["NHWC", "NCHW"]),
    pads=st.tuples(*[st.integers(0, 4)] * 4),
    strides=st.tuples(STEPS, STEPS),
    gaps=st.tuples(STEPS, STEPS),
    apart=st.booleans(),
    threads=st.integers(1, 3),
)
def test_every_output_reads_its_own_group(each, groups, layout, pads, strides, gaps, apart, threads) -> None:
    """Exact with small integers; one group's numbers are infinite, and no other's outputs may see them."""
    inner, outer = each
    rng = np.random.default_rng(inner * 100 + outer)
    x = rng.integers(-4, 5, (2, 9, 10, inner * groups)).astype(np.float32)
    x[..., inner : 2 * inner] = np.inf
    if layout == "NCHW":
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    if apart:
        x = np.repeat(x, 2, axis=3)[..., ::2]
    weight = rng.integers(1, 5, (outer * groups, inner, 3, 2)).astype(np.float32)
    options: dict[str, object] = {"stride": strides, "dilation": gaps, "padding": (pads[:2], pads[2:])}
    options |= {"groups": groups, "layout": layout}
    wanted = conv2d(x, weight, algorithm="windows", **options)
    conv = Conv(weight, threads=threads, **options)
    conv._chooser = lambda: spread  # type: ignore[method-assign]
    assert np.array_equal(conv(x), wanted)
    if groups > 1:
        assert {prepared.choice.variant for prepared, *_ in conv._prepared.values()} == {f"any_{layout.lower()}"}
