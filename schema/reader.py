"""Reading a model file: map it into memory, decode it, find the data that lie outside of the flatbuffer, check it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .declare import Array
from .errors import InvalidModelError
from .flat import decode
from .lazy import LazyList
from .limits import MAX_CALL_DEPTH, MAX_RANK, MAX_TABLES
from .model import Buffer, Model

if TYPE_CHECKING:
    from .operators import Operator

__all__ = ["FILE_IDENTIFIER", "Source", "read_model"]

FILE_IDENTIFIER = b"TFL3"
Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | mmap.mmap


def read_model(
    source: Source,
    *,
    validate: bool = True,
    known_good: bool = False,
    max_tables: int = MAX_TABLES,
    max_rank: int = MAX_RANK,
    max_call_depth: int = MAX_CALL_DEPTH,
) -> Model:
    """Read a model from a path, which is mapped into memory, or from the bytes of a file.

    Vectors of the model are read-only views of the file. With `validate` false only the structure of the file is
    checked, not what the model says; such a model is for inspection, not for running. With `known_good`, of a file that
    has been read before, tables in vectors are decoded when they are asked for, and nothing that they say is checked.

    max_tables: most tables that the file may decode to. max_rank: most dimensions of a tensor. max_call_depth: how deep
    subgraphs may call each other.

    Raises InvalidModelError when the file is malformed, or when the model does not make sense.
    """
    data = open_source(source)
    model = decode(Model, data, FILE_IDENTIFIER, max_tables=max_tables, max_rank=max_rank, lazily=known_good)
    _resolve_outside_data(model, data, LazyList if known_good else _list)
    if validate and not known_good:
        from .validate import check_model  # it needs the tables of all operators

        check_model(model, max_call_depth)
    return model


def open_source(source: Source) -> memoryview:
    """The bytes of `source` as a read-only view; a path is mapped into memory."""
    if isinstance(source, (str, os.PathLike)):
        return map_file(source)[0]
    data = memoryview(source).cast("B").toreadonly()
    # A view into the middle of something else may start at any address; tensors must be aligned in memory.
    return data if np.frombuffer(data, "u1").ctypes.data % 16 == 0 else memoryview(bytes(data))


def map_file(path: str | os.PathLike[str]) -> tuple[memoryview, os.stat_result]:
    """The bytes of a file, mapped into memory and read-only, and what the system says of it."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_size == 0:
            raise InvalidModelError(f"{os.fspath(path)!r} is empty")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), status


def _list(length: int, make: Callable[[int], Any]) -> list[Any]:
    return [make(at) for at in range(length)]


def _resolve_outside_data(model: Model, data: memoryview, listed: Callable[[int, Callable[[int], Any]], Any]) -> None:
    """Replace offset and size of data that lie after the flatbuffer by views of them. listed: makes lists."""
    model.buffers = listed(len(model.buffers), partial(_resolve_buffer, model.buffers, data))
    for s, subgraph in enumerate(model.subgraphs):
        resolve = partial(_resolve_custom_options, subgraph.operators, data, f"subgraph {s}")
        subgraph.operators = listed(len(subgraph.operators), resolve)


def _resolve_buffer(buffers: Sequence[Buffer], data: memoryview, i: int) -> Buffer:
    buffer = buffers[i]
    # The schema: an offset is only valid if greater than 1. Like the official runtime, data inside come first.
    if buffer.offset > 1 and buffer.data is None:
        buffer.data = _outside(data, buffer.offset, buffer.size, f"buffers[{i}]")
    buffer.offset = buffer.size = 0
    return buffer


def _resolve_custom_options(operators: Sequence[Operator], data: memoryview, subgraph: str, i: int) -> Operator:
    op = operators[i]
    if op.large_custom_options_offset > 1 and op.custom_options is None:
        where = f"{subgraph}, operator {i}: large_custom_options"
        op.custom_options = _outside(data, op.large_custom_options_offset, op.large_custom_options_size, where)
    op.large_custom_options_offset = op.large_custom_options_size = 0
    return op


def _outside(data: memoryview, offset: int, size: int, where: str) -> Array:
    if offset + size > len(data):
        raise InvalidModelError(f"{where}: {size} bytes at offset {offset} end after the {len(data)} bytes of the file")
    return np.frombuffer(data[offset : offset + size], np.uint8)
