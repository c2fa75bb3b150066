"""`litejit run`: files in, outputs out, the best classes by name where there are labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from litejit.cli import model_path
from litejit.interpreter import Interpreter, OpResolverType
from litejit.media import load_input
from litejit.schema import ModelMetadata, read_metadata
from litejit.schema.errors import InvalidInputError

__all__ = ["run"]

_RESOLVERS = {"ref": OpResolverType.BUILTIN_REF, "auto": OpResolverType.AUTO}


def run(options: argparse.Namespace) -> None:
    """Runs the model and prints what comes out."""
    path = model_path(options.model)
    interpreter = Interpreter(
        path, experimental_op_resolver_type=_RESOLVERS[options.resolver], num_threads=options.threads
    )
    metadata = read_metadata(interpreter._model, path)
    files = _assign(options.input, [detail["name"] for detail in interpreter.get_input_details()])
    for at, (detail, file) in enumerate(zip(interpreter.get_input_details(), files, strict=True)):
        about = metadata.inputs[at] if metadata is not None and at < len(metadata.inputs) else None
        value = load_input(file, detail, about, options.mean, options.std)
        if value.shape != tuple(detail["shape"]):
            interpreter.resize_tensor_input(detail["index"], value.shape, strict=True)
        interpreter.allocate_tensors()
        interpreter.set_tensor(detail["index"], value)
    interpreter.allocate_tensors()
    interpreter.invoke()
    details = interpreter.get_output_details()
    outputs = {detail["name"]: interpreter.get_tensor(detail["index"]) for detail in details}
    for at, detail in enumerate(details):
        _print_output(detail, outputs[detail["name"]], _labels(options.labels, metadata, at), options.top)
    if options.save:
        named: dict[str, Any] = dict(outputs)
        np.savez(options.save, **named)


def _assign(given: list[str], names: list[str]) -> list[Path]:
    """The file of each input, from FILE (in order) and NAME=FILE."""
    by_name: dict[str, Path] = {}
    in_order: list[Path] = []
    for item in given:
        name, equals, file = item.partition("=")
        if equals and name in names:
            by_name[name] = Path(file)
        else:
            in_order.append(Path(item))
    rest = iter(in_order)
    files = [by_name[name] if name in by_name else next(rest, None) for name in names]
    if None in files or next(rest, None) is not None:
        raise InvalidInputError(f"the model has {len(names)} inputs ({', '.join(names)}), {len(given)} files are given")
    return [file for file in files if file is not None]


def _labels(file: str | None, metadata: ModelMetadata | None, at: int) -> list[str]:
    if file is not None:
        return Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    if metadata is not None and at < len(metadata.outputs):
        return list(metadata.outputs[at].labels)
    return []


def _print_output(detail: dict[str, Any], value: np.ndarray, labels: list[str], top: int) -> None:
    print(f"{detail['name']}: {value.dtype.name}{list(value.shape)}")
    scale, zero_point = detail["quantization"]
    real = (value.astype(np.float64) - zero_point) * scale if scale else value
    row = real.reshape(-1) if value.ndim == 1 or (value.ndim > 1 and value.size == value.shape[-1]) else None
    if row is None or row.size < 2 or row.dtype.kind not in "fiu" or (not labels and row.size < 10):
        print(np.array2string(real, precision=5, threshold=64, edgeitems=3))
        return
    # Label files often leave out the background class that comes first.
    shift = row.size - len(labels) if labels and row.size - len(labels) in (0, 1) else 0
    for index in np.argsort(-row, kind="stable")[:top]:
        name = labels[index - shift] if 0 <= index - shift < len(labels) else f"class {index}"
        print(f"{row[index]:9.4f}  {name}")
