"""Layers over one axis run on the kernels of images, and so do convolutions with a border of their own: the numbers of the literal form."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from convwise.answers.planned import planned
from convwise.axis import SAME_UPPER, Pads, Window
from convwise.engine import activations, native, pooling, remembered, run
from convwise.engine.activations import activate
from convwise.errors import ArgumentError
from convwise.ops import AdaptivePool, Conv, ConvTranspose, GlobalPool, Layout, Op, Pool

RNG = np.random.default_rng(4)
needed = pytest.mark.skipif(native.library() is None, reason="no kernels")


def drawn(shape: tuple[int, ...]) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


WINDOWS = [
    Window(3),
    Window(5, stride=2, padding=Pads(2, 1)),
    Window(3, dilation=4, padding=SAME_UPPER),
    Window(1, stride=3),
    Window(31, padding=Pads(15, 15)),
]
LINES: list[tuple[Op, dict[str, tuple[int, ...]]]] = [
    *((Conv((w,), 6, 8), {"weight": (8, 6, w.kernel), "bias": (8,)}) for w in WINDOWS),
    (Conv((Window(4),), 6, 4, 2, bias=False), {"weight": (4, 3, 4)}),
    (Conv((Window(9, padding=Pads(4, 4)),), 6, 12, 6), {"weight": (12, 1, 9), "bias": (12,)}),
    (
        ConvTranspose((Window(4, 2, padding=Pads(1, 1)),), 6, 5, output_padding=(1,)),
        {"weight": (6, 5, 4), "bias": (5,)},
    ),
    (ConvTranspose((Window(3, 3),), 6, 4, 2, bias=False), {"weight": (6, 2, 3)}),
    (Pool("max", (Window(3, 2, padding=Pads(1, 1)),)), {}),
    (Pool("max", (Window(3, 2, ceil=True),)), {}),
    (Pool("average", (Window(4, 2, padding=Pads(2, 1)),)), {}),
    (Pool("average", (Window(3, 3, padding=Pads(1, 1)),), count_padding=True), {}),
    (Pool("lp", (Window(3, 2),), power=2.0), {}),
    (GlobalPool("average", 1), {}),
    (GlobalPool("max", 1, keep_dims=True), {}),
    (AdaptivePool("average", (7,)), {}),
    (AdaptivePool("max", (5,)), {}),
]


@pytest.mark.parametrize("layout", [Layout(), Layout(channels_last=True), Layout(batched=False)], ids=str)
@pytest.mark.parametrize(("op", "shapes"), LINES, ids=lambda one: repr(one)[:60])
def test_lines_are_images_of_one_row(op: Op, shapes: dict[str, tuple[int, ...]], layout: Layout) -> None:
    shape = (3, 37, 6) if layout.channels_last else (3, 6, 37) if layout.batched else (6, 37)
    weights = {name: drawn(size) for name, size in shapes.items()}
    spread = drawn((*shape[:-1], 2 * shape[-1]))
    for x in (drawn(shape), spread[..., ::2]):
        expected = run(op, x, weights, layout, method="reference")
        for _ in range(2):  # the second time by what was remembered
            found = run(op, x, weights, layout)
            assert found.shape == expected.shape
            assert found.flags.c_contiguous
            assert np.allclose(found, expected, atol=1e-5)
        for other in (np.float64, np.int64):
            if other is np.int64 and (not isinstance(op, Conv) or op.bias):
                continue
            whole = {name: (4 * value).astype(other) for name, value in weights.items()}
            exact = run(op, (4 * x).astype(other), whole, layout, method="reference")
            assert np.allclose(run(op, (4 * x).astype(other), whole, layout), exact, rtol=1e-12)


@needed
def test_kernels_run_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy took them before: a network of sounds waited seconds for what takes milliseconds."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("NumPy ran it")

    for name in ("conv", "conv_transpose", "pool"):
        monkeypatch.setattr(f"convwise.engine.windows.{name}", refuse)
    monkeypatch.setattr(remembered, "_shelf", remembered.Shelf())
    pooling._prepared.clear(), pooling._again.clear()
    for layout in (Layout(), Layout(channels_last=True)):
        shape = (2, 37, 6) if layout.channels_last else (2, 6, 37)
        for op, shapes in LINES:
            if not (isinstance(op, Pool) and op.kind == "lp"):
                run(op, drawn(shape), {name: drawn(size) for name, size in shapes.items()}, layout)
        for mode in ("reflect", "replicate", "circular"):
            bordered = Conv((Window(3, padding=Pads(2, 1)),) * 2, 6, 4, padding_mode=mode)
            weights = {"weight": drawn((4, 6, 3, 3)), "bias": drawn((4,))}
            run(bordered, drawn((2, 9, 10, 6) if layout.channels_last else (2, 6, 9, 10)), weights, layout)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("last", [False, True])
def test_borders_are_laid_around_first(mode: str, last: bool) -> None:
    names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    for rank, window in itertools.product((1, 2, 3), (Window(3, 2, padding=Pads(2, 1)), Window(4, padding=SAME_UPPER))):
        x, weight = drawn((2, 4, *(9, 10, 8)[:rank])), drawn((5, 4, *(window.kernel,) * rank))
        op = Conv((window,) * rank, 4, 5, bias=False, padding_mode=mode)
        pads = [window.pads(size) for size in x.shape[2:]]
        around = np.pad(x, [(0, 0), (0, 0), *((p.low, p.high) for p in pads)], mode=names[mode])  # type: ignore[arg-type]
        bare = Conv((Window(window.kernel, window.stride),) * rank, 4, 5, bias=False)
        expected = run(bare, around, {"weight": weight}, method="reference")
        given = np.moveaxis(x, 1, -1).copy() if last else x
        found = run(op, given, {"weight": weight}, Layout(last), activation="relu")
        found = np.moveaxis(found, -1, 1) if last else found
        assert np.allclose(found, np.maximum(expected, 0), atol=1e-4)
        assert np.allclose(run(op, x, {"weight": weight}, method="reference"), expected, atol=1e-4)


@needed
@pytest.mark.parametrize(
    ("code", "shape", "told", "shown"),
    [
        ("nn.Conv1d(16, 16, 31)", (1, 16, 44100), "an image of one row", (1, 16, 1, 44100)),
        ("Conv1D(8, 3, strides=2, padding='same')", (99, 4), "an image of one row", (1, 1, 99, 4)),
        (
            "nn.Conv2d(6, 6, 3, padding=(2, 1), padding_mode='reflect')",
            (6, 9, 10),
            "a convolution without padding, behind a border of its own (reflect)",
            (6, 13, 12),
        ),
        ("nn.Conv2d(6, 6, 3, padding=1)", (6, 9, 10), "", (6, 9, 10)),
    ],
)
def test_plans_tell_it(code: str, shape: tuple[int, ...], told: str, shown: tuple[int, ...]) -> None:
    (one,) = planned(code, shape).plans
    assert (one.told, one.plan.input) == (told, shown)
    assert one.plan.kernel is not None
    assert one.to_dict().get("as", "") == told
    assert (f"as         {told}\n" in str(one)) == bool(told)


def test_what_has_no_plan_says_why() -> None:
    for code, shape in (("nn.MaxPool2d(2)", (3, 8, 8)), ("nn.Conv3d(3, 4, 3)", (3, 8, 8, 8))):
        with pytest.raises(ArgumentError, match="there is no convolution over one or two axes to plan") as caught:
            planned(code, shape)
        assert "kernels run pools and transposed convolutions too" in str(caught.value)


@pytest.mark.parametrize("kind", sorted(activations.KINDS))
def test_blocks_give_the_numbers_of_the_whole(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = drawn((3, 5, 4, 6)).transpose(0, 3, 1, 2)[:, ::2]
    x[0, 0, 0, :3] = np.nan, np.inf, -np.inf
    with np.errstate(all="ignore"):
        expected = activate(x, kind, {})
        monkeypatch.setattr(activations, "BLOCK", 7)
        found = activate(x, kind, {})
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-30)
