"""Numbers of channels that do not fit: where they stand, groups, and norms."""

from __future__ import annotations

import pytest

import convwise as cw

WEIGHT = "RuntimeError: Given {}, weight of size {}, expected input{} to have {} channels, but got {} channels instead"


@pytest.mark.parametrize(
    ("message", "last", "codes"),
    [
        # A width that is the wanted number of channels is chance in a square map of the channels that reach it.
        (WEIGHT.format("groups=1", "[128, 64, 3, 3]", "[1, 32, 64, 64]", 64, 32), False, ["nn.Conv2d(32, 128, 3)", "x.permute(0, 3, 1, 2)"]),
        (WEIGHT.format("groups=1", "[8, 28, 5, 5]", "[4, 14, 28, 28]", 28, 14), False, ["nn.Conv2d(14, 8, 5)", "x.permute(0, 3, 1, 2)"]),
        (WEIGHT.format("groups=1", "[8, 16, 3]", "[8, 100, 16]", 16, 100), False, ["x.permute(0, 2, 1)", "nn.Conv1d(100, 8, 3)"]),
        # A square picture of them, or three of them, is not.
        (WEIGHT.format("groups=1", "[128, 64, 3, 3]", "[1, 14, 14, 64]", 64, 14), True, ["x.permute(0, 3, 1, 2)"]),
        (WEIGHT.format("groups=1", "[16, 3, 3, 3]", "[1, 20, 28, 3]", 3, 20), True, ["x.permute(0, 3, 1, 2)"]),
        # Groups stay.
        (WEIGHT.format("groups=2", "[16, 2, 3, 3]", "[1, 6, 8, 8]", 4, 6), False, ["nn.Conv2d(6, 16, 3, groups=2)"]),
        (WEIGHT.format("groups=16", "[16, 1, 3, 3]", "[1, 24, 8, 8]", 16, 24), False, ["nn.Conv2d(24, 24, 3, groups=24)"]),
        (WEIGHT.format("groups=4", "[16, 2, 3, 3]", "[1, 6, 9, 9]", 8, 6), False, []),
    ],
)  # fmt: skip
def test_channels_stand_last_where_the_shape_says_so(message: str, last: bool, codes: list[str]) -> None:
    told = cw.explain(message)
    assert told.headline.startswith("The image is channels last") == last
    assert [fix.code for fix in told.fixes] == codes


def test_a_transposed_convolutions_message_tells_no_groups() -> None:
    """nn.ConvTranspose2d(4, 6, 3, groups=2) prints a weight of [4, 3, 3, 3]."""
    message = WEIGHT.format("transposed=1", "[4, 3, 3, 3]", "[1, 6, 9, 9]", 4, 6)
    (fix,) = cw.explain(message).fixes
    assert fix.code == "nn.ConvTranspose2d(6, 3, 3)"
    assert "of g groups it makes g x 3 channels" in fix.why
    beside = cw.explain("model = nn.Sequential(nn.ConvTranspose2d(4, 6, 3, groups=2))\n\n" + message)
    assert beside.fixes[0].code == "nn.ConvTranspose2d(6, 6, 3, groups=2)"
    odd = cw.explain(
        "model = nn.Sequential(nn.ConvTranspose2d(4, 6, 3, groups=2))\n\n"
        + WEIGHT.format("transposed=1", "[4, 3, 3, 3]", "[1, 5, 9, 9]", 4, 5)
    )
    assert not [fix for fix in odd.fixes if fix.code.startswith("nn.")]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("have", "need"), [(32, 64), (5, 7)])
def test_a_norm_is_made_again_for_as_many_axes(rank: int, have: int, need: int) -> None:
    message = f"RuntimeError: running_mean should contain {have} elements not {need}"
    assert [fix.code for fix in cw.explain(message).fixes] == [f"nn.BatchNorm2d({have})", f"nn.BatchNorm1d({have})"]
    layers = f"nn.Conv{rank}d(3, {have}, 3), nn.BatchNorm{rank}d({need})"
    assert [fix.code for fix in cw.explain(f"model = nn.Sequential({layers})\n\n{message}").fixes] == [
        f"nn.BatchNorm{rank}d({have})"
    ]
    message = f"ValueError: expected input's size at dim=1 to match num_features ({need}), but got: {have}."
    layers = f"nn.Conv{rank}d(3, {have}, 3), nn.InstanceNorm{rank}d({need}, affine=True)"
    assert cw.explain(message).headline.startswith(f"The normalisation is made for {need} channels, and {have} reach")
    assert [fix.code for fix in cw.explain(f"model = nn.Sequential({layers})\n\n{message}").fixes] == [
        f"nn.InstanceNorm{rank}d({have}, affine=True)"
    ]
