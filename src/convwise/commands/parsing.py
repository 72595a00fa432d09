"""All commands as one command line, in the order of the help, and `parse`, which reads words with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from rich.markup import escape

from convwise.commands.about import doctor, rule
from convwise.commands.layers import plan, solve, why
from convwise.commands.networks import check, inspect, sizes
from convwise.commands.porting import diff, port, supports
from convwise.commands.usage import UsageError
from convwise.errors import ArgumentError
from convwise.words import Wanted

app = typer.Typer(
    name="convwise",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from convwise import __version__

        typer.echo(f"convwise {__version__}")
        raise typer.Exit


@app.callback()
def convwise(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Exact answers, with the reason, to questions about convolution layers, in the words of Keras, PyTorch, TensorFlow, JAX and ONNX.

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


COMMANDS: tuple[Callable[..., Wanted], ...] = (
    why,
    inspect,
    sizes,
    check,
    solve,
    diff,
    port,
    supports,
    plan,
    rule,
    doctor,
)
"""In the order of the help."""

for command in COMMANDS:
    # Rich takes words in square brackets for styles, and prints nothing of them.
    app.command(help=escape(command.__doc__ or ""))(command)


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
    if re.match(r"No such option:? ?.?-{3}|No such option[^\n]*\n", message):
        # Tables and Jupyter's tracebacks begin with a rule of dashes.
        return ArgumentError(
            "CW606",
            "a text that begins with a dash is read as an option",
            hint=f"put -- before it, give it in a file, or on standard input with the word - in its place: `{at} - < FILE`",
        )
    option = re.match(r"No such option:? (-[\w-]+)", message)
    if at == "convwise" and option:
        # Typer's own guess is another option that stands before the command.
        fact = f"{option.group(1)} stands before the command"
        return ArgumentError("CW606", fact, hint='options stand behind it: convwise why "Conv2D(32, 3)" 8x8x3 --json')
    if message.startswith("No such command"):
        hint = "`convwise why CODE` explains code; `convwise --help` lists the commands"
        return ArgumentError("CW606", message, hint=hint)
    way = WITHOUT_INPUT.get(at, "") if message.startswith(("Got unexpected extra", "No such option: --input")) else ""
    return ArgumentError("CW606", message, hint=way or f"`{at} --help` shows how")


WITHOUT_INPUT = {
    "convwise solve": "the sizes are given by name: --input 28 --output 14",
    "convwise sizes": "it takes no input: it finds all that work; --near 350 tells the nearest to a size",
}
"""What to do in the commands that take no input shape behind the code."""
