"""Files that are well formed, but say something that makes no sense: one row for each way, with what the error says.

The ids name the reports that a row comes from.
"""

import numpy as np
import pytest

from litejit.schema import (
    BlockwiseQuantization,
    Buffer,
    InvalidModelError,
    LitejitError,
    Metadata,
    Model,
    ModelBuilder,
    MultiAxisQuantization,
    Operator,
    OperatorCode,
    Pool2DOptions,
    QuantizationParameters,
    SubGraph,
    TensorMap,
    TensorType,
    UnsupportedError,
    pack_strings,
    read_model,
    write_model,
)

X, WEIGHTS, Y, STATE, Z = range(5)


def small_model() -> Model:
    """x, weights -> CONV_2D -> y; y, state -> ADD -> z; with a signature and metadata."""
    b = ModelBuilder()
    x = b.input("x", (1, 4, 4, 1), np.int8, scale=0.5, zero_point=3)
    w = b.constant(np.ones((2, 3, 3, 1), np.int8), "weights", scale=[0.5, 0.25])
    y = b.op("CONV_2D", [x, w, None], [{"name": "y", "shape": (1, 4, 4, 2), "dtype": np.int8}], stride_w=1, stride_h=1)
    state = b.variable((1, 4, 4, 2), np.int8, "state")
    z = b.op("ADD", [y, state], [{"name": "z", "shape": (1, 4, 4, 2), "dtype": np.int8}])
    b.output(z)
    b.signature("serve", {"input": x}, {"output": z})
    b.metadata("note", b"hello")
    return b.build()


def ints(*values):
    return np.array(values, np.int32)


def graph(**fields):
    return lambda model: vars(model.subgraphs[0]).update(fields)


def tensor(index, **fields):
    return lambda model: vars(model.subgraphs[0].tensors[index]).update(fields)


def operator(index, **fields):
    return lambda model: vars(model.subgraphs[0].operators[index]).update(fields)


def code(**fields):
    return lambda model: vars(model.operator_codes[0]).update(fields)


def signature(**fields):
    return lambda model: vars(model.signature_defs[0]).update(fields)


def quantization(index, **fields):
    values = {"scale": np.ones(1, np.float32), "zero_point": np.zeros(1, np.int64)} | fields
    return tensor(index, quantization=QuantizationParameters(**values))


def data(*values):
    return lambda model: vars(model.buffers[1]).update(data=np.array(values, np.uint8))


def strings(packed, shape=(2,)):
    def change(model):
        vars(model.subgraphs[0].tensors[WEIGHTS]).update(type=TensorType.STRING, shape=shape, quantization=None)
        model.buffers[1].data = np.frombuffer(packed, np.uint8)

    return change


def many_signatures(model):
    model.signature_defs *= 2


def two_names(model):
    model.signature_defs[0].inputs *= 2


CONV, ADD = r"subgraph 0, operator 0 \(CONV_2D\): ", r"subgraph 0, operator 1 \(ADD\): "
TENSOR_X, TENSOR_W = r"subgraph 0, tensor 0 \('x'\): ", r"subgraph 0, tensor 1 \('weights'\): "
TWO = pack_strings([b"ab", b"c"])

CASES = {
    # Structure of the model
    "version": (lambda m: vars(m).update(version=2), "schema version of the model is 2, expected 3"),
    "no subgraphs": (lambda m: m.subgraphs.clear(), "the model has no subgraphs"),
    "no buffers": (lambda m: m.buffers.clear(), "the model has no buffers"),
    "builtin code below its range": (
        code(deprecated_builtin_code=-3, builtin_code=-7),
        "builtin_code is -3, which is no",
    ),
    "builtin code of a newer schema": (code(builtin_code=5000), "builtin operator 5000 is newer"),
    "custom operator without a name": (code(builtin_code=32), "operator code 0: a CUSTOM operator has an empty custom"),
    "opcode index": (operator(0, opcode_index=2), "operator 0: opcode_index is 2, the model has 2 operator codes"),
    "metadata buffer": (
        lambda m: m.metadata.append(Metadata(name="n", buffer=9)),
        r"metadata 1 \('n'\): buffer is 9, the model has 3 buffers",
    ),
    # Indices of tensors
    "operator input": (
        operator(0, inputs=ints(X, 17, -1)),
        CONV + r"inputs\[1\] is 17, .* 5 tensors",
    ),
    "CVE-2020-15211 operator input below -1": (operator(0, inputs=ints(X, -2, -1)), CONV + r"inputs\[1\] is -2"),
    "operator output": (operator(0, outputs=ints(5)), CONV + r"outputs\[0\] is 5, .* 5 tensors"),
    "CVE-2020-15211 operator output -1": (operator(0, outputs=ints(-1)), CONV + r"outputs\[0\] is -1"),
    "graph input": (graph(inputs=ints(5)), r"subgraph 0: inputs\[0\] is 5, .* has 5 tensors"),
    "graph input -1": (graph(inputs=ints(-1)), r"subgraph 0: inputs\[0\] is -1"),
    "graph output": (graph(outputs=ints(Z, 99)), r"subgraph 0: outputs\[1\] is 99"),
    "intermediate": (operator(1, intermediates=ints(0, 5)), ADD + r"intermediates\[1\] is 5"),
    "CVE-2022-23561 negative intermediate": (operator(1, intermediates=ints(-1)), ADD + r"intermediates\[0\] is -1"),
    "mutating inputs": (
        operator(1, mutating_variable_inputs=np.zeros(3, bool)),
        ADD + "mutating_variable_inputs has 3 elements for 2 inputs",
    ),
    # Who produces what
    "CVE-2020-15209 input not produced": (
        tensor(WEIGHTS, buffer=0),
        CONV + r"inputs\[1\] is tensor 1 .*nothing produces",
    ),
    "graph input missing": (graph(inputs=ints()), CONV + r"inputs\[0\] is tensor 0 \('x'\), which nothing produces"),
    "input produced later": (
        operator(0, inputs=ints(Z, WEIGHTS, -1)),
        CONV + r"inputs\[0\] is tensor 4 \('z'\), which no",
    ),
    "CVE-2020-15210 input and output": (operator(0, inputs=ints(Y, WEIGHTS, -1)), CONV + ".*also an output of this op"),
    "output is a constant": (operator(0, outputs=ints(WEIGHTS)), CONV + r"outputs\[0\] is tensor 1 .* is a constant"),
    "output is a variable": (operator(0, outputs=ints(STATE)), CONV + r"outputs\[0\] is tensor 3 .* is a variable"),
    "output is a graph input": (operator(0, outputs=ints(X)), CONV + "outputs.* is an input of the subgraph"),
    "output produced twice": (operator(1, outputs=ints(Y)), ADD + "outputs.* already the output of operator 0"),
    "output twice in one operator": (operator(1, outputs=ints(Z, Z)), ADD + r"outputs\[1\].* already the output of"),
    "graph output not produced": (
        lambda m: m.subgraphs[0].operators.pop(),
        r"outputs\[0\] is tensor 4 .*no operator prod",
    ),
    "tensorflow#62160 options of another operator": (
        operator(0, builtin_options=Pool2DOptions()),
        CONV + "its options are Pool2DOptions, expected Conv2DOptions",
    ),
    # Shapes and constants
    "buffer index": (tensor(X, buffer=3), TENSOR_X + "buffer is 3, the model has 3 buffers"),
    "type of a newer schema": (tensor(X, type=77), TENSOR_X + "type 77 is newer than this schema"),
    "data in another file": (
        tensor(X, external_buffer=1),
        TENSOR_X + r"its data are in another file \(external_buffer",
    ),
    "tensorflow#112657 negative dimension": (tensor(X, shape=(1, -4, 4, 1)), TENSOR_X + r"shape .* negative dimension"),
    "tensorflow#111458 dimension INT_MAX": (
        tensor(X, shape=(2**31 - 1, 2**31 - 1)),
        TENSOR_X + r"shape \[2147483647, 2147483647\] of INT8 takes 4611686014132420609 bytes, more than the limit",
    ),
    "tflite-micro#3582 shape wraps to zero": (
        tensor(X, shape=(65536, 65536, 65536, 65536)),
        TENSOR_X + ".*more than the",
    ),
    "tensorflow#115068 bytes near SIZE_MAX": (
        tensor(X, shape=(2**31 - 1, 2**31 - 1, 4), type=TensorType.FLOAT64),
        TENSOR_X + ".*more than the limit",
    ),
    "CVE-2021-29601 dimensions sum over int32": (
        tensor(X, shape=(2**31 - 1, 1, 64)),
        TENSOR_X + ".*more than the limit",
    ),
    "CVE-2022-23559 product overflows": (tensor(Y, shape=(2**30, 2**30, 2**30, 2**30)), ".*more than the limit"),
    "shape signature of another rank": (
        tensor(X, shape_signature=(-1, 4)),
        TENSOR_X + r"shape_signature \[-1, 4\] does",
    ),
    "shape signature below -1": (tensor(X, shape_signature=(-2, 4, 4, 1)), TENSOR_X + "shape_signature .* does not go"),
    "variable with data": (tensor(WEIGHTS, is_variable=True), TENSOR_W + "it is a variable, but has constant data"),
    "tensorflow#126600 constant longer than its shape": (
        data(*range(19)),
        TENSOR_W + "its data are 19 bytes, shape.* takes 18",
    ),
    "tflite-micro#3072 constant shorter than its shape": (
        data(*range(17)),
        TENSOR_W + "its data are 17 bytes, .* of INT8 takes 18",
    ),
    "constant without bytes": (data(), TENSOR_W + "its data are 0 bytes"),
    "int4 constant": (tensor(WEIGHTS, type=TensorType.INT4), TENSOR_W + r"its data are 18 bytes, .* of INT4 takes 9"),
    "int2 constant": (tensor(WEIGHTS, type=TensorType.INT2), TENSOR_W + r"its data are 18 bytes, .* of INT2 takes 5"),
    "bfloat16 constant": (
        tensor(WEIGHTS, type=TensorType.BFLOAT16),
        TENSOR_W + r"its data are 18 bytes, .* of BFLOAT16 takes 36",
    ),
    # Quantization
    "fewer zero points than scales": (
        quantization(WEIGHTS, scale=np.ones(2, np.float32)),
        TENSOR_W + "quantization has 2 scale and 1 zero_point values",
    ),
    "no zero points": (quantization(X, zero_point=np.empty(0, np.int64)), TENSOR_X + "quantization has 1 scale and 0"),
    "scales for other channels": (
        quantization(WEIGHTS, scale=np.ones(3, np.float32), zero_point=np.zeros(3, np.int64)),
        TENSOR_W + "quantization has 3 scales, dimension 0 of shape .* has 2",
    ),
    "quantized dimension": (
        quantization(X, quantized_dimension=4),
        TENSOR_X + "quantized_dimension is 4, .* has rank 4",
    ),
    "quantized dimension negative": (quantization(X, quantized_dimension=-1), TENSOR_X + "quantized_dimension is -1"),
    "scale NaN": (quantization(X, scale=np.full(1, np.nan, np.float32)), TENSOR_X + r"quantization: scale\[0\] is nan"),
    "scale infinite": (
        quantization(X, scale=np.full(1, np.inf, np.float32)),
        TENSOR_X + r"quantization: scale\[0\] is inf",
    ),
    "scale negative": (
        quantization(WEIGHTS, scale=np.array([1, -1], np.float32), zero_point=np.zeros(2, np.int64)),
        TENSOR_W + r"quantization: scale\[1\] is -1.0, it must be",
    ),
    "zero point": (
        quantization(X, zero_point=np.array([128])),
        TENSOR_X + r"quantization: zero_point\[0\] is 128, outside of INT8",
    ),
    "blockwise scales": (
        quantization(WEIGHTS, details=BlockwiseQuantization(scales=5, block_size=4)),
        TENSOR_W + "BlockwiseQuantization: scales is tensor 5, the subgraph has 5 tensors",
    ),
    "blockwise block size": (
        quantization(WEIGHTS, details=BlockwiseQuantization(scales=3, zero_points=-1, block_size=-4)),
        TENSOR_W + "BlockwiseQuantization: block_size is -4",
    ),
    "multi-axis dimensions": (
        quantization(WEIGHTS, details=MultiAxisQuantization(quantized_dimensions=ints(1, 4))),
        TENSOR_W + r"MultiAxisQuantization: quantized_dimensions are \[1, 4\]",
    ),
    # Strings
    "strings: empty data": (strings(b""), TENSOR_W + "a string tensor of 0 bytes"),
    "strings: count too big": (strings(b"\xff\xff\xff\x7f" + TWO[4:]), "19 bytes cannot hold 2147483647 strings"),
    "strings: count negative": (strings(b"\xff\xff\xff\xff" + TWO[4:]), "19 bytes cannot hold -1 strings"),
    "strings: first offset": (
        strings(TWO[:4] + b"\x11" + TWO[5:]),
        "first of 2 strings starts at byte 17, expected 16",
    ),
    "strings: offset decreases": (
        strings(TWO[:8] + b"\x0f" + TWO[9:]),
        "string 0 of 2 ends before it starts, at byte 15",
    ),
    "strings: offset past the end": (strings(TWO[:8] + b"\xff" + TWO[9:]), "string 1 of 2 ends before it starts"),
    "strings: last offset": (strings(TWO + b"!"), "last of 2 strings ends at byte 19, expected 20"),
    "strings: not as many as the shape": (strings(TWO, (3,)), r"its data are 2 strings, shape \[3\] takes 3"),
    # Signatures
    "signature subgraph": (
        signature(subgraph_index=1),
        "signature 'serve': subgraph_index is 1, the model has 1 subgraphs",
    ),
    "signature tensor": (signature(inputs=[TensorMap(name="a", tensor_index=5)]), r"'serve': inputs\[0\] \('a'\) is 5"),
    "signature name missing": (signature(outputs=[TensorMap()]), r"signature 'serve': outputs\[0\] has no name"),
    "signature name twice": (two_names, "signature 'serve': names of inputs: 'input' occurs 2 times"),
    "signature key twice": (many_signatures, "signature keys: 'serve' occurs 2 times"),
}


@pytest.mark.parametrize(("change", "message"), CASES.values(), ids=CASES)
def test_refused(change, message):
    model = small_model()
    change(model)
    written = write_model(model)
    with pytest.raises(LitejitError, match=message):
        read_model(written)
    assert read_model(written, validate=False) == model


def test_the_small_model_is_good():
    model = small_model()
    assert read_model(write_model(model)) == model


def test_an_operator_without_options_is_accepted():
    model = small_model()
    model.subgraphs[0].operators[0].builtin_options = None
    assert read_model(write_model(model)).subgraphs[0].operators[0].options is None


def test_a_graph_without_operators_is_accepted():
    b = ModelBuilder()
    b.output(b.input("x", (2,)))
    assert read_model(b.to_bytes()).subgraphs[0].operators == []


def test_unsupported_is_not_invalid():
    model = small_model()
    model.operator_codes[0].builtin_code = 5000
    with pytest.raises(UnsupportedError):
        read_model(write_model(model))


# Data outside of the flatbuffer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "size"), [(2**64 - 8, 16), (2**64 - 1, 1), (2, 2**64 - 1), (10**6, 1)])
def test_tensorflow_116632_data_outside_of_the_file(offset, size):
    message = f"{size} bytes at offset {offset} end after the"
    model = Model(version=3, buffers=[Buffer(), Buffer(offset=offset, size=size)], subgraphs=[SubGraph()])
    with pytest.raises(InvalidModelError, match=rf"buffers\[1\]: {message}"):
        read_model(write_model(model))
    op = Operator(large_custom_options_offset=offset, large_custom_options_size=size)
    model = Model(version=3, buffers=[Buffer()], operator_codes=[OperatorCode()], subgraphs=[SubGraph(operators=[op])])
    with pytest.raises(InvalidModelError, match=f"subgraph 0, operator 0: large_custom_options: {message}"):
        read_model(write_model(model))


# Control flow --------------------------------------------------------------------------------------------------------


def calls(*graphs):
    """A model whose subgraph i has one operator for each (name, fields) of graphs[i]."""
    b = ModelBuilder()
    for i, ops in enumerate(graphs):
        sub = b if i == 0 else b.subgraph()
        x = sub.input("x", (1,))
        for name, fields in ops:
            x = sub.op(name, [x], **fields)
        sub.output(x)
    return b.to_bytes()


CALLS = {
    "IF": ("then_subgraph_index", {"then_subgraph_index": 7, "else_subgraph_index": 1}),
    "WHILE": ("body_subgraph_index", {"cond_subgraph_index": 1, "body_subgraph_index": 7}),
    "CALL_ONCE": ("init_subgraph_index", {"init_subgraph_index": -1}),
    "STABLEHLO_WHILE": ("cond_subgraph_index", {"cond_subgraph_index": -1, "body_subgraph_index": 1}),
    "STABLEHLO_COMPOSITE": ("decomposition_subgraph_index", {"decomposition_subgraph_index": 2}),
    "STABLEHLO_CASE": (r"branch_subgraph_indices\[1\]", {"branch_subgraph_indices": [1, 2]}),
    "STABLEHLO_REDUCE": ("body_subgraph_index", {"body_subgraph_index": 2}),
    "STABLEHLO_REDUCE_WINDOW": ("body_subgraph_index", {"body_subgraph_index": 2}),
    "STABLEHLO_SCATTER": ("update_computation_subgraph_index", {"update_computation_subgraph_index": 2}),
    "STABLEHLO_SORT": ("comparator_subgraph_index", {"comparator_subgraph_index": 2}),
    "STABLEHLO_CUSTOM_CALL": (r"called_computations\[0\]", {"called_computations": [2]}),
    "CALL": ("subgraph", {"subgraph": 2}),
}


@pytest.mark.parametrize("name", CALLS)
def test_subgraph_index_out_of_range(name):
    field, fields = CALLS[name]
    with pytest.raises(InvalidModelError, match=rf"operator 0 \({name}\): {field} is -?\d+, the model has 2 subgraphs"):
        read_model(calls([(name, fields)], []))


def call(target):
    return ("WHILE", {"cond_subgraph_index": target, "body_subgraph_index": target})


@pytest.mark.parametrize(
    ("graphs", "path"),
    [
        ([[call(0)]], "0 -> 0"),
        ([[call(1)], [call(1)]], "0 -> 1 -> 1"),
        ([[call(1)], [call(2)], [call(1)]], "1 -> 2 -> 1"),
    ],
    ids=["main calls itself", "body calls itself", "two call each other"],
)
def test_cve_2021_29591_recursion(graphs, path):
    with pytest.raises(InvalidModelError, match=f"calls itself: .*{path}"):
        read_model(calls(*graphs))


def test_call_depth_is_bounded():
    chain = [[("CALL", {"subgraph": i + 1})] for i in range(70)]
    with pytest.raises(InvalidModelError, match="nest deeper than 64"):
        read_model(calls(*chain, []))
    with pytest.raises(InvalidModelError, match="nest deeper than 64"):
        read_model(calls([], *[[("CALL", {"subgraph": i})] for i in range(70)]))


def test_number_of_calls_is_bounded():
    twice = [[("CALL", {"subgraph": i + 1})] * 2 for i in range(30)]
    with pytest.raises(InvalidModelError, match="calls more than 10000 subgraphs"):
        read_model(calls(*twice, []))
