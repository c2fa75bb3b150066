"""Tensor data: dtypes, packed integers, strings, constants; and FlexBuffers."""

import sys

import ml_dtypes
import numpy as np
import pytest

from litejit.schema import (
    InvalidModelError,
    ModelBuilder,
    TensorType,
    UnsupportedError,
    decode_flexbuffer,
    encode_flexbuffer,
    numpy_dtype,
    pack,
    pack_bits,
    pack_strings,
    packed_size,
    read_model,
    tensor_type,
    tensor_value,
    unpack,
    unpack_bits,
    unpack_strings,
)

RANGES = {TensorType.INT4: (-8, 8), TensorType.UINT4: (0, 16), TensorType.INT2: (-2, 2)}
WITH_DATA = [type for type in TensorType if type not in (TensorType.RESOURCE, TensorType.VARIANT)]


def values(type: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    count = int(np.prod(shape))
    if type is TensorType.STRING:
        return np.array([b"s" * i for i in range(count)], object).reshape(shape)
    low, high = RANGES.get(type, (0, 100))
    return (np.arange(count) % (high - low) + low).astype(numpy_dtype(type)).reshape(shape)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (2, 2, 4)], ids=str)
@pytest.mark.parametrize("type", WITH_DATA, ids=lambda type: type.name)
def test_constants_of_every_type(type, shape):
    expected = values(type, shape)
    b = ModelBuilder()
    b.output(b.op("CUSTOM_OP", [b.constant(expected, type=type)], custom=True))
    model = read_model(b.to_bytes())
    tensor = model.subgraphs[0].tensors[0]
    value = tensor_value(model, tensor)
    assert tensor.type is type
    assert value.dtype == numpy_dtype(type)
    assert value.shape == shape
    assert value.flags.aligned
    assert not value.flags.writeable
    assert value.tolist() == expected.tolist()
    if type is not TensorType.STRING:
        assert model.buffers[1].data.size == packed_size(type, expected.size)


def test_constants_are_views_of_the_file():
    b = ModelBuilder()
    b.output(b.op("ABS", [b.constant(np.ones(100, np.float32))]))
    model = read_model(b.to_bytes())
    assert np.shares_memory(tensor_value(model, model.subgraphs[0].tensors[0]), model.buffers[1].data)


def test_tensors_without_data_have_no_value():
    b = ModelBuilder()
    b.output(b.op("ABS", [b.input("x", (2,))]))
    model = b.build()
    assert [tensor_value(model, tensor) for tensor in model.subgraphs[0].tensors] == [None, None]


def test_value_of_the_wrong_size_names_the_tensor():
    b = ModelBuilder()
    w = b.constant(np.ones(3, np.float32), "weights")
    b.build().subgraphs[0].tensors[w].shape = (4,)
    with pytest.raises(InvalidModelError, match=r"tensor 'weights': 12 bytes of data, shape \[4\] of FLOAT32 takes 16"):
        tensor_value(b.build(), b.build().subgraphs[0].tensors[w])
    with pytest.raises(InvalidModelError, match="negative dimension"):
        unpack(np.zeros(4, np.uint8), TensorType.INT8, (-4,))


@pytest.mark.parametrize("type", [t for t in WITH_DATA if t not in RANGES], ids=lambda type: type.name)
def test_type_of_dtype(type):
    assert tensor_type(numpy_dtype(type)) is type


def test_type_of_other_dtypes():
    assert tensor_type("S5") is tensor_type("U3") is tensor_type(object) is TensorType.STRING
    assert tensor_type(TensorType.INT4) is TensorType.INT4
    assert tensor_type(ml_dtypes.bfloat16) is TensorType.BFLOAT16
    with pytest.raises(UnsupportedError, match="datetime64"):
        tensor_type("datetime64[s]")


def test_types_that_need_ml_dtypes(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(UnsupportedError, match=r"BFLOAT16 need the package ml_dtypes; install litejit\[bfloat16\]"):
        numpy_dtype(TensorType.BFLOAT16)
    assert packed_size(TensorType.BFLOAT16, 3) == 6
    with pytest.raises(UnsupportedError, match="type 99"):
        numpy_dtype(99)


def test_the_first_element_is_in_the_lowest_bits():
    assert pack_bits([1, 2, -1], TensorType.INT4).tolist() == [0x21, 0x0F]
    assert pack_bits([1, -2, -1, 0, 1], TensorType.INT2).tolist() == [0b00111001, 0b01]
    packed = np.array([0x21, 0x8F], np.uint8)
    assert unpack_bits(packed, TensorType.INT4, 3).tolist() == [1, 2, -1]
    assert unpack_bits(packed, TensorType.INT4, 4).tolist() == [1, 2, -1, -8]
    assert unpack_bits(packed, TensorType.UINT4, 4).tolist() == [1, 2, 15, 8]
    assert unpack_bits(packed, TensorType.INT2, 8).tolist() == [1, 0, -2, 0, -1, -1, 0, -2]


def test_layout_of_strings():
    packed = pack_strings([b"ab", "ü", b""])
    assert np.frombuffer(packed[:20], "<i4").tolist() == [3, 20, 22, 24, 24]
    assert unpack_strings(packed).tolist() == [b"ab", "ü".encode(), b""]
    assert pack(np.array(["a"]), TensorType.STRING) == pack_strings([b"a"])


# FlexBuffers ---------------------------------------------------------------------------------------------------------

OPTIONS = {
    "int": -5, "uint": 300, "long": 2**40, "float": 2.5, "double": 0.1, "bool": True, "none": None, "text": "hé",
    "blob": b"\0\1", "list": [1, "x", None, [2.5, {"z": False}]], "ints": [1, 2, 3], "keys": ["a", "b"], "empty": {},
}  # fmt: skip


@pytest.mark.parametrize("value", [OPTIONS, [], {}, 1, "text", 2.5, [[[]]], True], ids=repr)
def test_flexbuffer_round_trip(value):
    assert decode_flexbuffer(encode_flexbuffer(value)) == value


def test_no_flexbuffer_data_are_no_options():
    assert decode_flexbuffer(b"") == {}
    assert decode_flexbuffer(np.empty(0, np.uint8)) == {}


MALFORMED_FLEXBUFFERS = {
    "too short": (b"\0\1", "too short"),
    "width of the root": (b"\0\0\x04\x03", "width of 3 bytes"),
    "unknown type": (b"\0\0" + bytes([40 << 2]) + b"\1", "unknown type 40"),
    "offset before the data": (b"\x09\x14\x01", "outside"),
    "vector longer than the data": (b"\xff\x01\x28\x01", "outside"),
    "key without an end": (b"ab\x02\x10\x01", "no end"),
    "vector of itself": (b"\x01\x00\x28\x28\x01", "deeper|outside|too often"),
}


@pytest.mark.parametrize(("data", "message"), MALFORMED_FLEXBUFFERS.values(), ids=MALFORMED_FLEXBUFFERS)
def test_malformed_flexbuffer(data, message):
    with pytest.raises(InvalidModelError, match=message):
        decode_flexbuffer(data)


def test_a_flexbuffer_that_doubles_at_each_level_is_bounded():
    # Each level is a vector of two references to the level below: 2**60 values in 250 bytes.
    data = bytearray(b"\0")
    for level in range(60):
        kind = 1 << 2 if level == 0 else 10 << 2
        target = len(data) - (1 if level == 0 else 4)
        start = len(data) + 1
        data += bytes([2, start - target, start + 1 - target, kind, kind])
    root = len(data)
    data += bytes([root - (root - 4), 10 << 2, 1])
    with pytest.raises(InvalidModelError, match="too often"):
        decode_flexbuffer(bytes(data))


def test_mutated_flexbuffers_are_refused_or_decoded():
    rng = np.random.default_rng(0)
    good = encode_flexbuffer(OPTIONS)
    refused = 0
    for _ in range(2000):
        mutant = bytearray(good)
        for at in rng.integers(len(mutant), size=3):
            mutant[at] = rng.integers(256)
        try:
            decode_flexbuffer(bytes(mutant[: rng.integers(1, len(mutant) + 1)] if rng.integers(9) == 0 else mutant))
        except InvalidModelError:
            refused += 1
    assert 0 < refused < 2000
