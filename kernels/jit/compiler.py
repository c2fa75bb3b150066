"""numba kernels to object code. Importing this module imports numba."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from numba.core import compiler, config, registry, types

from litejit.kernels.jit.target import cpu

__all__ = ["compile_kernel"]


def compile_kernel(name: str) -> tuple[bytes, str]:
    """Object code of a kernel ("module.function" below `native`) and the symbol of its entry point.

    The entry follows numba's calling convention: int32 entry(void** result, void** exception, int64 arguments…).
    """
    module, function = name.split(".")
    return _compile(getattr(importlib.import_module(f"litejit.kernels.jit.native.{module}"), function))


def _compile(function: Callable[..., Any]) -> tuple[bytes, str]:
    config.CPU_NAME, config.CPU_FEATURES = cpu()
    flags = compiler.Flags()
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    flags.release_gil = False
    flags.error_model = "numpy"
    arguments = (types.int64,) * function.__code__.co_argcount
    target = registry.cpu_target
    result = compiler.compile_extra(
        target.typing_context, target.target_context, function, arguments, types.none, flags, {}
    )
    return result.library._get_compiled_object(), result.fndesc.llvm_func_name
