"""Options of a command line in a text: argparse's defaults, and the note that tells them."""

from __future__ import annotations

import argparse

import pytest

import convwise as cw

HEAD = "import argparse\nimport torch.nn as nn\nparser = argparse.ArgumentParser(description='train')\n"


def answer(options: str, size: str, more: str = "") -> cw.Explanation:
    return cw.explain(
        f"{HEAD}{options}\nargs = parser.parse_args()\n{more}\nlayer = nn.Conv2d(3, 8, {size})", (1, 3, 19, 20)
    )


DEFAULTS = (
    ("parser.add_argument('--kernel-size', '-k', type=int, default=5)", "args.kernel_size"),
    ("parser.add_argument('-k', '--kernel_size', default=5, type=int, metavar='N')", "args.kernel_size"),
    ("parser.add_argument('-k', default=5)", "args.k"),
    ("parser.add_argument('--kernel', dest='size', type=int, default='5')", "args.size"),
    ("group = parser.add_argument_group('model')\ngroup.add_argument('--size', default=5)", "args.size"),
    ("parser.add_argument('--size', type=int)\nparser.set_defaults(size=5)", "args.size"),
    ("parser.add_argument('--wide', action='store_true')", "3 if args.wide else 5"),
    ("parser.add_argument('--narrow', action='store_false')", "5 if args.narrow else 3"),
    ("parser.add_argument('--sizes', nargs=2, type=int, default=[5, 5])", "tuple(args.sizes)"),
)


@pytest.mark.parametrize(("options", "size"), DEFAULTS)
def test_an_option_is_its_default_as_argparse_has_it(options: str, size: str) -> None:
    space = {"parser": argparse.ArgumentParser()}
    exec(options, space)
    assert eval(size, {"args": space["parser"].parse_args([]), "tuple": tuple}) in (5, (5, 5))
    told = answer(options, size)
    assert told.output == (1, 8, 15, 16)
    (note,) = [one for one in told.findings if one.code == "CW524"]
    name = size.split("args.")[1].split(")")[0].split(" ")[0]
    assert f"at their defaults: {name}=" in note.text


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ("parser.add_argument('--size', type=int)", ""),
        ("parser.add_argument('--size', type=int, required=True)", ""),
        ("parser.add_argument('size', type=int, default=5)", ""),
        ("parser.add_argument('--size', default=unknown)", ""),
        ("parser.add_argument('--size', type=int, default='five')", ""),
        ("parser.add_argument('--size', action=['store_true'], type=[int], dest='size')", ""),
        ("parser.add_argument(5, '--size', default=3)", ""),
        ("parser.add_argument('--size', type=int, default=5)", "args = parser.parse_args(['--size', '7'])"),
    ],
)
def test_what_the_command_line_must_give_is_unknown(options: str, given: str) -> None:
    with pytest.raises(cw.CodeError, match=r"the value of 'kernel_size' is not in the text: args\.size") as caught:
        answer(options, "args.size", given)
    assert caught.value.code == "CW314"


def test_what_the_text_sets_itself_is_no_default() -> None:
    told = answer("parser.add_argument('--size', default=3)", "args.size", "args.size = 5")
    assert told.output == (1, 8, 15, 16)
    assert [one.code for one in told.findings if one.code == "CW524"] == []


def test_networks_and_branches_tell_it_too_and_not_what_is_never_read() -> None:
    options = "".join(f"parser.add_argument('--o{n}', type=int, default={n})\n" for n in range(1, 12))
    forward = "return self.a(x) + self.a(x)"
    net = f"class Net(nn.Module):\n    def __init__(self, args):\n        super().__init__()\n        self.a = nn.Conv2d(3, args.o8, args.o5)\n    def forward(self, x):\n        {forward}\n"
    for text in (net, net.replace(" + self.a(x)", "")):
        whole = f"{HEAD}{options}args = parser.parse_args()\n{text}model = Net(args)\n"
        network = cw.read(whole)
        told = "options of the command line are taken at their defaults: o8=8, o5=5"
        assert [note.text for note in network.notes if note.code == "CW524"] == [told]
        assert network.trace((1, 3, 19, 20))[-1].output == (1, 8, 15, 16)
        assert told in [one.text for one in cw.explain(whole, (1, 3, 19, 20)).findings]
    many = "n = " + " + ".join(f"args.o{n}" for n in range(1, 12))
    (note,) = [one for one in answer(options, "args.o5", many).findings if one.code == "CW524"]
    assert note.text.endswith("o8=8 and 3 more")
