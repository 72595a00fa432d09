"""How an answer shows itself: the one place where answers know of faces.

Answers lie below the faces, yet `str(e)` and a notebook cell must show one; so these methods import the face when
they are called, and nothing else in this package does.
"""

from __future__ import annotations


class Presented:
    """Mixin for answers: text, one line, and HTML."""

    __slots__ = ()

    def __str__(self) -> str:
        from convwise.faces.text import render

        return render(self)

    @property
    def concise(self) -> str:
        """The answer in one line."""
        from convwise.faces.text import render_line

        return render_line(self)

    def _repr_html_(self) -> str:
        from convwise.faces.html import render_html

        return render_html(self)
