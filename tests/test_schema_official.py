"""The declared tables against the official generated schema: numbers, slots, types and defaults of every field."""

import enum
import inspect

import numpy as np
import pytest

from litejit import schema
from litejit.schema import (
    BUILTIN_OPTIONS,
    BUILTIN_OPTIONS_2,
    Model,
    Operator,
    OperatorCode,
    SubGraph,
    Table,
    read_model,
    write_model,
)
from litejit.schema.declare import Field, Kind

official = pytest.importorskip("ai_edge_litert.schema_py_generated")

UNION_MEMBERS = [*BUILTIN_OPTIONS, *BUILTIN_OPTIONS_2]
TABLES = [
    value for value in vars(schema).values() if inspect.isclass(value) and issubclass(value, Table) and value.fields_
]
ENUMS = [
    value
    for value in vars(schema).values()
    if inspect.isclass(value) and issubclass(value, enum.IntEnum) and value.__name__ != "AssociatedFileType"
]


def official_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[0].upper() + part[1:] for part in rest)


def sample(field: Field) -> object:
    """A value other than the default, different for each slot."""
    number = field.slot + 3
    if field.kind is Kind.SCALAR:
        if field.enum is not None:
            return max(field.enum) if max(field.enum) != field.default else min(field.enum)
        return {"?": not field.default, "f": number + 0.5}.get(field.code, number)
    return {
        Kind.STRING: f"text {number}",
        Kind.VECTOR: np.arange(number).astype(field.dtype),
        Kind.DIMS: tuple(range(number)),
    }.get(field.kind)


def assert_same(ours: Table, theirs: object) -> None:
    for field in ours.fields_:
        value, other = getattr(ours, field.name), getattr(theirs, official_name(field.name))
        if field.kind in (Kind.TABLE, Kind.TABLES, Kind.UNION):
            continue
        if field.kind in (Kind.VECTOR, Kind.DIMS):
            np.testing.assert_array_equal(np.asarray([] if value is None else value), [] if other is None else other)
        elif field.kind is Kind.STRING:
            assert (value or "").encode() == (other or b""), field.name
        else:
            assert value == other, field.name


@pytest.mark.parametrize("ours", ENUMS, ids=lambda cls: cls.__name__)
def test_enum(ours):
    theirs = vars(getattr(official, ours.__name__))
    theirs = {name: value for name, value in theirs.items() if not name.startswith("_")}
    members = {member.name: member.value for member in ours}
    assert {name: members.get(name) for name in theirs} == theirs


@pytest.mark.parametrize("ours", TABLES, ids=lambda cls: cls.__name__)
def test_defaults(ours):
    assert_same(ours(), getattr(official, ours.__name__ + "T")())


@pytest.mark.parametrize("ours", UNION_MEMBERS, ids=lambda cls: cls.__name__)
def test_the_official_schema_reads_the_options_we_write(ours):
    options = ours(**{field.name: sample(field) for field in ours.fields_})
    name = "builtin_options" if ours in BUILTIN_OPTIONS else "builtin_options_2"
    model = Model(
        version=3, operator_codes=[OperatorCode()], subgraphs=[SubGraph(operators=[Operator(**{name: options})])]
    )
    data = write_model(model)
    assert read_model(data, validate=False) == model
    theirs = official.ModelT.InitFromPackedBuf(data).subgraphs[0].operators[0]
    theirs = getattr(theirs, official_name(name))
    assert type(theirs).__name__ == ours.__name__ + "T"
    assert_same(options, theirs)


@pytest.mark.parametrize("ours", [cls for cls in TABLES if cls not in UNION_MEMBERS], ids=lambda cls: cls.__name__)
def test_the_official_schema_reads_the_tables_we_write(ours):
    table = ours(**{field.name: value for field in ours.fields_ if (value := sample(field)) is not None})
    data = schema.writer.encode(table, b"TEST")
    assert_same(table, getattr(official, ours.__name__ + "T").InitFromPackedBuf(data))
    assert schema.flat.decode(ours, memoryview(data), b"TEST") == table
