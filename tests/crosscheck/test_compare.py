"""`compare`: modes, metrics, dumps, functions, control flow."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.crosscheck import compare, record
from litejit.crosscheck.metrics import measure
from litejit.kernels.node import Quantization, TensorSpec
from litejit.schema import TensorType
from tests.paths import EXTRA_MODELS, ROOT

DIGITS = ROOT / "interpreter" / "models" / "digits_int8.tflite"


def spec(type: TensorType = TensorType.FLOAT32, scale: float | None = None) -> TensorSpec:
    quantization = None if scale is None else Quantization(np.float32([scale]), np.zeros(1, np.int64))
    return TensorSpec("t", 0, type, None, quantization)


def chain() -> bytes:
    """abs(x) + x, then its square."""
    b = ModelBuilder()
    x = b.input("x", (2, 3))
    b.output(b.op("SQUARE", [b.op("ADD", [b.op("ABS", [x], [{"name": "abs", "shape": (2, 3)}]), x])]))
    return b.to_bytes()


def loop() -> bytes:
    """x + 1 until it is 3 or more, inside of a WHILE."""
    b = ModelBuilder()
    condition, body = b.subgraph("condition"), b.subgraph("body")
    x = condition.input("x", (1,))
    condition.output(condition.op("LESS", [x, condition.constant(np.float32([3]))], [{"dtype": bool, "shape": (1,)}]))
    y = body.input("y", (1,))
    body.output(body.op("ADD", [y, body.constant(np.float32([1]))], [{"name": "plus one", "shape": (1,)}]))
    z = b.input("z", (1,))
    called = {"cond_subgraph_index": condition.index, "body_subgraph_index": body.index}
    b.output(b.op("NEG", [b.op("WHILE", [z], [{"shape": (1,)}], **called)]))
    return b.to_bytes()


@pytest.mark.parametrize("against", ["litert-ref", "litert-builtin", "litert", "litejit-jit", "litejit"])
def test_runtimes(against: str) -> None:
    result = compare(chain(), against=against)
    assert result.agrees, result.summary()
    assert [row.op for row in result.operators] == ["ABS", "ADD", "SQUARE"]
    for row in result.operators:
        assert row.metrics["cascaded"][0].equal
        assert row.metrics["isolated"][0].equal
        assert row.metrics["isolated"][0].snr == float("inf")


@pytest.mark.parametrize("against", ["litert-ref", "litert", "litejit-jit"])
def test_subgraphs(against: str) -> None:
    result = compare(loop(), [np.float32([0.5])], against=against)
    assert result.agrees, result.summary()
    assert [(row.op, row.subgraph) for row in result.operators] == [("LESS", 1), ("ADD", 2), ("WHILE", 0), ("NEG", 0)]
    assert all(row.metrics["isolated"][0].equal for row in result.operators)


def test_a_fault_inside_of_a_loop_is_found_there() -> None:
    broken = Interpreter(model_content=loop(), kernels={(2, 0): lambda input1, input2: input1 + input2 * np.float32(2)})
    result = compare(loop(), [np.float32([0.5])], against=broken)
    assert result.first_divergence("isolated").where == "subgraph 2, operator 0 (ADD)"
    assert [row.op for row in result.diverging("isolated")] == ["ADD", "WHILE"]


def test_the_delegate_is_looked_into() -> None:
    result = compare(DIGITS, against="litert")
    first = result.first_divergence("isolated")
    assert first.op == "DEPTHWISE_CONV_2D"
    assert first.worst("isolated").max_steps == 1
    assert first.hint.matches[0] == "xnnpack"
    assert sum(first.worst("isolated").histogram.values()) == first.worst("isolated").size


@pytest.mark.parametrize("path", [path for path in EXTRA_MODELS if path.stem == "mobilenet_v2_int8"], ids=str)
@pytest.mark.parametrize("against", ["litert-ref", "litert"])
def test_a_whole_model_takes_seconds(path: Path, against: str) -> None:
    start = time.process_time()
    result = compare(path, against=against, modes="isolated")
    assert time.process_time() - start < 30
    assert sum("isolated" in row.metrics for row in result.operators) == 65


# ------------------------------------------------------------------ metrics


def test_metrics_of_floats() -> None:
    ours = np.float32([1, 2, 0, 4])
    theirs = np.float32([1, np.nextafter(np.float32(2), 3), 0, 5])
    metrics = measure(ours, theirs, spec(), 1e-5)
    assert (metrics.different, metrics.size, metrics.at) == (2, 4, 3)
    assert metrics.max_abs == 1
    assert metrics.max_ulp == 1 << 21
    assert metrics.rmse == pytest.approx(0.5)
    assert metrics.snr == pytest.approx(10 * np.log10(21), rel=1e-6)
    assert metrics.diverges
    assert metrics.max_steps is None


def test_metrics_of_quantized_numbers() -> None:
    ours, theirs = np.int8([-128, 0, 10]), np.int8([127, 1, 10])
    metrics = measure(ours, theirs, spec(TensorType.INT8, 0.5), 1e-5)
    assert metrics.max_steps == 255
    assert metrics.max_abs == 127.5
    assert metrics.histogram == {0: 1, 1: 1, 16: 1}
    assert metrics.cosine < 0


SAME = {
    "signed zeros": (np.float32([0.0]), np.float32([-0.0])),
    "NaN": (np.float32([np.nan, 1]), np.float32([np.nan, 1])),
    "infinities": (np.float32([np.inf]), np.float32([np.inf])),
    "empty": (np.zeros((0, 3), np.int8), np.zeros((0, 3), np.int8)),
    "strings": (np.array([b"a"], object), np.array([b"a"], "S4")),
    "booleans": (np.array([True]), np.array([True])),
    "complex": (np.complex64([1j]), np.complex64([1j])),
    "float64": (np.float64([1.5]), np.float64([1.5])),
}


@pytest.mark.parametrize("case", SAME)
def test_equal(case: str) -> None:
    assert measure(*SAME[case], spec(), 0).equal


OTHER = {
    "NaN on one side": (np.float32([np.nan, 1]), np.float32([0, 1]), None),
    "infinities of two signs": (np.float32([np.inf]), np.float32([-np.inf]), None),
    "strings": (np.array([b"a"], object), np.array([b"b"], object), None),
    "shape": (np.zeros((2, 3)), np.zeros((3, 2)), "shapes differ: [2, 3] and [3, 2]"),
    "size": (np.zeros(3), np.zeros(2), "shapes differ"),
    "dtype": (np.zeros(3, np.int8), np.zeros(3, np.uint8), "dtypes differ: int8 and uint8"),
    "text and numbers": (np.zeros(1), np.array([b"0"]), "dtypes differ: float64 and string"),
    "booleans": (np.array([True]), np.array([False]), None),
}


@pytest.mark.parametrize("case", OTHER)
def test_different(case: str) -> None:
    ours, theirs, problem = OTHER[case]
    metrics = measure(ours, theirs, spec(), 1e-5)
    assert metrics.diverges
    assert not metrics.equal
    assert (metrics.problem is None) == (problem is None)
    assert problem is None or problem in metrics.problem


def test_tolerance() -> None:
    ours, theirs = np.float32([100, 1]), np.float32([100, 1.0005])
    assert not measure(ours, theirs, spec(), 1e-5).diverges
    assert measure(ours, theirs, spec(), 1e-6).diverges


# ------------------------------------------------------------------ dumps and functions


def test_a_dump_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "dump.npz"
    record(DIGITS).save(path)
    result = compare(DIGITS, against=path)
    assert result.agrees, result.summary()
    assert all(row.metrics["cascaded"][0].equal for row in result.operators)

    with np.load(path) as archive:
        tensors = dict(archive)
    conv = compare(DIGITS, against=path).operators[2].outputs[0]
    tensors[f"0:{conv}"][0, 0, 0, 0] += 1
    np.savez(path, **tensors)
    assert compare(DIGITS, against=path).first_divergence("isolated").index == 2


def test_a_directory_of_tensors(tmp_path: Path) -> None:
    x = np.float32([[-1, 2, -3], [4, 5, 6]])
    np.save(tmp_path / "x.npy", x)
    (np.abs(x) + np.float32(0.5)).tofile(tmp_path / "abs.bin")
    result = compare(chain(), against=tmp_path)
    first = result.first_divergence("cascaded")
    assert first.names == ("abs",)
    assert first.worst("cascaded").max_abs == 0.5
    assert [finding.severity for finding in result.findings] == ["note"]
    assert "has no tensors of 2 operators" in result.findings[0].text


def test_a_function_is_compared() -> None:
    def outputs(inputs: dict[str, np.ndarray]) -> np.ndarray:
        return np.square(np.abs(inputs["x"]) + inputs["x"])

    def tensors(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"abs": inputs["x"]}

    assert compare(chain(), against=outputs).agrees
    result = compare(chain(), [np.float32([[-1, 0, 1], [2, 3, 4]])], against=tensors)
    assert result.first_divergence("isolated").op == "ABS"
