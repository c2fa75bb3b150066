"""Writing a model file: generic code over the declarations of the tables, on top of `flatbuffers.Builder`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .declare import Field, Kind, Table, UnknownTable
from .errors import UnsupportedError
from .model import Buffer, Model
from .reader import FILE_IDENTIFIER

if TYPE_CHECKING:
    from flatbuffers import Builder

__all__ = ["encode", "write_model"]

_MAX_FLATBUFFER = 2**31 - 2**24
"""Offsets inside a flatbuffer have 31 bits; constants of larger models go after it. Some room is left for the rest."""
_ALIGN = 16

_PREPEND = {
    "?": "PrependBoolSlot",
    "b": "PrependInt8Slot",
    "i": "PrependInt32Slot",
    "I": "PrependUint32Slot",
    "q": "PrependInt64Slot",
    "Q": "PrependUint64Slot",
    "f": "PrependFloat32Slot",
}


def write_model(model: Model, *, data_outside: bool | None = None) -> bytes:
    """The bytes of a .tflite file that holds `model`.

    With `data_outside`, buffers are put after the flatbuffer instead of in it, which is how models of more than 2 GiB
    are stored; the default is to do so only when it must be.
    """
    size = sum(buffer.data.nbytes for buffer in model.buffers if buffer.data is not None)
    if data_outside is None:
        data_outside = size > _MAX_FLATBUFFER
    return _write_outside(model) if data_outside else encode(model, FILE_IDENTIFIER, size)


def encode(root: Table, identifier: bytes, size_hint: int = 0) -> bytes:
    """The flatbuffer of `root` and the tables below it."""
    from flatbuffers import Builder  # models are seldom written

    builder = Builder(size_hint + size_hint // 8 + 1024)
    builder.Finish(_table(builder, root), file_identifier=identifier)
    return bytes(builder.Output())


def _write_outside(model: Model) -> bytes:
    moved = Model(**dict(model.items()))
    moved.buffers = [
        buffer if buffer.data is None or buffer.data.nbytes == 0 else Buffer(offset=2, size=buffer.data.nbytes)
        for buffer in model.buffers
    ]
    # The offsets have a fixed width, so the flatbuffer keeps its size when they get their values.
    end = len(encode(moved, FILE_IDENTIFIER))
    parts = []
    for source, buffer in zip(model.buffers, moved.buffers, strict=True):
        if buffer is source or source.data is None:
            continue
        padding = -end % _ALIGN
        buffer.offset = end + padding
        parts += [bytes(padding), source.data.tobytes()]
        end = buffer.offset + buffer.size
    return b"".join([encode(moved, FILE_IDENTIFIER), *parts])


def _table(builder: Builder, table: Table) -> int:
    if isinstance(table, UnknownTable):
        raise UnsupportedError(f"options of the unknown kind {table.member} cannot be written")
    fields = [(field, getattr(table, field.name)) for field in table.fields_]
    # A flatbuffer is written back to front: what a table refers to comes before the table itself.
    offsets = {field.name: _reference(builder, field, value) for field, value in fields if _is_reference(field, value)}
    builder.StartObject(max((field.slot for field in table.fields_), default=-1) + 1)
    for field, value in fields:
        if field.kind is Kind.SCALAR:
            getattr(builder, _PREPEND[field.code])(field.slot, value, field.default)
        elif field.name in offsets:
            builder.PrependUOffsetTRelativeSlot(field.slot, offsets[field.name], 0)
            if field.kind is Kind.UNION:
                builder.PrependUint8Slot(field.slot - 1, field.members.index(type(value)) + 1, 0)
    return int(builder.EndObject())


def _is_reference(field: Field, value: Any) -> bool:
    if field.kind is Kind.SCALAR or value is None:
        return False
    if field.kind is Kind.VECTOR:
        return value is not field.default
    return bool(value) or not field.optional if field.kind in (Kind.STRING, Kind.TABLES) else True


def _reference(builder: Builder, field: Field, value: Any) -> int:
    if field.kind is Kind.STRING:
        return int(builder.CreateString(value, "utf-8", "surrogateescape"))
    if field.kind is Kind.VECTOR:
        return _vector(builder, np.asarray(value), field.dtype, field.align)
    if field.kind is Kind.DIMS:
        return _vector(builder, np.asarray(value), np.dtype("<i4"), 4)
    if field.kind is Kind.TABLES:
        offsets = [_table(builder, child) for child in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())
    return _table(builder, value)


def _vector(builder: Builder, elements: np.ndarray[Any, Any], dtype: np.dtype[Any], align: int) -> int:
    data = np.ascontiguousarray(elements, dtype).tobytes()
    builder.StartVector(dtype.itemsize, len(data) // dtype.itemsize, align)
    builder.head = builder.Head() - len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    return int(builder.EndVector())
