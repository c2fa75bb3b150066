"""Compiling kernels before they are first called, in several processes side by side."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from litejit.kernels.jit import library
from litejit.schema.errors import InvalidInputError

__all__ = ["compile_all", "compile_together", "kernel_names", "serve"]

_SERVE = "from litejit.kernels.jit.ahead import serve; serve()"
FEW = 3
"""Kernels that are compiled sooner than another process has started."""


def kernel_names() -> list[str]:
    """Names of all kernels: the functions of `native` that take (args, first, last, rank). Imports numba."""
    package = importlib.import_module("litejit.kernels.jit.native")
    names = ["executor.run", "calling.method"]
    for module in pkgutil.iter_modules(package.__path__):
        members = vars(importlib.import_module(f"{package.__name__}.{module.name}"))
        names += [f"{module.name}.{name}" for name, member in members.items() if _is_kernel(member, module.name)]
    return names


def _is_kernel(member: object, module: str) -> bool:
    if not inspect.isfunction(member) or not member.__module__.endswith(f".{module}"):
        return False
    return list(inspect.signature(member).parameters) == ["args", "first", "last", "rank"]


def compile_all(jobs: int | None = None) -> tuple[int, int]:
    """(kernels compiled now, kernels that were in the cache). jobs: as for `compile_together`."""
    names = kernel_names()
    missing = [name for name in names if not library.is_loaded(name)]
    compile_together(missing, jobs)
    return len(missing), len(names) - len(missing)


def compile_together(missing: Sequence[str], jobs: int | None = None) -> None:
    """Compiles kernels and loads them.

    jobs: processes, by default LITEJIT_JOBS, or one for each core that this process may use. Others are started only
    where they can hand on what they compile, in the cache.
    """
    jobs = jobs or _default_jobs()
    jobs = min(jobs, len(missing) // 2) if len(missing) > FEW and _can_start_others() else 1
    waiting = deque(missing)
    others = [threading.Thread(target=_have_compiled, args=[waiting], daemon=True) for _ in range(1, jobs)]
    for other in others:
        other.start()
    try:
        with suppress(IndexError):
            while True:  # neighbours have much in common, which one process compiles once: others begin at the end
                library.address(waiting.popleft())
    finally:
        waiting.clear()
        for other in others:
            other.join()
    for name in missing:
        library.address(name)


def serve() -> None:
    """Compiles the kernels that are named on standard input, one a line, and repeats their names when it has."""
    for line in sys.stdin:
        library.address(line.strip())
        print(line, end="", flush=True)


def _have_compiled(waiting: deque[str]) -> None:
    """Has another process compile what is waiting. What it fails to do is left to be done where it is needed."""
    # The other process finds modules where this one does.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    quiet = subprocess.DEVNULL
    with suppress(OSError):
        command = [sys.executable, "-c", _SERVE]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(IndexError):
                while True:
                    process.stdin.write(f"{waiting.pop()}\n")
                    process.stdin.flush()
                    if not process.stdout.readline():
                        break


def _can_start_others() -> bool:
    """Whether there is a Python to start, not a program that has one inside, and a place to hand kernels on."""
    is_python = Path(sys.executable or "").stem.lower().startswith(("python", "pypy"))
    return is_python and not getattr(sys, "frozen", False) and library.cache_directory() is not None


def _default_jobs() -> int:
    chosen = os.environ.get("LITEJIT_JOBS")
    if not chosen:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    if not chosen.isdecimal() or int(chosen) < 1:
        raise InvalidInputError(f"LITEJIT_JOBS is {chosen!r}, expected a number of processes")
    return int(chosen)
