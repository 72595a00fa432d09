"""The words of the command line and their help: what typer reads. What they do stands in `cli`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from convwise.errors import ArgumentError
from convwise.words import Wanted

app = typer.Typer(
    name="convwise",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Form = Annotated[
    str | None,
    typer.Option(
        "--format", envvar="CONVWISE_FORMAT", metavar="full|concise", help="The whole answer, or one line for each."
    ),
]


class UsageError(Exception):
    """Words that typer could not make sense of; `told` is the error in our own form, `usage` the line before it."""

    def __init__(self, told: ArgumentError, usage: str) -> None:
        super().__init__(str(told))
        self.told = told
        self.usage = usage


def parse(words: Sequence[str]) -> Wanted | int:
    """The request that `words` make; or an exit code where typer has already answered (help, version, completion).

    Raises:
        UsageError: where the words make no sense.
        KeyboardInterrupt: at Ctrl-C.
    """
    try:
        told = typer.main.get_command(app).main(list(words), prog_name="convwise", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        # Typer brings its own copy of click from some release on, so its errors are known by what they can do.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        context = getattr(error, "ctx", None)
        usage = context.get_usage() if context else ""
        at = context.command_path if context else "convwise"
        raise UsageError(_told(message().rstrip("."), at), usage) from None
    return told if isinstance(told, Wanted | int) else 0


def _told(message: str, at: str) -> ArgumentError:
    if re.match(r"No such option:? ?.?-\d", message):
        return ArgumentError("CW601", "a size cannot be negative", hint="an input is written like 64x64x3")
    return ArgumentError("CW606", message, hint=f"`{at} --help` shows how")


def levels() -> dict[str, str]:
    """The levels of codes in the nearest pyproject.toml at or above the working folder.

    Raises:
        UsageError: where that file is no TOML or the table is of another form.
    """
    import tomllib
    from pathlib import Path

    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        try:
            table = (
                tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("convwise", {}).get("levels", {})
            )
        except (OSError, ValueError, AttributeError) as error:
            raise UsageError(ArgumentError("CW608", f"pyproject.toml cannot be read: {error}"), "") from None
        if isinstance(table, dict) and all(isinstance(level, str) for level in table.values()):
            return table
        raise UsageError(ArgumentError("CW606", "[tool.convwise.levels] must map codes to levels"), "")
    return {}


def _version(wanted: bool) -> None:
    if wanted:
        from convwise import __version__

        typer.echo(f"convwise {__version__}")
        raise typer.Exit


def _dialects(incomplete: str) -> list[str]:
    from convwise.dialects import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


def _codes(incomplete: str) -> list[tuple[str, str]]:
    from convwise.rules import RULES

    return [(code, rule.title) for code, rule in RULES.items() if code.startswith(incomplete.upper())]


@app.callback()
def convwise(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Exact answers, with the reason, to questions about convolution layers, in Keras's and PyTorch's words.

    \b
    Start with:
      convwise why "Conv2D(32, 3, strides=2)" 64x64x3
      convwise why "nn.Conv2d(3, 16, 3, stride=2)" 3x28x28 --want 14x14
      convwise why model.py
      convwise solve --input 28 --output 14

    \b
    Exit codes: 0 it worked; 1 the answer is "no" (a shape that does not
    work, a layer that is refused); 2 the request could not be understood;
    3 a bug of ours; 130 Ctrl-C.
    """


@app.command()
def why(
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE", help="Layer code as text; a path to a .py, .ipynb or .md file; or - for standard input."
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="The input shape in the framework's own order: 64x64x3 for Keras, 3x64x64 for PyTorch; with the batch in front if you like. Several: a line each. None: the input written in the code.",
        ),
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
        "inputs": inputs or [],
        "want": want,
        "dialect": dialect,
        "release": release,
        "model": model,
    }
    return Wanted(request, json, form)


Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="A path to a .onnx, .keras, .h5, Keras .json or source file; or layer code."),
]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="1x3x224x224",
        help="The input shape, with the batch, in the framework's own order; for several inputs a=1x3x224x224,b=1x10.",
    ),
]
SpokenDialect = Annotated[
    str | None,
    typer.Option("--dialect", metavar="keras|torch|tensorflow|jax|onnx", help="For source code that could be either."),
]


@app.command()
def inspect(
    model: Model,
    input: Input = None,
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
    request: dict[str, object] = {"command": "inspect", "model": model, "input": input, "dialect": dialect}
    return Wanted({**request, "symbolic": symbolic}, json, form, shown)


@app.command()
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


@app.command()
def check(
    model: Model,
    input: Input = None,
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
    request: dict[str, object] = {"command": "check", "model": model, "input": input, "dialect": dialect}
    return Wanted({**request, "strict": strict, "levels": levels()}, json, form)


@app.command()
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

    All of them, by arithmetic: kernels 1 to 16 (and the stride itself), strides 1 to 32, dilations 1 to 4 at stride 1,
    padding of at most half a window a side; a word that is fixed may have any value. Each layer was read back and run.

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


@app.command()
def diff(
    code: Annotated[str, typer.Argument(metavar="CODE_A", help="The first layer or chain: text, a path, or -.")],
    other: Annotated[str, typer.Argument(metavar="CODE_B", help="The second one, of the same or another framework.")],
    input: Annotated[
        str | None, typer.Argument(metavar="INPUT", help="The input shape in the order of CODE_A's framework.")
    ] = None,
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
    request: dict[str, object] = {"command": "diff", "code": code, "other": other, "input": input, "real": real}
    return Wanted({**request, "most_macs": most_macs}, json, form)


@app.command()
def port(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A layer or chain: text, a path, or -.")],
    to: Annotated[
        str, typer.Option("--to", metavar="torch|keras|tensorflow|jax|onnx", help="The framework to write it for.")
    ] = "torch",
    input: Annotated[
        str | None,
        typer.Option("--input", metavar="224x224x3", help="The input shape in the order of CODE's framework."),
    ] = None,
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
    request: dict[str, object] = {"command": "port", "code": code, "to": to, "input": input, "dialect": dialect}
    return Wanted({**request, "release": release}, json, form)


@app.command()
def supports(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A layer or chain: text, a path, or -.")],
    input: Annotated[
        str | None, typer.Option("--input", metavar="64x64x3", help="The input shape in the order of CODE's framework.")
    ] = None,
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
    request: dict[str, object] = {"command": "supports", "code": code, "input": input, "dialect": dialect}
    return Wanted(request, json, form, {"markdown": True} if markdown else {})


@app.command()
def plan(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A layer or chain: text, a path, or -.")],
    input: Annotated[str | None, typer.Argument(metavar="INPUT", help="The input shape, as for why.")] = None,
    algorithm: Annotated[str | None, typer.Option("--algorithm", help="Ask for one algorithm by name.")] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="At most so many threads.")] = None,
    tune: Annotated[bool, typer.Option("--tune", help="Measure the kernels here, and remember the fastest.")] = False,
    dialect: SpokenDialect = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Show how convolutions would be run here: kernel, tiles, work, and why not the others."""
    request: dict[str, object] = {"command": "plan", "code": code, "input": input, "dialect": dialect}
    return Wanted({**request, "algorithm": algorithm, "threads": threads, "tune": tune}, json, form)


@app.command()
def rule(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="CODE", help="A code such as CW104; without one, all are listed.", autocompletion=_codes
        ),
    ] = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Tell the long text of a code: what it means, an example, what to do.

    \b
    Examples:
      convwise rule CW104
      convwise rule          all codes with their titles
    """
    return Wanted({"command": "rule", "code": code}, json, form)


@app.command()
def doctor(form: Form = None, json: Json = False) -> Wanted:
    """Show versions, the machine, which engine is in use, and what is missing."""
    return Wanted({"command": "doctor"}, json, form)
