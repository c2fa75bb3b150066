"""The small language in which the tables of the file format are declared, and the `Table` base class.

One line declares one field: its name, its Python type, its wire type and its default value. Slots (positions in the
FlatBuffers vtable) follow the order of declaration; `slot=` skips over the slots of deprecated fields. The reader and
the writer are generic code over these declarations; nothing here knows how bytes are laid out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from functools import cached_property, partial
from importlib import import_module
from typing import Any, ClassVar, TypeAlias, dataclass_transform

import numpy as np

__all__ = ["Array", "Field", "Kind", "Table", "UnknownTable"]


Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Kind(Enum):
    """What a field holds, and so how it is read and written."""

    SCALAR = "scalar"
    STRING = "string"
    VECTOR = "vector of scalars, an array"
    DIMS = "vector of int32, a tuple"
    TABLE = "table"
    TABLES = "vector of tables"
    UNION = "union of tables"


@dataclass
class Field:
    """The declaration of one field of a table."""

    kind: Kind
    default: Any = None
    slot: int = -1
    name: str = ""
    code: str = ""
    """Scalar: its `struct` format character."""
    enum: type[IntEnum] | None = None
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype("u1"))
    """Vector: the dtype of its elements, in the byte order of the file."""
    align: int = 4
    optional: bool = False
    """Strings, tuples and lists: an empty one is left out of the file."""
    of: type[Table] | str = ""
    """Tables: which, or "module.Name" of one in a module that is imported when such a table is first met."""
    members: tuple[type[Table], ...] = ()
    """Union: member i is stored as type i + 1."""

    @cached_property
    def table(self) -> type[Table]:
        """Which table it is, or which tables they are."""
        if not isinstance(self.of, str):
            return self.of
        module, _, name = self.of.partition(".")
        table: type[Table] = getattr(import_module(f".{module}", __package__), name)
        return table


@dataclass_transform(kw_only_default=True)
class Table:
    """Base class of every table: subclasses declare fields, and get keyword construction, `==` and `repr` from them.

    Tables compare by value, arrays element by element. A field that the file leaves out has its default.
    """

    fields_: ClassVar[tuple[Field, ...]] = ()

    def __init_subclass__(cls) -> None:
        fields: list[Field] = []
        slot = 0
        for name, declared in list(vars(cls).items()):
            if not isinstance(declared, Field):
                continue
            declared.name = name
            # A union takes two slots: its type comes first, and `slot` is that of its value.
            declared.slot = (slot if declared.slot < 0 else declared.slot) + (declared.kind is Kind.UNION)
            slot = declared.slot + 1
            fields.append(declared)
            setattr(cls, name, declared.default)
        cls.fields_ = tuple(fields)

    def __init__(self, **values: Any) -> None:
        for declared in self.fields_:
            if declared.name in values:
                setattr(self, declared.name, values.pop(declared.name))
            elif declared.kind is Kind.TABLES:
                setattr(self, declared.name, [])
        if values:
            names = ", ".join(declared.name for declared in self.fields_) or "none"
            raise TypeError(f"{type(self).__name__} has no field {', '.join(map(repr, values))}; its fields: {names}")

    def items(self) -> Iterator[tuple[str, Any]]:
        """All fields with their values, in the order of declaration."""
        return ((declared.name, getattr(self, declared.name)) for declared in self.fields_)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_equal(getattr(self, f.name), getattr(other, f.name)) for f in self.fields_)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = (
            f"{f.name}={_short(value)}"
            for f in self.fields_
            if not _equal(value := getattr(self, f.name), [] if f.kind is Kind.TABLES else f.default)
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class UnknownTable(Table):
    """What stands for a union member that this schema does not have: only its number is known."""

    def __init__(self, member: int) -> None:
        self.member = member

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnknownTable) and self.member == other.member

    __hash__ = None

    def __repr__(self) -> str:
        return f"UnknownTable({self.member})"


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if a is None or b is None:
            return a is b
        a, b = np.asarray(a), np.asarray(b)
        return np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")
    return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and a != a and b != b)


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"<{value.dtype.name}{list(value.shape)}>"
    if isinstance(value, list) and len(value) > 8:
        return f"[{_short(value[0])}, ... {len(value)} in all]"
    return value.tolist().__repr__() if isinstance(value, np.ndarray) else repr(value)


def _scalar(code: str, default: Any, slot: int, enum: type[IntEnum] | None = None) -> Any:
    return Field(Kind.SCALAR, default, slot, code=code, enum=enum)


def boolean(default: bool = False, *, slot: int = -1) -> Any:
    """Declare a bool."""
    return _scalar("?", default, slot)


def int8(default: int = 0, *, slot: int = -1) -> Any:
    """Declare an int8 (`byte`)."""
    return _scalar("b", default, slot)


def int32(default: int = 0, *, slot: int = -1) -> Any:
    """Declare an int32 (`int`)."""
    return _scalar("i", default, slot)


def uint32(default: int = 0, *, slot: int = -1) -> Any:
    """Declare a uint32 (`uint`)."""
    return _scalar("I", default, slot)


def int64(default: int = 0, *, slot: int = -1) -> Any:
    """Declare an int64 (`long`)."""
    return _scalar("q", default, slot)


def uint64(default: int = 0, *, slot: int = -1) -> Any:
    """Declare a uint64 (`ulong`)."""
    return _scalar("Q", default, slot)


def float32(default: float = 0.0, *, slot: int = -1) -> Any:
    """Declare a float32 (`float`)."""
    return _scalar("f", default, slot)


def enum8(enum: type[IntEnum], default: int = 0, *, slot: int = -1) -> Any:
    """Declare an enum stored as int8. Values that the enum does not have stay plain ints."""
    return _scalar("b", enum(default), slot, enum)


def enum32(enum: type[IntEnum], default: int = 0, *, slot: int = -1) -> Any:
    """Declare an enum stored as int32."""
    return _scalar("i", enum(default), slot, enum)


def enumu32(enum: type[IntEnum], default: int = 0, *, slot: int = -1) -> Any:
    """Declare an enum stored as uint32."""
    return _scalar("I", enum(default), slot, enum)


def string(*, optional: bool = True, required: bool = False, slot: int = -1) -> Any:
    """Declare a string; absent reads as '', or as None if `required`: then '' is written, too.

    Bytes that are not UTF-8 survive a round trip (surrogateescape).
    """
    return Field(Kind.STRING, None if required else "", slot, optional=optional and not required)


def vector(dtype: str, *, align: int = 4, optional: bool = False, slot: int = -1) -> Any:
    """Declare a vector of scalars, a read-only array; absent reads as None if `optional`, as an empty array if not."""
    element = np.dtype(dtype).newbyteorder("<")
    empty = np.empty(0, element)
    empty.flags.writeable = False
    return Field(Kind.VECTOR, None if optional else empty, slot, dtype=element, align=max(align, element.itemsize))


uint8s = partial(vector, "u1")
uint16s = partial(vector, "u2")
int32s = partial(vector, "i4")
uint32s = partial(vector, "u4")
int64s = partial(vector, "i8")
float32s = partial(vector, "f4")
bools = partial(vector, "?")


def dims(*, optional: bool = False, slot: int = -1) -> Any:
    """Declare a shape: a vector of int32, as a tuple; absent reads as None if `optional`, as () if not."""
    return Field(Kind.DIMS, None if optional else (), slot)


def table(cls: type[Table] | str, *, slot: int = -1) -> Any:
    """Declare a table, see `Field.of`; absent reads as None."""
    return Field(Kind.TABLE, None, slot, of=cls)


def tables(cls: type[Table] | str, *, optional: bool = False, slot: int = -1) -> Any:
    """Declare a vector of tables, see `Field.of`, a list; absent reads as an empty list."""
    return Field(Kind.TABLES, None, slot, optional=optional, of=cls)


def union(*members: type[Table], slot: int = -1) -> Any:
    """Declare a union of tables; absent reads as None, a member of a newer schema as `UnknownTable`."""
    return Field(Kind.UNION, None, slot, members=members)
