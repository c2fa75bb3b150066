"""Which operators have compiled code, and what it is asked with. Families register themselves, as in `reference`."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from litejit.kernels.geometry import Window
from litejit.kernels.jit.call import Call, View
from litejit.kernels.kernel import DEFAULT_FLAVOUR, Kernel
from litejit.kernels.node import TensorSpec

__all__ = ["Lowered", "Lowering", "lower", "lowered_kernels", "lowers"]

Lowered = Sequence[Call] | View
"""Calls in order, or the statement that the output is an operand under another name."""


@dataclass(frozen=True, eq=False)
class Lowering:
    """A prepared operator, as its lowering sees it.

    kernel: the prepared reference kernel, whose attributes are the derived constants. inputs: None where an optional
    operand is left out. Shapes of all tensors are known. threads: how many will run the calls. moved_windows: in place
    of the kernel's.
    """

    kernel: Any
    inputs: tuple[TensorSpec | None, ...]
    outputs: tuple[TensorSpec, ...]
    threads: int = 1
    moved_windows: tuple[Window, ...] | None = None

    @property
    def windows(self) -> tuple[Window, ...]:
        """The sliding windows of a kernel that has some, as rewrites have left them."""
        windows: tuple[Window, ...] = self.kernel.windows
        return windows if self.moved_windows is None else self.moved_windows

    def input(self, position: int) -> TensorSpec:
        """An operand that is always there."""
        spec = self.inputs[position]
        assert spec is not None
        return spec

    def given(self, position: int) -> TensorSpec | None:
        """An optional operand."""
        return self.inputs[position] if position < len(self.inputs) else None

    def constant_bias(self, position: int, channels: int) -> np.ndarray | None:
        """[channels] the constant bias, zeros if there is none; None if it is not constant."""
        bias = self.given(position)
        if bias is None:
            return np.zeros(channels, np.int32)
        return None if bias.value is None else bias.value.ravel()


Lower = Callable[[Lowering], Lowered | None]

_IMPORT = re.compile(r"^from (litejit\.kernels\.reference\.\w+) import", re.MULTILINE)

_LOWERINGS: dict[type[Kernel], list[Lower]] = {}


def lowers(*kernels: type[Kernel]) -> Callable[[Lower], Lower]:
    """Decorator: the function lowers operators of these reference kernel classes; None where it does not apply.

    A class may have several such functions, for its several arithmetics; the first one that applies is taken.
    """

    def register(function: Lower) -> Lower:
        for kernel in kernels:
            _LOWERINGS.setdefault(kernel, []).append(function)
        return function

    return register


def lower(lowering: Lowering) -> Lowered | None:
    """Calls for a prepared operator; None: the reference tier serves it.

    Compiled code follows the default numerics flavour; operators under another one are left to the reference tier.
    """
    if lowering.kernel.flavour != DEFAULT_FLAVOUR or not lowering.kernel.is_compilable:
        return None
    kernel = type(lowering.kernel)
    for family in _families().get(kernel.__module__, ()):
        importlib.import_module(family)
    # Whatever the order in which families were imported.
    functions = sorted(_LOWERINGS.get(kernel, ()), key=lambda function: function.__module__)
    return next((result for function in functions if (result := function(lowering)) is not None), None)


def lowered_kernels() -> frozenset[type[Kernel]]:
    """The reference kernels of all operators that may have compiled code."""
    _load_families()
    return frozenset(_LOWERINGS)


@cache
def _families() -> dict[str, list[str]]:
    """Module of reference kernels -> modules here that know it, by the text of the sources: importing all takes long.

    Without sources, all are imported.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for module in set(_IMPORT.findall(path.read_text("utf-8"))):
            found.setdefault(module, []).append(f"{__package__}.{path.stem}")
    if not found:
        _load_families()
    return found


@cache
def _load_families() -> None:
    package = importlib.import_module("litejit.kernels.jit")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg and module.name != "compiler":
            importlib.import_module(f"{package.__name__}.{module.name}")
