"""`litejit run`: files in, outputs out, the best classes by name where there are labels."""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from litejit.cli import model_path
from litejit.cli_console import working
from litejit.interpreter import Interpreter, OpResolverType
from litejit.media import load_input
from litejit.schema import ModelMetadata, read_metadata
from litejit.schema.errors import InvalidInputError

__all__ = ["run"]

_RESOLVERS = {"ref": OpResolverType.BUILTIN_REF, "auto": OpResolverType.AUTO}


def run(options: argparse.Namespace) -> None:
    """Runs the model and prints what comes out."""
    path = model_path(options.model)
    with working(f"running {path.name}"):
        interpreter, metadata = _computed(options, path)
    details = interpreter.get_output_details()
    values = [interpreter.get_tensor(detail["index"]) for detail in details]
    for at, (detail, value) in enumerate(zip(details, values, strict=True)):
        _print_output(detail, value, _labels(options.labels, metadata, at), options.top)
    if options.save:
        _save(options.save, dict(zip(_distinct([detail["name"] for detail in details]), values, strict=True)))


def _computed(options: argparse.Namespace, path: Path) -> tuple[Interpreter, ModelMetadata | None]:
    """The interpreter after its inference, and the model's metadata."""
    resolver = _RESOLVERS[options.resolver]
    interpreter = Interpreter(path, experimental_op_resolver_type=resolver, num_threads=options.threads)
    metadata = read_metadata(interpreter._model, path)
    details = interpreter.get_input_details()
    values = []
    for at, (detail, file) in enumerate(zip(details, _assign(options.input, details), strict=True)):
        about = metadata.inputs[at] if metadata is not None and at < len(metadata.inputs) else None
        value = load_input(file, detail, about, options.mean, options.std)
        if value.shape != tuple(detail["shape"]):
            interpreter.resize_tensor_input(detail["index"], value.shape, strict=True)
        values.append(value)
    interpreter.allocate_tensors()
    for detail, value in zip(details, values, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter, metadata


def _distinct(names: list[str]) -> list[str]:
    """The names, or output_0, output_1, … where they cannot be told apart."""
    return names if all(names) and len(set(names)) == len(names) else [f"output_{at}" for at in range(len(names))]


def _save(path: str, outputs: dict[str, np.ndarray]) -> None:
    """Writes an .npz file. Strings become fixed-length bytes, which np.load reads without pickle."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in outputs.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                plain = value.astype(bytes) if value.dtype == object else value
                np.lib.format.write_array(file, plain, allow_pickle=False)


def _assign(given: list[str], details: list[dict[str, Any]]) -> list[Path]:
    """The file of each input, from FILE (in order) and NAME=FILE."""
    names = [detail["name"] for detail in details]
    by_name: dict[str, Path] = {}
    in_order: list[Path] = []
    for item in given:
        name, equals, file = item.partition("=")
        if equals and name in names:
            by_name[name] = Path(file)
        else:
            in_order.append(Path(item))
    rest = iter(in_order)
    if not len(given) == len(by_name) + len(in_order) == len(names):
        raise InvalidInputError(f"the model has {len(names)} inputs ({', '.join(names)}), {len(given)} files are given")
    return [by_name[name] if name in by_name else next(rest) for name in names]


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
    # Files of labels and models differ by the background class that may come first.
    shift = row.size - len(labels) if labels and abs(row.size - len(labels)) == 1 else 0
    for index in np.argsort(-row.astype(np.float64), kind="stable")[:top]:
        name = labels[index - shift] if 0 <= index - shift < len(labels) else f"class {index}"
        print(f"{row[index]:9.4f}  {name}")
