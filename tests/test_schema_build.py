"""Building and writing models: what is built is what is read back, and the official runtime reads it, too."""

import numpy as np
import pytest

from litejit.schema import (
    ActivationFunctionType,
    BuiltinOperator,
    Conv2DOptions,
    CustomQuantization,
    ModelBuilder,
    Padding,
    QuantizationParameters,
    StablehloSortOptions,
    TensorType,
    read_model,
    write_model,
)
from tests.oracle import oracle


def conv_model() -> ModelBuilder:
    rng = np.random.default_rng(0)
    b = ModelBuilder(description="a convolution")
    x = b.input("x", (1, 6, 6, 2), np.int8, scale=0.05, zero_point=3, shape_signature=(-1, 6, 6, 2))
    w = b.constant(rng.integers(-127, 128, (3, 3, 3, 2)).astype(np.int8), "weights", scale=[0.01, 0.02, 0.03])
    bias = b.constant(np.array([5, -7, 9], np.int32), "bias", scale=[0.0005, 0.001, 0.0015])
    y = {"name": "y", "shape": (1, 3, 3, 3), "dtype": np.int8, "scale": 0.1, "zero_point": -4}
    y = b.op("CONV_2D", [x, w, bias], [y], stride_w=2, stride_h=2, fused_activation_function="RELU6", version=3)
    b.output(y)
    b.signature("serving_default", {"image": x}, {"features": y})
    b.metadata("note", b"hello")
    return b


def test_fields():
    model = read_model(conv_model().to_bytes())
    graph = model.subgraphs[0]
    op = graph.operators[0]
    assert (model.version, model.description) == (3, "a convolution")
    assert model.operator_codes[op.opcode_index].operator is BuiltinOperator.CONV_2D
    assert model.operator_codes[op.opcode_index].version == 3
    assert op.options == Conv2DOptions(
        padding=Padding.SAME, stride_w=2, stride_h=2, fused_activation_function=ActivationFunctionType.RELU6
    )
    assert op.options.dilation_h_factor == 1
    assert op.inputs.tolist() == [0, 1, 2]
    assert graph.tensors[0].shape == (1, 6, 6, 2)
    assert graph.tensors[0].shape_signature == (-1, 6, 6, 2)
    assert graph.tensors[1].shape_signature is None
    assert graph.tensors[1].quantization.zero_point.tolist() == [0, 0, 0]
    assert model.buffers[model.metadata[0].buffer].data.tobytes() == b"hello"
    signature = model.signature_defs[0]
    assert [(t.name, t.tensor_index) for t in signature.inputs + signature.outputs] == [("image", 0), ("features", 3)]


def test_codes_above_127_are_in_the_new_field():
    b = ModelBuilder()
    b.output(b.op("GELU", [b.input("x", (2,))], approximate=True))
    code = b.build().operator_codes[0]
    assert (code.deprecated_builtin_code, code.builtin_code, code.operator) == (127, 150, BuiltinOperator.GELU)


def test_options_go_to_the_union_that_has_them():
    b = ModelBuilder()
    x = b.input("x", (2,))
    b.op("STABLEHLO_SORT", [x], dimension=0, is_stable=True)
    b.op("RESHAPE", [x], new_shape=[1, 2])
    sort, reshape = b.build().subgraphs[0].operators
    assert sort.builtin_options is None
    assert sort.builtin_options_2 == StablehloSortOptions(dimension=0, is_stable=True)
    assert reshape.builtin_options.new_shape.tolist() == [1, 2]


def test_custom_operators_several_outputs_and_subgraphs():
    b = ModelBuilder()
    x = b.input("x", (2,), np.int16)
    first, second = b.op("MyOp", [x], n_outputs=2, custom=True, custom_options=b"\1\2", intermediates=[x])
    b.output(first, second)
    body = b.subgraph("body")
    body.output(body.input("y", (3,)))
    model = read_model(b.to_bytes())
    op = model.subgraphs[0].operators[0]
    assert (body.index, model.subgraphs[1].name) == (1, "body")
    assert (model.operator_codes[0].operator, model.operator_codes[0].custom_code) == (BuiltinOperator.CUSTOM, "MyOp")
    assert (op.custom_options.tolist(), op.intermediates.tolist(), op.outputs.tolist()) == ([1, 2], [0], [1, 2])
    assert [tensor.type for tensor in model.subgraphs[0].tensors] == [TensorType.INT16] * 3


@pytest.mark.parametrize(
    ("operator", "field", "message"),
    [
        ("CONV_2D", "stride", "Conv2DOptions has no field 'stride'; its fields: padding, stride_w"),
        ("RELU", "x", "RELU has no options of its own, it was given x"),
    ],
)
def test_unknown_option_fields(operator, field, message):
    b = ModelBuilder()
    with pytest.raises(TypeError, match=message):
        b.op(operator, [b.input("x", (1,))], **{field: 1})


def test_a_value_outside_of_its_enum_stays_a_number():
    b = ModelBuilder()
    b.output(b.op("SOFTMAX", [b.op("CONV_2D", [b.input("x", (1,))], fused_activation_function=99)]))
    activation = read_model(b.to_bytes()).subgraphs[0].operators[0].options.fused_activation_function
    assert activation == 99
    assert not isinstance(activation, ActivationFunctionType)


def test_strings_that_are_not_utf8_survive():
    b = ModelBuilder(description=b"\xff\xfe".decode("utf-8", "surrogateescape"))
    data = b.to_bytes()
    assert b"\xff\xfe\0" in data
    assert write_model(read_model(data)) == data


def test_nan_and_union_members_compare_by_value():
    details = CustomQuantization(custom=np.arange(5, dtype=np.uint8))
    tables = [
        QuantizationParameters(min=np.array([np.nan], np.float32), details=details, quantized_dimension=dimension)
        for dimension in (0, 0, 1)
    ]
    assert tables[0] == tables[1]
    assert tables[0] != tables[2]
    assert repr(tables[2]) == (
        "QuantizationParameters(min=[nan], details=CustomQuantization(custom=[0, 1, 2, 3, 4]), quantized_dimension=1)"
    )


@pytest.mark.parametrize("outside", [False, True], ids=["data inside", "data outside"])
def test_round_trip_and_official_runtime(outside):
    model = conv_model().build()
    data = write_model(model, data_outside=outside)
    assert read_model(data) == model
    assert read_model(write_model(read_model(data))) == model
    x = np.random.default_rng(1).integers(-128, 128, (1, 6, 6, 2)).astype(np.int8)
    expected = oracle.run(write_model(model), [x], "ref")
    answer = oracle.run(data, [x], "ref")
    assert answer.error is None
    np.testing.assert_array_equal(answer.outputs[0], expected.outputs[0])


def test_constants_are_aligned():
    b = ModelBuilder()
    for size in (1, 3, 17):
        b.buffer(bytes(size))
    for outside in (False, True):
        data = write_model(b.build(), data_outside=outside)
        start = np.frombuffer(data, np.uint8).ctypes.data
        for buffer in read_model(data).buffers[1:]:
            assert (buffer.data.ctypes.data - start) % 16 == 0


@pytest.mark.slow
def test_data_beyond_4_gib(tmp_path):
    """Offsets of outside data are 64-bit; the file is sparse on disk and mapped, so that it takes no memory."""
    offset, path = 5 * 2**30, tmp_path / "large.tflite"
    b = ModelBuilder()
    w = b.constant(np.zeros(1, np.float32))
    b.output(b.op("ABS", [w]))
    model = b.build()
    model.buffers[1].data, model.buffers[1].offset, model.buffers[1].size = None, offset, 4
    with path.open("wb") as file:
        file.write(write_model(model))
        file.seek(offset)
        file.write(np.float32(2.5).tobytes())
    assert read_model(path).buffers[1].data.view(np.float32).tolist() == [2.5]
