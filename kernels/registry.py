"""Which kernel computes which operator. Families register themselves: a file in `reference/` is all it takes."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from litejit.kernels.kernel import Kernel
from litejit.schema import BuiltinOperator

__all__ = ["builtin", "builtin_kernel", "builtin_kernels", "custom", "custom_kernel", "custom_kernels"]

_BUILTIN: dict[BuiltinOperator, type[Kernel]] = {}
_CUSTOM: dict[str, type[Kernel]] = {}

_REGISTRATION = re.compile(r'^@(?:builtin\(BuiltinOperator\.|custom\(")([\w.]+)', re.MULTILINE)

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


def builtin_kernel(operator: BuiltinOperator) -> type[Kernel] | None:
    """The kernel of a builtin operator; imports its family alone."""
    _load_family(operator.name)
    return _BUILTIN.get(operator)


def custom_kernel(name: str) -> type[Kernel] | None:
    """The kernel of the custom operator of that name; imports its family alone."""
    _load_family(name)
    return _CUSTOM.get(name)


def builtin_kernels() -> dict[BuiltinOperator, type[Kernel]]:
    """Every builtin operator that has a kernel."""
    _load_reference()
    return _BUILTIN


def custom_kernels() -> dict[str, type[Kernel]]:
    """Every custom operator that has a kernel."""
    _load_reference()
    return _CUSTOM


def _load_family(operator: str) -> None:
    family = _families().get(operator)
    if family is None:
        _load_reference()
    else:
        importlib.import_module(f"litejit.kernels.reference.{family}")


@cache
def _families() -> dict[str, str]:
    """Operator -> module that registers it, by the text of the sources; importing all of them takes ten times longer.

    Without sources there is nothing here, and all modules are imported.
    """
    from pathlib import Path  # this and pkgutil are slow to import, and not needed for a stored program

    return {
        operator: path.stem
        for path in (Path(__file__).parent / "reference").glob("*.py")
        for operator in _REGISTRATION.findall(path.read_text("utf-8"))
    }


@cache
def _load_reference() -> None:
    import pkgutil

    package = importlib.import_module("litejit.kernels.reference")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
