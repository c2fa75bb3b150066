"""`litejit ops`: which operators there are, and what runs them."""

from __future__ import annotations

import argparse
import json
from typing import Any

from litejit.cli_console import console
from litejit.kernels.registry import builtin_kernels, custom_kernels
from litejit.schema import BuiltinOperator

__all__ = ["operator_table", "ops"]


def operator_table() -> list[dict[str, Any]]:
    """One row for every builtin operator of the schema, then for every custom operator that has a kernel."""
    kernels = builtin_kernels()
    rows = []
    for operator in BuiltinOperator:
        kernel = kernels.get(operator)
        row: dict[str, Any] = {"operator": operator.name, "code": int(operator), "tier": "reference" if kernel else ""}
        if kernel is not None:
            row["versions"] = list(kernel.versions)
            row["types"] = [type.name for type in kernel.types]
            row["flavours"] = sorted(kernel.flavours)
        rows.append(row)
    for name, kernel in sorted(custom_kernels().items()):
        types = [type.name for type in kernel.types]
        rows.append({"operator": name, "tier": "reference", "types": types, "flavours": sorted(kernel.flavours)})
    return rows


def ops(options: argparse.Namespace) -> None:
    """Prints the table of operators."""
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
