"""The official runtime as an oracle, in a process of its own: it may abort without taking the tests along."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Answer", "Oracle", "oracle"]

RESOLVERS = {"ref": "BUILTIN_REF", "opt": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "auto": "AUTO"}


@dataclass
class Answer:
    """What the official runtime did: outputs by position, or the error; tensors: (subgraph 0) by index if asked for."""

    outputs: list[np.ndarray] = field(default_factory=list)
    error: str | None = None
    resolver: str = ""
    tensors: dict[int, np.ndarray] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    best_ms: float | None = None


def _answer(job: dict[str, Any]) -> Answer:
    import time
    import warnings

    warnings.simplefilter("ignore")
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    result = Answer(resolver=job["resolver"])
    try:
        interpreter = Interpreter(
            model_content=job["model"],
            experimental_op_resolver_type=OpResolverType[RESOLVERS[job["resolver"]]],
            experimental_preserve_all_tensors=job["preserve"],
            num_threads=1,
        )
        details = interpreter.get_input_details()
        for detail, value in zip(details, job["inputs"], strict=True):
            if tuple(detail["shape"]) != value.shape:
                interpreter.resize_tensor_input(detail["index"], value.shape)
        interpreter.allocate_tensors()
        for _ in range(job["invokes"]):
            for detail, value in zip(interpreter.get_input_details(), job["inputs"], strict=True):
                if value.dtype == object:  # 0-d object arrays are misread
                    value = np.array(value.ravel().tolist(), "S").reshape(value.shape)
                interpreter.set_tensor(detail["index"], value)
            start = time.perf_counter()
            interpreter.invoke()
            elapsed = (time.perf_counter() - start) * 1e3
            result.best_ms = min(elapsed, result.best_ms or elapsed)
        for detail in interpreter.get_output_details():
            empty = 0 in tuple(detail["shape"])  # get_tensor refuses empty tensors
            result.outputs.append(
                np.empty(tuple(detail["shape"]), detail["dtype"]) if empty else interpreter.get_tensor(detail["index"])
            )
        if job["preserve"]:
            for detail in interpreter.get_tensor_details():
                if detail["dtype"] is np.object_:  # reading a resource handle takes raw memory for Python objects
                    continue
                try:
                    result.tensors[detail["index"]] = interpreter.get_tensor(detail["index"])
                except (ValueError, RuntimeError):
                    continue
        result.details = {
            "inputs": interpreter.get_input_details(),
            "outputs": interpreter.get_output_details(),
            "tensors": interpreter.get_tensor_details(),
            "operators": interpreter._get_ops_details(),
            "signatures": interpreter.get_signature_list(),
        }
    except (ValueError, RuntimeError, TypeError, MemoryError) as error:
        result.error = f"{type(error).__name__}: {error}"
    return result


def _serve(connection: Any) -> None:
    import os

    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        connection.send(_answer(job))


class Oracle:
    """Asks the official runtime. The process is started at first use, and again after it died."""

    def __init__(self) -> None:
        self._process: Any = None
        self._connection: Any = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def run(
        self,
        model: bytes,
        inputs: list[np.ndarray],
        resolver: str = "ref",
        *,
        invokes: int = 1,
        preserve: bool = False,
        timeout: float = 120,
    ) -> Answer:
        """Runs a model on inputs (in the order of the graph's inputs). resolver: "ref", "opt" or "auto"."""
        if self._process is None or not self._process.is_alive():
            self._start()
        job = {"model": model, "inputs": inputs, "resolver": resolver, "invokes": invokes, "preserve": preserve}
        try:
            self._connection.send(job)
            if self._connection.poll(timeout):
                return self._connection.recv()
            reason = f"no answer within {timeout} s"
        except (EOFError, BrokenPipeError, ConnectionResetError):
            reason = "the process died"
        self._process.kill()
        self._process.join()
        self._process = None
        return Answer(error=reason)

    def truth(self, model: bytes, inputs: list[np.ndarray], **keywords: Any) -> Answer:
        """The reference resolver's answer; where it refuses or dies, the optimised one's, then the default one's."""
        for resolver in RESOLVERS:
            answer = self.run(model, inputs, resolver, **keywords)
            if answer.error is None:
                break
        return answer


oracle = Oracle()
"""Shared by all tests of a process."""
