"""A trace as a pandas DataFrame, for those who have pandas; nothing else in this package knows of it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from convwise.answers.network.trace import Trace
from convwise.errors import ArgumentError


def frame(trace: Trace) -> Any:
    """A DataFrame with a row a node: names, shapes as tuples, counts, and a column an axis of the receptive field.

    Raises:
        ArgumentError: CW606 where pandas is not installed.
    """
    try:
        pandas = import_module("pandas")
    except ImportError:
        raise ArgumentError(
            "CW606",
            "to_pandas() needs pandas, which is not installed",
            received="pandas",
            hint="install convwise[pandas], or take trace.csv() or trace.to_dict()",
        ) from None
    return pandas.DataFrame.from_records(records(trace))


def records(trace: Trace) -> list[dict[str, Any]]:
    """A plain mapping a node, with the same keys for all."""
    found = []
    for row in trace.rows:
        record: dict[str, Any] = {
            "name": row.name,
            "op": row.op,
            "module": row.module,
            "input": row.input,
            "output": row.output,
            "params": row.params,
            "trainable": row.trainable,
            "macs": row.macs,
            "activation_bytes": row.activation_bytes,
        }
        for what, values in (
            ("receptive_field", row.receptive_field),
            ("jump", row.jump),
            ("offset", row.offset),
            ("center", row.center),
        ):
            record.update((f"{what}_{axis}", value) for axis, value in zip(trace.axes, values, strict=True))
        lost = dict(zip((flow.name for flow in row.axes), row.lost, strict=True))
        record.update((f"lost_{axis}", lost.get(axis, 0)) for axis in trace.axes)
        record["padding_share"] = row.padding_share
        found.append(record)
    return found
