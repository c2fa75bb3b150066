"""The official runtime in a process of its own: it may abort or hang without taking anybody along.

official.run(model, inputs, "ref").outputs
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litejit.schema.errors import UnsupportedError

__all__ = ["RESOLVERS", "Answer", "OfficialRuntime", "is_installed", "official"]

RESOLVERS = {"ref": "BUILTIN_REF", "opt": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "auto": "AUTO"}
"""Our names of the official kernel sets: the reference kernels, the optimised ones, and those with XNNPACK."""


@dataclass
class Answer:
    """What the official runtime did: outputs by position, or the error.

    tensors: those of subgraph 0 by index, nested: those of other subgraphs by (subgraph, index), both if asked for.
    """

    outputs: list[np.ndarray] = field(default_factory=list)
    error: str | None = None
    resolver: str = ""
    tensors: dict[int, np.ndarray] = field(default_factory=dict)
    nested: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    best_ms: float | None = None


def is_installed() -> bool:
    """Whether the official runtime is there."""
    return importlib.util.find_spec("ai_edge_litert") is not None


class OfficialRuntime:
    """Asks the official runtime. Its process is started at first use, and again after it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._messages: Any = None
        self._lock = threading.Lock()

    def run(
        self,
        model: bytes,
        inputs: list[np.ndarray],
        resolver: str = "ref",
        *,
        invokes: int = 1,
        preserve: bool = False,
        threads: int = 1,
        timeout: float = 120,
    ) -> Answer:
        """Runs a model on inputs (in the order of the graph's inputs). resolver: "ref", "opt" or "auto".

        preserve: return all tensors. UnsupportedError where the official runtime is not installed; whatever else goes
        wrong is the answer's `error`.
        """
        job = {
            "model": model,
            "inputs": inputs,
            "resolver": resolver,
            "resolver_type": RESOLVERS[resolver],
            "invokes": invokes,
            "preserve": preserve,
            "threads": threads,
        }
        with self._lock:
            return self._ask(job, timeout)

    def truth(self, model: bytes, inputs: list[np.ndarray], **keywords: Any) -> Answer:
        """The reference resolver's answer; where it refuses or dies, the optimised one's, then the default one's."""
        for resolver in RESOLVERS:
            answer = self.run(model, inputs, resolver, **keywords)
            if answer.error is None:
                break
        return answer

    def close(self) -> None:
        """Ends the process; the next `run` starts another one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._messages.close()
            self._process = None

    def _ask(self, job: dict[str, Any], timeout: float) -> Answer:
        if self._process is None or self._process.poll() is not None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            pickle.dump(job, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            result = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.close()
            return Answer(resolver=job["resolver"], error=f"no answer within {timeout} s")
        except (BrokenPipeError, OSError):
            result = None
        if result is not None:
            return Answer(**result)
        self._process.wait()
        reason = f"the process died{self._last_words()}"
        self.close()
        return Answer(resolver=job["resolver"], error=reason)

    def _start(self) -> None:
        if not is_installed():
            raise UnsupportedError("the official runtime is not installed: pip install 'litejit[crosscheck]'")
        self.close()
        self._answers = queue.Queue()
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "litejit.crosscheck.official_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        threading.Thread(target=_read, args=(self._process.stdout, self._answers), daemon=True).start()

    def _last_words(self) -> str:
        """The end of what the process wrote to stderr."""
        self._messages.seek(0)
        lines = [line.strip() for line in self._messages.read().decode(errors="replace").splitlines() if line.strip()]
        return f": {lines[-1][:300]}" if lines else ""


def _read(stream: Any, answers: queue.Queue[dict[str, Any] | None]) -> None:
    """Passes answers on as they come, None when there will be no more."""
    try:
        while True:
            answers.put(pickle.load(stream))
    except (EOFError, OSError, pickle.UnpicklingError):
        answers.put(None)


official = OfficialRuntime()
"""Shared by all of a process."""
