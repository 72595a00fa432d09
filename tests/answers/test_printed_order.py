"""print(model) shows neither the order of forward nor that a layer runs twice: what is answered where that matters."""

from __future__ import annotations

import json

import pytest

import convwise as cw
from convwise.cli import main

TUTORIAL = """Net(
  (conv1): Conv2d(3, 6, kernel_size=(5, 5), stride=(1, 1))
  (pool): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
  (conv2): Conv2d(6, 16, kernel_size=(5, 5), stride=(1, 1))
  (fc1): Linear(in_features=400, out_features=120, bias=True)
  (fc2): Linear(in_features=120, out_features=84, bias=True)
  (fc3): Linear(in_features=84, out_features=10, bias=True)
)"""
"""The classifier of PyTorch's tutorial: its forward runs `pool` twice, and torch 2.13 takes 32 x 32."""

IN_ORDER = """Net(
  (body): Sequential(
    (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2))
    (1): ReLU()
  )
  (head): Linear(in_features=72, out_features=10, bias=True)
)"""


def test_a_conflict_with_the_printed_order_is_no_flat_no() -> None:
    with pytest.raises(cw.CodeError, match="CW314") as raised:
        cw.explain(TUTORIAL, (1, 3, 32, 32))
    error = raised.value
    assert "if Net's layers ran once each in the printed order" in error.fact
    assert "the layer takes 400 features, the input has 1600" in error.fact
    assert "nor whether one of them runs twice" in error.detail
    assert "give the code of the class, with its forward, or the live model" in error.hint
    assert error.explanation is not None
    assert error.explanation.headline.startswith("Not settled. In the printed order it breaks at 'fc1'")
    assert error.explanation.fixes == ()
    assert "would work" not in str(error.explanation)
    with pytest.raises(cw.CodeError, match="CW314"):
        cw.output_shape(TUTORIAL, (1, 3, 32, 32))


def test_an_input_in_another_order_is_still_told() -> None:
    with pytest.raises(cw.CodeError) as raised:
        cw.explain(TUTORIAL, (1, 32, 32, 3))
    assert "did you mean 1x3x32x32?" in raised.value.hint


@pytest.mark.parametrize("command", ["check", "inspect"])
def test_commands_about_the_network_leave_it_open(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, TUTORIAL, "--input", "1x3x32x32"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "CodeError CW314: the printed model does not settle it" in told
    assert "the sizes on the way: 1x3x32x32 (input)" in told
    assert "nn.Linear(1600" not in told


def test_legal_sizes_rest_on_the_order(capsys: pytest.CaptureFixture[str]) -> None:
    legal = cw.read(TUTORIAL).legal_sizes()
    assert not legal.exact
    assert legal.rests == "if Net's layers run once each in the printed order"
    assert legal.rests in str(legal)
    assert any("nor whether one of them runs twice" in reason.text for reason in legal["height"].reasons)
    assert main(["sizes", TUTORIAL, "--near", "32"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "takes, if Net's layers run once each in the printed order" in told
    assert "near 32 x 32 not legal in the printed order" in told
    assert "in_features=1600" not in told
    assert main(["sizes", TUTORIAL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exact"] is False
    assert "if Net's layers run once each in the printed order" in str(cw.read(TUTORIAL).symbolic())


def test_an_order_that_no_size_suits_is_left_open() -> None:
    with pytest.raises(cw.CodeError, match="CW314") as raised:
        cw.read(TUTORIAL.replace("(fc1): Linear(in_features=400", "(fc1): Linear(in_features=401")).legal_sizes()
    assert "fc1" in raised.value.fact


def test_where_the_printed_order_fits_the_caveat_stays() -> None:
    told = cw.explain(IN_ORDER, (1, 3, 8, 8))
    assert told.output == (1, 10)
    assert "not the order nor how often forward runs them" in told.findings[0].text
    network = cw.read(IN_ORDER)
    first = next(one for one in network.check((1, 3, 8, 8)) if one.code == "CW512")
    assert first.level == "note"
    assert "not the order nor how often" in first.text
    assert network.trace((1, 3, 8, 8)).notes[0] == first


def test_a_printed_sequential_runs_as_it_is_printed() -> None:
    text = "Sequential(\n  (0): Conv2d(3, 8, kernel_size=(3, 3))\n  (1): Conv2d(4, 8, kernel_size=(3, 3))\n)"
    with pytest.raises(cw.ShapeError, match="takes 4 channels"):
        cw.explain(text, (3, 8, 8))
    assert cw.read(text.replace("Conv2d(4", "Conv2d(8")).legal_sizes().exact


def test_of_several_inputs_one_may_be_open(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", TUTORIAL, "1x3x22x22", "1x3x32x32"]) == 2
    told = " ".join(capsys.readouterr().out.split())
    assert "1 x 3 x 22 x 22 -> 1 x 10" in told
    assert "does not settle it" in told


def test_an_error_message_beside_a_printed_model() -> None:
    message = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x1600 and 400x120)"
    told = cw.explain(f"{TUTORIAL}\n{message}", (1, 3, 32, 32))
    assert told.name == "fc1"
    assert "nor whether one of them runs twice" in " ".join(str(told).split())
    assert "22" not in str(told)


@pytest.mark.parametrize(
    "command", [["plan", TUTORIAL, "1x3x32x32"], ["port", TUTORIAL, "--to", "keras", "--input", "1x3x32x32"]]
)
def test_other_commands_leave_it_open(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert "does not settle it" in " ".join(capsys.readouterr().err.split())
