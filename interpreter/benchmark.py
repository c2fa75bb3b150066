"""Latency beside another runtime: one inference of each in turn, in one process, so that both meet the same noise."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from litejit.feeding import feed
from litejit.interpreter import Interpreter
from litejit.schema.errors import UnsupportedError

__all__ = ["PEERS", "Measurement", "alternate", "interpreter_of", "measure", "random_inputs"]

_LEAST, _ENOUGH = 5, 10.0
"""Rounds to take at least, unless they have taken so many seconds."""
_REST = 0.03
"""Seconds; the official runtime's threads wait that long for more work before they sleep."""
_BLOCK = 0.04


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


def measure(
    model: Path | bytes,
    peer: str | None = "official",
    threads: int = 1,
    seconds: float = 2.0,
    inputs: Sequence[np.ndarray] | None = None,
) -> Measurement:
    """Times a model for about this long. peer: one of PEERS; None: litejit alone. inputs: random ones by default.

    Raises UnsupportedError when the peer is not installed, and what either runtime raises.
    """
    start = time.perf_counter()
    interpreter = interpreter_of(model, threads)
    interpreter.allocate_tensors()
    prepare = time.perf_counter() - start
    if inputs is None:
        inputs = random_inputs(interpreter)
    feed(interpreter, inputs)
    runs: list[Callable[[], Any]] = [interpreter.invoke]
    if peer is not None:
        runs.append(PEERS[peer](model, inputs, threads))
    times = alternate(runs, seconds, threads)
    return Measurement(prepare, times[0], times[1] if peer is not None else ())


def interpreter_of(model: Path | bytes, threads: int) -> Interpreter:
    """litejit's interpreter of a file or of its content."""
    return Interpreter(**_source(model), num_threads=threads)


def _source(model: Path | bytes) -> dict[str, Any]:
    return {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}


def alternate(runs: Sequence[Callable[[], Any]], seconds: float, threads: int = 1) -> list[list[float]]:
    """Seconds of each run, taken in turn for about this long.

    With several threads, each has the processor for itself for a while: threads of a runtime go on waiting for work
    after an inference, and would take the time of the others.
    """
    rest, block = (_REST, _BLOCK) if threads > 1 else (0.0, 0.0)
    for run in runs:
        run()
    times: list[list[float]] = [[] for _ in runs]
    begin = time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds or (len(times[0]) < _LEAST and passed < _ENOUGH):
        for run, taken in zip(runs, times, strict=True):
            if rest:
                time.sleep(rest)
            stop = time.perf_counter() + block
            while True:
                start = time.perf_counter()
                run()
                now = time.perf_counter()
                taken.append(now - start)
                if now >= stop:
                    break
    return times


def _official(model: Path | bytes, inputs: Sequence[np.ndarray], threads: int) -> Callable[[], Any]:
    try:
        from ai_edge_litert.interpreter import Interpreter as Official
    except ImportError:
        raise UnsupportedError("the official runtime is not installed: pip install 'litejit[crosscheck]'") from None
    interpreter = Official(**_source(model), num_threads=threads)
    feed(interpreter, inputs)
    invoke: Callable[[], Any] = interpreter.invoke
    return invoke


def _openvino(model: Path | bytes, inputs: Sequence[np.ndarray], threads: int) -> Callable[[], Any]:
    try:
        import openvino
    except ImportError:
        raise UnsupportedError("OpenVINO is not installed: pip install 'litejit[openvino]'") from None
    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    core = openvino.Core()
    read = core.read_model(model if isinstance(model, bytes) else str(model))
    read.reshape({at: value.shape for at, value in enumerate(inputs)})
    request = core.compile_model(read, "CPU", options).create_infer_request()
    for at, value in enumerate(inputs):
        request.get_input_tensor(at).data[...] = value
    infer: Callable[[], Any] = request.infer
    return infer


PEERS: dict[str, Callable[[Path | bytes, Sequence[np.ndarray], int], Callable[[], Any]]] = {
    "official": _official,
    "openvino": _openvino,
}
"""Runtimes to measure against: a function that prepares one and returns what runs an inference."""
