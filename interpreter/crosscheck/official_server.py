"""What runs in the official runtime's own process: jobs come in on stdin, answers go out on stdout, both pickled.

Started by `litejit.crosscheck.official`. It imports nothing of litejit's, so that nothing of it can get in the way.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import time
import warnings
from typing import Any

import numpy as np

__all__ = ["answer", "serve"]


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """Runs a job; the result has the fields of `Answer`."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with contextlib.suppress(ImportError):
        import ml_dtypes  # noqa: F401  (else the runtime cannot give BFLOAT16 arrays)
    result: dict[str, Any] = {"resolver": job["resolver"], "outputs": [], "tensors": {}, "nested": {}}
    try:
        interpreter = Interpreter(
            model_content=job["model"],
            experimental_op_resolver_type=OpResolverType[job["resolver_type"]],
            experimental_preserve_all_tensors=job["preserve"],
            num_threads=job["threads"],
        )
        for detail, value in zip(interpreter.get_input_details(), job["inputs"], strict=True):
            if tuple(detail["shape"]) != value.shape:
                interpreter.resize_tensor_input(detail["index"], value.shape)
        interpreter.allocate_tensors()
        for _ in range(job["invokes"]):
            _invoke(interpreter, job["inputs"], result)
        result["outputs"] = [_value(interpreter, detail) for detail in interpreter.get_output_details()]
        if job["preserve"]:
            result["tensors"] = _tensors(interpreter, 0)
            result["nested"] = {
                (subgraph, index): value
                for subgraph in range(1, interpreter.num_subgraphs())
                for index, value in _tensors(interpreter, subgraph).items()
            }
        result["details"] = {
            "inputs": interpreter.get_input_details(),
            "outputs": interpreter.get_output_details(),
            "tensors": interpreter.get_tensor_details(),
            "operators": interpreter._get_ops_details(),
            "signatures": interpreter.get_signature_list(),
        }
    except (ValueError, RuntimeError, TypeError, MemoryError) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    return result


def _invoke(interpreter: Any, inputs: list[np.ndarray], result: dict[str, Any]) -> None:
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        if value.dtype == object:  # 0-d object arrays are misread
            value = np.array(value.ravel().tolist(), "S").reshape(value.shape)
        interpreter.set_tensor(detail["index"], value)
    start = time.perf_counter()
    interpreter.invoke()
    elapsed = (time.perf_counter() - start) * 1e3
    result["best_ms"] = min(elapsed, result.get("best_ms", elapsed))


def _value(interpreter: Any, detail: dict[str, Any]) -> np.ndarray:
    if 0 in tuple(detail["shape"]):  # get_tensor refuses empty tensors
        return np.empty(tuple(detail["shape"]), detail["dtype"])
    return interpreter.get_tensor(detail["index"])


def _tensors(interpreter: Any, subgraph: int) -> dict[int, np.ndarray]:
    tensors = {}
    for detail in interpreter.get_tensor_details(subgraph):
        if detail["dtype"] is np.object_:  # reading a resource handle takes raw memory for Python objects
            continue
        try:
            tensors[detail["index"]] = interpreter.get_tensor(detail["index"], subgraph)
        except (ValueError, RuntimeError):
            continue
    return tensors


def serve() -> None:
    """Answers jobs until stdin ends. What the runtime itself prints goes to stderr."""
    warnings.simplefilter("ignore")
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    while True:
        try:
            job = pickle.load(jobs)
        except EOFError:
            return
        pickle.dump(answer(job), answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()


if __name__ == "__main__":
    serve()
