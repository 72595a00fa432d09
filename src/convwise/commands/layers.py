"""Commands about a layer or a chain: why it gives its size, which layers give a size, how it would be run."""

from __future__ import annotations

from typing import Annotated

import typer

from convwise.commands.options import Form, Input, Json, NamedInput, SpokenDialect, one_input
from convwise.words import Wanted


def _dialects(incomplete: str) -> list[str]:
    from convwise.dialects import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


def why(
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE",
            help="Layer code as text; a path to a .py, .ipynb, .md, .markdown or .txt file; or - for standard input.",
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="The input shape in the framework's own order: 64x64x3 for Keras, 3x64x64 for PyTorch; with the batch in front if you like. Several: a line each. None: the input written in the code.",
        ),
    ] = None,
    named: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="64x64x3", help="The same as INPUT."),
    ] = None,
    want: Annotated[
        str | None, typer.Option(metavar="32x32", help="The output size you would like: the suggestions aim at it.")
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(
            metavar="keras|torch|tensorflow|jax|onnx",
            help="The framework that is meant; else it is found from the code.",
            autocompletion=_dialects,
        ),
    ] = None,
    release: Annotated[
        str | None, typer.Option(metavar="3.15", help="The framework's release; else the newest one known.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="For a pasted shape error: the model that it came from, a file or code."),
    ] = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Explain why a layer, a chain of layers or a whole snippet gives the size it gives.

    The code is read, never executed. Put it in double quotes and use single quotes inside.

    \b
    Examples, Keras and PyTorch:
      convwise why "Conv2D(32, (3, 3), strides=(2, 2))" 64x64x3
      convwise why "nn.Conv2d(3, 16, 3, stride=2)" 3x28x28 --want 14x14

    \b
    Several inputs, a line each; and as one line of text or as JSON:
      convwise why "Conv2D(32, 3)" 8x8x3 10x10x3 2x2x3
      convwise why "nn.MaxPool2d(3)" 8x28x28 --format concise
      convwise why "nn.MaxPool2d(3)" 8x28x28 --json

    \b
    Every layer and every input of a file, or of what is piped in:
      convwise why model.py
      convwise why - 1x28x28 < model.py

    \b
    A shape error as it was printed, and the model that it came from: which
    layer says it, and what to change. Code in the same text counts too.
      convwise why error.txt --model net.py
    """
    request: dict[str, object] = {
        "command": "why",
        "code": code,
        "inputs": [*(inputs or ()), *(named or ())],
        "want": want,
        "dialect": dialect,
        "release": release,
        "model": model,
    }
    return Wanted(request, json, form)


def solve(
    input: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="28", help="Spatial sizes without channels: 28, or 28x30; repeat for several."),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", metavar="14", help="The sizes wanted: one for each --input, in the same order."),
    ] = None,
    kernel: Annotated[str | None, typer.Option(metavar="3|3x5", help="Fix the kernel.")] = None,
    stride: Annotated[str | None, typer.Option(metavar="2|2x1", help="Fix the stride.")] = None,
    padding: Annotated[
        str | None, typer.Option(metavar="valid|same|1|1x2", help="Fix the padding; numbers are cells on each side.")
    ] = None,
    dilation: Annotated[str | None, typer.Option(metavar="1|2x1", help="Fix the dilation.")] = None,
    output_padding: Annotated[
        str | None, typer.Option(metavar="0|1x0", help="Fix the output_padding: transposed convolutions only.")
    ] = None,
    op: Annotated[
        str | None,
        typer.Option(
            metavar="OP",
            help="conv, transpose, max_pool or avg_pool; or adaptive_max_pool, adaptive_avg_pool: the fixed pool that reads exactly the same cells. Else convolutions, transposed ones too where the output is larger.",
        ),
    ] = None,
    mirror: Annotated[
        str | None, typer.Option(metavar="CODE", help="An encoder: its decoder for --input, every size coming back.")
    ] = None,
    in_channels: Annotated[int, typer.Option(min=1, help="The input channels that the layers name.")] = 3,
    filters: Annotated[int, typer.Option(min=1, help="The output channels that the layers name.")] = 32,
    everything: Annotated[bool, typer.Option("--all", help="Show every layer, not only the first ten.")] = False,
    dialect: Annotated[
        str,
        typer.Option(metavar="keras|torch|tensorflow|jax|onnx", help="Whose words to use.", autocompletion=_dialects),
    ] = "keras",
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Find every layer that gives a wanted output size, the most usual first.

    All of them, by arithmetic: kernels 1 to 16 (and the stride itself), strides 1 to 32, dilations 1 to 4 at stride 1
    (of pools 1), padding of at most half a window a side; a word that is fixed may have any value. Each layer was read back and run.

    \b
    Examples:
      convwise solve --input 28 --output 14
      convwise solve --input 28 --output 14 --kernel 5 --dialect torch
      convwise solve --input 28 --output 14 --input 56 --output 28
      convwise solve --input 7x10 --output 14x20 --dialect torch --kernel 3
      convwise solve --input 28 --output 7 --op adaptive_avg_pool

    \b
    The decoder of an encoder:
      convwise solve --mirror "nn.Conv2d(3, 16, 3, stride=2, padding=1)" --input 28

    Exit code 1 where no layer gives it; the answer then says why, and what is nearest.
    """
    request: dict[str, object] = {
        "command": "solve",
        "input": input or None,
        "output": output or None,
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "output_padding": output_padding,
        "in_channels": in_channels,
        "filters": filters,
        "op": op,
        "mirror": mirror,
        "dialect": dialect,
    }
    return Wanted(request, json, form, {"all": True} if everything else {})


def plan(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A layer or chain: text, a path, or -.")],
    input: Input = None,
    named: NamedInput = None,
    algorithm: Annotated[
        str | None, typer.Option("--algorithm", help="Ask for one of the algorithms named above.")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="At most so many threads.")] = None,
    tune: Annotated[bool, typer.Option("--tune", help="Measure the kernels here, and remember the fastest.")] = False,
    dialect: SpokenDialect = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Show how convolutions would be run here: kernel, tiles, work, and why not the others.

    The algorithms: reference and windows are NumPy's; direct, winograd, depthwise, grouped, first and planes are compiled kernels.

    \b
    Examples:
      convwise plan "nn.Conv2d(64, 64, 3, padding=1)" 64x56x56
      convwise plan "Conv2D(64, 3)" 56x56x64 --algorithm direct --threads 1
      convwise plan "nn.Conv2d(64, 64, 3, padding=1)" 64x56x56 --tune
      convwise plan model.py --format concise
    """
    request: dict[str, object] = {"command": "plan", "code": code, "dialect": dialect}
    return Wanted(
        {**request, "input": one_input(input, named), "algorithm": algorithm, "threads": threads, "tune": tune},
        json,
        form,
    )
