"""Every model beside the official runtime, with one thread and with two.

    python -m benchmarks.models [MODEL…] [--seconds S]      measures, and writes benchmarks/models.json
    python -m benchmarks.models --write                     writes README.md and ratios.svg from models.json

Each model has a process of its own (the official runtime may abort), in which both runtimes run in turn. Without
arguments: the models that ship with litejit, and those of the folder LITEJIT_SHARED (or ../shared).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import write_models
from tests.paths import EXTRA_MODELS, ROOT

RESULTS = Path(__file__).with_name("models.json")
SHIPPED = sorted((ROOT / "interpreter" / "models").glob("*.tflite"))
MODELS = [*SHIPPED, *(path for path in EXTRA_MODELS if path.parent.name != "refused")]


def name_of(path: Path) -> str:
    """Folder and name."""
    return f"{path.parent.name}/{path.stem}"


def measured(path: Path, seconds: float) -> dict[str, Any]:
    """A row of the table, or {"error": …}; runs in a process of its own."""
    from benchmarks.classes import classify
    from litejit import Interpreter
    from litejit.benchmark import measure
    from litejit.feeding import feed
    from tests.inputs import seeded_inputs

    inputs = seeded_inputs(Interpreter(path), path)
    row: dict[str, Any] = {"model": name_of(path), "threads": {}}
    for threads in (1, 2):
        result = measure(path, "official", threads, seconds, inputs)
        row["threads"][str(threads)] = {
            "ours": min(result.ours),
            "theirs": min(result.theirs),
            "ratio": result.ratio,
            "of_medians": result.median_ratio,
        }
        row["prepare"] = result.prepare
    interpreter = Interpreter(path)
    feed(interpreter, inputs)
    row["class"] = classify(interpreter._session.plans[0], row["threads"]["1"]["theirs"])
    row |= _where_time_goes(interpreter)
    return row


def _where_time_goes(interpreter: Any) -> dict[str, Any]:
    """Share of the reference tier, and the operators that take most, with what computes them."""
    from litejit.profiler import REFERENCE, profile

    shares: dict[str, float] = {}
    rows = profile(interpreter, repeat=3)
    total = sum(row.seconds for row in rows) or 1.0
    for row in rows:
        label = f"{row.operator} ({row.kernels or 'view'})"
        shares[label] = shares.get(label, 0.0) + row.seconds / total
    most = sorted(shares.items(), key=lambda item: -item[1])[:3]
    slow = sum(row.seconds for row in rows if row.kernels == REFERENCE) / total
    return {"reference_share": slow, "most": [[label, share] for label, share in most], "operators": len(rows)}


def in_a_process(path: Path, seconds: float, module: str = "benchmarks.models") -> dict[str, Any]:
    """The row of a model, or why there is none. module: whose `--one` prints the row."""
    command = [sys.executable, "-m", module, "--one", str(path), "--seconds", str(seconds)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        return {"model": name_of(path), "error": "takes more than a minute and a half"}
    if done.returncode == 0:
        row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return row
    last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    return {"model": name_of(path), "error": last[:160]}


def machine() -> dict[str, str]:
    """What the figures were measured with."""
    import platform
    from importlib.metadata import version

    from litejit.kernels.jit.target import cpu

    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": str(len(names) or 1),
        "kernels for": cpu()[0],
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        **{name: version(name) for name in ("numpy", "numba", "ai-edge-litert")},
    }


def run(paths: list[Path], seconds: float) -> dict[str, Any]:
    """All rows, printed as they come."""
    rows = []
    begin = time.perf_counter()
    for path in paths:
        row = in_a_process(path, seconds)
        rows.append(row)
        print(_line(row), flush=True)
    ratios = [row["threads"]["1"]["ratio"] for row in rows if "error" not in row]
    print(f"{len(ratios)} models in {time.perf_counter() - begin:.0f} s, median ratio {median(ratios or [0]):.2f}")
    return {"machine": machine(), "rows": rows}


def _line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"{row['model']:52} {row['error']}"
    one, two = row["threads"]["1"], row["threads"]["2"]
    return (
        f"{row['model']:52} {row['class']:20} {one['theirs'] * 1e3:9.3f} {one['ours'] * 1e3:9.3f} {one['ratio']:6.2f} "
        f"({one['of_medians']:.2f})  2 threads {two['ratio']:6.2f} ({two['of_medians']:.2f})"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each model and number of threads")
    parser.add_argument("--write", action="store_true", help="only write README.md and ratios.svg again")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one, options.seconds)))
        return
    if not options.write:
        results = run(options.models or MODELS, options.seconds)
        if options.models:
            return
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    write_models(json.loads(RESULTS.read_text()))


if __name__ == "__main__":
    main()
