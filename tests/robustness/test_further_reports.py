"""What has broken runtimes of this kind, as in test_reports, where it takes more than one mutation of an operator.

Each row: report, the operator from the catalogue, how its model is changed, the expected error (None: it runs), and
what the official reference kernels do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.kernels.registry import builtin_kernels
from litejit.schema import Buffer, Tensor, TensorType
from litejit.schema.flat import MAX_RANK
from litejit.testing import Problem
from tests.catalogue import CATALOGUE
from tests.oracle import oracle
from tests.robustness.mutations import INT32_MAX, Mutant, mutations, outcome

PLAIN = {"fused_activation_function": "NONE"}
LONG = np.zeros(40, np.int64)


def operand(mutant: Mutant, position: int) -> Any:
    return mutant.tensors[int(mutant.operator.inputs[position])]


def buffer_of_nothing(position: int) -> Callable[[Mutant], None]:
    """A constant's buffer index becomes 0, so that nothing gives it a value."""
    return lambda m: vars(operand(m, position)).update(buffer=0)


def empty_buffer(position: int) -> Callable[[Mutant], None]:
    """A constant's buffer loses its data."""
    return lambda m: vars(m.model.buffers[operand(m, position).buffer]).update(data=np.zeros(0, np.uint8))


def longer_buffer(position: int) -> Callable[[Mutant], None]:
    """A constant has more data than its shape says."""

    def change(m: Mutant) -> None:
        tensor = operand(m, position)
        value = m.value(int(m.operator.inputs[position]))
        assert value is not None
        m.values.pop(int(m.operator.inputs[position]), None)
        m.graph.inputs = np.array([at for at in m.graph.inputs if at != m.operator.inputs[position]], np.int32)
        tensor.buffer = len(m.model.buffers)
        m.model.buffers.append(Buffer(data=np.frombuffer(value.tobytes() + bytes(64), np.uint8)))

    return change


def shape(position: int, *dims: int) -> Callable[[Mutant], None]:
    return lambda m: vars(operand(m, position)).update(shape=tuple(dims))


def output_is_an_operand(m: Mutant) -> None:
    m.operator.outputs = m.operator.inputs[:1].copy()
    m.graph.outputs = m.operator.outputs


def output_left_out(m: Mutant) -> None:
    m.operator.outputs = np.array([-1], np.int32)


def options(**fields: Any) -> Callable[[Mutant], None]:
    return lambda m: vars(m.operator.options).update(fields)


def subgraph_input_type(m: Mutant) -> None:
    """The first input of subgraph 1 becomes int32, until it gets the type of the call."""
    graph = m.model.subgraphs[1]
    graph.tensors[int(graph.inputs[0])].type = TensorType.INT32


def one_subgraph_output_more(m: Mutant) -> None:
    graph = m.model.subgraphs[1]
    graph.outputs = np.append(graph.outputs, graph.outputs[:1]).astype(np.int32)


def subgraph_takes_an_input(m: Mutant) -> None:
    graph = m.model.subgraphs[1]
    graph.tensors.append(Tensor(name="extra", shape=(1,), type=TensorType.FLOAT32))
    graph.inputs = np.array([len(graph.tensors) - 1], np.int32)


def transposed_scales(m: Mutant) -> None:
    """Scales for each of 2 input channels instead of the 3 output channels."""
    dict(mutations(m))["operand 1 of scale [0.5, 0.25]"](m)
    operand(m, 1).quantization.quantized_dimension = 3


ROWS: list[tuple[str, str, int, Callable[[Mutant], None], str | None, str]] = [
    ("CVE-2020-15209", "PAD", 0, buffer_of_nothing(1), "which nothing produces before", "raises"),
    ("CVE-2021-37688", "CONV_2D", 1, empty_buffer(1), "its data are 0 bytes", "raises"),
    ("CVE-2021-37688-fully-connected", "FULLY_CONNECTED", 0, empty_buffer(1), "its data are 0 bytes", "raises"),
    ("tensorflow#62161-output", "DENSIFY", 0, lambda m: dict(mutations(m))["one output fewer"](m),
     "which nothing produces before", "raises"),
    ("CVE-2022-36027", "TRANSPOSE_CONV", 1, transposed_scales, "scales", "raises"),
    ("CVE-2020-15208-weights", "SVDF", 0, lambda m: m.reshape(int(m.operator.inputs[2]), (5, 6)), "weights_time",
     "raises"),
    ("CVE-2020-15208-batch", "BATCH_MATMUL", 0, lambda m: m.reshape(int(m.operator.inputs[1]), (5, 4, 2)), "broadcast",
     "raises"),
    ("tensorflow#126600-reshape", "RESHAPE", 0, longer_buffer(0), "its data are", "crashes"),
    ("tensorflow#126600-bitcast", "BITCAST", 0, longer_buffer(0), "its data are", "runs"),
    ("tensorflow#126600-expand-dims", "EXPAND_DIMS", 0, longer_buffer(0), "its data are", "runs"),
    ("tensorflow#124563-gather", "STABLEHLO_GATHER", 0, options(offset_dims=LONG), "offset_dims", "raises"),
    ("tensorflow#124563-scatter", "STABLEHLO_SCATTER", 0, options(update_window_dims=LONG), "update_window_dims",
     "raises"),
    ("CVE-2020-15211-output", "ADD", 0, output_left_out, "outputs[0]", "raises"),
    ("CVE-2020-15210", "ADD", 0, output_is_an_operand, "outputs[0] is tensor 0", "raises"),
    ("CVE-2020-15210-reshape", "RESHAPE", 0, output_is_an_operand, "outputs[0] is tensor 0", "raises"),
    ("CVE-2021-29605", "RELU", 0, shape(0, *[1] * 1000), "1000 dimensions are too many", "runs"),
    ("CVE-2022-23558", "TRANSPOSE", 0, shape(0, *[1] * 70), "dimensions", "runs"),
    ("tensorflow#111458-largest", "RELU", 0, shape(0, INT32_MAX, 4), "more than the limit", "runs"),
    ("tensorflow#111458-negative", "RELU", 0, shape(0, -3, 4), "shape", "raises"),
    ("tensorflow#115068", "RELU", 0, shape(0, INT32_MAX, INT32_MAX, 4), "limit", "raises"),
    ("tensorflow#113024", "ADD_N", 0, lambda m: [shape(at, 65536, 32768)(m) for at in range(m.operator.inputs.size)],
     "more than the limit", "runs"),
    ("while-type", "WHILE", 0, subgraph_input_type, None, "runs"),
    ("while-outputs", "WHILE", 0, one_subgraph_output_more, "has 2 outputs, expected 1", "raises"),
    ("if-type", "IF", 0, subgraph_input_type, None, "runs"),
    ("if-outputs", "IF", 0, one_subgraph_output_more, "outputs", "raises"),
    ("call-once-inputs", "CALL_ONCE", 0, subgraph_takes_an_input, "input", "raises"),
    ("composite-type", "STABLEHLO_COMPOSITE", 0, subgraph_input_type, None, "runs"),
    ("composite-outputs", "STABLEHLO_COMPOSITE", 0, one_subgraph_output_more, "outputs", "raises"),
]  # fmt: skip


def verdict(model: bytes, inputs: list[np.ndarray], error: str | None, official: str) -> None:
    result = outcome(model, inputs)
    assert (result.error is None) == (error is None), result.error
    assert error is None or error in str(result.error)
    if official == "raises":
        assert oracle.run(model, inputs, "ref").error is not None


@pytest.mark.parametrize(
    ("operator", "at", "change", "error", "official"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_report(operator: str, at: int, change: Callable[[Mutant], None], error: str | None, official: str) -> None:
    mutant = Mutant(CATALOGUE[operator][at], operator)
    change(mutant)
    verdict(mutant.to_bytes(), mutant.inputs(), error, official)


def slice_beyond_int32(b: ModelBuilder) -> list[np.ndarray]:
    """A slice whose end is the largest int32 feeds a convolution."""
    x = b.input("x", (1, 5, 5, 2))
    begin, end, strides = (np.array(v, np.int32) for v in ([0, 1, 1, 0], [INT32_MAX] * 4, [1, 1, 2, 1]))
    part = b.op("STRIDED_SLICE", [x, b.constant(begin), b.constant(end), b.constant(strides)])
    weights, bias = b.constant(np.ones((3, 2, 2, 2), np.float32)), b.constant(np.zeros(3, np.float32))
    window = {"padding": "VALID", "stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}
    b.output(b.op("CONV_2D", [part, weights, bias], **window, **PLAIN))
    return [np.arange(50, dtype=np.float32).reshape(1, 5, 5, 2)]


def sum_of_dims(b: ModelBuilder) -> list[np.ndarray]:
    parts = [b.input(None, (INT32_MAX, 0)) for _ in range(2)]
    b.output(b.op("CONCATENATION", parts, [{"shape": (0, 0)}], axis=0, **PLAIN))
    return [np.zeros((INT32_MAX, 0), np.float32)] * 2


def product_of_dims(b: ModelBuilder) -> list[np.ndarray]:
    ids, values = b.input("ids", (1 << 16,), np.int32), b.input("values", (2, 1 << 16))
    b.output(b.op("EMBEDDING_LOOKUP", [ids, values], [{"dtype": np.float32, "shape": (1,)}]))
    return [np.zeros(1 << 16, np.int32), np.zeros((2, 1 << 16), np.float32)]


def rank(count: int) -> Callable[[ModelBuilder], list[np.ndarray]]:
    def build(b: ModelBuilder) -> list[np.ndarray]:
        dims = b.constant(np.ones(count, np.int32))
        b.output(b.op("RESHAPE", [b.input("x", (1,)), dims], [{"shape": (1,)}]))
        return [np.ones(1, np.float32)]

    return build


def filled_rank(b: ModelBuilder) -> list[np.ndarray]:
    dims = b.constant(np.ones(1000, np.int32))
    b.output(b.op("FILL", [dims, b.input("value", ())], [{"dtype": np.float32, "shape": (1,)}]))
    return [np.ones((), np.float32)]


def broadcast_rank(b: ModelBuilder) -> list[np.ndarray]:
    x, dims = b.input("x", (1,)), b.input("dims", (1000,), np.int32)
    b.output(b.op("BROADCAST_TO", [x, dims], [{"shape": (1,)}], version=2))
    return [np.ones(1, np.float32), np.ones(1000, np.int32)]


def endless(b: ModelBuilder) -> list[np.ndarray]:
    x = b.input("x", (1,))
    cond, body = b.subgraph(), b.subgraph()
    cond.input("x", (1,))
    cond.output(cond.constant(np.array(True)))
    body.output(body.op("NEG", [body.input("x", (1,))]))
    b.output(b.op("WHILE", [x], cond_subgraph_index=1, body_subgraph_index=2))
    return [np.ones(1, np.float32)]


MODELS: list[tuple[str, Callable[[ModelBuilder], list[np.ndarray]], str | None, str]] = [
    ("tensorflow#58035", slice_beyond_int32, None, "runs"),
    ("CVE-2021-29601", sum_of_dims, "a dimension has at most 31 bits", "raises"),
    ("CVE-2022-23559", product_of_dims, "more than the limit", "runs"),
    ("CVE-2022-23561-most", rank(MAX_RANK), None, "runs"),
    ("CVE-2022-23561", rank(1000), "dimensions", "runs"),
    ("CVE-2022-23561-fill", filled_rank, "dimensions", "runs"),
    ("CVE-2022-23561-broadcast", broadcast_rank, "dimensions", "raises"),
    ("endless-while", endless, "the loop did not end within 100 rounds", "hangs"),
]


@pytest.mark.parametrize(("build", "error", "official"), [row[1:] for row in MODELS], ids=[row[0] for row in MODELS])
def test_model(build: Callable[[ModelBuilder], list[np.ndarray]], error: str | None, official: str) -> None:
    b = ModelBuilder()
    inputs = build(b)
    verdict(b.to_bytes(), inputs, error, official)


def quantized_problems() -> Iterator[tuple[str, int, Problem]]:
    for name in [operator.name for operator in builtin_kernels()]:
        for at, problem in enumerate(CATALOGUE.get(name, [])):
            mutant = Mutant(problem, name)
            places = [int(index) for index in [*mutant.operator.inputs, *mutant.operator.outputs] if index >= 0]
            if any(mutant.tensors[index].quantization is not None for index in places):
                yield name, at, problem


QUANTIZED = list(quantized_problems())


@pytest.mark.parametrize(("name", "at", "problem"), QUANTIZED, ids=[f"{name}-{at}" for name, at, _ in QUANTIZED])
def test_cve_2021_37682(name: str, at: int, problem: Problem) -> None:
    """Every quantized tensor of every operator without its quantization: it runs, or an error speaks of that."""
    for label, change in mutations(Mutant(problem, name)):
        if label.endswith("without quantization"):
            mutant = Mutant(problem, name)
            change(mutant)
            error = str(outcome(mutant.to_bytes(), mutant.inputs()).error or "quantization")
            assert any(word in error for word in ("quantiz", "scale", "zero point")), f"{label}: {error}"
