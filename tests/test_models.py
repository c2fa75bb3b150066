"""Every model at hand, whole: outputs and all intermediate tensors against the official reference kernels.

Integers are equal; floats within RELATIVE of the largest magnitude of their tensor, because sums are taken in another
order. The models that ship with litejit are always there; further ones are found by tests.paths.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litejit import Interpreter, LitejitError
from litejit.interpreter import OpResolverType
from tests.inputs import seeded_inputs
from tests.known_differences import CASCADED, FREE_RUNNING, KNOWN_DIFFERENCES, NO_KERNEL_YET
from tests.oracle import oracle
from tests.paths import EXTRA_MODELS, ROOT

RELATIVE = 1e-5
SHIPPED = sorted((ROOT / "interpreter" / "models").glob("*.tflite"))
RUNNABLE = SHIPPED + [path for path in EXTRA_MODELS if path.parent.name != "refused"]
REFUSED = [path for path in EXTRA_MODELS if path.parent.name == "refused"]


def _id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", RUNNABLE, ids=_id)
def test_equals_official_reference(path: Path) -> None:
    content = path.read_bytes()
    if _id(path) in NO_KERNEL_YET:
        with pytest.raises(LitejitError, match=NO_KERNEL_YET[_id(path)]):
            Interpreter(model_content=content).allocate_tensors()
        return
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    inputs = seeded_inputs(interpreter, path)
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        if tuple(detail["shape"]) != value.shape:
            interpreter.resize_tensor_input(detail["index"], value.shape)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    answer = oracle.truth(content, inputs, preserve=True)
    assert answer.error is None, answer.error

    if _id(path) in CASCADED:
        assert_operators_equal(interpreter, answer.tensors)
        return
    if _id(path) in KNOWN_DIFFERENCES:
        return
    differences = []
    operators = interpreter._get_ops_details()
    # Delegated operators leave their intermediate tensors undefined.
    computed = [] if answer.resolver == "auto" else [index for operator in operators for index in operator["outputs"]]
    used = {int(index) for operator in operators for index in operator["inputs"]}
    for index in computed:
        theirs, producer = answer.tensors.get(int(index)), _producer(operators, index)
        if theirs is None or producer in FREE_RUNNING or (producer == "WHILE" and index not in used):
            continue  # the official WHILE does not compute results that nobody reads
        difference = _difference(interpreter, int(index), theirs)
        if difference:
            differences.append(f"tensor {index} of {producer}: {difference}")
    for detail, theirs in zip(interpreter.get_output_details(), answer.outputs, strict=True):
        difference = _difference(interpreter, detail["index"], theirs) if theirs.size else None
        if difference and _producer(operators, detail["index"]) not in FREE_RUNNING:
            differences.append(f"output {detail['index']}: {difference}")
    assert not differences, "\n".join(differences[:10])


def assert_operators_equal(interpreter: Interpreter, official: dict[int, np.ndarray]) -> None:
    """Every operator alone, on the official runtime's own operands, gives the official results."""
    plan = interpreter._session.plans[0]
    for step in plan.steps:
        indices = step.operation.inputs
        operands = [None if index < 0 else official.get(index, plan.arrays[index]) for index in indices]
        result = step.kernel(*operands)
        results = result if isinstance(result, tuple) else (result,)
        for index, ours in zip(step.operation.outputs, results, strict=True):
            difference = _difference_of(ours, official[index])
            assert not difference, f"{step.operation.where}: {difference}"


def _producer(operators: list[dict], index: int) -> str:
    return next((operator["op_name"] for operator in operators if index in operator["outputs"]), "")


def _difference(interpreter: Interpreter, index: int, theirs: np.ndarray) -> str | None:
    return _difference_of(interpreter.get_tensor(index), theirs)


def _difference_of(ours: np.ndarray, theirs: np.ndarray) -> str | None:
    if theirs.dtype.kind in "OS":
        same = [bytes(v) for v in ours.ravel()] == [bytes(v) for v in theirs.ravel()]
        return None if same else "strings differ"
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return f"{ours.dtype}{list(ours.shape)}, the official runtime has {theirs.dtype}{list(theirs.shape)}"
    if theirs.dtype.kind in "iub":
        count = int((ours != theirs).sum())
        return f"{count} of {theirs.size} integers differ" if count else None
    with np.errstate(all="ignore"):
        finite = np.abs(theirs[np.isfinite(theirs)])
        scale = float(finite.max()) if finite.size else 1.0
        close = np.isclose(ours, theirs, rtol=RELATIVE, atol=RELATIVE * scale, equal_nan=True)
        return (
            None
            if close.all()
            else f"{(~close).sum()} of {theirs.size} floats differ, by {np.nanmax(np.abs(ours - theirs))} of {scale}"
        )


@pytest.mark.parametrize("path", REFUSED, ids=_id)
def test_refused_or_run(path: Path) -> None:
    """What the official runtime refuses is refused here with a reason, or runs here."""
    reason = ""
    try:
        interpreter = Interpreter(model_path=path)
        interpreter.allocate_tensors()
        for detail, value in zip(interpreter.get_input_details(), seeded_inputs(interpreter, path), strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
    except LitejitError as error:
        reason = str(error)
    assert not reason or len(reason) > 20
