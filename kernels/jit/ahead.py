"""Compiling all kernels ahead of their first use, in several processes."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from litejit.kernels.jit import library

__all__ = ["compile_all", "kernel_names"]


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
    """(kernels compiled now, kernels that were in the cache). jobs: processes, by default one for each core."""
    names = kernel_names()
    missing = [name for name in names if not library.is_compiled(name)]
    if missing:
        # A process that has imported numba and LLVM is better not forked.
        with ProcessPoolExecutor(jobs or os.cpu_count(), get_context("spawn")) as pool:
            list(pool.map(library.address, missing, chunksize=4))
    return len(missing), len(names) - len(missing)
