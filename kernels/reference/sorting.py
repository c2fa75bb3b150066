"""TOPK_V2 and UNIQUE: the largest elements of rows, and the distinct elements of a vector.

Semantics: LiteRT tflite/kernels/{topk_v2,unique}.cc.
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType, UniqueOptions
from litejit.schema.errors import InvalidInputError

__all__ = ["TopK", "Unique"]


@builtin(BuiltinOperator.TOPK_V2, versions=(1, 3))
class TopK(Kernel):
    """input: [..., n], k: one integer -> the k largest of each row in falling order, and their indices.

    Of equal elements the one with the lower index comes first; not-a-number comes last. A negative k counts as 0.
    InvalidModelError when k is above n.
    """

    types = (
        TensorType.FLOAT32,
        TensorType.UINT8,
        TensorType.INT8,
        TensorType.INT16,
        TensorType.INT32,
        TensorType.INT64,
    )
    n_outputs = 2
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Reads k."""
        x = node.input("input")
        k = node.input("k", types=(TensorType.INT32, TensorType.INT16))
        node.require(k.size == 1, "operand 'k' has shape {}, expected one element", k.dims)
        node.require(x.rank >= 1, "the input must have at least one dimension")
        self.k = max(0, int(node.value("k").reshape(-1)[0]))
        node.require(self.k <= x.dims[-1], "k is {}, the last dimension has {} elements", self.k, x.dims[-1])
        shape = (*x.dims[:-1], self.k)
        node.output(shape, at=0, types=x.type)
        self.index_dtype = node.output(shape, at=1, types=(TensorType.INT32, TensorType.INT16)).dtype

    def __call__(self, input: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sorts by falling value, stably."""
        if input.dtype.kind == "f":
            order = np.argsort(-input, axis=-1, kind="stable")
        else:
            # Reversing twice turns a stable rising sort into a stable falling one.
            reversed_order = np.argsort(input[..., ::-1], axis=-1, kind="stable")[..., ::-1]
            order = input.shape[-1] - 1 - reversed_order
        order = order[..., : self.k]
        return np.take_along_axis(input, order, axis=-1), order.astype(self.index_dtype)


@builtin(BuiltinOperator.UNIQUE)
class Unique(Kernel):
    """input: [n] -> the distinct elements in the order of first appearance, and each element's place among them."""

    options: UniqueOptions
    types = (
        TensorType.FLOAT32,
        TensorType.INT8,
        TensorType.UINT8,
        TensorType.INT16,
        TensorType.INT32,
        TensorType.INT64,
    )
    n_outputs = 2
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """How many elements are distinct, only the data tell."""
        x = node.input("input", rank=1)
        node.output(None, at=0, types=x.type)
        wide = self.options.idx_out_type == TensorType.INT64
        self.index_dtype = node.output(x.dims, at=1, types=TensorType.INT64 if wide else TensorType.INT32).dtype

    def __call__(self, input: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers the distinct elements."""
        if input.dtype.kind == "f" and np.isnan(input).any():
            raise InvalidInputError("UNIQUE of not-a-number is not defined")
        _, first, inverse = np.unique(input, return_index=True, return_inverse=True)
        place = np.empty(len(first), np.int64)
        place[np.argsort(first, kind="stable")] = np.arange(len(first))
        return input[np.sort(first)], place[inverse.reshape(-1)].astype(self.index_dtype)
