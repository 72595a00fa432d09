"""The options that commands of several kinds share."""

from __future__ import annotations

from typing import Annotated

import typer

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
