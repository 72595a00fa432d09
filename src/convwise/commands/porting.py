"""Commands about a layer in several frameworks: where two differ, the same one in another, who takes it."""

from __future__ import annotations

from typing import Annotated

import typer

from convwise.commands.options import Form, Input, Json, NamedInput, SpokenDialect, one_input
from convwise.words import Wanted


def diff(
    code: Annotated[str, typer.Argument(metavar="CODE_A", help="The first layer or chain: text, a path, or -.")],
    other: Annotated[str, typer.Argument(metavar="CODE_B", help="The second one, of the same or another framework.")],
    input: Annotated[
        str | None,
        typer.Argument(
            metavar="INPUT", help="The input shape in the order of CODE_A's framework, such as 3x64x64; or as --input."
        ),
    ] = None,
    named: NamedInput = None,
    real: Annotated[
        bool, typer.Option("--real", help="Run the installed frameworks themselves, in child processes.")
    ] = False,
    most_macs: Annotated[int | None, typer.Option(metavar="COUNT", help="Run at most so many multiply-adds.")] = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Tell where two layers agree and differ: shape, windows, padding, divisors, weights; and run both. Exit code 1 if not equal.

    \b
    Examples:
      convwise diff "Conv2D(64, 7, strides=2, padding='same')" "nn.Conv2d(3, 64, 7, stride=2, padding=3)" 224x224x3
      convwise diff "AveragePooling2D(3, 1, 'same')" "nn.AvgPool2d(3, 1, 1)" 5x6x3 --real
    """
    request: dict[str, object] = {"command": "diff", "code": code, "other": other, "real": real}
    return Wanted({**request, "input": one_input(input, named), "most_macs": most_macs}, json, form)


def port(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A layer or chain: text, a path, or -.")],
    input: Input = None,
    to: Annotated[
        str, typer.Option("--to", metavar="torch|keras|tensorflow|jax|onnx", help="The framework to write it for.")
    ] = "torch",
    named: NamedInput = None,
    dialect: SpokenDialect = None,
    release: Annotated[str | None, typer.Option(metavar="3.15", help="The release of CODE's framework.")] = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Write a layer or chain for another framework, exactly, and prove it by running both. Exit code 1 where nothing exact exists.

    \b
    Examples:
      convwise port "Conv2D(64, 7, strides=2, padding='same')" --to torch --input 224x224x3
      convwise port "nn.MaxPool2d(3, 2, 1)" --to keras --input 64x112x112
      convwise port stem.py --format concise > stem_torch.py    the code alone
    """
    request: dict[str, object] = {"command": "port", "code": code, "to": to, "dialect": dialect}
    return Wanted({**request, "input": one_input(input, named), "release": release}, json, form)


def supports(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A layer or chain: text, a path, or -.")],
    input: Input = None,
    named: NamedInput = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    dialect: SpokenDialect = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Tell which frameworks and releases take a layer, which refuse it in which words, and which need something beside it.

    \b
    Examples:
      convwise supports "nn.Conv2d(3, 16, 3, stride=2, dilation=2)" --input 3x32x32
      convwise supports "DepthwiseConv2D(3, strides=2, dilation_rate=2)" --markdown
    """
    request: dict[str, object] = {"command": "supports", "code": code, "dialect": dialect}
    return Wanted({**request, "input": one_input(input, named)}, json, form, {"markdown": True} if markdown else {})
