"""Tensors dumped by any runtime: an .npz file, or a directory of .npy, .bin and .raw files.

Names are tensor names, or indices: 12, or 1:12 for tensor 12 of subgraph 1. In file names of a directory, "/" and ":"
may be "_". Raw files hold little-endian elements in the type and shape that the model declares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from litejit.crosscheck.subject import Place, Subject
from litejit.schema import TensorType

__all__ = ["named_tensors", "read_dump", "write_dump"]


def read_dump(path: Path, subject: Subject) -> tuple[dict[Place, np.ndarray], list[str]]:
    """Tensors by (subgraph, index), and complaints about what could not be read or belongs to no tensor."""
    found: dict[str | int, np.ndarray] = {}
    complaints = []
    if path.is_dir():
        for file in sorted(path.iterdir()):
            try:
                array = _read_file(file, subject)
            except (ValueError, OSError, EOFError) as error:
                complaints.append(f"{file.name} cannot be read: {error}")
                continue
            if array is not None:
                found[file.stem] = array
    else:
        try:
            with np.load(path, allow_pickle=False) as archive:
                for name in archive.files:
                    found[name] = archive[name]
        except (ValueError, OSError, EOFError, KeyError, AttributeError, BadZipFile) as error:
            complaints.append(f"{path.name} cannot be read as an .npz file: {error}")
    tensors, unknown = named_tensors(found, subject)
    if not found and not complaints:
        complaints.append(f"{path.name} holds no tensors (.npy, .bin or .raw files)")
    return tensors, complaints + unknown


def named_tensors(found: Mapping[Any, np.ndarray], subject: Subject) -> tuple[dict[Place, np.ndarray], list[str]]:
    """Tensors by (subgraph, index) from tensors by name or index, and complaints about keys that are neither."""
    known = _known_names(subject)
    tensors: dict[Place, np.ndarray] = {}
    unknown = []
    for key, array in found.items():
        place = known.get(key if isinstance(key, tuple) else str(key))
        if place is None:
            unknown.append(str(key))
        else:
            tensors[place] = array
    some = f"{', '.join(unknown[:5])}{' …' if len(unknown) > 5 else ''}"
    return tensors, [f"the model has no tensor called {some}"] if unknown else []


def write_dump(path: Path, tensors: Mapping[Place, np.ndarray]) -> None:
    """Writes an .npz file that `read_dump` reads."""
    arrays: dict[str, Any] = {
        f"{subgraph}:{index}": array.astype(bytes) if array.dtype == object else array
        for (subgraph, index), array in tensors.items()
    }
    np.savez_compressed(path, **arrays)


def _known_names(subject: Subject) -> dict[Any, Place]:
    """Everything that a tensor may be called. Where names are not unique, the first one counts; indices come last."""
    known: dict[Any, Place] = {}
    for subgraph in range(len(subject.model.subgraphs)):
        for spec in subject.plan(subgraph).graph.tensors:
            place = subgraph, spec.index
            for name in (spec.name, _file_name(spec.name)):
                if name:
                    known.setdefault(name, place)
    for subgraph in range(len(subject.model.subgraphs)):
        for spec in subject.plan(subgraph).graph.tensors:
            place = subgraph, spec.index
            known[place] = known[f"{subgraph}:{spec.index}"] = known[f"{subgraph}_{spec.index}"] = place
            if subgraph == 0:
                known[str(spec.index)] = known[f"tensor_{spec.index}"] = place
    return known


def _file_name(name: str) -> str:
    return re.sub(r"[/:\\]", "_", name)


def _read_file(file: Path, subject: Subject) -> np.ndarray | None:
    if file.suffix == ".npy":
        return np.load(file, allow_pickle=False)
    if file.suffix not in (".bin", ".raw"):
        return None
    place = _known_names(subject).get(file.stem)
    if place is None:
        return np.fromfile(file, np.uint8)
    spec = subject.spec(place)
    if spec.type == TensorType.STRING or spec.shape is None:
        raise ValueError(f"the model does not say how many bytes {spec} has")
    array = np.fromfile(file, spec.dtype.newbyteorder("<")).astype(spec.dtype)
    if array.size != spec.size:
        raise ValueError(f"it holds {array.size} elements, {spec} has {spec.size}")
    return array.reshape(spec.dims)
