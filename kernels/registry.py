"""Which kernel computes which operator. Families register themselves: a file in `reference/` is all it takes."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from litejit.kernels.kernel import Kernel
from litejit.schema import BuiltinOperator

__all__ = ["builtin", "builtin_kernels", "custom", "custom_kernels"]

_BUILTIN: dict[BuiltinOperator, type[Kernel]] = {}
_CUSTOM: dict[str, type[Kernel]] = {}

KernelClass = TypeVar("KernelClass", bound=type[Kernel])


def builtin(operator: BuiltinOperator, versions: tuple[int, int] = (1, 1)) -> Callable[[KernelClass], KernelClass]:
    """Class decorator: this kernel computes a builtin operator, in these versions (first, last) of it."""

    def register(kernel: KernelClass) -> KernelClass:
        if operator in _BUILTIN:
            raise ValueError(f"{operator.name} is registered twice: {_BUILTIN[operator]} and {kernel}")
        kernel.versions = versions
        _BUILTIN[operator] = kernel
        return kernel

    return register


def custom(name: str) -> Callable[[KernelClass], KernelClass]:
    """Class decorator: this kernel computes the custom operator of that name."""

    def register(kernel: KernelClass) -> KernelClass:
        if name in _CUSTOM:
            raise ValueError(f"custom operator {name} is registered twice: {_CUSTOM[name]} and {kernel}")
        kernel.versions = (0, 1 << 31)
        _CUSTOM[name] = kernel
        return kernel

    return register


def builtin_kernels() -> dict[BuiltinOperator, type[Kernel]]:
    """Every builtin operator that has a kernel."""
    _load_reference()
    return _BUILTIN


def custom_kernels() -> dict[str, type[Kernel]]:
    """Every custom operator that has a kernel."""
    _load_reference()
    return _CUSTOM


@cache
def _load_reference() -> None:
    package = importlib.import_module("litejit.kernels.reference")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
