"""Whole networks in the terminal and in notebooks. Nothing is computed here.

rows       which rows are shown, and modules folded into one row
table      columns that fit a width: the less important ones go first, then long names are shortened
trace      the trace of a network, with its totals
sizes      legal sizes, what forces them, and the nearest ones
findings   what a check found
html       traces and legal sizes for notebooks
"""

from convwise.faces.networks.findings import finding_lines, render_finding_lines, render_findings
from convwise.faces.networks.rows import SORTS, chosen
from convwise.faces.networks.sizes import render_sizes, render_sizes_line
from convwise.faces.networks.trace import render_network, render_trace, render_trace_line

__all__ = [
    "SORTS",
    "chosen",
    "finding_lines",
    "render_finding_lines",
    "render_findings",
    "render_network",
    "render_sizes",
    "render_sizes_line",
    "render_trace",
    "render_trace_line",
]
