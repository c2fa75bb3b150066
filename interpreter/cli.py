"""The command line: `litejit run`, `litejit inspect`, `litejit ops`.

Exit codes: 0 fine, 1 a bad model or input (one line on stderr; a traceback with --debug), 2 bad usage.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from litejit.schema.errors import LitejitError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command, returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has had enough; nothing more may be written, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if options.debug:
            raise
        expected = isinstance(error, (LitejitError, ValueError, RuntimeError, OSError))
        kind = "" if expected else f"{type(error).__name__} (--debug shows where): "
        print(f"litejit: {kind}{' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def shipped_models() -> dict[str, Path]:
    """The models that come with litejit, by name."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "models").glob("*.tflite"))}


def model_path(name: str) -> Path:
    """A path as it is, or the path of a shipped model of that name."""
    shipped = shipped_models()
    if name in shipped and not Path(name).exists():
        return shipped[name]
    if not Path(name).is_file():
        raise ValueError(f"no such file: '{name}' (models that ship with litejit: {', '.join(shipped)})")
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
    return parser


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
