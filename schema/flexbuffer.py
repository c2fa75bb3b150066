"""FlexBuffers, the schema-less encoding of the options of custom operators: dicts, lists, strings and numbers.

The decoder needs no trust in the data: whatever they are, it returns a value or raises InvalidModelError, in time and
memory proportional to their size.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from .declare import Array
from .errors import InvalidModelError

__all__ = ["decode_flexbuffer", "encode_flexbuffer"]

_MAX_DEPTH = 64

_NULL, _INT, _UINT, _FLOAT, _KEY, _STRING, _INDIRECT_INT, _INDIRECT_UINT, _INDIRECT_FLOAT, _MAP, _VECTOR = range(11)
_VECTOR_INT, _VECTOR_STRING, _VECTOR_INT2, _VECTOR_FLOAT4, _BLOB, _BOOL, _VECTOR_BOOL = 11, 15, 16, 24, 25, 26, 36
_FORMATS = {_INT: "?bh?i???q", _UINT: "?BH?I???Q", _FLOAT: "????f???d"}
"""The `struct` format of each type, by width in bytes; '?' where the type does not have that width."""


def decode_flexbuffer(data: bytes | Array) -> Any:
    """The value that FlexBuffers data hold, mostly a dict of options; {} for no data at all.

    Raises InvalidModelError when the data are malformed.
    """
    return _Decoder(bytes(data)).root() if len(data) else {}


def encode_flexbuffer(value: Any) -> bytes:
    """FlexBuffers data that hold a dict, list, string or number."""
    from flatbuffers import flexbuffers  # models are seldom written

    return bytes(flexbuffers.Dumps(value))


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self._data = data
        # Values may be shared, which at several levels multiplies; this bounds the work.
        self._left = 16 * len(data) + 1024
        self._readers: dict[int, Callable[[int, int, int], Any]] = {
            _KEY: lambda at, width, depth: self._key(at),
            _STRING: lambda at, width, depth: self._bytes(at, width).decode("utf-8", "surrogateescape"),
            _INDIRECT_INT: lambda at, width, depth: self._number(_INT, at, width),
            _INDIRECT_UINT: lambda at, width, depth: self._number(_UINT, at, width),
            _INDIRECT_FLOAT: lambda at, width, depth: self._number(_FLOAT, at, width),
            _MAP: self._map,
            _VECTOR: self._vector,
            _BLOB: lambda at, width, depth: self._bytes(at, width),
        }

    def root(self) -> Any:
        """The value that the data hold."""
        if len(self._data) < 3:
            raise self._error("they are too short")
        width = self._data[-1]
        return self._value(self._data[-2], len(self._data) - 2 - width, width, 0)

    def _error(self, problem: str) -> InvalidModelError:
        return InvalidModelError(f"{len(self._data)} bytes are not valid FlexBuffers data: {problem}")

    def _slice(self, at: int, size: int) -> bytes:
        self._left -= size + 1
        if at < 0 or size < 0 or at + size > len(self._data):
            raise self._error(f"{size} bytes at {at} lie outside of them")
        if self._left < 0:
            raise self._error("they refer to the same values too often")
        return self._data[at : at + size]

    def _number(self, kind: int, at: int, width: int) -> Any:
        code = _FORMATS[kind][width] if width <= 8 else "?"
        if code == "?":
            raise self._error(f"a number has a width of {width} bytes")
        return struct.unpack("<" + code, self._slice(at, width))[0]

    def _value(self, packed: int, at: int, width: int, depth: int) -> Any:
        """The value of type `packed` that is stored, or referred to, at byte `at` in `width` bytes."""
        if depth > _MAX_DEPTH:
            raise self._error(f"values nest deeper than {_MAX_DEPTH}")
        kind, child_width = packed >> 2, 1 << (packed & 3)
        if kind == _NULL:
            return None
        if kind == _BOOL:
            return bool(self._number(_UINT, at, width))
        if kind in _FORMATS:
            return self._number(kind, at, width)
        target = at - self._number(_UINT, at, width)
        if kind in self._readers:
            return self._readers[kind](target, child_width, depth)
        if _VECTOR_INT <= kind <= _VECTOR_STRING or kind == _VECTOR_BOOL:
            count = self._number(_UINT, target - child_width, child_width)
            # The deprecated vector of strings holds strings without a size: keys.
            element = {_VECTOR_BOOL: _BOOL, _VECTOR_STRING: _KEY}.get(kind, kind - _VECTOR_INT + _INT)
        elif _VECTOR_INT2 <= kind <= _VECTOR_FLOAT4:
            count, element = (kind - _VECTOR_INT2) // 3 + 2, (kind - _VECTOR_INT2) % 3 + _INT
        else:
            raise self._error(f"a value has the unknown type {kind}")
        return self._elements(bytes([element << 2]) * min(count, len(self._data)), target, count, child_width, depth)

    def _elements(self, kinds: bytes, at: int, count: int, width: int, depth: int) -> list[Any]:
        self._slice(at, count * width)
        return [self._value(kinds[i], at + i * width, width, depth + 1) for i in range(count)]

    def _vector(self, at: int, width: int, depth: int) -> list[Any]:
        count = self._number(_UINT, at - width, width)
        kinds = self._slice(at + count * width, count)
        return self._elements(kinds, at, count, width, depth)

    def _map(self, at: int, width: int, depth: int) -> dict[str, Any]:
        keys_at = at - 3 * width
        keys = keys_at - self._number(_UINT, keys_at, width)
        keys_width = self._number(_UINT, at - 2 * width, width)
        values = self._vector(at, width, depth)
        self._slice(keys, len(values) * keys_width)
        entries = [keys + i * keys_width for i in range(len(values))]
        names = [self._key(entry - self._number(_UINT, entry, keys_width)) for entry in entries]
        return dict(zip(names, values, strict=True))

    def _key(self, at: int) -> str:
        end = self._data.find(b"\0", at) if at >= 0 else -1
        if end < 0:
            raise self._error(f"a key at {at} has no end")
        return self._slice(at, end - at).decode("utf-8", "surrogateescape")

    def _bytes(self, at: int, width: int) -> bytes:
        return self._slice(at, self._number(_UINT, at - width, width))
