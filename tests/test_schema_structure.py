"""Malformed files: whatever is wrong with the bytes, reading them says so. The ids name the reports they come from."""

import struct

import numpy as np
import pytest

from litejit.schema import (
    InvalidModelError,
    LitejitError,
    ModelBuilder,
    SubGraph,
    UnknownTable,
    read_model,
    write_model,
)

U16, U32 = struct.Struct("<H"), struct.Struct("<I")
MODEL_BUFFERS, MODEL_SUBGRAPHS, MODEL_DESCRIPTION = 4, 2, 3
SUBGRAPH_TENSORS, SUBGRAPH_OPERATORS = 0, 3
TENSOR_SHAPE, TENSOR_NAME = 0, 3
OPERATOR_OPTIONS_TYPE, OPERATOR_OPTIONS = 3, 4


def good() -> bytes:
    b = ModelBuilder(description="a model")
    x = b.input("x", (1, 4, 4, 1), np.float32)
    w = b.constant(np.ones((2, 3, 3, 1), np.float32), "weights")
    y = b.op("CONV_2D", [x, w, None], [{"shape": (1, 4, 4, 2), "name": "y"}], stride_w=1, stride_h=1)
    b.output(y)
    return b.to_bytes()


class Cursor:
    """A table of a well-formed file, to find the bytes that a test breaks."""

    def __init__(self, data: bytearray, at: int = 0) -> None:
        self.data = data
        self.at = at or self.u32(0)

    def u32(self, at: int) -> int:
        return U32.unpack_from(self.data, at)[0]

    @property
    def vtable(self) -> int:
        return self.at - struct.unpack_from("<i", self.data, self.at)[0]

    def slot(self, number: int) -> int:
        """Where the vtable keeps the offset of a field."""
        return self.vtable + 4 + 2 * number

    def field(self, number: int) -> int:
        """Where a field is."""
        return self.at + U16.unpack_from(self.data, self.slot(number))[0]

    def target(self, number: int) -> int:
        """What a field refers to."""
        return self.field(number) + self.u32(self.field(number))

    def item(self, number: int, index: int = 0) -> int:
        """Where an element of a vector of four-byte elements is."""
        return self.target(number) + 4 + 4 * index

    def table(self, number: int, index: int = 0) -> "Cursor":
        """An element of a vector of tables."""
        at = self.item(number, index)
        return Cursor(self.data, at + self.u32(at))

    @property
    def graph(self) -> "Cursor":
        return self.table(MODEL_SUBGRAPHS)


def root_past_end(model: Cursor) -> None:
    model.data[:] = b"\x18\0\0\0TFL3"


def put(place, value, pack=U32):
    """A mutation: write a value at the place that `place` finds."""

    def mutate(model: Cursor) -> None:
        pack.pack_into(model.data, place(model), value)

    return mutate


def add(place, value):
    """A mutation: add to the offset at the place that `place` finds."""

    def mutate(model: Cursor) -> None:
        at = place(model)
        U32.pack_into(model.data, at, (model.u32(at) + value) % 2**32)

    return mutate


def unterminated(model: Cursor) -> None:
    at = model.target(MODEL_DESCRIPTION)
    model.data[at + 4 + model.u32(at)] = ord("!")


def two_fields_at_one_offset(model: Cursor) -> None:
    offset = U16.unpack_from(model.data, model.slot(MODEL_SUBGRAPHS))[0]
    U16.pack_into(model.data, model.slot(MODEL_BUFFERS), offset)


CASES = {
    "tensorflow#115308 root past end": (root_past_end, "leads outside of the 8 bytes"),
    "tensorflow#121217 misaligned vector": (add(lambda m: m.field(MODEL_BUFFERS), 2), "buffers: .*not aligned to 4"),
    "misaligned table": (add(lambda m: m.item(MODEL_SUBGRAPHS), 1), r"subgraphs\[0\]: .*not aligned to 4"),
    "root offset zero": (put(lambda m: 0, 0), "root table: offset 0"),
    "root offset huge": (put(lambda m: 0, 0xFFFFFFFC), "leads outside"),
    "identifier": (put(lambda m: 4, 0x34464C54), "identifier is b'TLF4', expected b'TFL3'"),
    "vtable of itself": (put(lambda m: m.at, 0), "vtable|outside of the"),
    "vtable before the file": (put(lambda m: m.at, 0x7FFFFFFF), "its vtable would be at byte -"),
    "vtable past end": (put(lambda m: m.at, 0x80000000), "its vtable would be at byte"),
    "vtable size odd": (put(lambda m: m.vtable, 5, U16), "impossible size of 5 bytes"),
    "vtable size huge": (put(lambda m: m.vtable, 0xFFFE, U16), "impossible size of 65534 bytes"),
    "vtable size small": (put(lambda m: m.vtable, 2, U16), "impossible size of 2 bytes"),
    "table size small": (put(lambda m: m.vtable + 2, 0, U16), "impossible size of 0 bytes"),
    "table size huge": (put(lambda m: m.vtable + 2, 0xFFFC, U16), "ends after the end of the file"),
    "field outside of its table": (put(lambda m: m.slot(MODEL_BUFFERS), 400, U16), "its offset 400 is outside"),
    "field on the vtable offset": (put(lambda m: m.slot(MODEL_BUFFERS), 2, U16), "buffers: its offset 2 is outside"),
    "field misaligned": (put(lambda m: m.slot(MODEL_BUFFERS), 7, U16), "offset 7 is (not aligned|outside)"),
    "fields overlap": (two_fields_at_one_offset, "is outside of .* overlaps"),
    "vector longer than the file": (
        put(lambda m: m.target(MODEL_BUFFERS), 0x7FFFFFFF),
        "buffers: 2147483647 elements of 4 bytes .* end after",
    ),
    "shape longer than the file": (
        put(lambda m: m.graph.table(SUBGRAPH_TENSORS).target(TENSOR_SHAPE), 0x10000000),
        r"subgraphs\[0\].tensors\[0\].shape: 268435456 elements",
    ),
    "negative vector length": (put(lambda m: m.target(MODEL_SUBGRAPHS), 0xFFFFFFFF), "elements of 4 bytes"),
    "string longer than the file": (put(lambda m: m.target(MODEL_DESCRIPTION), 0x00FFFFFF), "description: 16777215"),
    "string without its end": (unterminated, "description: the string of 7 bytes .* zero byte"),
    "null in a vector of tables": (put(lambda m: m.item(MODEL_SUBGRAPHS), 0), r"subgraphs\[0\]: offset 0"),
    "offset wraps": (put(lambda m: m.item(MODEL_SUBGRAPHS), 0xFFFFFFF0), r"subgraphs\[0\]: .*leads outside"),
    "union without value": (
        put(lambda m: m.graph.table(SUBGRAPH_OPERATORS).slot(OPERATOR_OPTIONS), 0, U16),
        r"operators\[0\].builtin_options: the type of the union is 1, but its value is absent",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("mutate", "message"), CASES.values(), ids=CASES)
def test_malformed(mutate, message):
    data = bytearray(good())
    mutate(Cursor(data))
    with pytest.raises(InvalidModelError, match=message):
        read_model(data)
    with pytest.raises(InvalidModelError):
        write_model(read_model(data, known_good=True))


def test_files_known_to_be_good_are_decoded_when_they_are_asked_for():
    data, bad = good(), bytearray(good())
    assert write_model(read_model(data, known_good=True)) == write_model(read_model(data))
    put(lambda m: m.graph.table(SUBGRAPH_TENSORS).target(TENSOR_SHAPE), 0x10000000)(Cursor(bad))
    subgraph = read_model(bad, known_good=True).subgraphs[0]
    assert subgraph.operators[0] == read_model(data).subgraphs[0].operators[0]
    with pytest.raises(InvalidModelError, match=r"Tensor 0.shape: 268435456 elements"):
        _ = subgraph.tensors[0]


def test_the_good_file_is_good():
    assert read_model(good()).description == "a model"


@pytest.mark.parametrize("size", range(0, len(good()) - 1, 3))
def test_litert_10080_truncated(size):
    """LiteRT#10080: a truncated file is refused; only padding at the end may be missing."""
    with pytest.raises(InvalidModelError):
        read_model(good()[:size])


def shared_tables() -> bytes:
    """A small file whose tables refer to the same tables at two levels: it would decode to millions of tables."""
    b = ModelBuilder()
    for _ in range(1000):
        b.tensor("t", (1,))
    b.build().subgraphs.extend(SubGraph() for _ in range(1000))
    data = bytearray(b.to_bytes())
    model = Cursor(data)
    main = model.graph.at
    for i in range(1000):
        at = model.item(MODEL_SUBGRAPHS, i)
        if main > at:
            U32.pack_into(data, at, main - at)
    return bytes(data)


def test_shared_tables_do_not_multiply():
    with pytest.raises(InvalidModelError, match=r"subgraphs\[\d+\].*(too many|too large)"):
        read_model(shared_tables())


def test_limits_are_parameters():
    with pytest.raises(InvalidModelError, match="too many"):
        read_model(good(), max_tables=5)
    with pytest.raises(InvalidModelError, match="4 dimensions are too many, at most 3"):
        read_model(good(), max_rank=3)


def test_rank_is_bounded():
    """CVE-2021-29605, CVE-2022-23558: sizes computed from a huge rank overflow."""
    b = ModelBuilder()
    b.input("x", (1,) * 1000)
    with pytest.raises(InvalidModelError, match=r"tensors\[0\].shape: 1000 dimensions are too many"):
        read_model(b.to_bytes())


def test_fields_and_members_of_newer_schemas_are_skipped():
    data = bytearray(good())
    op = Cursor(data).graph.table(SUBGRAPH_OPERATORS)
    data[op.field(OPERATOR_OPTIONS_TYPE)] = 200
    model = read_model(data)
    assert model.subgraphs[0].operators[0].builtin_options == UnknownTable(200)
    with pytest.raises(LitejitError, match="unknown kind 200 cannot be written"):
        write_model(model)


def test_a_path_and_all_kinds_of_bytes_read_the_same(tmp_path):
    data = good()
    (tmp_path / "model.tflite").write_bytes(data)
    model = read_model(tmp_path / "model.tflite")
    assert model == read_model(str(tmp_path / "model.tflite")) == read_model(data) == read_model(bytearray(data))
    assert model == read_model(memoryview(b"x" + data)[1:]), "a view that is not aligned in memory"
    weights = model.buffers[1].data
    assert not weights.flags.writeable
    assert not weights.flags.owndata
    (tmp_path / "empty.tflite").write_bytes(b"")
    with pytest.raises(InvalidModelError, match="is empty"):
        read_model(tmp_path / "empty.tflite")
