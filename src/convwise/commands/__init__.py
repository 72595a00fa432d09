"""The words of the command line and their help: what typer reads. What they do stands in `cli`.

Commands are plain functions that turn words into a request, grouped by what they are asked about: `layers`, `networks`,
`porting`, `about`. `parsing` puts them in the order of the help, and reads words with them.
"""

from __future__ import annotations

from convwise.commands.parsing import app, parse
from convwise.commands.usage import UsageError

__all__ = ["UsageError", "app", "parse"]
