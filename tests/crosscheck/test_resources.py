"""Operators on variables and hash tables are compared alone, on equal contents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.crosscheck import Comparison, compare, record
from litejit.schema import TensorType
from tests.crosscheck.test_findings import boom

F32 = np.float32
HANDLE: dict[str, Any] = {"shape": (), "dtype": TensorType.RESOURCE}
OFFICIAL = ("litert-ref", "litert-builtin", "litert")


def accumulator() -> bytes:
    """A variable starts at [1, 2, 3] in CALL_ONCE; then v = 2 * v + x."""
    b = ModelBuilder()
    start = b.subgraph("start")
    start.op(
        "ASSIGN_VARIABLE",
        [start.op("VAR_HANDLE", [], [HANDLE], shared_name="v"), start.constant(F32([1, 2, 3]))],
        [],
    )
    x = b.input("x", (3,))
    b.op("CALL_ONCE", [], [], init_subgraph_index=start.index)
    handle = b.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    old = b.op("READ_VARIABLE", [handle], [{"name": "old", "shape": (3,)}])
    new = b.op("ADD", [b.op("ADD", [old, old]), x], [{"name": "new", "shape": (3,)}])
    b.op("ASSIGN_VARIABLE", [handle, new], [])
    b.output(b.op("READ_VARIABLE", [handle], [{"name": "now", "shape": (3,)}]))
    return b.to_bytes()


def table() -> bytes:
    b = ModelBuilder()
    query = b.input("query", (2,), np.int64)
    types = {"key_dtype": "INT64", "value_dtype": "STRING"}
    handle = b.op("HASHTABLE", [], [HANDLE | {"shape": (1,)}], table_id=3, **types)
    keys, values = np.array([4, 5, 4], np.int64), np.array([b"four", b"five", b"again"], object)
    b.op("HASHTABLE_IMPORT", [handle, b.constant(keys), b.constant(values, type=TensorType.STRING)], [])
    nothing = b.constant(np.array([b"none"], object), type=TensorType.STRING)
    strings = {"name": "found", "shape": (2,), "dtype": TensorType.STRING}
    b.output(b.op("HASHTABLE_FIND", [handle, query, nothing], [strings]))
    b.output(b.op("HASHTABLE_SIZE", [handle], [{"name": "size", "shape": (1,), "dtype": np.int64}]))
    return b.to_bytes()


def loop() -> bytes:
    """v = v + 1 in a WHILE, three times."""
    b = ModelBuilder()
    condition, body = b.subgraph("condition"), b.subgraph("body")
    n = condition.input("n", (1,))
    condition.output(condition.op("LESS", [n, condition.constant(F32([3]))], [{"dtype": bool, "shape": (1,)}]))
    n = body.input("n", (1,))
    handle = body.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    one = body.constant(F32([1]))
    old = body.op("READ_VARIABLE", [handle], [{"shape": (1,)}])
    body.op("ASSIGN_VARIABLE", [handle, body.op("ADD", [old, one], [{"shape": (1,)}])], [])
    body.output(body.op("ADD", [n, one], [{"shape": (1,)}]))
    n = b.input("n", (1,))
    handle = b.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    b.op("ASSIGN_VARIABLE", [handle, b.constant(F32([10]))], [])
    called = {"cond_subgraph_index": condition.index, "body_subgraph_index": body.index}
    b.op("WHILE", [n], [{"shape": (1,)}], **called)
    b.output(b.op("READ_VARIABLE", [handle], [{"name": "now", "shape": (1,)}]))
    return b.to_bytes()


def states(result: Comparison) -> dict[str, str]:
    """Operator and its place -> how it compares alone."""
    return {
        f"{row.op} {row.subgraph}:{row.index}": "diverges"
        if row.diverges("isolated")
        else "equal"
        if "isolated" in row.metrics
        else row.notes["isolated"]
        for row in result.operators
    }


@pytest.mark.parametrize("against", [*OFFICIAL, "litejit-jit"])
def test_variables(against: str) -> None:
    found = states(compare(accumulator(), [F32([5, 6, 7])], against=against))
    written = "equal" if against in OFFICIAL else "what it writes is compared where it is read"
    assert found == {
        "VAR_HANDLE 1:0": "a handle is no data",
        "ASSIGN_VARIABLE 1:1": written,
        "CALL_ONCE 0:0": "it has no results of its own",
        "VAR_HANDLE 0:1": "a handle is no data",
        "READ_VARIABLE 0:2": "equal",
        "ADD 0:3": "equal",
        "ADD 0:4": "equal",
        "ASSIGN_VARIABLE 0:5": written,
        "READ_VARIABLE 0:6": "equal",
    }


@pytest.mark.parametrize("against", ["litert-builtin", "litert", "litejit-jit"])
def test_tables(against: str) -> None:
    """The official reference kernels have none."""
    result = compare(table(), [np.array([5, 9], np.int64)], against=against)
    assert result.agrees, result.summary()
    found = states(result)
    assert found["HASHTABLE_FIND 0:2"] == found["HASHTABLE_SIZE 0:3"] == "equal"
    if against != "litejit-jit":
        assert found["HASHTABLE_IMPORT 0:1"] == "equal"


@pytest.mark.parametrize("against", [*OFFICIAL, "litejit-jit"])
def test_a_loop_that_writes(against: str) -> None:
    """What a loop read last cannot be told from what it wrote last: only the official runtime runs it again."""
    result = compare(loop(), [F32([0])], against=against)
    assert result.agrees, result.summary()
    found = states(result)
    assert found["WHILE 0:2"] == "it calls operators on resources, which are compared by themselves"
    if against in OFFICIAL:
        assert found["READ_VARIABLE 2:1"] == found["READ_VARIABLE 0:3"] == found["ASSIGN_VARIABLE 2:3"] == "equal"
    else:
        assert found["READ_VARIABLE 2:1"].endswith("has not all operands and results of it")


def half(resource_id: np.ndarray, kernel: Any) -> np.ndarray:
    return kernel(resource_id) / F32(2)


@pytest.mark.parametrize("index", [2, 6])
def test_a_broken_reader_is_found(index: int) -> None:
    broken = Interpreter(model_content=accumulator(), kernels={index: half})
    x = [F32([5, 6, 7])]
    for result in (compare(accumulator(), x, against=broken), compare(accumulator(), x, reference=broken)):
        for mode in ("cascaded", "isolated"):
            assert result.first_divergence(mode).index == index
        assert [row.index for row in result.diverging("isolated")] == [index]


def test_a_broken_writer_is_found() -> None:
    def forgetful(resource_id: np.ndarray, value: np.ndarray, kernel: Any) -> Any:
        return kernel(resource_id, value * F32(0.5))

    broken = Interpreter(model_content=accumulator(), kernels={5: forgetful})
    result = compare(accumulator(), [F32([5, 6, 7])], reference=broken, against="litert-ref")
    assert [row.index for row in result.diverging("isolated")] == [5]


def test_a_dump_with_what_was_read(tmp_path: Path) -> None:
    trace = record(accumulator(), [F32([5, 6, 7])])
    trace.save(tmp_path / "whole.npz")
    result = compare(accumulator(), [F32([5, 6, 7])], against=tmp_path / "whole.npz")
    assert result.agrees, result.summary()
    np.savez(tmp_path / "part.npz", now=F32([7, 10, 14]), x=F32([5, 6, 7]))  # what was assigned is not known
    result = compare(accumulator(), against=tmp_path / "part.npz")
    assert not list(result.diverging("isolated"))
    assert result.first_divergence("cascaded").names == ("now",)


def test_a_runtime_that_gives_nothing() -> None:
    result = compare(accumulator(), against=boom)
    assert not list(result.diverging("isolated"))
    assert "boom failed" in result.findings[0].text
