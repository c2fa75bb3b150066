"""Inputs to compare runtimes on: those that a user gives, in any form, or seeded random ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from litejit.interpreter import Interpreter
from litejit.schema.errors import InvalidInputError

__all__ = ["Inputs", "as_inputs", "seeded"]

Inputs = Sequence[Any] | Mapping[str, Any] | str | os.PathLike[str] | None
"""Arrays in the order of the model's inputs or by name, the path of an .npz file of them, or None: seeded ones."""

_SHAPES = {"TRANSPOSE_CONV": 0, "RESHAPE": 1, "FILL": 0, "BROADCAST_TO": 1}
"""Operators with an operand that is the shape of their result, and its position."""


def as_inputs(inputs: Inputs, interpreter: Interpreter, seed: int = 0) -> list[np.ndarray]:
    """One array for each input of the model, in its order. InvalidInputError if there are too few or too many."""
    details = interpreter.get_input_details()
    if inputs is None:
        return seeded(interpreter, seed)
    if isinstance(inputs, (str, os.PathLike)):
        inputs = _loaded(Path(inputs))
    if not isinstance(inputs, Mapping):
        if not isinstance(inputs, Iterable):
            raise InvalidInputError(f"inputs are {type(inputs).__name__}, expected arrays, a dict of them, or a file")
        arrays = [np.asarray(value) for value in inputs]
        if len(arrays) != len(details):
            raise InvalidInputError(f"{len(arrays)} inputs are given, the model has {len(details)}")
        return arrays
    names = [detail["name"] for detail in details]
    if set(inputs) == set(names):
        return [np.asarray(inputs[name]) for name in names]
    positions = [str(at) for at in range(len(names))]
    if set(inputs) == set(positions):
        return [np.asarray(inputs[at]) for at in positions]
    numbered = [f"arr_{at}" for at in range(len(names))]  # what np.savez calls arrays without a name
    if set(inputs) == set(numbered):
        return [np.asarray(inputs[at]) for at in numbered]
    raise InvalidInputError(f"inputs are called {', '.join(sorted(inputs))}, the model's are {', '.join(names)}")


def _loaded(path: Path) -> Mapping[str, np.ndarray] | list[np.ndarray]:
    if path.suffix not in (".npy", ".npz"):
        raise InvalidInputError(f"inputs come from .npy and .npz files, '{path}' is neither")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return [loaded]
        with loaded as archive:
            return dict(archive)
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise InvalidInputError(f"the inputs '{path}' cannot be read: {error}") from None


def seeded(interpreter: Interpreter, seed: int = 0) -> list[np.ndarray]:
    """Random inputs, the same ones for the same seed.

    Floats are uniform in -1 .. 1, 8-bit integers take their whole range, int16 is normal with a deviation of 3000,
    wider integers are 0 or 1 because they are often indices; strings are words. The shape of an operator's result is
    the one that the model declares.
    """
    rng = np.random.default_rng(seed)
    shapes = _shapes(interpreter)
    result = []
    for detail in interpreter.get_input_details():
        value = _random(rng, tuple(detail["shape"]), np.dtype(detail["dtype"]))
        shape = shapes.get(detail["index"], ())
        result.append(np.array(shape, value.dtype) if len(shape) == value.size and value.ndim == 1 else value)
    return result


def _shapes(interpreter: Interpreter) -> dict[int, tuple[int, ...]]:
    """Tensors of the main subgraph that are shapes of results, where the model declares these."""
    graph = interpreter._session.plans[0].graph
    found = {}
    for operation in graph.operations:
        at = _SHAPES.get(operation.name)
        if at is not None and at < len(operation.inputs):
            found[operation.inputs[at]] = tuple(graph.tensors[operation.outputs[0]].shape or ())
    return found


def _random(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "S":
        return rng.choice(np.array([b"this", b"was", b"great"], object), shape)
    if dtype.kind == "c":
        return (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind not in "iu":
        return rng.uniform(-1, 1, shape).astype(dtype)
    if dtype == np.int16:
        return np.clip(rng.normal(0, 3000, shape), -32768, 32767).astype(dtype)
    if dtype.itemsize == 1:
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max + 1, shape).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)
