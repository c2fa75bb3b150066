"""Reports of a comparison: a self-contained HTML page, node data for Model Explorer, a table for the terminal."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from litejit.crosscheck.comparison import MODES, Comparison, OperatorResult, describe
from litejit.crosscheck.metrics import Metrics

__all__ = ["html_report", "node_data", "node_data_text", "rows"]

_COLORS = {"equal": "#cfead6", "close": "#e7f0d8", "diverges": "#f6b8ae", "first": "#c0392b", "unknown": "#e6e6e6"}


def html_report(comparison: Comparison) -> str:
    """One HTML page with everything in it: style, script and data."""
    page = resources.files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    # Whatever tensors are called, the data must not end the script element they are in.
    data = json.dumps(comparison.to_dict(), allow_nan=False).replace("<", "\\u003c")
    return page.replace("/*DATA*/null", data)


def node_data(comparison: Comparison) -> dict[str, Any]:
    """Model Explorer's node data, by graph: for each operator its error, coloured by what became of it.

    Graphs are called as Model Explorer calls a .tflite file's subgraphs, nodes by the index of the operator. The value
    is the largest error in quantization steps, of floats in real units: isolated where that was compared.
    """
    graphs: dict[str, Any] = {}
    first = comparison.first_divergence()
    for row in comparison.operators:
        metrics = row.worst("isolated") or row.worst("cascaded")
        value = _value(metrics)
        if metrics is None or value is None:
            continue
        name = comparison.graphs[row.subgraph]
        graph = graphs.setdefault(name, {"name": f"litejit: error of {comparison.against}", "results": {}})
        state = "first" if row is first else _state(metrics)
        graph["results"][str(row.index)] = {"value": value, "bgColor": _COLORS[state]}
    return graphs


def node_data_text(comparison: Comparison) -> str:
    """`node_data` as a file."""
    return json.dumps(node_data(comparison), indent=1, allow_nan=False)


def rows(comparison: Comparison, only_diverging: bool = False) -> list[tuple[OperatorResult, list[str], str]]:
    """One row of a table for each operator: its result, the texts of the cells, and its state."""
    result = []
    first = comparison.first_divergence()
    for row in comparison.operators:
        diverges = any(row.diverges(mode) for mode in MODES)
        if only_diverging and not diverges:
            continue
        cells = [f"{row.subgraph}:{row.index}", row.op]
        for mode in MODES:
            metrics = row.worst(mode)
            cells.append(row.notes.get(mode, "") if metrics is None else describe(metrics))
        shown = row.worst("isolated") or row.worst("cascaded")
        cells.append("" if shown is None or shown.snr is None else f"{shown.snr:.1f}")
        state = "first" if row is first else ("unknown" if shown is None else _state(shown))
        result.append((row, cells, state))
    return result


def _state(metrics: Metrics) -> str:
    if metrics.diverges:
        return "diverges"
    return "equal" if metrics.equal else "close"


def _value(metrics: Metrics | None) -> float | None:
    if metrics is None:
        return None
    value = metrics.max_abs if metrics.max_steps is None else metrics.max_steps
    if value is None:
        return float(metrics.different)
    return value if value < float("inf") else 1e30
