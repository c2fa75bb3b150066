"""`litejit bench`, `profile` and `precompile`: how fast models run, where their time goes, kernels ahead of time."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from litejit.cli import model_path
from litejit.cli_console import console, working
from litejit.interpreter import Interpreter
from litejit.profiler import MemoryUse, OperatorTime, memory, profile, trace
from litejit.schema.errors import LitejitError

__all__ = ["run_bench", "run_precompile", "run_profile"]


def run_bench(options: argparse.Namespace) -> None:
    """Prints a row for each model: milliseconds, and the ratio to the peer."""
    from rich.table import Table

    from litejit.benchmark import measure

    screen = console()
    peer = None if options.against == "none" else options.against
    table = Table("model", "prepare ms", "litejit ms", f"{peer or 'peer'} ms", "ratio", "of medians")
    ratios = []
    for name in options.models:
        path = model_path(name)
        try:
            with working(f"measuring {path.name}"):
                result = measure(path, peer, options.threads, options.seconds)
        except (LitejitError, RuntimeError, ValueError) as error:
            if len(options.models) == 1:
                raise
            table.add_row(path.name, " ".join(str(error).split())[:80])
            continue
        cells = [_ms(result.prepare), _ms(min(result.ours))]
        if peer is not None:
            cells += [_ms(min(result.theirs)), f"{result.ratio:.2f}", f"{result.median_ratio:.2f}"]
            ratios.append(result.ratio)
        else:
            cells += ["", "", f"{median(result.ours) * 1e3:.3f} ms"]
        table.add_row(path.name, *cells)
    screen.print(table)
    if len(ratios) > 1:
        screen.print(f"geometric mean of {len(ratios)} ratios: {geometric_mean(ratios):.2f}")


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"


def run_profile(options: argparse.Namespace) -> None:
    """Prints the time of each operator, and on request the memory plan or a trace of one inference."""
    from litejit.benchmark import random_inputs

    interpreter = Interpreter(model_path(options.model), num_threads=options.threads)
    with working("preparing"):
        interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), random_inputs(interpreter), strict=True):
        interpreter.set_tensor(detail["index"], value)
    if options.trace:
        Path(options.trace).write_text(json.dumps(trace(interpreter)))
    if options.memory:
        use = memory(interpreter)
        print(json.dumps(asdict(use), indent=1)) if options.json else _print_memory(use)
        return
    with working("measuring"):
        rows = profile(interpreter, options.repeat, options.explain)
    print(json.dumps([asdict(row) for row in rows], indent=1)) if options.json else _print_profile(rows)
    if options.explain and not options.json:
        _print_options(rows)


def _print_profile(rows: list[OperatorTime]) -> None:
    from rich.table import Table

    total = sum(row.seconds for row in rows)
    table = Table("", "operator", "kernels", "us", "share", "MACs", "GMAC/s", "bytes")
    for row in rows:
        speed = f"{row.macs / row.seconds / 1e9:.1f}" if row.macs and row.seconds else ""
        cells: list[Any] = [row.index, row.operator, row.kernels or "-", f"{row.seconds * 1e6:.1f}"]
        table.add_row(*map(str, [*cells, f"{row.seconds / total:.1%}", row.macs or "", speed, row.bytes]))
    screen = console()
    screen.print(table)
    macs = sum(row.macs for row in rows)
    screen.print(f"{total * 1e3:.3f} ms in operators, {macs} MACs, {macs / total / 1e9:.1f} GMAC/s")


def _print_options(rows: list[OperatorTime]) -> None:
    from rich.table import Table

    table = Table("", "operator", "algorithm", "estimated us", "", "measured us")
    for row in rows:
        for option in row.options:
            standing = f"chosen: {option.because}" if option.is_chosen else option.illegal or "legal"
            measured = f"{row.seconds * 1e6:.1f}" if option.is_chosen else ""
            table.add_row(
                str(row.index), row.operator, option.algorithm, f"{option.microseconds:.1f}", standing, measured
            )
    console().print(table)


def _print_memory(use: MemoryUse) -> None:
    from rich.table import Table

    table = Table("offset", "bytes", "operators", "tensors")
    for row in use.tensors:
        last = "end" if row.last < 0 else str(row.last)
        names = ", ".join(row.tensors) or "(scratch memory)"
        table.add_row(str(row.offset), str(row.size), f"{row.first} .. {last}", names)
    screen = console()
    screen.print(table)
    over = use.arena / use.bound if use.bound else 1.0
    screen.print(f"arena {use.arena} bytes, {over:.2f} of the least possible {use.bound}")


def run_precompile(options: argparse.Namespace) -> None:
    """Compiles every kernel that is not in the cache yet."""
    from litejit.kernels.jit.ahead import compile_all

    with working("compiling"):
        compiled, present = compile_all(options.jobs)
    print(f"{compiled} kernels compiled, {present} were there")
