"""`litejit inspect`: what is in a model. It reads models that do not make sense, too, to show what is wrong."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from litejit.cli import model_path
from litejit.cli_console import console
from litejit.schema import BuiltinOperator, Model, SubGraph, Table, TensorType, read_metadata, read_model

__all__ = ["describe", "inspect"]


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
        print(json.dumps(description, indent=1, default=str))
        return
    screen = console()
    screen.print(f"{path}: {description['bytes']} bytes, schema version {model.version}", style="bold")
    if description["description"]:
        screen.print(f"description: {description['description']}")
    for key, value in description.get("metadata", {}).items():
        screen.print(f"metadata {key}: {value}")
    for name, signature in description["signatures"].items():
        screen.print(f"signature '{name}', subgraph {signature['subgraph']}: ", end="")
        screen.print(f"{_names(signature['inputs'])} -> {_names(signature['outputs'])}")
    for index, subgraph in enumerate(description["subgraphs"]):
        _print_subgraph(screen, index, subgraph)


def _names(tensors: dict[str, int]) -> str:
    return ", ".join(f"{name} (tensor {index})" for name, index in tensors.items())


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
    tensors = [_describe_tensor(model, at, tensor) for at, tensor in enumerate(subgraph.tensors)]
    return {
        "name": subgraph.name,
        "inputs": _plain(subgraph.inputs),
        "outputs": _plain(subgraph.outputs),
        "constant_bytes": sum(tensor["constant_bytes"] for tensor in tensors),
        "operators": [_describe_operator(model, at, operator) for at, operator in enumerate(subgraph.operators)],
        "tensors": tensors,
    }


def _describe_operator(model: Model, index: int, operator: Any) -> dict[str, Any]:
    name, version = _operator_name(model, operator.opcode_index)
    described = {
        "index": index,
        "operator": name,
        "version": version,
        "inputs": _plain(operator.inputs),
        "outputs": _plain(operator.outputs),
        "options": _plain(operator.options),
    }
    if operator.custom_options is not None:
        described["custom_options_bytes"] = len(operator.custom_options)
    return described


def _operator_name(model: Model, opcode_index: int) -> tuple[str, int | None]:
    if not 0 <= opcode_index < len(model.operator_codes):
        return f"operator code {opcode_index}, which is not there", None
    code = model.operator_codes[opcode_index]
    if code.operator == BuiltinOperator.CUSTOM:
        return code.custom_code or "custom operator without a name", code.version
    return getattr(code.operator, "name", f"builtin operator {code.operator}"), code.version


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


def _print_subgraph(screen: Any, index: int, subgraph: dict[str, Any]) -> None:
    from rich.table import Table as RichTable

    screen.print()
    screen.print(
        f"subgraph {index} '{subgraph['name']}': inputs {subgraph['inputs']}, outputs {subgraph['outputs']}, "
        f"{len(subgraph['operators'])} operators, {len(subgraph['tensors'])} tensors, "
        f"{subgraph['constant_bytes']} bytes of constants",
        style="bold",
    )
    operators = RichTable("", "operator", "version", "inputs", "outputs", "options")
    for row in subgraph["operators"]:
        options = [f"{key}={value}" for key, value in (row["options"] or {}).items()]
        if "custom_options_bytes" in row:
            options.append(f"{row['custom_options_bytes']} bytes of custom options")
        cells = row["index"], row["operator"], row["version"], _joined(row["inputs"]), _joined(row["outputs"])
        operators.add_row(*map(str, cells), ", ".join(options))
    screen.print(operators)
    tensors = RichTable("", "name", "type", "shape", "quantization", "constant bytes")
    for tensor in subgraph["tensors"]:
        kind = "".join(f" {word}" for word in ("variable", "sparse") if tensor.get(word))
        shape = "x".join(map(str, tensor.get("shape_signature", tensor["shape"]))) or "scalar"
        cells = tensor["index"], tensor["name"], tensor["type"] + kind, shape, _quantization_text(tensor)
        tensors.add_row(*map(str, cells), str(tensor["constant_bytes"] or ""))
    screen.print(tensors)


def _joined(values: list[int]) -> str:
    return " ".join(map(str, values))


def _quantization_text(tensor: dict[str, Any]) -> str:
    scales = tensor.get("scale", [])
    if not scales:
        return ""
    if len(scales) == 1:
        return f"{scales[0]:.6g} * (q - {tensor['zero_point'][0] if tensor['zero_point'] else 0})"
    return f"{len(scales)} scales {min(scales):.3g} .. {max(scales):.3g} along {tensor['quantized_dimension']}"
