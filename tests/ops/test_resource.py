"""Resource variables and hash tables: what lives between invokes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.schema import TensorType
from litejit.testing import Input, Problem, check, refused, run, single_op
from tests.oracle import oracle

F32 = np.float32
HANDLE = {"shape": (), "dtype": TensorType.RESOURCE}
WORDS = np.array([b"one", b"two", b"", b"\xff\x00\x01", b"two"], object)
NUMBERS = np.array([1, 2, 3, -(2**63), 2**63 - 1], np.int64)


# ------------------------------------------------------------------ variables


def accumulator(container: str = "", declared: tuple[int, ...] = (3,), dtype: Any = F32) -> bytes:
    """v = v + x; v starts at the first x (a boolean input says whether to reset)."""
    b = ModelBuilder()
    x = b.input("x", (3,), dtype)
    resource = b.op("VAR_HANDLE", [], [HANDLE], container=container, shared_name="v")
    b.op("ASSIGN_VARIABLE", [resource, x], [])
    old = b.op("READ_VARIABLE", [resource], [{"shape": declared, "dtype": dtype}])
    b.op("ASSIGN_VARIABLE", [resource, b.op("ADD", [old, old], fused_activation_function="NONE")], [])
    b.output(b.op("READ_VARIABLE", [resource], [{"shape": declared, "dtype": dtype}]), old)
    return b.to_bytes()


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize("declared", [(3,), ()])
def test_assign_and_read(declared: tuple[int, ...], dtype: Any) -> None:
    """What was read before the second assignment keeps its value; a declared scalar stands for any shape."""
    outputs = check(Problem(accumulator(declared=declared, dtype=dtype), [np.array([1, 2, 3], dtype)]), invokes=2)
    assert outputs[0].shape == (3,)


def test_declared_shape_wins() -> None:
    """As in the official runtime, READ_VARIABLE returns the declared shape."""
    b = ModelBuilder()
    x = b.input("x", (2, 3), F32)
    resource = b.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    b.op("ASSIGN_VARIABLE", [resource, x], [])
    b.output(b.op("READ_VARIABLE", [resource], [{"shape": (3, 2)}]))
    check(Problem(b.to_bytes(), [np.arange(6, dtype=F32).reshape(2, 3)]))


def test_declared_size_wins() -> None:
    """Of a variable that has more elements the first ones are read, in both tiers."""
    b = ModelBuilder()
    resource = b.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    b.op("ASSIGN_VARIABLE", [resource, b.input("x", (2, 3), F32)], [])
    b.output(b.op("READ_VARIABLE", [resource], [{"shape": (1, 4)}]))
    for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
        problem = Problem(b.to_bytes(), [np.arange(6, dtype=F32).reshape(2, 3)])
        check(problem, experimental_op_resolver_type=resolver)


def pair(names: list[tuple[str, str]]) -> Problem:
    """Assigns 1, 2, … to variables of these (container, shared name), then reads the first."""
    b = ModelBuilder()
    handles = [b.op("VAR_HANDLE", [], [HANDLE], container=c, shared_name=n) for c, n in names]
    for value, handle in enumerate(handles, 1):
        b.op("ASSIGN_VARIABLE", [handle, b.constant(np.array([value], np.int32))], [])
    b.output(b.op("READ_VARIABLE", [handles[0]], [{"shape": (1,), "dtype": np.int32}]))
    return Problem(b.to_bytes(), [])


@pytest.mark.parametrize(
    ("names", "value"),
    [
        ([("", "a"), ("", "b")], 1),
        ([("", "a"), ("c", "a")], 1),
        ([("", "a"), ("", "a")], 2),
        ([("c", ""), ("c", "")], 2),
    ],
)
def test_container_and_name_make_a_variable(names: Any, value: int) -> None:
    assert check(pair(names))[0] == [value]


def test_variables_are_shared_by_signatures_and_not_by_interpreters() -> None:
    b = ModelBuilder()
    get, put = b, b.subgraph("put")
    value = put.input("value", (2,), F32)
    put.op("ASSIGN_VARIABLE", [put.op("VAR_HANDLE", [], [HANDLE], shared_name="v"), value], [])
    put.output(put.op("NEG", [value]))
    got = get.op("READ_VARIABLE", [get.op("VAR_HANDLE", [], [HANDLE], shared_name="v")], [{"shape": (2,)}])
    get.output(got)
    b.signature("get", {}, {"v": got})
    b.signature("put", {"value": value}, {"negated": 2}, subgraph=put.index)
    model = b.to_bytes()
    one, other = Interpreter(model_content=model), Interpreter(model_content=model)
    one.get_signature_runner("put")(value=np.array([1, 2], F32))
    np.testing.assert_array_equal(one.get_signature_runner("get")()["v"], [1, 2])
    with pytest.raises(RuntimeError, match="read before anything is assigned"):
        other.get_signature_runner("get")()


def test_variables_outlive_reset_and_allocation() -> None:
    """As in the official runtime, reset_all_variables is about variable tensors, not about resources."""
    interpreter = Interpreter(model_content=accumulator())
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.ones(3, F32))
    interpreter.invoke()
    interpreter.reset_all_variables()
    interpreter.allocate_tensors()
    assert interpreter._session.resources["variables"][0].tolist() == [2, 2, 2]


def test_reading_what_is_not_there() -> None:
    b = ModelBuilder()
    b.output(b.op("READ_VARIABLE", [b.op("VAR_HANDLE", [], [HANDLE], shared_name="v")], [{"shape": (1,)}]))
    refused(Problem(b.to_bytes(), []), "before anything is assigned")
    assert oracle.run(b.to_bytes(), []).error is not None


def test_reading_another_type() -> None:
    b = ModelBuilder()
    resource = b.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    b.op("ASSIGN_VARIABLE", [resource, b.constant(np.ones(2, F32))], [])
    b.output(b.op("READ_VARIABLE", [resource], [{"shape": (2,), "dtype": np.int32}]))
    refused(Problem(b.to_bytes(), []), "holds float32[2], expected int32[2]", official_too=True)


def test_reading_more_than_there_is() -> None:
    """The official runtime reads past the end of the variable."""
    b = ModelBuilder()
    resource = b.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    b.op("ASSIGN_VARIABLE", [resource, b.constant(np.ones(2, F32))], [])
    b.output(b.op("READ_VARIABLE", [resource], [{"shape": (200,)}]))
    refused(Problem(b.to_bytes(), []), "holds float32[2], expected float32[200]")


def test_handles_have_one_element() -> None:
    refused(single_op("READ_VARIABLE", [Input([0, 1], np.int32)], [{"shape": (1,)}]), "expected one element")
    wide = {"shape": (2,), "dtype": TensorType.RESOURCE}
    refused(single_op("VAR_HANDLE", [], [wide], shared_name="v"), "the handle has shape (2,), expected one element")
    refused(single_op("READ_VARIABLE", [Input([0], np.int64)], [{"shape": (1,)}]), "RESOURCE or INT32")


# ------------------------------------------------------------------ hash tables


def table(
    keys: np.ndarray, values: np.ndarray, queries: np.ndarray, default: Any, imports: int = 1, size: bool = False
) -> Problem:
    """Imports keys and values `imports` times (reversed from the second time on), then finds queries."""
    b = ModelBuilder()
    query = b.input("query", queries.shape, _type(queries))
    types = {"key_dtype": _type(keys), "value_dtype": _type(values)}
    handle = b.op("HASHTABLE", [], [{"shape": (1,), "dtype": TensorType.RESOURCE}], table_id=3, **types)
    for at in range(imports):
        order = slice(None, None, -1 if at else 1)
        operands = [handle, b.constant(keys, type=_type(keys)), b.constant(values[order], type=_type(values))]
        b.op("HASHTABLE_IMPORT", operands, [])
    fallback = b.constant(np.array([default], values.dtype), type=_type(values))
    b.output(b.op("HASHTABLE_FIND", [handle, query, fallback], [{"shape": queries.shape, "dtype": _type(values)}]))
    if size:
        b.output(b.op("HASHTABLE_SIZE", [handle], [{"shape": (1,), "dtype": np.int64}]))
    return Problem(b.to_bytes(), [queries])


def _type(array: np.ndarray) -> TensorType:
    return TensorType.STRING if array.dtype == object else TensorType.INT64


@pytest.mark.parametrize("imports", [1, 2])
@pytest.mark.parametrize(
    ("keys", "values", "queries", "default"),
    [
        (NUMBERS, WORDS, np.array([2, 9, -(2**63)], np.int64), b"none"),
        (NUMBERS, WORDS, np.array([[2], [9]], np.int64), b""),
        (WORDS, NUMBERS, np.array([b"two", b"", b"\xff\x00\x01", b"nine"], object), -1),
        (WORDS[:0], NUMBERS[:0], np.array([b"two"], object), -1),
    ],
    ids=["number", "number 2-D", "word", "empty"],
)
def test_find(keys: Any, values: Any, queries: Any, default: Any, imports: int) -> None:
    """The first of equal keys counts, and the first import."""
    check(table(keys, values, queries, default, imports, size=True), invokes=2)


def test_find_before_import() -> None:
    refused(table(NUMBERS, WORDS, NUMBERS, b"", imports=0), "before anything is imported", official_too=True)


def test_size_before_import() -> None:
    b = ModelBuilder()
    types = {"key_dtype": "INT64", "value_dtype": "STRING"}
    handle = b.op("HASHTABLE", [], [{"shape": (1,), "dtype": TensorType.RESOURCE}], table_id=3, **types)
    b.output(b.op("HASHTABLE_SIZE", [handle], [{"shape": (1,), "dtype": np.int64}]))
    assert check(Problem(b.to_bytes(), []))[0] == [0]


@pytest.mark.parametrize(("key", "value"), [("INT64", "INT64"), ("STRING", "STRING"), ("FLOAT32", "STRING")])
def test_tables_of_other_types(key: Any, value: Any) -> None:
    b = ModelBuilder()
    b.output(
        b.op(
            "HASHTABLE",
            [],
            [{"shape": (1,), "dtype": TensorType.RESOURCE}],
            table_id=0,
            key_dtype=key,
            value_dtype=value,
        )
    )
    refused(Problem(b.to_bytes(), []), "is not defined, INT64 to STRING and STRING to INT64 are", official_too=True)


def test_a_table_keeps_its_types() -> None:
    problem = table(NUMBERS, WORDS, WORDS, 0)
    refused(problem, "is not defined")
    b = ModelBuilder()
    handle = b.op(
        "HASHTABLE",
        [],
        [{"shape": (1,), "dtype": TensorType.RESOURCE}],
        table_id=1,
        key_dtype="INT64",
        value_dtype="STRING",
    )
    words, numbers = b.constant(WORDS, type=_type(WORDS)), b.constant(NUMBERS)
    b.op("HASHTABLE_IMPORT", [handle, words, numbers], [])
    b.output(handle)
    refused(
        Problem(b.to_bytes(), []), "goes from INT64 to STRING, expected one from STRING to INT64", official_too=True
    )


def test_keys_and_values_have_one_shape() -> None:
    refused(table(NUMBERS[:3], WORDS, NUMBERS, b""), "expected (3,)", official_too=True)


def test_there_is_no_such_table() -> None:
    size = {"shape": (1,), "dtype": np.int64}
    b = ModelBuilder()
    b.output(b.op("HASHTABLE_SIZE", [b.op("VAR_HANDLE", [], [{**HANDLE, "shape": (1,)}])], [size]))
    refused(Problem(b.to_bytes(), []), "there is no hash table 0", official_too=True)
    b = ModelBuilder()
    constant = b.tensor("handle", (1,), TensorType.RESOURCE, buffer=b.buffer(bytes([5, 0, 0, 0])))
    b.output(b.op("HASHTABLE_SIZE", [constant], [size]))
    refused(Problem(b.to_bytes(), []), "'handle'), which nothing produces", official_too=True)


def test_pickled_state_continues() -> None:
    import pickle

    interpreter = Interpreter(model_content=table(NUMBERS, WORDS, NUMBERS, b"none").model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, NUMBERS)
    interpreter.invoke()
    again = pickle.loads(pickle.dumps(interpreter))
    again.invoke()
    assert again.get_tensor(again.get_output_details()[0]["index"]).tolist() == WORDS.tolist()
    assert run(table(NUMBERS, WORDS, NUMBERS, b"none"))[0].tolist() == WORDS.tolist()
