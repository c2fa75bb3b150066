"""Both runtimes in turn within one benchmark; a table of the ratios at the end of the run."""

from __future__ import annotations

from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
import pytest

from litejit.benchmark import Measurement, measure

RATIOS: list[tuple[str, Measurement]] = []


def compare(benchmark: Any, model: Path | bytes, inputs: list[np.ndarray], threads: int) -> None:
    """Times litejit under pytest-benchmark, and litejit beside the official runtime for the table of ratios."""
    benchmark.group = f"threads={threads}"
    try:
        result = measure(model, "official", threads, 0.3, inputs)
    except (ValueError, RuntimeError) as error:
        pytest.skip(f"one of the runtimes refuses it: {' '.join(str(error).split())[:120]}")
    RATIOS.append((benchmark.name, result))
    benchmark.extra_info |= {
        "ratio": result.ratio,
        "ratio of medians": result.median_ratio,
        "official": min(result.theirs),
        "litejit": min(result.ours),
    }
    from litejit.benchmark import interpreter_of
    from litejit.feeding import feed

    interpreter = interpreter_of(model, threads)
    feed(interpreter, inputs)
    benchmark.pedantic(interpreter.invoke, rounds=min(50, len(result.ours)), warmup_rounds=1)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the ratios."""
    if not RATIOS:
        return
    terminalreporter.section("time of litejit / time of the official runtime, in turn")
    for name, result in sorted(RATIOS, key=lambda row: row[1].ratio):
        ours, theirs = min(result.ours) * 1e3, min(result.theirs) * 1e3
        terminalreporter.write_line(
            f"{name:90} {theirs:9.3f} ms {ours:9.3f} ms {result.ratio:6.2f} (medians {result.median_ratio:.2f})"
        )
    mean = geometric_mean([result.ratio for _, result in RATIOS])
    terminalreporter.write_line(f"geometric mean of {len(RATIOS)}: {mean:.2f}")
