"""Writes docs/divergence.md: the official runtime's default (XNNPACK) against its reference kernels, model by model.

python tools/divergence.py MODELS…      (files or directories of .tflite files)
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from litejit.crosscheck import compare
from litejit.crosscheck.comparison import Comparison
from litejit.crosscheck.metrics import Metrics
from litejit.schema import TensorType, read_model
from litejit.schema.errors import LitejitError

OUT = Path(__file__).resolve().parent.parent / "docs" / "divergence.md"
INTEGERS = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
HEADER = """\
# Where XNNPACK and the reference kernels part

The official runtime computes quantized models with XNNPACK unless it is told otherwise, and XNNPACK rounds differently
from the official reference kernels, which litejit equals bit for bit. This is how far the two part on whole models:
one inference on seeded random inputs, one thread, x86-64. Written by `tools/divergence.py`.

* *diverge alone*: operators whose results differ on equal operands, of all that could be compared.
* *first*: the first of them in execution order, how many of its elements differ, and by how many quantization steps.
* *outputs*: elements of the model's outputs that differ, and by how much in steps (real units for floats).

| model | operators | diverge alone | first | outputs that differ | by up to |
|---|---:|---:|---|---:|---:|
"""


def main(arguments: list[str]) -> None:
    """Compares every quantized model and writes the table."""
    paths = [
        path
        for given in map(Path, arguments)
        for path in (sorted(given.rglob("*.tflite")) if given.is_dir() else [given])
    ]
    lines, refused = [], []
    for path in paths:
        if not is_quantized(path):
            continue
        result = compare(path, against="litert", hints=False)
        print(result.summary().replace("\n", "; "), flush=True)
        name = f"{path.parent.name}/{path.stem}"
        if result.outputs:
            lines.append(row(name, result))
        else:
            refused.append(f"* {name}: {result.findings[0].text if result.findings else 'nothing to compare'}")
    text = HEADER + "\n".join(lines) + f"\n\n{len(lines)} models.\n"
    if refused:
        text += "\nNot compared:\n\n" + "\n".join(refused) + "\n"
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(text, encoding="utf-8")


def is_quantized(path: Path) -> bool:
    """Whether some operator's result is a quantized integer."""
    try:
        model = read_model(path)
    except LitejitError:
        return False
    graph = model.subgraphs[0]
    results = [graph.tensors[int(index)] for operator in graph.operators for index in operator.outputs if index >= 0]
    return any(t.type in INTEGERS and t.quantization is not None and t.quantization.scale.size for t in results)


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
    main(sys.argv[1:])
