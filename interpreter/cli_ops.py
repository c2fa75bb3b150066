"""`litejit ops`: which operators there are, and what runs them."""

from __future__ import annotations

import argparse
import json
from functools import cache
from importlib.resources import files
from typing import Any

from litejit.cli_console import console
from litejit.kernels.established import ALL_FLAVOURS, ESTABLISHED
from litejit.kernels.float_bounds import FLOAT_BOUNDS
from litejit.kernels.jit.lowering import lowered_kernels
from litejit.kernels.kernel import Kernel
from litejit.kernels.registry import builtin_kernels, custom_kernels
from litejit.schema import BuiltinOperator

__all__ = ["operator_page", "operator_table", "ops"]


_NO_KERNEL = {
    "CALL": "replaced by the operators that run subgraphs",
    "CONCAT_EMBEDDINGS": "never had a kernel",
    "CUSTOM": "stands for the custom operators",
    "DELEGATE": "made by delegates at run time, not part of files",
    "PLACEHOLDER_FOR_GREATER_OP_CODES": "stands for the operators from 127 on",
    "STABLEHLO_CUSTOM_CALL": "its meaning is the caller's",
}


def operator_table() -> list[dict[str, Any]]:
    """One row for every builtin operator of the schema, then for every custom operator that has a kernel.

    types, fast: of the deciding operand, in the reference tier and in the fast one. newer: those of them that only
    newer official sources than the installed runtime's take. float_bound: how far floats may be off, and why.
    """
    kernels = builtin_kernels()
    rows = []
    for operator in BuiltinOperator:
        row: dict[str, Any] = {"operator": operator.name, "code": int(operator), "tier": ""}
        if operator in kernels:
            row |= _described(operator.name, kernels[operator]) | {"versions": list(kernels[operator].versions)}
        rows.append(row)
    return rows + [_described(name, kernel) for name, kernel in sorted(custom_kernels().items())]


@cache
def measured_types() -> dict[str, dict[str, list[str]]]:
    """Operator -> tier ("reference", "fast") -> types of the deciding operand, as measured by litejit's tests.

    "newer", where there are some: types that could be compared with nothing, see `operator_table`.
    """
    table: dict[str, dict[str, list[str]]] = json.loads(files("litejit").joinpath("operator_types.json").read_text())
    return table


def _described(name: str, kernel: type[Kernel]) -> dict[str, Any]:
    tiers = "reference, jit" if kernel in lowered_kernels() else "reference"
    measured = measured_types().get(name, {})
    row = {"operator": name, "tier": tiers, "types": measured.get("reference", []), "fast": measured.get("fast", [])}
    row["newer"] = measured.get("newer", [])
    row["flavours"] = sorted(kernel.flavours)
    if name in FLOAT_BOUNDS:
        row["float_bound"] = [str(FLOAT_BOUNDS[name]), FLOAT_BOUNDS[name].reason]
    return row


def operator_page() -> str:
    """The table as a Markdown page, docs/operators.md."""
    rows = operator_table()
    lines = [
        "# Operators",
        "",
        "Made by `litejit ops --markdown > docs/operators.md`; a test fails when it is stale.",
        "",
        "Types are those of the deciding operand, mostly the first one, that the tests have measured in the reference",
        "tier; fast: those of them that compiled code serves. Integers, quantized ones included, bools and strings",
        "equal the official reference kernels bit for bit. Floats: how far they may be from the official ones (the",
        "widest of the distances), and why; the tests hold every operator to it. Numerics: the [flavours](numerics.md)",
        "that an operator offers, with the types of scaled integers that it offers them for, if not all.",
        "A type with a * is one that the official runtime refuses and its newer sources take: what it computes follows",
        "these, and is compared with nothing.",
        "",
        "| operator | versions | types | fast | numerics | floats | why |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row["tier"]:
            versions = "-".join(map(str, row["versions"])) if "versions" in row else "custom"
            types = ", ".join(f"{type}*" if type in row["newer"] else type for type in row["types"])
            fast = "all" if row["fast"] == row["types"] else ", ".join(row["fast"])
            flavours = _flavours(row["operator"], row["flavours"])
            bound, reason = row.get("float_bound", ("exact", ""))
            lines.append(f"| {row['operator']} | {versions} | {types} | {fast} | {flavours} | {bound} | {reason} |")
    lines += ["", "## Without a kernel", "", "Models that have one of these are refused with `UnsupportedError`.", ""]
    lines += [
        f"* {row['operator']}" + (f": {_NO_KERNEL[row['operator']]}" if row["operator"] in _NO_KERNEL else "")
        for row in rows
        if not row["tier"]
    ]
    return "\n".join(lines) + "\n"


def _flavours(operator: str, flavours: list[str]) -> str:
    """All flavours, or which; those that are there for some types of scaled integers only, with the types."""
    rows = ESTABLISHED.get(operator, {})
    whole = [flavour for flavour in flavours if all(flavour in known for known in rows.values())]
    texts = ["all" if set(whole) == ALL_FLAVOURS else ", ".join(whole)]
    for flavour in sorted(set(flavours) - set(whole)):
        types = [signature for signature, known in rows.items() if flavour in known]
        texts.append(f"{flavour}: {' '.join(types) or 'plain numbers'}")
    return "; ".join(texts)


def ops(options: argparse.Namespace) -> None:
    """Prints the table of operators."""
    if options.markdown:
        print(operator_page(), end="")
        return
    rows = operator_table()
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    screen = console()
    from rich.table import Table as RichTable

    table = RichTable()
    for column in ("operator", "versions", "types of the deciding operand", "tier"):
        table.add_column(column, overflow="fold")
    for row in rows:
        versions = "-".join(map(str, row["versions"])) if "versions" in row else ""
        types = ", ".join(row.get("types", [])) or ("any" if row["tier"] else "")
        table.add_row(row["operator"], versions, types, row["tier"] or "-")
    screen.print(table)
