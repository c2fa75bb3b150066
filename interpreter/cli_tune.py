"""`litejit tune`: measures the algorithms that the operators and blocks of a model could use, keeps the quickest."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
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
    """What each legal algorithm takes for the operators of a model that have several, and blocks fused and apart.

    The model runs as it does, on random inputs.
    """
    times: Measured = {}
    for name in dict.fromkeys(algorithm.name for family in ALGORITHMS.values() for algorithm in family):
        with forcing(name):
            _add(times, name, _Run(path, threads, repeat))
    with forcing("fused"):
        fused = _Run(path, threads, repeat)
    with forcing("apart"):
        apart = _Run(path, threads, repeat)
    for signature, steps in fused.blocks:
        row_of = times.setdefault(signature, {})
        for name, run in (("fused", fused), ("apart", apart)):
            _take(row_of, name, sum(run.seconds[at] for at in steps))
    return {signature: row for signature, row in times.items() if len(row) > 1}


class _Run:
    """What the steps of a model took, with the tasks that did them (None: the reference tier)."""

    def __init__(self, path: Path, threads: int, repeat: int) -> None:
        interpreter = Interpreter(path, num_threads=threads)
        interpreter.allocate_tensors()
        for detail, value in zip(interpreter.get_input_details(), random_inputs(interpreter), strict=True):
            interpreter.set_tensor(detail["index"], value)
        self.seconds = [row.seconds for row in profile(interpreter, repeat)]
        native, steps = interpreter._session.plans[0].native, interpreter._session.plans[0].steps
        tasks = {id(task.step): task for task in (() if native is None else native.tasks)}
        self.tasks = [tasks.get(id(step)) for step in steps]
        self._places = {id(step): at for at, step in enumerate(steps)}

    @property
    def blocks(self) -> Iterator[tuple[str, list[int]]]:
        """The signatures of fused blocks, and which steps they are; those of called subgraphs have no times."""
        for task in self.tasks:
            if task is not None and task.block and all(id(step) in self._places for step in task.others):
                yield task.block, [self._places[id(step)] for step in (*task.others, task.step)]


def _add(times: Measured, name: str, run: _Run) -> None:
    for seconds, task in zip(run.seconds, run.tasks, strict=True):
        if task is None or task.lowering is None or not task.calls or task.others:
            continue
        if any(option.algorithm == name and option.is_chosen for option in options(task.lowering)):
            _take(times.setdefault(tuning.signature(task.lowering), {}), name, seconds)


def _take(row: dict[str, float], name: str, seconds: float) -> None:
    row[name] = min(row.get(name, seconds), seconds)
