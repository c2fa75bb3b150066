"""`litejit tune`: measures the algorithms that the operators of a model could use, and remembers the quickest."""

from __future__ import annotations

import argparse
from pathlib import Path

from litejit.benchmark import random_inputs
from litejit.cli import model_path
from litejit.cli_console import console, working
from litejit.interpreter import Interpreter
from litejit.kernels.jit import tuning
from litejit.kernels.jit.algorithms import ALGORITHMS, options
from litejit.kernels.jit.forced import forcing
from litejit.profiler import profile

__all__ = ["Measured", "measured", "run_tune"]

Measured = dict[str, dict[str, float]]
"""Seconds by signature and algorithm."""


def run_tune(arguments: argparse.Namespace) -> None:
    """Prints what each algorithm takes, and keeps which is the quickest beside the compiled kernels."""
    from rich.table import Table

    with working("measuring"):
        times = measured(model_path(arguments.model), arguments.threads, arguments.repeat)
    names = list(dict.fromkeys(name for row in times.values() for name in row))
    table = Table("operators", *(f"{name} us" for name in names))
    for signature, row in times.items():
        least = min(row.values())
        cells = [f"{row[name] * 1e6:.1f}{'*' if row[name] == least else ''}" if name in row else "" for name in names]
        table.add_row(signature, *cells)
    screen = console()
    screen.print(table)
    path = tuning.remember({signature: min(row, key=row.__getitem__) for signature, row in times.items()})
    screen.print("not kept: there is no cache" if path is None else f"kept in {path}, where later plans find it")


def measured(path: Path, threads: int, repeat: int) -> Measured:
    """What each legal algorithm takes for the operators of a model that have several, the model running as it does."""
    times: Measured = {}
    for name in dict.fromkeys(algorithm.name for family in ALGORITHMS.values() for algorithm in family):
        with forcing(name):
            _add(times, name, path, threads, repeat)
    return {signature: row for signature, row in times.items() if len(row) > 1}


def _add(times: Measured, name: str, path: Path, threads: int, repeat: int) -> None:
    interpreter = Interpreter(path, num_threads=threads)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), random_inputs(interpreter), strict=True):
        interpreter.set_tensor(detail["index"], value)
    native = interpreter._session.plans[0].native
    tasks = {id(task.step): task for task in (() if native is None else native.tasks)}
    for row, step in zip(profile(interpreter, repeat), interpreter._session.plans[0].steps, strict=True):
        task = tasks.get(id(step))
        if task is None or task.lowering is None or not task.calls or task.others:
            continue
        if any(option.algorithm == name and option.is_chosen for option in options(task.lowering)):
            row_of = times.setdefault(tuning.signature(task.lowering), {})
            row_of[name] = min(row_of.get(name, row.seconds), row.seconds)
