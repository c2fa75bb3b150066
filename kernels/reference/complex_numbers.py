"""REAL, IMAG and COMPLEX_ABS: from complex numbers to real ones."""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType

__all__ = ["ComplexAbs", "Imag", "Real"]


class _ComplexPart(Kernel):
    """Base: COMPLEX64 -> FLOAT32, COMPLEX128 -> FLOAT64. Semantics: LiteRT tflite/kernels/complex_support.cc."""

    types = (TensorType.COMPLEX64, TensorType.COMPLEX128)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """The output has the input's shape."""
        input = node.input("input")
        part = TensorType.FLOAT32 if input.type == TensorType.COMPLEX64 else TensorType.FLOAT64
        node.output(input.dims, types=part)


@builtin(BuiltinOperator.REAL)
class Real(_ComplexPart):
    """The real part."""

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        return input.real.copy()


@builtin(BuiltinOperator.IMAG)
class Imag(_ComplexPart):
    """The imaginary part."""

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        return input.imag.copy()


@builtin(BuiltinOperator.COMPLEX_ABS)
class ComplexAbs(_ComplexPart):
    """The absolute value, without overflow in between."""

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        return np.abs(input)
