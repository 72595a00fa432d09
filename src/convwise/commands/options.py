"""The options that commands of several kinds share."""

from __future__ import annotations

from typing import Annotated

import typer

from convwise.commands.usage import UsageError
from convwise.errors import ArgumentError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Form = Annotated[
    str | None,
    typer.Option(
        "--format", envvar="CONVWISE_FORMAT", metavar="full|concise", help="The whole answer, or one line for each."
    ),
]
SpokenDialect = Annotated[
    str | None,
    typer.Option("--dialect", metavar="keras|torch|tensorflow|jax|onnx", help="For source code that could be either."),
]
Input = Annotated[
    str | None,
    typer.Argument(
        metavar="INPUT", help="The input shape in the order of CODE's framework, such as 3x64x64; or as --input."
    ),
]
NamedInput = Annotated[str | None, typer.Option("--input", metavar="3x64x64", help="The same as INPUT.")]


def one_input(behind: str | None, named: str | None) -> str | None:
    """The input shape, which may stand behind the code or after `--input`.

    Raises:
        UsageError: CW606 where there are two.
    """
    if behind is not None and named is not None:
        fact = f"two inputs: {behind} behind the code, and --input {named}"
        raise UsageError(ArgumentError("CW606", fact, hint="give one of them; `convwise why` takes several"), "")
    return named if behind is None else behind
