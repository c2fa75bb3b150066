"""What whole processes cost: time to the first result (warm, and with an empty cache), memory, and what a call costs.

    python -m benchmarks.processes [MODEL…] [--repeat N] [--write]

Prints tables; --write puts them into README.md. Without arguments: MobileNetV2 in int8 from the folder LITEJIT_SHARED
(or ../shared), and the digits of 8 bits that ship with litejit.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.report import section, table
from litejit import ModelBuilder
from litejit.benchmark import alternate
from tests.paths import ROOT, SHARED

DEFAULT = [SHARED / "models" / "bench" / "mobilenet_v2_int8.tflite", ROOT / "interpreter/models/digits_int8.tflite"]
SCRIPTS = {
    "litejit": "from litejit import Interpreter",
    "official": "from ai_edge_litert.interpreter import Interpreter",
}
BODY = """
interpreter = Interpreter(model_path={model!r})
interpreter.allocate_tensors()
interpreter.invoke()
interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
"""


def process(runtime: str, model: Path, **variables: str) -> tuple[float, int]:
    """(seconds, bytes at most) of a process that loads a model and runs it once."""
    script = SCRIPTS[runtime] + BODY.format(model=str(model))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | variables
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{runtime} fails on {model.name}")
    return seconds, usage.ru_maxrss * 1024


def processes(model: Path, repeat: int) -> dict[str, Any]:
    """Seconds and bytes of both runtimes in turn, and of litejit with an empty cache."""
    with tempfile.TemporaryDirectory() as empty:
        cold, _ = process("litejit", model, LITEJIT_CACHE_DIR=empty)
    process("litejit", model)
    runs: dict[str, list[tuple[float, int]]] = {runtime: [] for runtime in SCRIPTS}
    for _ in range(repeat):
        for runtime, results in runs.items():
            results.append(process(runtime, model))
    times = {runtime: [seconds for seconds, _ in results] for runtime, results in runs.items()}
    memory = {runtime: min(size for _, size in results) for runtime, results in runs.items()}
    return {"model": model.stem, "cold": cold, "times": times, "memory": memory}


def of_processes(results: list[dict[str, Any]]) -> str:
    """The table of processes."""
    rows = []
    for result in results:
        ours, theirs = result["times"]["litejit"], result["times"]["official"]
        memory = result["memory"]
        rows.append(
            [result["model"], f"{min(theirs):.3f}", f"{min(ours):.3f}", f"{min(ours) / min(theirs):.2f}"]
            + [f"{median(ours) / median(theirs):.2f}", f"{result['cold']:.1f}"]
            + [f"{memory['official'] / 2**20:.0f}", f"{memory['litejit'] / 2**20:.0f}"]
        )
    head = ["process: load, run once", "official s", "litejit s", "ratio", "of medians", "empty cache s"]
    return table([*head, "official MiB", "litejit MiB"], rows)


def calls() -> dict[str, list[float]]:
    """{what: [official, litejit]} least seconds of a call with a model of one operator on one element."""
    from ai_edge_litert.interpreter import Interpreter as Official

    from litejit import Interpreter

    b = ModelBuilder()
    x = b.input("x", (1,), np.float32)
    b.output(b.op("ADD", [x, x]))
    model = b.to_bytes()
    interpreters = [Official(model_content=model), Interpreter(model_content=model)]
    for interpreter in interpreters:
        interpreter.allocate_tensors()
    start, end = (interpreters[0].get_input_details()[0], interpreters[0].get_output_details()[0])
    value = np.zeros(1, np.float32)
    runs = {
        "invoke": [i.invoke for i in interpreters],
        "set_tensor": [lambda i=i: i.set_tensor(start["index"], value) for i in interpreters],
        "get_tensor": [lambda i=i: i.get_tensor(end["index"]) for i in interpreters],
    }
    return {name: [min(times) for times in alternate(pair, 0.5)] for name, pair in runs.items()}


def of_calls(results: dict[str, list[float]]) -> str:
    """The table of calls."""
    rows = [
        [name, f"{theirs * 1e6:.2f}", f"{ours * 1e6:.2f}", f"{ours / theirs:.2f}"]
        for name, (theirs, ours) in results.items()
    ]
    return table(["call, one operator on one element", "official us", "litejit us", "ratio"], rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    options = parser.parse_args()
    models = options.models or [path for path in DEFAULT if path.exists()]
    text = of_processes([processes(model, options.repeat) for model in models]) + "\n\n" + of_calls(calls())
    print(text)
    if options.write:
        section("processes", text)


if __name__ == "__main__":
    main()
