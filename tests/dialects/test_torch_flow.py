"""Shapes through PyTorch's layers: published numbers, batches, sizes that are not known, and words where it breaks."""

from __future__ import annotations

from random import Random

import pytest
from torch_cases import random_case
from torch_text import parse_call

from convwise.dialects.torch import enter, flow, read
from convwise.errors import ConvwiseError, ShapeError


def run(text: str, *shape: int | None):
    return flow(read(parse_call(text)), shape)


def error_of(text: str, *shape: int | None) -> ConvwiseError:
    with pytest.raises(ConvwiseError) as caught:
        run(text, *shape)
    return caught.value


@pytest.mark.parametrize(
    ("text", "shape", "output"),
    [
        # questions people asked
        ("nn.Conv2d(3, 16, 3, stride=2, padding=0)", (3, 28, 28), (16, 13, 13)),
        ("nn.Conv2d(3, 16, 3, stride=2, padding=1)", (3, 28, 28), (16, 14, 14)),
        # Dumoulin & Visin, arXiv 1603.07285
        ("nn.Conv1d(1, 1, 3)", (1, 4), (1, 2)),
        ("nn.Conv1d(1, 1, 4, padding=2)", (1, 5), (1, 6)),
        ("nn.Conv1d(1, 1, 3, padding=1)", (1, 5), (1, 5)),
        ("nn.Conv1d(1, 1, 3, padding=2)", (1, 5), (1, 7)),
        ("nn.Conv1d(1, 1, 3, stride=2)", (1, 5), (1, 2)),
        ("nn.Conv1d(1, 1, 3, stride=2, padding=1)", (1, 5), (1, 3)),
        ("nn.Conv1d(1, 1, 3, stride=2, padding=1)", (1, 6), (1, 3)),
        ("nn.Conv1d(1, 1, 3, dilation=2)", (1, 7), (1, 3)),
        ("nn.ConvTranspose1d(1, 1, 3)", (1, 2), (1, 4)),
        ("nn.ConvTranspose1d(1, 1, 4, padding=2)", (1, 6), (1, 5)),
        ("nn.ConvTranspose1d(1, 1, 3, padding=1)", (1, 5), (1, 5)),
        ("nn.ConvTranspose1d(1, 1, 3, padding=2)", (1, 7), (1, 5)),
        ("nn.ConvTranspose1d(1, 1, 3, stride=2)", (1, 2), (1, 5)),
        ("nn.ConvTranspose1d(1, 1, 3, stride=2, padding=1)", (1, 3), (1, 5)),
        ("nn.ConvTranspose1d(1, 1, 3, stride=2, padding=1, output_padding=1)", (1, 3), (1, 6)),
        # ceil_mode is not ceil
        ("nn.MaxPool1d(1, 2, ceil_mode=True)", (1, 32), (1, 16)),
        ("nn.MaxPool1d(4, 4, 2, ceil_mode=True)", (1, 9), (1, 3)),
        ("nn.MaxPool1d(2, 2, 1, ceil_mode=True)", (1, 5), (1, 3)),
        ("nn.MaxPool3d(3, 3, 1, ceil_mode=True)", (1, 3, 6, 5), (1, 2, 3, 2)),
        ("nn.MaxPool2d(9, ceil_mode=True)", (1, 3, 8, 8), (1, 3, 1, 1)),
        # an output_padding that only the dilation allows
        ("nn.ConvTranspose2d(3, 4, 3, stride=2, dilation=3, output_padding=2)", (1, 3, 8, 8), (1, 4, 23, 23)),
        # batches and what stands before
        ("nn.Conv2d(3, 4, 3)", (0, 3, 8, 9), (0, 4, 6, 7)),
        ("nn.Conv2d(3, 4, 3)", (None, 3, None, 9), (None, 4, None, 7)),
        ("nn.ZeroPad2d((1, 2, 3, 4))", (8, 9), (15, 12)),
        ("nn.ZeroPad1d((1, 2))", (5, 4, 3, 2, 7), (5, 4, 3, 2, 10)),
        ("nn.PixelShuffle(2)", (5, 1, 8, 3, 4), (5, 1, 2, 6, 8)),
        ("nn.Upsample(scale_factor=2)", (1, 3, 5), (1, 3, 10)),
        ("nn.Upsample(scale_factor=2)", (1, 3, 5, 6, 7), (1, 3, 10, 12, 14)),
        ("nn.Linear(7, 4)", (2, 3, 5, 7), (2, 3, 5, 4)),
        ("nn.Unfold((2, 3), padding=1)", (2, 3, 8, 9), (2, 18, 81)),
        ("nn.Fold((4, 5), (2, 3))", (2, 12, 9), (2, 2, 4, 5)),
        ("nn.GLU(1)", (2, 6, 5), (2, 3, 5)),
        ("nn.Flatten(2)", (2, 3, 4, 5), (2, 3, 20)),
        ("nn.Unflatten(-1, (2, -1))", (3, 8), (3, 2, 4)),
        ("nn.AdaptiveAvgPool2d((None, 3))", (2, 7, 8), (2, 7, 3)),
        ("nn.BatchNorm1d(4)", (3, 4), (3, 4)),
        ("nn.Conv2d(3, 4, 3, stride=2**32)", (1, 3, 8, 8), (1, 4, 1, 1)),
        ("nn.Conv2d(3, 4, 3)", (1, 3, 2**40, 2**40), (1, 4, 2**40 - 2, 2**40 - 2)),
    ],
)
def test_shapes(text, shape, output):
    assert run(text, *shape).output == output


def test_parameters_and_macs():
    vgg = [("nn.Conv2d(3, 64, 3, padding=1)", 224), ("nn.Conv2d(64, 64, 3, padding=1)", 224)]
    assert [run(text, 1, 3 if "(3" in text else 64, size, size).params for text, size in vgg] == [1792, 36928]
    assert run("nn.Conv2d(64, 64, 3, padding=1)", 1, 64, 224, 224).macs == 64 * 64 * 9 * 224 * 224
    norm = run("nn.BatchNorm2d(5)", 2, 5, 3, 4)
    # Running moments are buffers, not parameters, in PyTorch.
    assert (norm.params, norm.trainable) == (10, 10)
    assert norm.flows[0].params == 20
    assert run("nn.InstanceNorm2d(5)", 2, 5, 3, 4).params == 0
    assert run("nn.PReLU(5)", 2, 5).params == 5
    assert run("nn.ConvTranspose2d(4, 6, (3, 5), groups=2, bias=False)", 4, 9, 10).params == 4 * 3 * 15


def test_alexnet_by_hand():
    """61,100,840 parameters and 714,188,480 multiply-accumulates at 224 x 224."""
    layers = """
        nn.Conv2d(3, 64, 11, stride=4, padding=2) nn.ReLU() nn.MaxPool2d(3, stride=2) nn.Conv2d(64, 192, 5, padding=2) nn.ReLU()
        nn.MaxPool2d(3, stride=2) nn.Conv2d(192, 384, 3, padding=1) nn.ReLU() nn.Conv2d(384, 256, 3, padding=1) nn.ReLU()
        nn.Conv2d(256, 256, 3, padding=1) nn.ReLU() nn.MaxPool2d(3, stride=2) nn.AdaptiveAvgPool2d((6, 6)) nn.Flatten() nn.Dropout()
        nn.Linear(9216, 4096) nn.ReLU() nn.Dropout() nn.Linear(4096, 4096) nn.ReLU() nn.Linear(4096, 1000)
    """.replace(") nn.", ")\nnn.").split("\n")
    texts = [text.strip() for text in layers if text.strip()]
    assert len(texts) == 22

    def through(size: int) -> tuple[int, int]:
        shape, params, macs = (1, 3, size, size), 0, 0
        for text in texts:
            result = run(text, *shape)
            shape, params, macs = result.output, params + (result.params or 0), macs + (result.macs or 0)
        assert shape == (1, 1000)
        return params, macs

    assert through(224) == (61_100_840, 714_188_480)
    through(63)
    with pytest.raises(ShapeError):
        through(62)


def test_words_where_a_size_does_not_work():
    error = error_of("nn.Conv2d(3, 16, 7)", 3, 5, 6)
    assert error.code == "CW104"
    assert (
        error.quote
        == "Calculated padded input size per channel: (5 x 6). Kernel size: (7 x 7). Kernel size can't be greater than actual input size"
    )
    assert "height" in error.message
    assert error_of("nn.MaxPool1d(9)", 1, 3, 8).quote == "max_pool1d() Invalid computed output size: 0"
    assert (
        error_of("nn.MaxPool1d(9, return_indices=True)", 1, 3, 8).quote
        == "Given input size: (3x1x8). Calculated output size: (3x1x0). Output size is too small"
    )
    assert (
        error_of("nn.AvgPool3d(5, padding=2)", 2, 4, 6, 7).quote
        == "input image (T: 4 H: 6 W: 7) smaller than kernel size (kT: 5 kH: 5 kW: 5)"
    )
    assert error_of("nn.Conv2d(4, 4, 4, padding='same', groups=2)", 1, 5, 8, 9).quote.endswith(
        "expected input[1, 5, 9, 10] to have 4 channels, but got 5 channels instead"
    )
    assert (
        error_of("nn.Linear(1050, 10)", 2, 1568).quote
        == "mat1 and mat2 shapes cannot be multiplied (2x1568 and 1050x10)"
    )
    assert "nn.Linear(1568, 10)" in error_of("nn.Linear(1050, 10)", 2, 1568).hint


def test_keras_order_is_noticed():
    assert "the order is C, H, W: did you mean 3x28x20?" in error_of("nn.Conv2d(3, 16, 3)", 28, 20, 3).hint
    assert "the order is N, C, H, W: did you mean 5x3x28x20?" in error_of("nn.Conv2d(3, 16, 3)", 5, 28, 20, 3).hint
    assert "the order is C, L: did you mean 4x30?" in error_of("nn.Conv1d(4, 16, 3)", 30, 4).hint
    assert "did you mean 2x5x9x10?" in error_of("nn.BatchNorm2d(5)", 2, 9, 10, 5).hint


def test_a_missing_channel_axis_is_noticed():
    assert "did you mean 1x28x20?" in error_of("nn.Conv2d(1, 6, 5)", 28, 20).hint


def test_a_fresh_layer_trains():
    error = error_of("nn.BatchNorm2d(3)", 1, 3, 1, 1)
    assert "Expected more than 1 value per channel when training" in error.quote
    assert "evaluation mode" in error.hint


def test_errors_name_the_layer():
    layer = read(parse_call("nn.Conv2d(3, 16, 7)")).named("stem.conv1")
    with pytest.raises(ShapeError) as caught:
        flow(layer, (3, 5, 5))
    assert "'stem.conv1' (PyTorch Conv2d)" in caught.value.message


def test_enter_adds_no_batch_and_warns_before_flatten():
    layers = [read(parse_call(text)) for text in ("nn.Conv2d(3, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(8, 2)")]
    entered = enter(layers, (3, 9, 10))
    assert (entered.shape, entered.added) == ((3, 9, 10), False)
    assert [note.code for note in entered.notes] == ["CW509"]
    assert "give 1x3x9x10" in entered.notes[0].text
    assert enter(layers, (2, 3, 9, 10)).notes == ()
    assert enter(layers[:2], (3, 9, 10)).notes == ()
    assert enter([], (3,)).notes == ()


def test_speed():
    """Generous bounds: reading and running one layer take microseconds, not milliseconds."""
    from time import perf_counter

    call = parse_call("nn.Conv2d(3, 16, 3, stride=2, padding=1)")
    layer = read(call)

    def best(function) -> float:
        times = []
        for _ in range(200):
            start = perf_counter()
            function()
            times.append(perf_counter() - start)
        return min(times)

    assert best(lambda: read(call)) < 1.5e-3
    assert best(lambda: flow(layer, (1, 3, 64, 48))) < 1e-3


def test_a_size_that_is_not_known_is_never_contradicted():
    """With sizes left out the answer is the same or open, never another one, and never a crash."""

    def answer(layer, shape):
        try:
            return flow(layer, shape)
        except ConvwiseError:
            return None

    rng = Random(5)
    checked = 0
    for _ in range(4000):
        case = random_case(rng)
        hidden = tuple(None if rng.random() < 0.4 else size for size in case.shape)
        try:
            layer = read(case.call)
        except ConvwiseError:
            continue
        known, found = answer(layer, case.shape), answer(layer, hidden)
        if known is None:
            continue
        assert found is not None, f"{case.text} on {hidden}: refused"
        assert len(found.output) == len(known.output)
        for ours, truth in zip(found.output, known.output, strict=True):
            assert ours in (None, truth), f"{case.text} on {hidden}: {found.output} instead of {known.output}"
        assert found.params in (None, known.params)
        checked += 1
    assert checked > 2000
