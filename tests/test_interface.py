"""What an interpreter says of a model, beside what the official one says: every dictionary of every model at hand."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, OpResolverType
from tests.paths import EXTRA_MODELS, ROOT
from tests.test_interpreter import add_model

SHIPPED = sorted((ROOT / "interpreter" / "models").glob("*.tflite"))
MODELS = SHIPPED + [path for path in EXTRA_MODELS if path.parent.name != "refused"]


def describe(interpreter: Any) -> dict[str, Any]:
    """Everything that an interpreter, an official one or litejit's, says of its model."""
    signatures = interpreter.get_signature_list()
    runners = {key: interpreter.get_signature_runner(key) for key in signatures}
    return {
        "inputs": interpreter.get_input_details(),
        "outputs": interpreter.get_output_details(),
        "tensors": [interpreter.get_tensor_details(index) for index in range(interpreter.num_subgraphs())],
        "operators": interpreter._get_ops_details(),
        "signatures": signatures,
        "signature inputs": {key: runner.get_input_details() for key, runner in runners.items()},
        "signature outputs": {key: runner.get_output_details() for key, runner in runners.items()},
    }


def official_description(content: bytes) -> dict[str, Any]:
    """What the official interpreter says, with reference kernels if they take the model; for a process of its own."""
    from ai_edge_litert.interpreter import Interpreter as Official
    from ai_edge_litert.interpreter import OpResolverType as Resolver

    try:
        return describe(Official(model_content=content, experimental_op_resolver_type=Resolver.BUILTIN_REF))
    except ValueError:
        resolver = Resolver.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        return describe(Official(model_content=content, experimental_op_resolver_type=resolver))


@pytest.fixture(scope="module")
def official() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


def differences(where: str, ours: Any, theirs: Any) -> list[str]:
    """Where two descriptions are not the same, types and dtypes included."""
    if isinstance(theirs, dict):
        if list(ours) != list(theirs):
            return [f"{where}: keys {list(ours)}, official {list(theirs)}"]
        return [line for key in theirs for line in differences(f"{where}.{key}", ours[key], theirs[key])]
    if isinstance(theirs, (list, tuple)):
        if type(ours) is not type(theirs) or len(ours) != len(theirs):
            return [f"{where}: {type(ours).__name__} of {len(ours)}, official {type(theirs).__name__} of {len(theirs)}"]
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [line for at, (a, b) in pairs for line in differences(f"{where}[{at}]", a, b)]
    if isinstance(theirs, np.ndarray):
        same = isinstance(ours, np.ndarray) and ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    else:
        same = type(ours) is type(theirs) and ours == theirs
    return [] if same else [f"{where}: {ours!r}, official {theirs!r}"]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_model_is_described_as_the_official_interpreter_does(path: Path, official: ProcessPoolExecutor) -> None:
    content = path.read_bytes()
    ours = describe(Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF))
    theirs = official.submit(official_description, content).result(timeout=120)
    found = differences("", ours, theirs)
    assert not found, "\n".join(found[:10])


def sparse_model() -> bytes:
    """A sparse constant, made dense."""
    from tests.test_schema_sparsity import sparse

    return sparse()


MISUSES: dict[str, Callable[[Any], Any]] = {
    "invoke before allocation": lambda i: i.invoke(),
    "get before allocation": lambda i: i.get_tensor(0),
    "set before allocation": lambda i: i.set_tensor(0, np.zeros((1, 3), np.float32)),
    "view before allocation": lambda i: i.tensor(0)(),
    "set another dtype": lambda i: ready(i).set_tensor(0, np.zeros((1, 3), np.float64)),
    "set another rank": lambda i: ready(i).set_tensor(0, np.zeros(3, np.float32)),
    "set another shape": lambda i: ready(i).set_tensor(0, np.zeros((2, 3), np.float32)),
    "set a list": lambda i: ready(i).set_tensor(0, [[1.0, 2.0, 3.0]]),
    "set index too high": lambda i: ready(i).set_tensor(99, np.zeros((1, 3), np.float32)),
    "set index negative": lambda i: ready(i).set_tensor(-1, np.zeros((1, 3), np.float32)),
    "get index too high": lambda i: ready(i).get_tensor(99),
    "get index negative": lambda i: ready(i).get_tensor(-1),
    "get from no subgraph": lambda i: ready(i).get_tensor(0, 3),
    "details of no subgraph": lambda i: i.get_tensor_details(3),
    "view index too high": lambda i: ready(i).tensor(99)(),
    "resize index too high": lambda i: i.resize_tensor_input(99, [1, 3]),
    "resize negative": lambda i: i.resize_tensor_input(0, [-1, 3]),
    "resize to a matrix": lambda i: i.resize_tensor_input(0, [[1, 3]]),
    "resize strictly": lambda i: i.resize_tensor_input(0, [2, 3], strict=True),
    "resize strictly to the same": lambda i: i.resize_tensor_input(0, [1, 3], strict=True),
    "set what has not been resized": lambda i: (
        ready(i).resize_tensor_input(0, [2, 3]),
        i.resize_tensor_input(1, [1, 3]),
        i.set_tensor(1, np.zeros((1, 3), np.float32)),
    ),
    "set after a failed allocation": lambda i: (failed(i), i.set_tensor(0, np.zeros((1, 4), np.float32))),
    "set what had not been resized": lambda i: (failed(i), i.set_tensor(1, np.zeros((1, 3), np.float32))),
    "get after a failed allocation": lambda i: (failed(i), i.get_tensor(0)),
    "invoke after resizing": lambda i: (ready(i).resize_tensor_input(0, [2, 3]), i.invoke()),
    "signature that is not there": lambda i: i.get_signature_runner("nope"),
    "signature with no inputs": lambda i: i.get_signature_runner("sum")(),
    "signature with another name": lambda i: i.get_signature_runner("sum")(a=np.zeros(3), y=np.zeros(3)),
    "signature with another dtype": lambda i: i.get_signature_runner("sum")(x=np.zeros((1, 3)), y=np.zeros((1, 3))),
    "invoke with a held view": lambda i: held(ready(i), lambda: i.invoke()),
    "allocate with a held view": lambda i: held(ready(i), lambda: i.allocate_tensors()),
    "resize with a held view": lambda i: held(ready(i), lambda: i.resize_tensor_input(0, [1, 3])),
    "operator index too high": lambda i: i._get_op_details(99),
}
"""What a user may do wrong, and its neighbours that are right."""


def ready(interpreter: Any) -> Any:
    interpreter.allocate_tensors()
    return interpreter


def failed(interpreter: Any) -> None:
    ready(interpreter).resize_tensor_input(0, [1, 4])
    with pytest.raises(RuntimeError):
        interpreter.allocate_tensors()


def held(interpreter: Any, call: Callable[[], Any]) -> Any:
    view = interpreter.tensor(0)()
    part = view[:, 1:]
    try:
        return call()
    finally:
        del view, part


def outcome(interpreter: Any, case: str) -> tuple[str, ...]:
    """The error classes that a misuse raises, or nothing."""
    try:
        MISUSES[case](interpreter)
    except Exception as error:
        return tuple(kind.__name__ for kind in type(error).__mro__)
    return ()


def official_outcome(content: bytes, case: str) -> tuple[str, ...]:
    """For a process of its own."""
    from ai_edge_litert.interpreter import Interpreter as Official
    from ai_edge_litert.interpreter import OpResolverType as Resolver

    return outcome(Official(model_content=content, experimental_op_resolver_type=Resolver.BUILTIN_REF), case)


@pytest.mark.parametrize("case", MISUSES)
def test_misuse_raises_what_the_official_interpreter_raises(case: str, official: ProcessPoolExecutor) -> None:
    content = add_model()
    ours = outcome(Interpreter(model_content=content), case)
    theirs = official.submit(official_outcome, content, case).result(timeout=60)
    assert bool(ours) == bool(theirs), (ours, theirs)
    assert not theirs or theirs[0] in ours, (ours, theirs)


def official_sparse(content: bytes) -> np.ndarray:
    """The official value of tensor 0; for a process of its own."""
    from ai_edge_litert.interpreter import Interpreter as Official

    return Official(model_content=content).get_tensor(0)


def test_a_sparse_constant_is_its_stored_elements(official: ProcessPoolExecutor) -> None:
    content = sparse_model()
    ours = Interpreter(model_content=content).get_tensor(0)
    theirs = official.submit(official_sparse, content).result(timeout=60)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)
