"""Diagonals of matrices: MATRIX_DIAG and MATRIX_SET_DIAG."""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.first_elements import first_elements, first_elements_of
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType

_TYPES = (
    TensorType.FLOAT32,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.UINT32,
)


@builtin(BuiltinOperator.MATRIX_DIAG)
class MatrixDiag(Kernel):
    """Square matrices of zeros with the last dimension of the input on their diagonals.

    diagonal: [batch…, n] -> [batch…, n, n]. Semantics: LiteRT tflite/kernels/matrix_diag.cc.
    """

    types = _TYPES
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """shape: of the output."""
        diagonal = node.input("diagonal")
        node.require(diagonal.rank >= 1, "{} is a scalar, expected rank 1 or more", diagonal)
        self.shape = (*diagonal.dims, diagonal.dims[-1])
        node.output(self.shape, type=diagonal.type)

    def __call__(self, diagonal: np.ndarray) -> np.ndarray:
        """The output."""
        output = np.zeros(self.shape, diagonal.dtype)
        np.einsum("...ii->...i", output)[...] = diagonal
        return output


@builtin(BuiltinOperator.MATRIX_SET_DIAG)
class MatrixSetDiag(Kernel):
    """The input with other values on the diagonals of its matrices.

    input: [batch…, rows, columns]; diagonal: [batch…, min(rows, columns)], same type, or any shape of at least as many
    elements, of which the first count.
    Semantics: LiteRT tflite/kernels/matrix_set_diag.cc.
    """

    types = _TYPES
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """size: of the diagonals."""
        input = node.input("input")
        node.require(input.rank >= 2, "{} has shape {}, expected rank 2 or more", input, input.dims)
        self.size = min(input.dims[-2:])
        self.shape = (*input.dims[:-2], self.size)
        diagonal = node.input("diagonal", types=input.type)
        first_elements(node, "diagonal", self.shape, axes=())
        self.is_compilable = diagonal.dims == self.shape
        node.output(input.dims, type=input.type)

    def __call__(self, input: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
        """The output."""
        output = input.copy()
        np.einsum("...ii->...i", output[..., : self.size, : self.size])[...] = first_elements_of(diagonal, self.shape)
        return output
