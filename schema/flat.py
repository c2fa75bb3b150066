"""Decoding of FlatBuffers tables, with every offset, length and alignment checked against the buffer.

`decode` turns bytes into the tables declared in this package. It needs no trust in the bytes: whatever they are, it
returns tables or raises `InvalidModelError`, in time and memory proportional to the size of the buffer. The schema has
no recursive table, so nesting is bounded by the schema itself. Fields and union members that a newer schema added are
skipped.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from .declare import Array, Field, Kind, Table, UnknownTable
from .errors import InvalidModelError
from .lazy import LazyList
from .limits import MAX_RANK, MAX_TABLES

__all__ = ["Decoder", "decode"]

_T = TypeVar("_T", bound=Table)
_Conversion: TypeAlias = Callable[[int, Any], Any]
_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_U16_PAIR = struct.Struct("<HH")


class _MalformedError(Exception):
    """A finding, with the path of field names that leads to it, innermost first."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path: list[str] = []


class _Layout(NamedTuple):
    """How the tables that share one vtable are decoded: one struct for all fields, then conversions of some of them."""

    size: int
    fields: struct.Struct
    names: tuple[str, ...]
    conversions: tuple[tuple[str, _Conversion], ...]
    absent_lists: tuple[str, ...]
    eights: int | None
    """Position of the table modulo 8 that its 8-byte fields need, None if there are none."""


def decode(
    cls: type[_T],
    data: memoryview,
    identifier: bytes,
    *,
    max_tables: int = MAX_TABLES,
    max_rank: int = MAX_RANK,
    lazily: bool = False,
) -> _T:
    """Decode the root table of `data`, a contiguous read-only view of bytes.

    lazily: vectors of tables are decoded table by table, when one is asked for.

    Raises InvalidModelError, naming the field, when the data are not a well-formed buffer of these tables; of tables
    that are decoded lazily, when they are.
    """
    return Decoder(data, max_tables, max_rank, lazily).root(cls, identifier)


class Decoder:
    """Decodes the tables of one buffer."""

    def __init__(
        self, data: memoryview, max_tables: int = MAX_TABLES, max_rank: int = MAX_RANK, lazily: bool = False
    ) -> None:
        self._data = data
        self._lazily = lazily
        self._size = len(data)
        # Unless tables are shared, each takes the four bytes of a reference to it. Shared tables are legal, but sharing
        # at several levels multiplies; this bound keeps the work proportional to the size of the file.
        self._tables_left = min(max_tables, self._size // 4)
        self._bytes_left = 4 * self._size + (1 << 16)
        self._max_rank = max_rank
        self._layouts: dict[tuple[type[Table], int], _Layout] = {}

    def root(self, cls: type[_T], identifier: bytes) -> _T:
        """Decode the root table."""
        if self._size < 8:
            raise InvalidModelError(f"the file has {self._size} bytes; a model has at least 8")
        if self._data[4:8] != identifier:
            raise InvalidModelError(
                f"the file identifier is {bytes(self._data[4:8])!r}, expected {identifier!r}; is this a model file?"
            )
        try:
            return self._table(cls, self._follow(0))  # type: ignore[return-value]
        except _MalformedError as error:
            where = "".join(reversed(error.path)).removeprefix(".") or "root table"
            raise InvalidModelError(f"malformed file: {where}: {error}") from None

    def _follow(self, at: int) -> int:
        """The position that the offset stored at `at` refers to."""
        return self._target(at, _U32.unpack_from(self._data, at)[0])

    def _target(self, at: int, offset: int) -> int:
        target: int = at + offset
        if offset == 0 or target > self._size - 4:
            raise _MalformedError(f"offset {offset} at byte {at} leads outside of the {self._size} bytes of the file")
        if target % 4:
            raise _MalformedError(f"offset {offset} at byte {at} leads to byte {target}, which is not aligned to 4")
        return target

    def _spend(self, size: int) -> None:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise _MalformedError("the same data are referred to too often; the decoded model would be too large")

    # Tables ----------------------------------------------------------------------------------------------------------

    def _table(self, cls: type[Table], at: int) -> Table:
        self._tables_left -= 1
        if self._tables_left < 0:
            raise _MalformedError("too many tables")
        vtable = at - _I32.unpack_from(self._data, at)[0]
        layout = self._layouts.get((cls, vtable)) or self._layout(cls, vtable)
        if at + layout.size > self._size:
            raise _MalformedError(f"the table at byte {at} of {layout.size} bytes ends after the end of the file")
        if layout.eights is not None and at % 8 != layout.eights:
            raise _MalformedError(f"an 8-byte field of the table at byte {at} is not aligned")
        values = dict(zip(layout.names, layout.fields.unpack_from(self._data, at), strict=True))
        for name in layout.absent_lists:
            values[name] = []
        for name, convert in layout.conversions:
            try:
                values[name] = convert(at, values.get(name, 0))
            except _MalformedError as error:
                error.path.append("." + name)
                raise
        decoded = cls.__new__(cls)
        decoded.__dict__ = values
        return decoded

    def _layout(self, cls: type[Table], vtable: int) -> _Layout:
        slots, size = self._vtable(vtable, 1 + max((field.slot for field in cls.fields_), default=-1))
        present: list[tuple[int, str, str]] = []  # offset, struct code, name
        conversions: list[tuple[str, _Conversion]] = []
        absent_lists = []
        for field in cls.fields_:
            offset = slots[field.slot] if field.slot < len(slots) else 0
            if field.kind is Kind.UNION and field.slot <= len(slots) and (type_offset := slots[field.slot - 1]):
                present.append((type_offset, "x", f"type of {field.name}"))
                conversions.append((field.name, partial(self._union, field.members, type_offset, offset)))
            if offset:
                present.append((offset, field.code if field.kind is Kind.SCALAR else "I", field.name))
                if conversion := self._conversion(field, offset):
                    conversions.append((field.name, conversion))
            elif field.kind is Kind.TABLES:
                absent_lists.append(field.name)
        fields, eights = _fields(sorted(present), size)
        names = tuple(name for _, code, name in sorted(present) if code != "x")
        layout = _Layout(size, fields, names, tuple(conversions), tuple(absent_lists), eights)
        self._layouts[cls, vtable] = layout
        return layout

    def _vtable(self, at: int, known: int) -> tuple[tuple[int, ...], int]:
        """Offsets of the fields by slot, as far as this schema has them, and size of the table."""
        if not 0 <= at <= self._size - 4 or at % 2:
            raise _MalformedError(f"its vtable would be at byte {at} of a file of {self._size} bytes")
        size, table_size = _U16_PAIR.unpack_from(self._data, at)
        if size < 4 or size % 2 or at + size > self._size:
            raise _MalformedError(f"its vtable at byte {at} has an impossible size of {size} bytes")
        if table_size < 4:
            raise _MalformedError(f"its vtable at byte {at} gives it an impossible size of {table_size} bytes")
        return struct.unpack_from(f"<{min(size // 2 - 2, known)}H", self._data, at + 4), table_size

    def _conversion(self, field: Field, offset: int) -> _Conversion | None:
        if field.kind is Kind.SCALAR:
            if field.enum is None:
                return None
            known = field.enum._value2member_map_
            return lambda at, value: known.get(value, value)
        read: dict[Kind, Callable[..., Any]] = {
            Kind.STRING: self._string,
            Kind.VECTOR: self._vector,
            Kind.DIMS: self._dims,
            Kind.TABLE: self._child,
            Kind.TABLES: self._children,
        }
        return partial(read[field.kind], field, offset) if field.kind in read else None

    # What the offset `value`, stored at byte `at + offset`, refers to -----------------------------------------------

    def _child(self, field: Field, offset: int, at: int, value: int) -> Table:
        return self._table(field.table, self._target(at + offset, value))

    def _children(self, field: Field, offset: int, at: int, value: int) -> Sequence[Table]:
        start, count = self._elements(4, at + offset, value)
        if count > self._tables_left:
            raise _MalformedError(f"{count} tables are too many")
        if self._lazily:
            return LazyList(count, partial(self._later_child, field, start))
        children = []
        for i, distance in enumerate(struct.unpack_from(f"<{count}I", self._data, start)):
            try:
                children.append(self._table(field.table, self._target(start + 4 * i, distance)))
            except _MalformedError as error:
                error.path.append(f"[{i}]")
                raise
        return children

    def _later_child(self, field: Field, start: int, i: int) -> Table:
        try:
            return self._table(field.table, self._follow(start + 4 * i))
        except _MalformedError as error:
            where = "".join(reversed(error.path))
            raise InvalidModelError(f"malformed file: {field.table.__name__} {i}{where}: {error}") from None

    def _union(self, members: tuple[type[Table], ...], type_offset: int, offset: int, at: int, value: int) -> Any:
        member = self._data[at + type_offset]
        if member == 0:
            return None
        if not offset:
            raise _MalformedError(f"the type of the union is {member}, but its value is absent")
        target = self._target(at + offset, value)
        return self._table(members[member - 1], target) if member <= len(members) else UnknownTable(member)

    def _string(self, field: Field, offset: int, at: int, value: int) -> str:
        start, count = self._elements(1, at + offset, value)
        end = start + count
        if end >= self._size or self._data[end] != 0:
            raise _MalformedError(f"the string of {count} bytes at byte {start} does not end with a zero byte")
        self._spend(count)
        return str(self._data[start:end], "utf-8", "surrogateescape")

    def _dims(self, field: Field, offset: int, at: int, value: int) -> tuple[int, ...]:
        start, count = self._elements(4, at + offset, value)
        if count > self._max_rank:
            raise _MalformedError(f"{count} dimensions are too many, at most {self._max_rank} are read")
        return struct.unpack_from(f"<{count}i", self._data, start)

    def _vector(self, field: Field, offset: int, at: int, value: int) -> Array:
        dtype = field.dtype
        start, count = self._elements(dtype.itemsize, at + offset, value)
        elements = np.frombuffer(self._data, dtype, count, start)
        if dtype.itemsize == 8 and not elements.flags.aligned:
            # The file only aligns vectors to 4 bytes unless its writer was careful; NumPy and Numba want 8.
            self._spend(elements.nbytes)
            elements = elements.copy()
            elements.flags.writeable = False
        return elements

    def _elements(self, width: int, at: int, value: int) -> tuple[int, int]:
        """Where the elements of a vector start, and how many there are."""
        target = self._target(at, value)
        count: int = _U32.unpack_from(self._data, target)[0]
        if count * width > self._size - target - 4:
            raise _MalformedError(
                f"{count} elements of {width} bytes at byte {target + 4} end after the {self._size} bytes of the file"
            )
        return target + 4, count


def _fields(present: list[tuple[int, str, str]], size: int) -> tuple[struct.Struct, int | None]:
    """One struct for all fields of a table of `size` bytes, and the alignment that its 8-byte fields need."""
    codes, end, eights = "<", 0, None
    for offset, code, name in present:
        width = struct.calcsize("<" + code)
        if offset < max(end, 4) or offset + width > size:
            raise _MalformedError(
                f"{name}: its offset {offset} is outside of the {size} bytes of the table or overlaps"
            )
        if offset % min(width, 4) or (width == 8 and eights not in (None, -offset % 8)):
            raise _MalformedError(f"{name}: its offset {offset} is not aligned to {width}")
        if width == 8:
            eights = -offset % 8
        codes += f"{offset - end}x{code}"
        end = offset + width
    return struct.Struct(codes), eights
