"""The generated sections of README.md, and the plot of ratios, from what has been measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from math import log10
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from benchmarks.classes import CLASSES

__all__ = ["section", "table", "write_models"]

HERE = Path(__file__).parent
NOTES = HERE / "notes.json"
"""Why a model is slower than with the official runtime, and what was tried: {model: text}."""
HOT = 50e-6
"""Seconds of an official inference from which on a model counts in the mean of all."""

OF_ALL = (0.65, 0.65)
"""As in CLASSES, of all models of HOT and more, for which there is no other goal."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def section(name: str, text: str) -> None:
    """Puts the text between the markers of a section of README.md."""
    path = HERE / "README.md"
    before, _, rest = path.read_text().partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    if not end:
        raise ValueError(f"README.md has no section {name}")
    path.write_text(f"{before}<!-- {name} -->\n{text.strip()}\n{end}{after}")


def write_models(results: dict[str, Any]) -> None:
    """The sections about models, and the plot."""
    rows = sorted((row for row in results["rows"] if "error" not in row), key=_order)
    failed = [row for row in results["rows"] if "error" in row]
    machine = "; ".join(f"{name} {value}" for name, value in results["machine"].items())
    section("machine", f"Measured on: {machine}.")
    section("classes", _classes(rows))
    section("models", _models(rows) + "\n\n" + _failed(failed))
    section("slower", _slower(rows))
    (HERE / "ratios.svg").write_text(_plot(rows))


def _order(row: dict[str, Any]) -> tuple[int, float]:
    return list(CLASSES).index(row["class"]), row["threads"]["1"]["ratio"]


def _mean(rows: Sequence[dict[str, Any]], threads: str, which: str = "ratio") -> str:
    return f"{geometric_mean([row['threads'][threads][which] for row in rows]):.2f}" if rows else ""


def _classes(rows: Sequence[dict[str, Any]]) -> str:
    groups = [(name, bounds, [row for row in rows if row["class"] == name]) for name, bounds in CLASSES.items()]
    groups.append(("all of 50 us and more", OF_ALL, [row for row in rows if row["threads"]["1"]["theirs"] >= HOT]))
    lines = [
        [
            name,
            str(len(own)),
            *(_mean(own, threads, which) for which in ("ratio", "of_medians") for threads in "12"),
            *(f"{bound:g}" for bound in bounds),
        ]
        for name, bounds, own in groups
    ]
    head = ["class", "models", "1 thread", "2 threads", "1 thread, medians", "2 threads, medians", "at most", "goal"]
    return table(head, lines)


def _models(rows: Sequence[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        one, two = row["threads"]["1"], row["threads"]["2"]
        lines.append(
            [row["model"], row["class"], f"{one['theirs'] * 1e3:.3f}", f"{one['ours'] * 1e3:.3f}"]
            + [f"{one['ratio']:.2f}", f"{one['of_medians']:.2f}", f"{two['ratio']:.2f}", f"{two['of_medians']:.2f}"]
            + [f"{row['reference_share']:.0%}", f"{row['prepare'] * 1e3:.0f}"]
        )
    head = ["model", "class", "official ms", "litejit ms", "ratio", "of medians", "2 threads", "of medians"]
    return table([*head, "reference tier", "prepare ms"], lines)


def _failed(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    return "Not measured:\n\n" + "\n".join(f"* {row['model']}: `{row['error']}`" for row in rows)


def _slower(rows: Sequence[dict[str, Any]]) -> str:
    notes = json.loads(NOTES.read_text()) if NOTES.exists() else {}
    slow = [row for row in rows if max(row["threads"][at]["ratio"] for at in "12") > 1.0]
    slow.sort(key=lambda row: -row["threads"]["1"]["ratio"])
    lines = [
        [
            row["model"],
            f"{row['threads']['1']['ratio']:.2f}",
            f"{row['threads']['2']['ratio']:.2f}",
            "; ".join(f"{label} {share:.0%}" for label, share in row["most"]),
            notes.get(row["model"], ""),
        ]
        for row in slow
    ]
    return table(["model", "1 thread", "2 threads", "where the time goes", "why"], lines)


# The plot ------------------------------------------------------------------------------------------------------------

COLOURS = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee8866", "#ee6677", "#aa3377", "#777777", "#222222")
LEFT, WIDTH, STEP, TOP = 330, 560, 13, 40
LEAST, MOST = 0.02, 10.0


def _x(ratio: float) -> float:
    return LEFT + WIDTH * log10(min(max(ratio, LEAST), MOST) / LEAST) / log10(MOST / LEAST)


def _plot(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each model: a disc at the ratio with one thread, a ring at that with two."""
    height = TOP + STEP * (len(rows) + 1) + 10
    colour = dict(zip(CLASSES, COLOURS, strict=True))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 150} {height}" '
        f'font-family="sans-serif" font-size="10">',
        f'<rect width="{LEFT + WIDTH + 150}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="12" font-size="12">time of litejit / time of the official runtime '
        "(disc: 1 thread, ring: 2 threads; left of 1 litejit is faster)</text>",
    ]
    for tick in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10):
        x, stroke = _x(tick), "#000" if tick == 1 else "#ddd"
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - 10}" stroke="{stroke}"/>'
            f'<text x="{x:.1f}" y="{TOP - 12}" text-anchor="middle">{tick}</text>'
        )
    last = ""
    for at, row in enumerate(rows):
        y = TOP + STEP * (at + 0.5)
        fill = colour[row["class"]]
        one, two = (row["threads"][threads]["ratio"] for threads in "12")
        parts.append(
            f'<text x="{LEFT - 6}" y="{y + 3:.1f}" text-anchor="end">{escape(row["model"])}</text>'
            f'<line x1="{_x(one):.1f}" x2="{_x(1):.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{fill}" stroke-width="3" '
            f'opacity="0.35"/><circle cx="{_x(one):.1f}" cy="{y:.1f}" r="3.5" fill="{fill}"/>'
            f'<circle cx="{_x(two):.1f}" cy="{y:.1f}" r="3.5" fill="none" stroke="{fill}"/>'
        )
        if row["class"] != last:
            last = row["class"]
            parts.append(f'<text x="{LEFT + WIDTH + 10}" y="{y + 3:.1f}" fill="{fill}">{last}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
