"""Python's own parser behind our limits; its errors are told with the line, the text and a caret."""

from __future__ import annotations

import ast
import re
import sys
import warnings

from convwise.errors import CodeError
from convwise.readers.echo import pointed, shown
from convwise.readers.source.fragments import whole_class

IPYTHON = re.compile(r"^[ \t]*In ?\[\d*\]:", re.MULTILINE)
"""Python itself reads `In [3]: conv = make()` as an annotation of In[3]."""
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def parse(text: str) -> ast.Module:
    """The syntax tree of a checked text.

    Raises:
        SyntaxError: for the caller to try again without wrappings, or to tell by `told`.
        CodeError: CW308 too complex, CW313 a number too long.
    """
    if prompt := IPYTHON.search(text):
        line = text.count("\n", 0, prompt.start()) + 1
        raise SyntaxError("a prompt of IPython", ("", line, 1, prompt.group()))
    try:
        with warnings.catch_warnings():
            # An odd escape in somebody's string is not worth a warning from here.
            warnings.simplefilter("ignore")
            return whole_class(ast.parse(text))
    except SyntaxError as error:
        if "digits" in (error.msg or "") and "limit" in (error.msg or "").lower():
            raise _too_long_number(error) from None
        if "too many" in (error.msg or ""):
            raise too_complex(error.msg) from None
        raise
    except (RecursionError, MemoryError):
        raise too_complex("expressions are nested too deeply for Python's parser") from None
    except (ValueError, UnicodeError) as error:
        raise CodeError("CW312", f"the text is not source code: {shown(str(error))}") from None


def too_complex(why: str) -> CodeError:
    return CodeError("CW308", f"the text is too complex: {why}", hint="give the part that defines the layers")


def _too_long_number(error: SyntaxError) -> CodeError:
    return CodeError(
        "CW313",
        "a number has more than 4300 digits",
        detail=f"line {error.lineno}" if error.lineno else "",
        hint="no size of a layer is that large",
    )


def told(error: SyntaxError, text: str, offset: int = 0) -> CodeError:
    """A syntax error as a CodeError CW301: what Python says, the line (after `offset` others), and a caret under the place."""
    lines = text.split("\n")
    number = max(1, min(error.lineno or 1, len(lines)))
    line = lines[number - 1].rstrip("\r")
    column = max(0, (error.offset or 1) - 1)
    lead = f"line {number + offset}: "
    stripped = line.lstrip()
    column = max(0, column - (len(line) - len(stripped)))
    shown_line, caret = pointed(stripped, column).split("\n")
    return CodeError(
        "CW301",
        f"syntax error on line {number + offset}: {shown(error.msg or 'invalid syntax', 120)}",
        detail=f"{lead}{shown_line}\n{' ' * len(lead)}{caret}",
        received=shown(line),
        hint=f"the text is read as Python {VERSION}",
    )
