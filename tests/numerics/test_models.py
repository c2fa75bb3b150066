"""Whole quantized models under litert-opt and xnnpack: the official kernel sets of those names, bit for bit.

litert-opt equals every intermediate tensor, each operator on the official operands; xnnpack equals the outputs, since
the delegate has no other tensors to show, and of floats all bits too, unless the model computes with floats at its end.
Other floats are in tests/test_models.py. Models that ship with litejit are always there; further ones are found by
tests.paths.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter
from litejit.feeding import feed
from litejit.schema import TensorType
from tests.inputs import seeded_inputs
from tests.known_differences import FREE_RUNNING
from tests.oracle import oracle
from tests.paths import EXTRA_MODELS, ROOT

SHIPPED = sorted((ROOT / "interpreter" / "models").glob("*.tflite"))
_QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)

OF_THE_WORLD = {"READ_VARIABLE", "WHILE", "IF", "CALL_ONCE", *FREE_RUNNING}
"""Operators whose results are not a function of their operands."""

NOT_KEPT = {"detect/automl_traffic_lstm_ssd_uint8": {"MUL"}}
"""Model -> operators whose operands the official runtime overwrites before they can be read."""

NOT_COMPARED = {
    "feature/rt_lstm": "floats only",
    "llm/attn_vec_einsum_w8a16": "the official kernels read the scales of channels as one",
}
"""Model -> reason."""


COMPUTED_IN_FLOATS = {
    "audio/lyra_gan",
    "bench/bert_l4_d256_s128_dynw4",
    "face/dbface_256_int8",
    "imgcls/partly_quantized_mnist",
}
"""Models whose last operators compute with floats, which XNNPACK does in an order and with functions of its own."""


def _id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _is_quantized(path: Path) -> bool:
    """Whether a model computes with scaled integers; a look at the names of its operators' types is enough."""
    specs = Interpreter(model_path=path)._session.plans[0].graph.tensors
    return any(spec.type in _QUANTIZED and spec.quantization is not None and spec.value is None for spec in specs)


MODELS = SHIPPED + [path for path in EXTRA_MODELS if path.parent.name != "refused"]


def prepared(content: bytes, path: Path, flavour: str) -> tuple[Interpreter, list[np.ndarray]]:
    interpreter = Interpreter(model_content=content, numerics=flavour)
    inputs = seeded_inputs(interpreter, path)
    feed(interpreter, inputs)
    return interpreter, inputs


def different(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether integers differ."""
    return theirs.dtype.kind in "iub" and not np.array_equal(ours, theirs)


@pytest.mark.parametrize("path", MODELS, ids=_id)
def test_xnnpack(path: Path) -> None:
    content = path.read_bytes()
    if _id(path) in NOT_COMPARED or not _is_quantized(path):
        return
    interpreter, inputs = prepared(content, path, "xnnpack")
    interpreter.invoke()
    answer = oracle.run(content, inputs, "auto")
    assert answer.error is None, answer.error
    for detail, theirs in zip(interpreter.get_output_details(), answer.outputs, strict=True):
        ours = interpreter.get_tensor(detail["index"])
        assert not different(ours, theirs), detail["name"]
        if theirs.dtype == np.float32 and _id(path) not in COMPUTED_IN_FLOATS:
            assert np.array_equal(ours.view(np.int32), theirs.view(np.int32)), detail["name"]


@pytest.mark.parametrize("path", MODELS, ids=_id)
def test_litert_opt(path: Path) -> None:
    content = path.read_bytes()
    if _id(path) in NOT_COMPARED or not _is_quantized(path):
        return
    interpreter, inputs = prepared(content, path, "litert-opt")
    answer = oracle.run(content, inputs, "opt", preserve=True)
    assert answer.error is None, answer.error
    plan: Any = interpreter._session.plans[0]
    interpreter.invoke()
    for step in plan.steps:
        operation = step.operation
        if operation.name in OF_THE_WORLD | NOT_KEPT.get(_id(path), set()) or step.kernel.stateful:
            continue
        operands = [None if at < 0 else answer.tensors.get(at, plan.arrays[at]) for at in operation.inputs]
        result = step.kernel(*operands)
        results = result if isinstance(result, tuple) else (result,)
        for at, ours in zip(operation.outputs, results, strict=True):
            assert not different(ours, answer.tensors[at]), operation.where
    for detail, theirs in zip(interpreter.get_output_details(), answer.outputs, strict=True):
        assert not different(interpreter.get_tensor(detail["index"]), theirs), detail["name"]
