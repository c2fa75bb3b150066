"""`litejit compare`, `litejit explain`, `litejit vectors`: the command line of `litejit.crosscheck`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from litejit.cli import model_path
from litejit.cli_console import console, working
from litejit.crosscheck import compare, explain
from litejit.crosscheck.comparison import MODES, Comparison
from litejit.crosscheck.inputs import as_inputs
from litejit.crosscheck.report import rows
from litejit.crosscheck.runtimes import trace_interpreter
from litejit.crosscheck.vectors import write_vectors
from litejit.interpreter import Interpreter, OpResolverType
from litejit.schema.errors import InvalidInputError

__all__ = ["run_compare", "run_explain", "run_vectors"]

DIFFERENT = 3
"""Exit code of `litejit compare` for runtimes that part, or could not be compared."""

_STYLES = {"first": "bold red", "diverges": "red", "close": "green", "equal": "green", "unknown": "dim"}


def run_compare(options: argparse.Namespace) -> int:
    """Prints the comparison, writes the reports that are asked for; returns the exit code."""
    path = model_path(options.model)
    with working(f"comparing {path.name}"):
        result = compare(
            path,
            options.inputs,
            reference=options.reference,
            against=options.against,
            modes=MODES if options.mode == "both" else (options.mode,),
            tolerance=options.tolerance,
            seed=options.seed,
        )
    if options.json:
        result.save_json(options.json)
    if options.html:
        result.save_html(options.html)
    if options.quiet:
        print(result.summary())
    else:
        _print(result, options.all)
    return 0 if result.agrees else DIFFERENT


def _print(result: Comparison, everything: bool) -> None:
    from rich.table import Table

    screen = console()
    table = Table(
        "", "operator", *MODES, "SNR dB", title=f"{result.model}: {result.reference} against {result.against}"
    )
    shown = rows(result, only_diverging=not everything)
    for _, cells, state in shown:
        table.add_row(*cells, style=_STYLES[state])
    if shown:
        screen.print(table)
    for line in result.summary().splitlines():
        screen.print(line)


def run_explain(options: argparse.Namespace) -> None:
    """Prints how an element came about."""
    path = model_path(options.model)
    reference = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(path, experimental_op_resolver_type=reference, numerics=options.numerics)
    trace = trace_interpreter(interpreter, as_inputs(options.inputs, interpreter, options.seed))
    for finding in trace.findings:
        raise RuntimeError(finding.text)
    tensor = int(options.tensor) if options.tensor.isdecimal() else options.tensor
    parts = options.index.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise InvalidInputError(f"the index is '{options.index}', expected numbers like 0,1,2 or 12")
    index = [int(part) for part in parts]
    explanation = explain(interpreter, tensor, index[0] if len(index) == 1 else index)
    print(json.dumps(explanation.to_dict(), indent=1) if options.json else explanation.text(options.taps))


def run_vectors(options: argparse.Namespace) -> None:
    """Writes golden vectors of one operator."""
    path = model_path(options.model)
    suffix = {"c": "h", "npz": "npz", "json": "json", "tflite": "tflite"}[options.format]
    out = Path(options.out or f"{path.stem}_op{options.op.replace(':', '_')}.{suffix}")
    given = {"inputs": options.inputs, "seed": options.seed, "prefix": options.prefix}
    write_vectors(path, options.op, out, options.format, **given)
    print(out)
