"""The custom operator aeq.hadamard_rotation, which spreads outliers over a whole vector before it is quantized."""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.registry import custom
from litejit.schema import TensorType, decode_flexbuffer

__all__ = ["HadamardRotation"]


@custom("aeq.hadamard_rotation")
class HadamardRotation(Kernel):
    """Multiplies each run of hadamard_size elements by the Hadamard matrix of that size, divided by its square root.

    input: [features, size] or [batch, features, size] FLOAT32 -> the same shape

    Options, a FlexBuffers map: hadamard_size, a power of two that divides size; random_binary_vector is not used.

    Raises InvalidModelError for options without such a hadamard_size.
    Semantics: LiteRT tflite/kernels/hadamard_rotation.cc.
    """

    types = (TensorType.FLOAT32,)
    flavours = ALL_FLAVOURS
    options: bytes

    def prepare(self, node: Node) -> None:
        """Reads hadamard_size."""
        input = node.input("input", rank=(2, 3))
        options = decode_flexbuffer(self.options)
        size = options.get("hadamard_size", 0) if isinstance(options, dict) else 0
        node.require(
            isinstance(size, int) and size > 0 and size & (size - 1) == 0 and input.dims[-1] % size == 0,
            "hadamard_size is {}, expected a power of two that divides {}",
            size,
            input.dims[-1],
        )
        self.hadamard_size = size
        self.factor = np.float32(np.float64(1) / np.sqrt(np.float64(size)))
        node.output(input.dims, types=TensorType.FLOAT32)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The fast Walsh-Hadamard transform: sums and differences of elements 1, 2, 4, … apart."""
        values, apart = input, 1
        while apart < self.hadamard_size:
            pairs = values.reshape(-1, 2, apart)
            with np.errstate(all="ignore"):
                values = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1)
            apart *= 2
        return (values * self.factor).reshape(input.shape)
