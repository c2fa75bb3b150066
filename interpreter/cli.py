"""The command line: `litejit run`, `litejit inspect`, `litejit ops`.

Exit codes: 0 fine, 1 a bad model or input (one line on stderr; a traceback with --debug), 2 bad usage, 3 `compare`
found a difference.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from litejit.schema.errors import LitejitError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command, returns its exit code."""
    options = _parser().parse_args(arguments)
    code: int | None = None
    try:
        code = options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has had enough; nothing more may be written, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if options.debug:
            raise
        expected = isinstance(error, (LitejitError, ValueError, RuntimeError, OSError))
        kind = "" if expected else f"{type(error).__name__} (--debug shows where): "
        text = str(error)
        if isinstance(error, OSError) and error.strerror and error.filename:
            text = f"{error.strerror}: '{error.filename}'"
        print(f"litejit: {kind}{' '.join(text.split())}", file=sys.stderr)
        return 1
    return code or 0


def shipped_models() -> dict[str, Path]:
    """The models that come with litejit, by name."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "models").glob("*.tflite"))}


def model_path(name: str) -> Path:
    """A path as it is, or the path of a shipped model of that name."""
    shipped = shipped_models()
    if name in shipped and not Path(name).exists():
        return shipped[name]
    if not Path(name).is_file():
        wrong = "not a file" if Path(name).exists() and name else "no such file"
        raise ValueError(f"{wrong}: '{name}' (models that ship with litejit: {', '.join(shipped)})")
    return Path(name)


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return count


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return number


def _not_zero(text: str) -> float:
    if (number := _finite(text)) == 0:
        raise argparse.ArgumentTypeError("it must not be 0")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="litejit", description="Run and inspect TensorFlow Lite models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show tracebacks")

    run = commands.add_parser("run", parents=[common], help="run a model on files")
    run.add_argument("model", help="a .tflite file, or the name of a model that ships with litejit")
    run.add_argument(
        "--input", "-i", action="append", default=[], metavar="[NAME=]FILE",
        help="image, .wav, .npy or .npz; one for each input of the model, in its order or by name",
    )  # fmt: skip
    run.add_argument("--labels", metavar="FILE", help="one label a line; default: those packed with the model")
    run.add_argument("--top", type=_count, default=5, metavar="K", help="how many classes to print (default 5)")
    run.add_argument("--save", metavar="OUT.npz", help="write all outputs")
    run.add_argument("--mean", type=_finite, help="images: value subtracted from pixels 0..255 (see below)")
    run.add_argument("--std", type=_not_zero, help="images: value that pixels are then divided by")
    run.add_argument("--resolver", choices=("ref", "auto"), default="auto", help="which kernels (default auto)")
    run.add_argument("--threads", type=_count, metavar="N", help="how many threads")
    run.epilog = (
        "Pictures are resized to the model's input and their pixels 0..255 are normalized, (pixel - mean) / std, and "
        "quantized. Without --mean and --std uint8 inputs get the pixels as they are, other inputs what the model's "
        "metadata say; without metadata int8 inputs get pixel - 128, and all others mean and std 127.5. "
        "Sound is not resampled: it is cut to the model's input, or filled up with zeros."
    )
    run.set_defaults(command=_run)

    inspect = commands.add_parser("inspect", parents=[common], help="show what is in a model")
    inspect.add_argument("model", help="a .tflite file, or the name of a model that ships with litejit")
    inspect.add_argument("--json", action="store_true", help="machine readable")
    inspect.set_defaults(command=_inspect)

    ops = commands.add_parser("ops", parents=[common], help="list the operators of the schema and what runs them")
    ops.add_argument("--json", action="store_true", help="machine readable")
    ops.add_argument("--markdown", action="store_true", help="as the page docs/operators.md")
    ops.set_defaults(command=_ops)
    _add_crosscheck(commands, common)
    _add_speed(commands, common)
    return parser


def _add_speed(commands: Any, common: argparse.ArgumentParser) -> None:
    bench = commands.add_parser("bench", parents=[common], help="measure latency beside another runtime")
    bench.add_argument("models", nargs="+", metavar="MODEL", help=".tflite files, or names of models of litejit's own")
    bench.add_argument("--threads", type=_count, default=1, metavar="N", help="of both runtimes (default 1)")
    bench.add_argument("--against", choices=("official", "openvino", "none"), default="official")
    bench.add_argument("--seconds", type=_finite, default=2.0, help="for each model (default 2)")
    bench.epilog = "Both run in turn in one process. Ratios are litejit / peer: below 1 litejit is faster."
    bench.set_defaults(command=_bench)

    profile = commands.add_parser("profile", parents=[common], help="show where the time of an inference goes")
    profile.add_argument("model", help="a .tflite file, or the name of a model that ships with litejit")
    profile.add_argument("--threads", type=_count, default=1, metavar="N", help="default 1")
    profile.add_argument("--repeat", type=_count, default=20, metavar="N", help="runs of each operator (default 20)")
    profile.add_argument("--memory", action="store_true", help="show which tensor has which bytes when, instead")
    profile.add_argument("--trace", metavar="OUT.json", help="write one inference as a Chrome trace")
    profile.add_argument("--explain", action="store_true", help="show the algorithms that operators could use, too")
    profile.add_argument("--json", action="store_true", help="machine readable")
    profile.set_defaults(command=_profile)

    tune = commands.add_parser("tune", parents=[common], help="measure which algorithms are quickest on this machine")
    tune.add_argument("model", help="a .tflite file, or the name of a model that ships with litejit")
    tune.add_argument("--threads", type=_count, default=1, metavar="N", help="default 1")
    tune.add_argument("--repeat", type=_count, default=20, metavar="N", help="runs of each operator (default 20)")
    tune.set_defaults(command=_tune)

    precompile = commands.add_parser("precompile", parents=[common], help="compile all kernels now")
    precompile.add_argument("--jobs", type=_count, metavar="N", help="processes (default: one for each core)")
    precompile.set_defaults(command=_precompile)


def _bench(options: argparse.Namespace) -> None:
    from litejit.cli_speed import run_bench

    run_bench(options)


def _profile(options: argparse.Namespace) -> None:
    from litejit.cli_speed import run_profile

    run_profile(options)


def _tune(options: argparse.Namespace) -> None:
    from litejit.cli_tune import run_tune

    run_tune(options)


def _precompile(options: argparse.Namespace) -> None:
    from litejit.cli_speed import run_precompile

    run_precompile(options)


def _add_crosscheck(commands: Any, common: argparse.ArgumentParser) -> None:
    shared = argparse.ArgumentParser(add_help=False, parents=[common])
    shared.add_argument("model", help="a .tflite file, or the name of a model that ships with litejit")
    shared.add_argument("--inputs", metavar="FILE", help=".npz of the model's inputs by name; default: seeded numbers")
    shared.add_argument("--seed", type=int, default=0, help="of the default inputs (default 0)")

    compare = commands.add_parser("compare", parents=[shared], help="find the operator where two runtimes part")
    compare.add_argument(
        "--against", default="litert-ref", metavar="RUNTIME",
        help="litert-ref, litert-builtin, litert (with XNNPACK), litejit, litejit-jit, or a directory or .npz file of "
        "tensors dumped by any runtime (default litert-ref)",
    )  # fmt: skip
    compare.add_argument("--reference", choices=("litejit", "litejit-jit"), default="litejit")
    compare.add_argument("--mode", choices=("both", "cascaded", "isolated"), default="both", help="default both")
    compare.add_argument("--tolerance", type=_finite, default=1e-5, help="of floats, relative (default 1e-5)")
    compare.add_argument("--all", action="store_true", help="show the operators that agree, too")
    compare.add_argument("--quiet", action="store_true", help="the summary only")
    compare.add_argument("--html", metavar="OUT.html", help="write the report as one HTML page")
    compare.add_argument("--json", metavar="OUT.json", help="write node data for Model Explorer")
    compare.epilog = "Exit code 3: the runtimes part, or something could not be compared."
    compare.set_defaults(command=_compare)

    explain = commands.add_parser("explain", parents=[shared], help="show the arithmetic of one element of a tensor")
    explain.add_argument("tensor", help="name, index, or subgraph:index")
    explain.add_argument("index", help="coordinates 0,1,2,3 or one number into the flattened tensor")
    explain.add_argument("--numerics", default="litert-ref", metavar="FLAVOUR", help="default litert-ref")
    explain.add_argument("--taps", type=_count, default=40, metavar="N", help="how many products to list (default 40)")
    explain.add_argument("--json", action="store_true", help="machine readable")
    explain.set_defaults(command=_explain)

    vectors = commands.add_parser("vectors", parents=[shared], help="write golden vectors of one operator")
    vectors.add_argument(
        "--op", required=True, metavar="N", help="operator index, subgraph:index, or name of its output"
    )
    vectors.add_argument("--format", choices=("c", "npz", "json", "tflite"), default="c", help="default c")
    vectors.add_argument("--out", "-o", metavar="FILE", help="default: made from the names of model and operator")
    vectors.add_argument("--prefix", metavar="NAME", help="of all names of a C header (default: the operator's name)")
    vectors.set_defaults(command=_vectors)


def _compare(options: argparse.Namespace) -> int:
    from litejit.cli_crosscheck import run_compare

    return run_compare(options)


def _explain(options: argparse.Namespace) -> None:
    from litejit.cli_crosscheck import run_explain

    run_explain(options)


def _vectors(options: argparse.Namespace) -> None:
    from litejit.cli_crosscheck import run_vectors

    run_vectors(options)


def _run(options: argparse.Namespace) -> None:
    from litejit.cli_run import run

    run(options)


def _inspect(options: argparse.Namespace) -> None:
    from litejit.cli_inspect import inspect

    inspect(options)


def _ops(options: argparse.Namespace) -> None:
    from litejit.cli_ops import ops

    ops(options)


if __name__ == "__main__":
    sys.exit(main())
