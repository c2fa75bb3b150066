"""Writes docs/divergence.md: the official runtime's default (XNNPACK) against its reference kernels, model by model.

python tools/divergence.py MODELS… [--out FILE]      (files or directories of .tflite files)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from litejit.crosscheck import compare
from litejit.crosscheck.comparison import Comparison
from litejit.crosscheck.metrics import Metrics
from litejit.schema import Operator, SubGraph, Tensor, TensorType, read_model
from litejit.schema.errors import LitejitError

OUT = Path(__file__).resolve().parent.parent / "docs" / "divergence.md"
INTEGERS = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
WEIGHTS = (TensorType.INT8, TensorType.UINT8, TensorType.INT4, TensorType.INT2)
HEADER = """\
# Where XNNPACK and the reference kernels part

The official runtime computes quantized models with XNNPACK unless it is told otherwise, and XNNPACK rounds differently
from the official reference kernels, which litejit equals bit for bit. This is how far the two part on whole models:
one inference on seeded random inputs, one thread, x86-64. Written by `tools/divergence.py`.

* *diverge alone*: operators whose results differ on equal operands, of all that could be compared.
* *first*: the first of them in execution order, how many of its elements differ, and by how many quantization steps.
* *outputs*: elements of the model's outputs that differ, and by how much in steps (real units for floats).
"""
TITLES = {
    "integer": "## Models that compute with integers",
    "dynamic": "## Dynamic range: float activations, integer weights\n\n"
    "XNNPACK quantizes activations in another way, too.",
}
COLUMNS = """\
| model | operators | diverge alone | first | outputs that differ | by up to |
|---|---:|---:|---|---:|---:|
"""


def main() -> None:
    """Compares every quantized model and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="files or directories of .tflite files")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    paths = [
        path for given in options.models for path in (sorted(given.rglob("*.tflite")) if given.is_dir() else [given])
    ]
    lines: dict[str, list[str]] = {kind: [] for kind in TITLES}
    refused = []
    for path in paths:
        kind = kind_of(path)
        if kind is None:
            continue
        result = compare(path, against="litert", hints=False)
        print(result.summary().replace("\n", "; "), flush=True)
        name = f"{path.parent.name}/{path.stem}"
        if result.outputs:
            lines[kind].append(row(name, result))
        else:
            refused.append(f"* {name}: {result.findings[0].text if result.findings else 'nothing to compare'}")
    options.out.write_text(page(lines, refused), encoding="utf-8")


def page(lines: dict[str, list[str]], refused: list[str]) -> str:
    """The whole text."""
    parts = [HEADER]
    for kind, title in TITLES.items():
        parts.append(f"{title}\n\n{COLUMNS}" + "\n".join(lines[kind]) + f"\n\n{len(lines[kind])} models.\n")
    if refused:
        parts.append("## Not compared\n\n" + "\n".join(refused) + "\n")
    return "\n".join(parts)


def kind_of(path: Path) -> str | None:
    """ "integer" if some operator's result is a quantized integer, else "dynamic" if some weights are, else None."""
    try:
        model = read_model(path)
    except LitejitError:
        return None
    kinds = [_kind_of_operator(graph, operator) for graph in model.subgraphs for operator in graph.operators]
    return next((kind for kind in TITLES if kind in kinds), None)


def _kind_of_operator(graph: SubGraph, operator: Operator) -> str | None:
    results = [graph.tensors[int(index)] for index in operator.outputs if index >= 0]
    if any(tensor.type in INTEGERS and _is_scaled(tensor) for tensor in results):
        return "integer"
    operands = [graph.tensors[int(index)] for index in operator.inputs if index >= 0]
    types = [tensor.type for tensor in operands]
    has_weights = any(tensor.type in WEIGHTS and tensor.buffer and _is_scaled(tensor) for tensor in operands)
    return "dynamic" if has_weights and TensorType.FLOAT32 in types else None


def _is_scaled(tensor: Tensor) -> bool:
    quantization = tensor.quantization
    return quantization is not None and bool(quantization.scale.size or quantization.details is not None)


def row(name: str, result: Comparison) -> str:
    """A line of the table."""
    compared = [entry for entry in result.operators if "isolated" in entry.metrics]
    diverging = sum(entry.diverges("isolated") for entry in compared)
    first = result.first_divergence("isolated")
    where = "none"
    if first is not None:
        metrics = first.worst("isolated")
        assert metrics is not None
        where = f"{first.index} {first.op}: {metrics.different} of {metrics.size}, {far(metrics)}"
    different, size = (sum(getattr(entry, field) for entry in result.outputs) for field in ("different", "size"))
    worst = max(result.outputs, key=lambda entry: entry.max_abs or 0)
    share = f"{different} of {size} ({100 * different / max(size, 1):.3g} %)"
    return f"| {name} | {len(compared)} | {diverging} | {where} | {share} | {far(worst)} |"


def far(metrics: Metrics) -> str:
    """The largest error."""
    if metrics.problem is not None:
        return metrics.problem
    if metrics.max_steps is not None:
        return f"{metrics.max_steps:g} step{'' if metrics.max_steps == 1 else 's'}"
    return "0" if not metrics.max_abs else f"{np.float32(metrics.max_abs):.2g}"


if __name__ == "__main__":
    main()
