"""`litejit inspect` and `litejit ops`: what is in a model, and which operators there are."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from litejit.cli import model_path
from litejit.kernels.registry import builtin_kernels, custom_kernels
from litejit.schema import BuiltinOperator, Model, SubGraph, Table, TensorType, read_metadata, read_model
from litejit.schema.errors import UnsupportedError

__all__ = ["inspect", "operator_table", "ops"]


def inspect(options: argparse.Namespace) -> None:
    """Prints a description of a model."""
    path = model_path(options.model)
    model = read_model(path, validate=False)
    description = describe(model, str(path), path.stat().st_size)
    metadata = read_metadata(model, path)
    if metadata is not None:
        description["metadata"] = {
            "name": metadata.name,
            "description": metadata.description,
            "version": metadata.version,
        }
    if options.json:
        print(json.dumps(description, indent=1))
        return
    console = _console()
    console.print(f"[bold]{path}[/]  {description['bytes']} bytes, schema version {model.version}")
    for key in ("description", "metadata"):
        if description.get(key):
            console.print(f"{key}: {description[key]}")
    for name, signature in description["signatures"].items():
        console.print(f"signature '{name}': {signature}")
    for subgraph in description["subgraphs"]:
        _print_subgraph(console, subgraph)


def describe(model: Model, name: str, size: int) -> dict[str, Any]:
    """A model as plain dictionaries and lists."""
    return {
        "file": name,
        "bytes": size,
        "version": model.version,
        "description": model.description,
        "signatures": {
            s.signature_key: {
                "subgraph": s.subgraph_index,
                "inputs": {entry.name: entry.tensor_index for entry in s.inputs},
                "outputs": {entry.name: entry.tensor_index for entry in s.outputs},
            }
            for s in model.signature_defs
        },
        "subgraphs": [_describe_subgraph(model, subgraph) for subgraph in model.subgraphs],
    }


def _describe_subgraph(model: Model, subgraph: SubGraph) -> dict[str, Any]:
    return {
        "name": subgraph.name,
        "inputs": _plain(subgraph.inputs),
        "outputs": _plain(subgraph.outputs),
        "operators": [_describe_operator(model, at, operator) for at, operator in enumerate(subgraph.operators)],
        "tensors": [_describe_tensor(model, at, tensor) for at, tensor in enumerate(subgraph.tensors)],
    }


def _describe_operator(model: Model, index: int, operator: Any) -> dict[str, Any]:
    code = model.operator_codes[operator.opcode_index]
    known = isinstance(code.operator, BuiltinOperator)
    name = code.operator.name if known else f"builtin operator {code.operator}"
    return {
        "index": index,
        "operator": code.custom_code if code.operator == BuiltinOperator.CUSTOM else name,
        "version": code.version,
        "inputs": _plain(operator.inputs),
        "outputs": _plain(operator.outputs),
        "options": _plain(operator.options),
    }


def _describe_tensor(model: Model, index: int, tensor: Any) -> dict[str, Any]:
    quantization = tensor.quantization
    data = model.buffers[tensor.buffer].data if tensor.buffer < len(model.buffers) else None
    described = {
        "index": index,
        "name": tensor.name,
        "type": tensor.type.name if isinstance(tensor.type, TensorType) else str(tensor.type),
        "shape": list(tensor.shape),
        "constant_bytes": 0 if data is None else int(data.size),
    }
    if tensor.shape_signature:
        described["shape_signature"] = list(tensor.shape_signature)
    if tensor.is_variable:
        described["variable"] = True
    if tensor.sparsity is not None:
        described["sparse"] = True
    if quantization is not None and len(quantization.scale):
        described["scale"] = _plain(quantization.scale)
        described["zero_point"] = _plain(quantization.zero_point)
        described["quantized_dimension"] = quantization.quantized_dimension
    return described


def _plain(value: Any) -> Any:
    """Tables, arrays and enumerations as JSON has them."""
    if isinstance(value, Table):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return getattr(value, "name", value)


def _print_subgraph(console: Any, subgraph: dict[str, Any]) -> None:
    from rich.table import Table as RichTable

    tensors = subgraph["tensors"]
    operators = RichTable(title=f"subgraph '{subgraph['name']}'", title_justify="left")
    for column in ("", "operator", "v", "inputs", "outputs", "options"):
        operators.add_column(column, overflow="fold")
    for row in subgraph["operators"]:
        options = row["options"] or {}
        operators.add_row(
            str(row["index"]),
            row["operator"],
            str(row["version"]),
            " ".join(map(str, row["inputs"])),
            " ".join(map(str, row["outputs"])),
            ", ".join(f"{key}={value}" for key, value in options.items()),
        )
    console.print(operators)
    listing = RichTable(
        title=f"tensors (inputs {subgraph['inputs']}, outputs {subgraph['outputs']})", title_justify="left"
    )
    for column in ("", "name", "type", "shape", "quantization", "constant bytes"):
        listing.add_column(column, overflow="fold")
    for tensor in tensors:
        listing.add_row(
            str(tensor["index"]),
            tensor["name"],
            tensor["type"] + (" variable" if tensor.get("variable") else ""),
            "x".join(map(str, tensor.get("shape_signature", tensor["shape"]))) or "scalar",
            _quantization_text(tensor),
            str(tensor["constant_bytes"] or ""),
        )
    console.print(listing)


def _quantization_text(tensor: dict[str, Any]) -> str:
    scales = tensor.get("scale", [])
    if not scales:
        return ""
    if len(scales) == 1:
        return f"{scales[0]:.6g} * (q - {tensor['zero_point'][0] if tensor['zero_point'] else 0})"
    return f"{len(scales)} scales {min(scales):.3g} .. {max(scales):.3g} along {tensor['quantized_dimension']}"


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
    from rich.table import Table as RichTable

    console = _console()
    table = RichTable()
    for column in ("operator", "versions", "types of the deciding operand", "tier"):
        table.add_column(column, overflow="fold")
    for row in rows:
        versions = "-".join(map(str, row["versions"])) if "versions" in row else ""
        types = ", ".join(row.get("types", [])) or ("any" if row["tier"] else "")
        table.add_row(row["operator"], versions, types, row["tier"] or "-")
    console.print(table)


def _console() -> Any:
    try:
        from rich.console import Console
    except ImportError:
        raise UnsupportedError("tables need rich: pip install 'litejit[cli]' (or use --json)") from None
    return Console(soft_wrap=False)
