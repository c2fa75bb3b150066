"""Latency of the reference tier beside the official reference kernels, interleaved in one process.

    python benchmarks/compare.py [MODEL…] [--repeat N]

Prints milliseconds and the ratio litejit / official for each model, and the geometric mean over those whose official
invoke takes at least 1 ms. Only ratios mean something: machines differ, and so does the same machine an hour later.
Without arguments: the models that ship with litejit, and those of the folder LITEJIT_SHARED (or ../shared).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ai_edge_litert import interpreter as official

from litejit import Interpreter, OpResolverType
from litejit.feeding import feed
from tests.inputs import seeded_inputs
from tests.paths import EXTRA_MODELS, ROOT


def prepared(interpreter: Any, inputs: list[Any]) -> Any:
    """The interpreter, allocated for the inputs and filled with them."""
    feed(interpreter, inputs)
    return interpreter


def elapsed_ms(interpreter: Any) -> float:
    """Milliseconds of one invoke."""
    start = time.perf_counter()
    interpreter.invoke()
    return (time.perf_counter() - start) * 1e3


def compare(path: Path, repeat: int) -> tuple[float, float, float]:
    """(official minimum, litejit minimum, ratio of medians) in ms."""
    ours = Interpreter(path, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    inputs = seeded_inputs(ours, path)
    prepared(ours, inputs)
    theirs = official.Interpreter(
        str(path), experimental_op_resolver_type=official.OpResolverType.BUILTIN_REF, num_threads=1
    )
    prepared(theirs, inputs)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeat):
        for runs, interpreter in zip(times, (theirs, ours), strict=True):
            runs.append(elapsed_ms(interpreter))
    return min(times[0]), min(times[1]), median(times[1]) / median(times[0])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    shipped = sorted((ROOT / "interpreter" / "models").glob("*.tflite"))
    extra = [path for path in EXTRA_MODELS if path.parent.name not in ("refused", "bench")]
    ratios = []
    print(f"{'model':52} {'official ms':>12} {'litejit ms':>12} {'ratio':>7}")
    for path in arguments.models or [*shipped, *extra]:
        try:
            theirs, ours, ratio = compare(path, arguments.repeat)
        except (ValueError, RuntimeError) as error:
            print(f"{path.stem:52} {str(error).splitlines()[0][:60]}")
            continue
        print(f"{path.stem:52} {theirs:12.2f} {ours:12.2f} {ratio:7.2f}", flush=True)
        if theirs >= 1:
            ratios.append(ratio)
    if ratios:
        print(f"geometric mean over {len(ratios)} models of at least 1 ms: {geometric_mean(ratios):.2f}")


if __name__ == "__main__":
    main()
