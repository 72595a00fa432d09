"""How an answer shows itself: the one place where answers know of faces.

Answers lie below the faces, yet `str(e)` and a notebook cell must show one; so these methods import the face when
they are called, and nothing else in this package does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convwise.answers.network.legal import LegalSizes
    from convwise.answers.network.trace import Trace
    from convwise.answers.porting.supports import Supports
    from convwise.graph import Network


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


def network_text(network: Network) -> str:
    """A network by name: its inputs, its outputs and how many steps lie between."""
    from convwise.faces.networks import render_network

    return render_network(network)


def network_html(network: Network) -> str:
    """The same as HTML."""
    from convwise.faces.networks import html

    return html.network_html(network)


def trace_text(trace: Trace) -> str:
    """A network's trace as the table that `convwise inspect` prints."""
    from convwise.faces.networks import render_trace
    from convwise.faces.text import DEFAULT_WIDTH

    return render_trace(trace, DEFAULT_WIDTH, symbolic=trace.run.network.symbolic() if trace.open else None)


def trace_html(trace: Trace) -> str:
    """A network's trace as HTML."""
    from convwise.faces.networks import html

    return html.trace_html(trace)


def sizes_html(legal: LegalSizes) -> str:
    """A network's legal sizes as HTML."""
    from convwise.faces.networks import html

    return html.sizes_html(legal)


def supports_markdown(table: Supports) -> str:
    """A table of support as Markdown."""
    from convwise.faces import porting

    return porting.markdown(table)
