"""Models beside OpenVINO (an extra: `pip install 'litejit[openvino]'`), with one thread and with two.

    python -m benchmarks.beside_openvino [MODEL…] [--seconds S] [--write]

Each model has a process of its own, in which both runtimes run in turn. Without arguments: the well-known networks of
the folder LITEJIT_SHARED. OpenVINO computes integer models in its own way, so that its results differ; only its time is
looked at.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.models import in_a_process, name_of
from benchmarks.report import section, table
from tests.paths import EXTRA_MODELS

NAMES = (
    "bench/mobilenet_v2_int8",
    "imgcls/mobilenet_v2_10_224_quant",
    "bench/mobilenet_v2_f32",
    "bench/resnet50_int8",
    "bench/efficientnet_b0_f32",
    "segment/deeplabv3_257_float",
    "bench/ds_cnn_l_int8",
    "imgcls/mobilenet_v1_10_224_quant_embedding",
    "bench/mobilenet_v2_int16x8",
    "bench/bert_l4_d256_s128_f32",
    "bench/lstm_2x128_t64_int8",
)
MODELS = [path for name in NAMES for path in EXTRA_MODELS if name_of(path) == name]


def measured(path: Path, seconds: float) -> dict[str, Any]:
    """A row of the table; runs in a process of its own."""
    from litejit import Interpreter
    from litejit.benchmark import measure
    from tests.inputs import seeded_inputs

    inputs = seeded_inputs(Interpreter(path), path)
    row: dict[str, Any] = {"model": name_of(path)}
    for threads in (1, 2):
        result = measure(path, "openvino", threads, seconds, inputs)
        row[str(threads)] = [min(result.theirs), min(result.ours), result.ratio, result.median_ratio]
    return row


def written(rows: list[dict[str, Any]]) -> str:
    """The table, and what could not be measured."""
    lines = []
    for row in rows:
        if "error" in row:
            continue
        (theirs, ours, ratio, of_medians), (_, _, two, two_of_medians) = row["1"], row["2"]
        numbers = f"{theirs * 1e3:.3f}", f"{ours * 1e3:.3f}", f"{ratio:.2f}", f"{of_medians:.2f}"
        lines.append([row["model"], *numbers, f"{two:.2f}", f"{two_of_medians:.2f}"])
    head = ["model", "OpenVINO ms", "litejit ms", "ratio", "of medians", "2 threads", "of medians"]
    failed = [f"* {row['model']}: `{row['error']}`" for row in rows if "error" in row]
    return "\n".join([table(head, lines), *(["\nNot measured:\n", *failed] if failed else [])])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each model and number of threads")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one, options.seconds)))
        return
    rows = [in_a_process(path, options.seconds, "benchmarks.beside_openvino") for path in options.models or MODELS]
    text = written(rows)
    print(text)
    if options.write:
        from importlib.metadata import version

        section("openvino", f"OpenVINO {version('openvino')}, on the machine named above.\n\n{text}")


if __name__ == "__main__":
    main()
