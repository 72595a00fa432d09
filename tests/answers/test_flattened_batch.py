"""A Flatten that begins at axis 0 takes the batch along: its features are told with it, and what keeps the samples apart."""

from __future__ import annotations

import pytest

import convwise as cw

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4 * 7 * 8, 5)

    def forward(self, x):
        x = self.conv(x)
        x = {}
        return self.fc(x)
"""
WAYS = ["torch.flatten(x)", "x.flatten()", "x.view(-1)", "torch.flatten(x, 0)"]


@pytest.mark.parametrize("way", WAYS)
def test_the_batch_is_among_the_features(way: str) -> None:
    with pytest.raises(cw.ShapeError, match="takes 224 features, the input has 448") as caught:
        cw.explain(NET.format(way), (2, 3, 9, 10))
    told = caught.value.explanation
    assert told is not None
    facts = {fact.label: " ".join(fact.lines) for fact in told.facts}
    assert facts["features"].endswith("gives 2 x 4 x 7 x 8 = 448")
    assert "axis 0" in facts["batch"]
    assert [(fix.code, fix.output) for fix in told.fixes] == [("x.flatten(1)", (2, 5))]
    assert cw.explain(NET.format("x.flatten(1)"), (2, 3, 9, 10)).output == (2, 5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(3, 9, 10), (1, 3, 9, 10)])
def test_what_serves_one_sample_alone_is_told(way: str, shape: tuple[int, ...]) -> None:
    told = cw.explain(NET.format(way), shape)
    assert told.output == (5,)
    assert any(note.code == "CW509" and "one sample alone" in note.text for note in told.findings)


def test_of_other_maps_the_layer_for_each_sample_is_told() -> None:
    text = "nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(0), nn.Linear(224, 5))"
    with pytest.raises(cw.ShapeError, match="features") as caught:
        cw.explain(text, (2, 3, 9, 9))
    told = caught.value.explanation
    assert told is not None
    assert [(fix.code, fix.output) for fix in told.fixes] == [("nn.Flatten()", (2, 196)), ("nn.Linear(196, 5)", (2, 5))]
    fixed = text.replace("nn.Flatten(0)", "nn.Flatten()").replace("nn.Linear(224, 5)", "nn.Linear(196, 5)")
    assert cw.explain(fixed, (2, 3, 9, 9)).output == (2, 5)


@pytest.mark.parametrize("way", WAYS)
def test_check_and_the_message_of_pytorch_propose_to_keep_the_samples_apart(way: str) -> None:
    text = NET.format(way)
    (found,) = [one for one in cw.read(text).check((2, 3, 9, 10)) if one.level == "error"]
    assert "x.flatten(1) in the place of" in found.hint
    message = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x448 and 224x5)"
    told = cw.explain(message, (2, 3, 9, 10), model=text)
    assert [(fix.code, fix.output) for fix in told.fixes] == [("x.flatten(1)", (2, 224))]


def test_a_view_that_mixes_samples_is_put_right_with_the_layer_behind_it() -> None:
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(NET.format("x.view(-1, 224)"), (2, 3, 10, 12))
    told = caught.value.explanation
    assert told is not None
    assert [(fix.code, fix.output) for fix in told.fixes] == [("x.flatten(1)", (2, 320)), ("nn.Linear(320, 5)", (2, 5))]
    fixed = NET.format("x.flatten(1)").replace("4 * 7 * 8", "320")
    assert cw.explain(fixed, (2, 3, 10, 12)).output == (2, 5)


def test_a_line_at_the_end_is_no_row_of_features() -> None:
    told = cw.explain("nn.Sequential(nn.Conv2d(3, 1, (9, 10)), nn.Flatten(0))", (1, 3, 9, 10))
    assert told.output == (1,)
    assert not told.findings


@pytest.mark.parametrize(
    ("start", "end", "line"), [(0, 2, "2 x 3 x 4 = 24"), (2, -1, "4 x 5 = 20"), (1, 2, "3 x 4 = 12")]
)
def test_the_sizes_that_become_one_are_those_between_start_and_end(start: int, end: int, line: str) -> None:
    told = cw.explain(f"nn.Flatten({start}, {end})", (2, 3, 4, 5))
    assert [fact.lines for fact in told.facts if fact.label == "features"] == [(line,)]
