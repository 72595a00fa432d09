"""Inverse design by law: the same set as brute force, every answer read back, the order as stated, and reasons that say why."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solving import WORDS, out_of

import convwise as cw
from convwise import dialects
from convwise.answers.solve import search
from convwise.axis import Window, share
from convwise.ops import Conv, ConvTranspose, Pool
from convwise.readers.source import read_layer

KERNELS, STRIDES, DILATIONS = 4, 3, 2
SIZES = range(1, 10)


@pytest.fixture
def small(monkeypatch):
    """Bounds small enough for brute force over everything."""
    monkeypatch.setattr(search, "KERNELS", KERNELS)
    monkeypatch.setattr(search, "STRIDES", STRIDES)
    monkeypatch.setattr(search, "DILATIONS", DILATIONS)


def meaning(text, dialect):
    """What a text is without its words, so that two ways to say one layer are one."""
    return tuple(op for layer in read_layer(text, dialect=dialect) for op in layer.ops)


def solved(*args, **options):
    try:
        return cw.solve(*args, **options)
    except cw.ShapeError:
        return []


@dataclass(frozen=True)
class Tried:
    """One call that brute force goes through; `stage` counts only where no earlier one of its `group` does it."""

    text: str
    group: tuple[int, ...]
    stage: int = 0


def steps(whole=()):
    for stride in range(1, STRIDES + 1):
        for kernel in sorted({*range(1, KERNELS + 1), stride, *whole}):
            for dilation in range(1, (DILATIONS if stride == 1 and kernel > 1 else 1) + 1):
                yield kernel, stride, dilation


def convolutions(dialect, whole):
    for kernel, stride, dilation in steps(whole):
        group, span = (kernel, stride, dilation), dilation * kernel - dilation + 1
        if dialect == "keras":
            head = f"Conv2D(32, {kernel}, strides={stride}, dilation_rate={dilation}"
            yield from (Tried(f"{head}, padding={word!r})", group) for word in ("valid", "same")[: 1 + (span > 1)])
            bare = f"{head})"
            sides = [(f"ZeroPadding2D((({low}, {high}), ({low}, {high})))", low, high) for low, high in splits(span)]
            for pad, low, high in sides:
                yield Tried(f"keras.Sequential([{pad}, {bare}])", group, 2 if low == high else 3)
        else:
            head = f"nn.Conv2d(3, 32, {kernel}, stride={stride}, dilation={dilation}"
            yield from (Tried(f"{head}, padding={pad})", group) for pad in range(span // 2 + 1))
            if stride == 1 and span % 2 == 0:
                yield Tried(f"{head}, padding='same')", group)
            for low, high in splits(span):
                if low != high:
                    yield Tried(f"nn.Sequential(nn.ZeroPad2d(({low}, {high}, {low}, {high})), {head}))", group, 3)


def splits(span):
    """Paddings of at most half a window a side, the odd cell after the data."""
    return [(total // 2, total - total // 2) for total in range(1, 2 * (span // 2) + 1)]


def transposes(dialect, whole):
    for kernel, stride, dilation in steps(whole):
        group, span = (kernel, stride, dilation), dilation * kernel - dilation + 1
        if dialect == "keras":
            head = f"Conv2DTranspose(32, {kernel}, strides={stride}, dilation_rate={dilation}"
            for word, extra in product(("valid", "same"), (None, *range(stride))):
                yield Tried(f"{head}, padding={word!r}, output_padding={extra})", group)
        else:
            head = f"nn.ConvTranspose2d(3, 32, {kernel}, stride={stride}, dilation={dilation}"
            for pad, extra in product(range(span // 2 + 1), range(stride)):
                yield Tried(f"{head}, padding={pad}, output_padding={extra})", group)


def pools(dialect, whole):
    for kernel, stride, dilation in steps(whole):
        if dilation > 1:
            continue
        group = (kernel, stride, 1)
        if dialect == "keras":
            for word in ("valid", "same")[: 1 + (kernel > 1)]:
                yield Tried(f"MaxPooling2D({kernel}, strides={stride}, padding={word!r})", group)
        else:
            for pad, ceil in product(range(kernel // 2 + 1), (False, True)):
                yield Tried(f"nn.MaxPool2d({kernel}, stride={stride}, padding={pad}, ceil_mode={ceil})", group)


CALLS = {"conv": convolutions, "transpose": transposes, "max_pool": pools}


def brute(dialect, op, pairs):
    """Every call that gives every output, by running all of them; then the rules that say which are listed."""
    single = [one for pair in pairs for one in (pair if op == "transpose" else pair[::-1])]
    whole = {other for one, other in zip(single[::2], single[1::2], strict=True) if one == 1}
    idle = set(single[::2]) == {1}
    fitting = []
    for tried in CALLS[op](dialect, whole):
        if not all(out_of(tried.text, dialect, (size, size)) == (out, out) for size, out in pairs):
            continue
        if "ceil_mode=True" in tried.text:
            floor = tried.text.replace("ceil_mode=True", "ceil_mode=False")
            if all(out_of(floor, dialect, (size, size)) == (out, out) for size, out in pairs):
                continue
        fitting.append(tried)
    least = {}
    for tried in fitting:
        least[tried.group] = min(tried.stage, least.get(tried.group, 9))
    added = {one: sum(meaning(one.text, dialect)[-1].output_padding) for one in fitting} if op == "transpose" else {}
    listed = [
        tried
        for tried in sorted(fitting, key=lambda one: one.group[1])
        if tried.stage == least[tried.group]
        and (not added or added[tried] == min(more for one, more in added.items() if one.group == tried.group))
    ]
    if not idle:
        return {meaning(tried.text, dialect) for tried in listed}
    alone = [(what, *without_stride(what, pairs, op)) for what in (meaning(tried.text, dialect) for tried in listed)]
    # Windows that leave cells out count only where none takes in the whole axis.
    some = [one for one in alone if one[2]] or alone
    smallest = {}
    for what, rest, _ in some:
        smallest.setdefault(rest, what)
    return set(smallest.values())


def without_stride(what, pairs, op):
    """The layer with its stride left out, and whether its one window takes in every cell."""
    last, pads = what[-1], what[:-1]
    sizes = [pair[1] if op == "transpose" else pair[0] for pair in pairs]
    window = last.windows[0]
    total = pads[0].pads[0] if pads else None
    full = window if total is None else Window(window.kernel, window.stride, window.dilation, total)
    rest = (window.kernel, window.dilation, window.padding, window.ceil, getattr(last, "output_padding", None), pads)
    return rest, all(full.over(size).unread_data == 0 for size in sizes)


@pytest.mark.parametrize("dialect", ["keras", "torch"])
@pytest.mark.parametrize("op", ["conv", "transpose", "max_pool"])
def test_the_answers_are_those_of_brute_force(small, dialect, op):
    found = 0
    sizes = [(a, b) for a in SIZES for b in range(1, 14) if b <= 3 * a + 4]
    for pair in sizes[:: 1 if dialect == "torch" else 2]:
        texts = solved(pair[0], pair[1], dialect=dialect, op=op)
        assert {meaning(text, dialect) for text in texts} == brute(dialect, op, [pair]), (pair, texts)
        assert len({meaning(text, dialect) for text in texts}) == len(texts), "one layer is listed twice"
        found += len(texts)
    assert found > 50


@pytest.mark.parametrize("dialect", ["keras", "torch"])
@pytest.mark.parametrize("op", ["conv", "transpose", "max_pool"])
def test_several_sizes_at_once_are_those_of_brute_force(small, dialect, op):
    small_to_large = [
        ([5, 9], [3, 5]),
        ([6, 9], [3, 5]),
        ([7, 8], [3, 3]),
        ([4, 9], [3, 8]),
        ([9, 8], [1, 1]),
        ([5, 8], [6, 3]),
    ]
    pairs = small_to_large if op != "transpose" else [(b, a) for a, b in small_to_large]
    found = 0
    for inputs, outputs in pairs:
        texts = solved(inputs, outputs, dialect=dialect, op=op)
        expected = brute(dialect, op, list(zip(inputs, outputs, strict=True)))
        assert {meaning(text, dialect) for text in texts} == expected, (inputs, outputs)
        found += len(texts)
    assert found > 3


def test_each_axis_has_its_own_sizes(small):
    """Axes that ask different things share the kernel; strides and pads are their own where they must."""
    for out in product(range(1, 8), range(1, 9)):
        if 1 in out:
            continue
        expected = set()
        for kernel, strides in product(range(1, KERNELS + 1), product(range(1, STRIDES + 1), repeat=2)):
            dilations = range(1, 1 + (DILATIONS if strides == (1, 1) and kernel > 1 else 1))
            for dilation in dilations:
                span = dilation * kernel - dilation + 1
                fitting = [
                    [
                        pad
                        for pad in range(span // 2 + 1)
                        if Window(kernel, step, dilation, pads(pad)).over(size).out == want
                    ]
                    for size, want, step in zip((9, 7), out, strides, strict=True)
                ]
                shared = [(pad, pad) for pad in fitting[0] if pad in fitting[1]]
                for pair in shared or product(*fitting):
                    expected.add(((kernel,) * 2, strides, (dilation,) * 2, pair))
        texts = solved((9, 7), out, dialect="torch", op="conv")
        found = set()
        for text in texts:
            layers = read_layer(text, dialect="torch")
            windows = layers[-1].ops[0].windows
            if len(layers) > 1 or "'same'" in text or len({window.kernel for window in windows}) > 1:
                continue
            facts = [(w.kernel, w.stride, w.dilation, w.padding.low) for w in windows]
            found.add(tuple(zip(*facts, strict=True)))
        assert found == expected, out


def pads(cells):
    from convwise.axis import Pads

    return Pads(cells, cells)


def test_a_kernel_of_its_own_for_each_axis_only_where_nothing_else_does_it():
    assert cw.solve("28x30", "26x26", padding="valid") == ["Conv2D(32, (3, 5))"]
    assert cw.solve("28x30", "26x26", padding="valid", dialect="torch") == ["nn.Conv2d(3, 32, (3, 5))"]
    assert not any("(3, 5)" in text for text in cw.solve("28x30", "26x26"))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["keras", "torch"]),
    st.sampled_from([None, "conv", "transpose", "max_pool", "avg_pool"]),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.booleans(),
    st.fixed_dictionaries(WORDS),
)
def test_every_answer_gives_what_was_wanted_and_keeps_what_was_fixed(dialect, op, sizes, outs, square, words):
    if square:
        sizes, outs = (sizes[0],) * 2, (outs[0],) * 2
    texts = solved(sizes, outs, dialect=dialect, op=op, **words)
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert out_of(text, dialect, sizes) == outs, text
        layers = read_layer(text, dialect=dialect)
        windows = layers[-1].ops[0].windows
        for name in ("kernel", "stride", "dilation"):
            wanted = words[name] if isinstance(words[name], tuple) else (words[name],) * 2
            values = tuple({"kernel": w.kernel, "stride": w.stride, "dilation": w.dilation}[name] for w in windows)
            assert words[name] is None or values == wanted, text
        if words["padding"] == "valid":
            assert len(layers) == 1
            assert layers[0].arguments.get("padding", 0) in ("valid", 0), text
        if words["padding"] == "same" and dialect == "keras":
            assert layers[0].arguments["padding"] == "same", text


USUAL = {Conv: (3, 5, 7, 1, 2, 4), ConvTranspose: (3, 2, 4, 5), Pool: (2, 3)}


def place(text, dialect, inputs, outputs):
    """The order that the docstring states, read off the text alone."""
    layers = read_layer(text, dialect=dialect)
    op = layers[-1].ops[0]
    windows, pads_before = op.windows, [one.ops[0].pads for one in layers[:-1]]
    pairs = [
        list(zip(column, want, strict=True))
        for column, want in zip(zip(*inputs, strict=True), zip(*outputs, strict=True), strict=True)
    ]
    seen = outputs if isinstance(op, ConvTranspose) else inputs
    left_out = False
    for axis, window in enumerate(windows):
        padded = (
            Window(window.kernel, window.stride, window.dilation, pads_before[0][axis], window.ceil)
            if pads_before
            else window
        )
        for sizes in seen:
            unread = padded.over(sizes[axis]).unread_data
            left_out |= bool(unread.gaps) or unread.tail >= window.span
    ratio = all(
        all(max(pair) == window.stride * min(pair) for pair in axis) or all(1 in pair for pair in axis)
        for window, axis in zip(windows, pairs, strict=True)
    )
    plain = not any(getattr(op, "output_padding", ()))
    if isinstance(op, Pool):
        plain = all(window.stride == window.kernel for window in windows)
    kernel = max(window.kernel for window in windows)
    usual = USUAL[type(op)]
    return (
        len(layers),
        left_out,
        not ratio,
        max(window.dilation for window in windows),
        not plain,
        usual.index(kernel) if kernel in usual else len(usual) + kernel,
        max(window.stride for window in windows),
        len(text),
        text,
    )


@pytest.mark.parametrize("dialect", ["keras", "torch"])
@pytest.mark.parametrize(
    ("inputs", "outputs", "op"),
    [
        ([(28, 28)], [(14, 14)], "conv"),
        ([(28, 28)], [(13, 13)], "conv"),
        ([(224, 224)], [(14, 14)], "conv"),
        ([(28, 30)], [(14, 10)], "conv"),
        ([(14, 14)], [(28, 28)], "transpose"),
        ([(13, 9)], [(26, 27)], "transpose"),
        ([(13, 13)], [(7, 7)], "max_pool"),
        ([(28, 28), (56, 56)], [(14, 14), (28, 28)], "conv"),
    ],
)
def test_the_order_is_the_stated_one(dialect, inputs, outputs, op):
    texts = cw.solve(list(inputs), list(outputs), dialect=dialect, op=op)
    assert texts == sorted(texts, key=lambda text: place(text, dialect, inputs, outputs))
    assert len(texts) > 3


@pytest.mark.parametrize(
    ("asked", "options", "first"),
    [
        ((28, 14), {}, "Conv2D(32, 3, strides=2, padding='same')"),
        ((28, 14), {"dialect": "torch"}, "nn.Conv2d(3, 32, 3, stride=2, padding=1)"),
        ((28, 28), {}, "Conv2D(32, 3, padding='same')"),
        ((28, 26), {"dialect": "torch"}, "nn.Conv2d(3, 32, 3)"),
        ((28, 13), {}, "Conv2D(32, 3, strides=2)"),
        ((224, 14), {"filters": 768}, "Conv2D(768, 16, strides=16)"),
        ((224, 7), {"dialect": "torch"}, "nn.Conv2d(3, 32, 32, stride=32)"),
        ((7, 1), {"dialect": "torch"}, "nn.Conv2d(3, 32, 7)"),
        ((14, 28), {}, "Conv2DTranspose(32, 3, strides=2, padding='same')"),
        ((14, 28), {"dialect": "torch"}, "nn.ConvTranspose2d(3, 32, 2, stride=2)"),
        ((1, 4), {"dialect": "torch", "in_channels": 100}, "nn.ConvTranspose2d(100, 32, 4)"),
        ((28, 14), {"op": "max_pool"}, "MaxPooling2D(2)"),
        ((28, 14), {"op": "avg_pool", "dialect": "torch"}, "nn.AvgPool2d(2)"),
        ((28, 14), {"kernel": 3, "padding": 1}, "keras.Sequential([ZeroPadding2D(1), Conv2D(32, 3, strides=2)])"),
        (("(28,)", "(14,)"), {}, "Conv1D(32, 3, strides=2, padding='same')"),
        (((8, 28, 28), (8, 14, 14)), {"dialect": "torch"}, "nn.Conv3d(3, 32, 3, stride=(1, 2, 2), padding=1)"),
        (([28, 57], [14, 29]), {"dialect": "torch"}, "nn.Conv2d(3, 32, 3, stride=2, padding=1)"),
        (
            ("7x10", "14x20"),
            {"dialect": "torch", "kernel": 3},
            "nn.ConvTranspose2d(3, 32, 3, stride=2, padding=1, output_padding=1)",
        ),
    ],
)
def test_the_first_answer_is_what_people_write(asked, options, first):
    assert cw.solve(*asked, **options)[0] == first


def test_stride_with_dilation_is_left_to_those_who_fix_it():
    assert not any("strides=2" in text and "dilation" in text for text in cw.solve(28, 14))
    assert cw.solve(28, 13, dialect="torch", kernel=3, stride=2, dilation=2, padding=1)[0].endswith(
        "stride=2, padding=1, dilation=2)"
    )
    with pytest.raises(cw.Refusal, match="Keras refuses every convolution") as caught:
        cw.solve(28, 12, stride=2, dilation=2, kernel=3, padding="valid")
    assert "stride together with a dilation" in str(caught.value)


@pytest.mark.parametrize("dialect", ["keras", "torch"])
@pytest.mark.parametrize("op", ["avg", "max"])
def test_adaptive_pools_become_fixed_ones_where_the_windows_are_alike(dialect, op):
    for size in range(1, 25):
        for out in range(1, size + 1):
            windows = [share(index, size, out) for index in range(out)]
            lengths = {len(one) for one in windows}
            apart = {b.start - a.start for a, b in pairwise(windows)}
            alike = len(lengths) == 1 and len(apart) <= 1
            texts = solved(size, out, dialect=dialect, op=f"adaptive_{op}_pool")
            assert bool(texts) == alike, (size, out)
            for text in texts:
                window = read_layer(text, dialect=dialect)[0].ops[0].windows[0]
                axis = window.over(size)
                assert [axis.window(i) for i in range(axis.out)] == windows


def test_the_fixed_pool_gives_the_adaptive_ones_values():
    np = pytest.importorskip("numpy")
    from convwise.torch import nn, tensor

    data = tensor(np.random.default_rng(5).normal(size=(2, 3, 7, 9)).astype("float32"))
    assert cw.solve((7, 9), (3, 4), op="adaptive_avg_pool", dialect="torch") == ["nn.AvgPool2d(3, stride=2)"]
    fixed, adaptive = nn.AvgPool2d(3, stride=2)(data), nn.AdaptiveAvgPool2d((3, 4))(data)
    assert np.allclose(fixed.numpy(), adaptive.numpy(), atol=1e-6)


@pytest.mark.parametrize("dialect", dialects.NAMES)
@pytest.mark.parametrize(("size", "out", "op"), [(28, 14, "conv"), (29, 14, "conv"), (28, 13, "max_pool")])
def test_every_dialect_answers_in_its_own_words(dialect, size, out, op):
    texts = cw.solve((size, size + 1), (out, out + 1), dialect=dialect, op=op)
    assert texts
    last = dialect not in ("torch", "onnx")
    for text in texts:
        shape = (1, size, size + 1, 3) if last else (1, 3, size, size + 1)
        found = cw.output_shape(text, shape, dialect=dialect)
        assert (found[1:-1] if last else found[2:]) == (out, out + 1), text


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2000),
    st.sampled_from([2**62, 2**63, 1024, "3", "3x5", "same", "valid", "", "x", "28x30", "(28,)", 2.5, "1" * 500]),
    st.lists(st.integers(-1, 1024), max_size=3),
    st.tuples(st.integers(0, 1024), st.integers(0, 40)),
)
NAMES = ("kernel", "stride", "padding", "dilation", "output_padding", "in_channels", "filters", "op", "dialect")


@settings(max_examples=150, deadline=None)
@given(ANYTHING, ANYTHING, st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=3))
def test_anything_is_answered_or_refused_and_soon(one, other, words):
    # Of the processor, which a neighbour may halve: 20,000 answers, of 1024 cells to 59 x 20 with windows of 1024, took 9 of them.
    start, told = time.process_time(), None
    try:
        assert cw.solve(one, other, **words)
    except cw.ConvwiseError as error:
        told = error
    assert time.process_time() - start < 20
    assert told is None or (told.code != "CW901" and len(str(told)) < 3000)


def test_a_chain_is_the_layers_that_were_read_for_it():
    """Of the chains of one kernel and stride only the first is read as a whole."""
    texts = [text for text in cw.solve((100, 101), (9, 20), kernel=30) if "Sequential" in text]
    assert len(texts) > 50
    for text in texts:
        assert cw.output_shape(text, (1, 100, 101, 3)) == (1, 9, 20, 32), text


def test_integers_of_numpy_are_integers():
    np = pytest.importorskip("numpy")
    assert cw.solve((np.int64(28), np.int32(28)), 14, kernel=np.int64(3)) == cw.solve(28, 14, kernel=3)


@pytest.mark.parametrize(("size", "more", "received"), [("0", {}, "0"), (0, {}, 0), (28, {"kernel": "x"}, "x")])
def test_what_was_received_is_told_as_it_was_given(size: Any, more: dict[str, Any], received: object) -> None:
    with pytest.raises(cw.ArgumentError) as caught:
        cw.solve(size, 28, **more)
    assert caught.value.received == received
    assert caught.value.to_dict()["received"] == received
