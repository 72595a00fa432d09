"""Messages of losses and of joins, what their numbers leave open, and messages that are not known."""

from __future__ import annotations

import pytest

import convwise as cw

LOSS = "ValueError: Dimensions must be equal, but are {} for '{{{{node compile_loss/{}}}}} = Sub[T=DT_FLOAT]({})' with input shapes: {}."


@pytest.mark.parametrize(
    ("message", "headline", "words"),
    [
        (
            LOSS.format("8 and 6", "mse/sub", "data_1, sequential_1/act_1/Relu", "[?,8,8,1], [?,6,6,1]"),
            "The loss compares targets of ? x 8 x 8 x 1 with outputs of ? x 6 x 6 x 1.",
            "axis 1: 8 against 6",
        ),
        (
            LOSS.format("10 and 3", "huber/Sub", "sequential_5_1/act_1/Relu, data_1", "[?,10], [?,3]"),
            "The loss compares targets of ? x 3 with outputs of ? x 10.",
            "a last layer of 3 units, or targets of 10 columns",
        ),
        (
            LOSS.format("3 and 10", "hinge/mul", "compile_loss/hinge/cond/Identity, sequential_1/act_1/Relu", "[?,3], [?,10]"),
            "The loss compares outputs and targets whose shapes differ: ? x 3 and ? x 10.",
            "axis 1: 3 against 10",
        ),
        (
            "ValueError: Arguments `target` and `output` must have the same shape. Received: target.shape=(None, 5), output.shape=(None, 7)",
            "The loss compares targets of ? x 5 with outputs of ? x 7.",
            "a last layer of 5 units",
        ),
        (
            "ValueError: Arguments `target` and `output` must have the same shape up until the last dimension: "
            "target.shape=(None, 8, 9), output.shape=(None, 8, 6, 1)",
            "The loss compares targets of ? x 8 x 9 with outputs of ? x 8 x 6 x 1.",
            "axis 2: 9 against 6",
        ),
        (
            "ValueError: Argument `output` must have rank (ndim) `target.ndim - 1`. Received: target.shape=(None, 3), output.shape=(None, 10)",
            "The loss takes one class number a sample, and the targets are ? x 3, where the model gives ? x 10.",
            "rows of 0 and 1 with categorical_crossentropy",
        ),
        (
            "ValueError: Arguments `target` and `output` must have the same shape. Received: target.shape=(None, 1), output.shape=(None, 10)",
            "The loss compares targets of ? x 1 with outputs of ? x 10.",
            "loss='sparse_categorical_crossentropy', or rows of 10 by keras.utils.to_categorical(y, 10)",
        ),
        (
            "ValueError: Using a target size (torch.Size([7])) that is different to the input size (torch.Size([7, 10])) is deprecated.",
            "The loss compares targets of 7 with outputs of 7 x 10.",
            "nn.CrossEntropyLoss()(output, y)",
        ),
        (
            "ValueError: Expected input batch_size (24) to match target batch_size (8).",
            "The loss compares 24 outputs with 8 targets: there must be one target for each.",
            "x.flatten(1) keeps each apart",
        ),
        (
            "RuntimeError: size mismatch (got input: [4, 10, 8, 8] , target: [4, 6, 6]",
            "The loss compares targets of 4 x 6 x 6 with outputs of 4 x 10 x 8 x 8.",
            "axis 2: 6 against 8",
        ),
        (
            "ValueError: Using a target size (torch.Size([4])) that is different to the input size (torch.Size([4, 1])) is deprecated.",
            "The loss compares targets of 4 with outputs of 4 x 1.",
            "x.squeeze(-1) takes it away",
        ),
        (
            "ValueError: Target size (torch.Size([6, 3])) must be the same as input size (torch.Size([6, 2]))",
            "The loss compares targets of 6 x 3 with outputs of 6 x 2.",
            "a last layer of 3 units",
        ),
    ],
)  # fmt: skip
def test_a_loss_is_no_branch(message: str, headline: str, words: str) -> None:
    told = cw.explain(message)
    assert told.headline == headline
    assert words in str(told).replace("\n" + " " * 18, " ")
    beside = cw.explain(f"model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 3)])\n\n{message}")
    assert [fact.lines for fact in beside.facts if fact.label == "in the model"] == [
        ("no layer of it says this: the loss does; for input 1 x 8 x 8 x 1 it gives 1 x 6 x 6 x 1",)
    ]


@pytest.mark.parametrize(("low", "high"), [(4, 5), (42, 43)])
def test_a_halving_is_no_more_than_likely(low: int, high: int) -> None:
    """Two sizes that differ by one may come of windows without padding as well."""
    told = cw.explain(
        f"RuntimeError: The size of tensor a ({high}) must match the size of tensor b ({low}) at non-singleton dimension 3"
    )
    assert [fact.label for fact in told.facts] == ["it says", "sizes", "perhaps", "then"]
    assert told.facts[-1].lines[0].startswith("if one of them was halved and doubled again: ")
    channels = cw.explain(
        f"RuntimeError: The size of tensor a ({high}) must match the size of tensor b ({low}) at non-singleton dimension 1"
    )
    assert "halv" not in str(channels)


def test_channels_that_differ_are_no_side_of_a_map() -> None:
    told = cw.explain(
        "InvalidArgumentError: ConcatOp : Dimension 3 in both shapes must be equal: shape[0] = [1,8,8,3] vs. shape[1] = [1,8,8,4]"
    )
    assert told.headline == "Two tensors are combined whose channels differ: 3 and 4."


@pytest.mark.parametrize(("rows", "output"), [(14, ()), (64, ()), (2, (2, 10)), (1, (1, 10))])
def test_rows_that_may_be_several_axes_are_no_output(rows: int, output: tuple[int, ...]) -> None:
    """PyTorch prints 14 x 300 of 2 x 7 x 300, whose output is 2 x 7 x 10."""
    told = cw.explain(f"RuntimeError: mat1 and mat2 shapes cannot be multiplied ({rows}x300 and 401x10)")
    assert told.fixes[-1].code == "nn.Linear(300, 10)"
    assert told.fixes[-1].output == output
    assert (f"{rows} rows of 10" in told.fixes[-1].why) == (not output)


NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.m0 = nn.Conv2d(3, 3, 3)

    def forward(self, x):
        return self.m0(x{closed}
"""


UNKNOWN = [
    "RuntimeError: no room for more",
    "OSError: [Errno 28] No space left on device",
    "mypackage.errors.BrokenError: Error(s) in something:\n\tof two lines, x = 3",
]


@pytest.mark.parametrize("message", UNKNOWN)
@pytest.mark.parametrize(
    "around",
    ["{0}\n{1}", "I wrote this model:\n\n{0}\n\nand it says\n\n{1}\n\nWhat is it?", "```python\n{0}```\n```\n{1}\n```"],
)
def test_a_message_that_is_not_known_is_told_beside_the_answer_of_the_code(message: str, around: str) -> None:
    code = NET.format(closed=")") + "\nNet()(torch.randn(2, 3, 9, 10))\n"
    traceback = f'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\n    net(x)\n{message}'
    for report in (message, traceback):
        text = around.format(code, report)
        (told,) = cw.explain_all(text)
        assert told.output == cw.explain(text).output == (2, 3, 7, 8)
        (note,) = [one for one in told.findings if one.code == "CW525"]
        assert message.split("\n")[0] in note.text
        assert [one.level for one in cw.read(text).check((1, 3, 9, 10))] in ([], ["note"])
    with pytest.raises(cw.CodeError) as caught:
        cw.explain(NET.format(closed="") + "\n" + message)
    assert caught.value.code == "CW301"


def test_a_chain_that_breaks_beside_an_unknown_message_says_both() -> None:
    code = "conv = nn.Conv2d(3, 8, 3)\nx = torch.randn(2, 4, 9, 10)\ny = conv(x)\n"
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(code + "\nKeyError: 'conv'\n")
    assert caught.value.code == "CW102"
    assert "KeyError: 'conv'" in str(caught.value.explanation)


def test_a_known_message_beside_several_models_is_told_before_them() -> None:
    code = "a = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())\nb = nn.Sequential(nn.Conv2d(3, 9, 5), nn.ReLU())\n"
    text = f"{code}\nRuntimeError: mat1 and mat2 shapes cannot be multiplied (2x75 and 70x9)"
    first, *others = cw.explain_all(text)
    assert first.kind == "error message"
    assert [one.output[1] for one in others] == [8, 9]


def test_code_below_a_traceback_is_read() -> None:
    report = (
        "-" * 30
        + "\nKeyError      Traceback (most recent call last)\n<ipython-input-3> in <module>\n----> 1 net(x)\n\nKeyError: 'x'\n"
    )
    told = cw.explain(report + "\nconv = nn.Conv2d(3, 8, 3)\ny = conv(torch.randn(2, 3, 9, 10))")
    assert told.output == (2, 8, 7, 8)
