"""What surrounds pasted code: prompts, fences, line numbers, indentation."""

from __future__ import annotations

import pytest
from readers.reading import only, refused, texts

from convwise.errors import CodeError
from convwise.readers.source import read_text

CODE = "import torch.nn as nn\nnet = nn.Sequential(\n    nn.Conv2d(3, 8, 3),\n    nn.ReLU(),\n)"


def prompted(text: str) -> str:
    first, *rest = text.split("\n")
    lines = [f">>> {first}", f">>> {rest[0]}", *(f"... {line}" for line in rest[1:])]
    return "\n".join([*lines, ">>> net", "Sequential(...)"])


def numbered(text: str, form: str) -> str:
    return "\n".join(form.format(number, line) for number, line in enumerate(text.split("\n"), 8))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (prompted(CODE), "prompts"),
        ("   " + prompted(CODE).replace("\n", "\n   "), "prompts"),
        ("In [3]: " + CODE.replace("\n", "\n   ...: "), "prompts"),
        (numbered(CODE, "{} {}"), "line numbers"),
        (numbered(CODE, "{:>4}  {}"), "line numbers"),
        (numbered(CODE, "{:>3}: {}"), "line numbers"),
        (numbered(CODE, "{}|{}"), "line numbers"),
        (numbered(CODE, "{}\t{}"), "line numbers"),
        (f"My net is\n\n```python\n{CODE}\n```\nand it fails", "Markdown"),
        (f"~~~py\n{CODE}\n~~~", "Markdown"),
        (f"```\n{CODE}\n```", "Markdown"),
        (f"```python\n{prompted(CODE)}\n```", "Markdown"),
        ("    " + CODE.replace("\n", "\n    "), ""),
        (CODE.split("\n")[0] + "\n" + "\n".join("    " + line for line in CODE.split("\n")[1:]), ""),
    ],
)
def test_wrappings_are_taken_off_and_told(text: str, told: str) -> None:
    snippet = read_text(text)
    (found,) = snippet.found
    assert texts(found) == ["nn.Conv2d(3, 8, 3)", "nn.ReLU()"]
    notes = [note.text for note in snippet.notes if note.code == "CW510"]
    assert any(told in note for note in notes) if told else not notes


def test_plain_code_is_told_nothing() -> None:
    assert read_text(CODE).notes == ()


MARKDOWN = f"""# A question

Why is it so small?

```python
{CODE}
```

```bash
pip install torch
```

```python
pool = nn.MaxPool2d(2)
y = pool(torch.randn(1, 3, 8, 9))
```

It prints

```
torch.Size([1, 3, 4, 4])
```
"""


def test_every_code_block_is_read_with_the_lines_of_the_whole() -> None:
    found = read_text(MARKDOWN).found
    assert [texts(one) for one in found] == [["nn.Conv2d(3, 8, 3)", "nn.ReLU()"], ["nn.MaxPool2d(2)"]]
    assert [one.line for one in found] == [7, 19]
    assert found[0].layers[0].call.line == 8
    assert MARKDOWN.split("\n")[18] == "y = pool(torch.randn(1, 3, 8, 9))"


def test_a_block_that_is_broken_does_not_hide_the_others() -> None:
    found = read_text("```python\nnn.Conv2d(3, 8, 3\n```\n\n```python\nnn.ReLU()\n```").found
    assert found[0].error is not None
    assert found[0].error.code == "CW301"
    assert "line 2" in found[0].error.fact
    assert texts(found[1]) == ["nn.ReLU()"]


def test_a_block_that_is_broken_alone_is_an_error() -> None:
    assert refused("```python\nnn.Conv2d(3, 8, 3\n```").code == "CW301"
    assert refused("```bash\nls\n```").code == "CW301"
    assert refused("```python\nx = 1\n```").code == "CW307"


def test_prose_is_no_code() -> None:
    assert refused("Why does my Conv2D give 31?").code == "CW301"


def test_the_line_of_an_error_behind_prompts_is_the_pasted_one() -> None:
    error = refused(">>> a = 1\n1\n>>> nn.Conv2d(3, 8, 3, stride=0)")
    assert "line 3" in error.detail
    assert only(">>> a = 1\n1\n>>> nn.Conv2d(3, 8, 3)").layers[0].call.line == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("> model = Sequential([\n>   Conv2D(32, 3),\n> ])", "marks of a quotation (>) were taken off the text"),
        ("> >>> Conv2D(32, 3)", "marks of a quotation (>) were taken off the text"),
        ("`Conv2D(32, 3)`", "backticks and the text around them were taken off the text"),
        ("Why does `Conv2D(32, 3)` give\nthat with `x`?", "backticks and the text around them"),
        (
            "Conv2D(32, 3, padding=\u2018valid\u2019)",
            "typographic quotes, signs or wide brackets were read as Python's own",
        ),
        (
            "Conv2D(32, 3, padding=\u201cvalid\u201d)",
            "typographic quotes, signs or wide brackets were read as Python's own",
        ),
        ("Conv2D\uff0832\uff0c3\uff09", "typographic quotes, signs or wide brackets were read as Python's own"),
    ],
)
def test_code_as_it_was_copied(text: str, said: str) -> None:
    snippet = read_text(text)
    (found,) = snippet.found
    assert [layer.kind for layer in found.layers] == ["Conv2D"]
    assert snippet.notes[0].code == "CW510"
    assert said in snippet.notes[0].text or "prompts" in snippet.notes[0].text


def test_typographic_quotes_inside_of_strings_stay() -> None:
    assert read_text("Conv2D(32, 3, name='it\u2019s')").notes == ()


@pytest.mark.parametrize("text", ["> Conv2D(32, 3\nMaxPooling2D(2)", "`Conv2D(32, 3`", "\u2039(\u2026)"])
def test_what_stays_unclear_is_a_syntax_error(text: str) -> None:
    with pytest.raises(CodeError) as caught:
        read_text(text)
    assert caught.value.code == "CW301"


NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8 * 7 * 8, 10)

    def forward(self, x):
        # Here the maps become rows, as many as there are samples.
        x = self.conv(x)
        return self.fc(x.flatten(1))

net = Net()
net(torch.zeros(2, 3, 9, 10))
"""
INDENTED = NET.replace("\n", "\n    ")


@pytest.mark.parametrize(
    "text",
    [
        f"{NET}\nWhy is it 8*7*8? My input is 9x10 RGB",
        f"Hi, I'm new to this and I don't understand it:\n{NET}It's refused. What should I do?\nThanks!",
        f"Here is my model:\n{INDENTED}\nI use nn.Linear(448, 10) and the input is 9x10 (RGB).\nThanks!",
    ],
    ids=["a sentence", "before and behind", "indented"],
)
def test_sentences_around_code_are_taken_off_and_told(text: str) -> None:
    snippet = read_text(text)
    (found,) = snippet.found
    assert [layer.kind for layer in found.layers] == ["Conv2d", "Flatten", "Linear"]
    assert found.input_shape == (2, 3, 9, 10)
    assert [note.text for note in snippet.notes] == ["lines of prose were taken off the text"]
    line = next(number for number, line in enumerate(text.split("\n"), 1) if "nn.Conv2d(3" in line)
    assert found.layers[0].call.line == line


@pytest.mark.parametrize(
    "text",
    [
        "conv = nn.Conv2d(3, 8 3)",
        "self conv = nn.Conv2d(3, 8, 3)",
        "model add Conv2D(32, 3)",
        "x = conv1(x) relu",
        "for i in range 3:\n    model.add(Conv2D(32, 3))",
        "class Net nn.Module:\n    conv = nn.Conv2d(3, 8, 3)",
        "return self conv(x)",
        "if a is not b and c\n    Conv2D(3, 3)",
    ],
)
def test_broken_code_is_no_prose(text: str) -> None:
    assert refused(f"{NET}\n{text}").code == "CW301"


def test_the_body_of_a_class_is_a_model() -> None:
    _, body = NET.split("super().__init__()\n")
    fields, rest = body.split("\n    def forward")
    forward = "def forward" + rest.split("net = ")[0]
    text = "\n".join([*(line.strip() for line in fields.split("\n")), *forward.replace("\n    ", "\n").split("\n")])
    assert text.startswith("self.conv = ")
    (found,) = read_text(text).found
    assert [(layer.name, layer.call.line) for layer in found.layers if layer.name] == [("conv", 1), ("fc", 2)]
    assert [layer.kind for layer in found.layers] == ["Conv2d", "Flatten", "Linear"]
    # With the constructor that makes them, and Keras's word.
    made = "def __init__(self):\n    self.c = Conv2D(4, 3)\n    self.d = Dense(5)\n\ndef call(self, x):\n    return self.d(self.c(x))\n"
    (found,) = read_text(made).found
    assert [layer.kind for layer in found.layers] == ["Conv2D", "Dense"]
