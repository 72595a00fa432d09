"""The levels of codes that a project sets for itself, in its pyproject.toml."""

from __future__ import annotations

from convwise.commands.usage import UsageError
from convwise.errors import ArgumentError


def levels() -> dict[str, str]:
    """The levels of codes in the nearest pyproject.toml at or above the working folder.

    Raises:
        UsageError: where that file is no TOML, the table is of another form, or the working folder is gone.
    """
    import tomllib
    from pathlib import Path

    from convwise.rules import RULES

    try:
        here = Path.cwd()
    except OSError as error:
        fact = f"the working folder cannot be read: {(error.strerror or str(error)).lower()}"
        raise UsageError(ArgumentError("CW608", fact, hint="go to another folder"), "") from None
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        try:
            own = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("convwise", {})
            table = own.get("levels", {})
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            reason = "it is nested too deep" if isinstance(error, RecursionError) else error
            raise UsageError(ArgumentError("CW608", f"pyproject.toml cannot be read: {reason}"), "") from None
        strange = [name for name in own if name != "levels"]
        if strange:
            raise _wrong(f"there is no {strange[0]!r} in [tool.convwise]", "its one table is [tool.convwise.levels]")
        if not isinstance(table, dict) or not all(isinstance(level, str) for level in table.values()):
            raise _wrong("[tool.convwise.levels] must map codes to levels", 'write CW502 = "off"')
        unknown = [code for code in table if code.upper() not in RULES]
        if unknown:
            raise _wrong(f"no code {unknown[0]!r}, as [tool.convwise.levels] has it", "convwise rule lists the codes")
        return table
    return {}


def _wrong(fact: str, hint: str) -> UsageError:
    return UsageError(ArgumentError("CW606", fact, hint=hint), "")
