"""Commands about a whole network: its rows, its legal sizes, its check."""

from __future__ import annotations

from typing import Annotated

import typer

from convwise.commands.levels import levels
from convwise.commands.options import Form, Json, NamedInput, SpokenDialect, one_input
from convwise.words import Wanted

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A path to a .onnx, .keras, .h5, Keras .json, .tflite, .pt2 or source file; layer code; or - for code from standard input.",
    ),
]
Input = Annotated[
    str | None,
    typer.Argument(
        metavar="INPUT",
        help="The input shape, with the batch, in the framework's own order; for several inputs a=1x3x224x224,b=1x10. Or as --input.",
    ),
]


def inspect(
    model: Model,
    input: Input = None,
    named: NamedInput = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Fold the rows of modules this deep into one.")] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="macs|params|activation_bytes|receptive_field", help="The largest first."),
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="OP", help="Only the rows of one op, such as Conv.")] = None,
    grep: Annotated[str | None, typer.Option(metavar="TEXT", help="Only the rows whose name holds this.")] = None,
    symbolic: Annotated[
        bool,
        typer.Option(
            "--symbolic", help="Sizes as expressions of height H and width W (also where the model leaves them open)."
        ),
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
    dialect: SpokenDialect = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Show a network, a row a layer: shapes, parameters, MACs, receptive field; and the totals.

    The file is read for its structure: no weights are loaded, nothing in it is executed, no framework is needed.

    \b
    Examples:
      convwise inspect resnet50.onnx
      convwise inspect unet.keras --input 1x572x572x1 --sort macs
      convwise inspect resnet50.onnx --symbolic --depth 2
    """
    shown: dict[str, object] = {"depth": depth, "sort": sort, "only": only, "grep": grep, "csv": as_csv}
    request: dict[str, object] = {"command": "inspect", "model": model, "dialect": dialect}
    return Wanted({**request, "input": one_input(input, named), "symbolic": symbolic}, json, form, shown)


def sizes(
    model: Model,
    near: Annotated[
        str | None, typer.Option(metavar="350", help="Also the nearest legal sizes to this one, or to 350x500.")
    ] = None,
    input_name: Annotated[
        str | None, typer.Option("--input-name", metavar="NAME", help="Only this input, where there are several.")
    ] = None,
    dialect: SpokenDialect = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Tell exactly which input sizes a network can take, and which layers force that.

    \b
    Examples:
      convwise sizes unet.onnx
      convwise sizes unet.keras --near 350
      convwise sizes siamese.onnx --input-name left
    """
    request: dict[str, object] = {"command": "sizes", "model": model, "near": near, "dialect": dialect}
    return Wanted({**request, "input_name": input_name}, json, form)


def check(
    model: Model,
    input: Input = None,
    named: NamedInput = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    dialect: SpokenDialect = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Check a network at one input size, for use in CI: exit code 1 where an error is found.

    Levels are changed in pyproject.toml: [tool.convwise.levels] with CW502 = "off" (or error, warning, note).

    \b
    Example:
      convwise check unet.onnx --input 1x3x350x350 --strict
    """
    request: dict[str, object] = {"command": "check", "model": model, "dialect": dialect}
    return Wanted({**request, "input": one_input(input, named), "strict": strict, "levels": levels()}, json, form)
