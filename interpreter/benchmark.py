"""Latency beside another runtime: one inference of each in turn, in one process, so that both meet the same noise."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from litejit.interpreter import Interpreter
from litejit.schema.errors import UnsupportedError

__all__ = ["PEERS", "Measurement", "measure", "random_inputs"]


@dataclass(frozen=True)
class Measurement:
    """Seconds of each inference, litejit's and the peer's (empty without a peer), and of litejit's preparation."""

    prepare: float
    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratio(self) -> float:
        """litejit / peer, of the least times."""
        return min(self.ours) / min(self.theirs)

    @property
    def median_ratio(self) -> float:
        """litejit / peer, of the medians."""
        return median(self.ours) / median(self.theirs)


def random_inputs(interpreter: Interpreter) -> list[np.ndarray]:
    """Seeded values for the inputs: -1 .. 1 for floats, the whole range of 8-bit integers, 0 or 1 for wider ones."""
    rng = np.random.default_rng(0)
    values = []
    for detail in interpreter.get_input_details():
        dtype, shape = np.dtype(detail["dtype"]), tuple(detail["shape"])
        if dtype.kind == "f":
            values.append(rng.uniform(-1, 1, shape).astype(dtype))
        elif dtype.kind in "iub":
            high = 2 if dtype.itemsize > 2 or dtype.kind == "b" else np.iinfo(dtype).max + 1
            low = 0 if high == 2 else np.iinfo(dtype).min
            values.append(rng.integers(low, high, shape).astype(dtype))
        else:
            values.append(np.full(shape, b"", object))
    return values


def measure(path: Path, peer: str | None = "official", threads: int = 1, seconds: float = 2.0) -> Measurement:
    """Times a model with random inputs for about this long. peer: one of PEERS; None: litejit alone.

    Raises UnsupportedError when the peer is not installed, and what either runtime raises.
    """
    start = time.perf_counter()
    interpreter = Interpreter(path, num_threads=threads)
    interpreter.allocate_tensors()
    prepare = time.perf_counter() - start
    inputs = random_inputs(interpreter)
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    runs: list[Callable[[], Any]] = [interpreter.invoke]
    if peer is not None:
        runs.append(PEERS[peer](path, inputs, threads))
    for run in runs:
        run()
    times: list[list[float]] = [[] for _ in runs]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 3:
        for run, taken in zip(runs, times, strict=True):
            begin = time.perf_counter()
            run()
            taken.append(time.perf_counter() - begin)
    return Measurement(prepare, times[0], times[1] if peer is not None else ())


def _official(path: Path, inputs: Sequence[np.ndarray], threads: int) -> Callable[[], Any]:
    try:
        from ai_edge_litert.interpreter import Interpreter as Official
    except ImportError:
        raise UnsupportedError("the official runtime is not installed: pip install 'litejit[crosscheck]'") from None
    interpreter = Official(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    invoke: Callable[[], Any] = interpreter.invoke
    return invoke


def _openvino(path: Path, inputs: Sequence[np.ndarray], threads: int) -> Callable[[], Any]:
    try:
        import openvino
    except ImportError:
        raise UnsupportedError("OpenVINO is not installed: pip install openvino") from None
    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(str(path), "CPU", options).create_infer_request()
    for at, value in enumerate(inputs):
        request.get_input_tensor(at).data[...] = value
    infer: Callable[[], Any] = request.infer
    return infer


PEERS: dict[str, Callable[[Path, Sequence[np.ndarray], int], Callable[[], Any]]] = {
    "official": _official,
    "openvino": _openvino,
}
"""Runtimes to measure against: a function that prepares one and returns what runs an inference."""
