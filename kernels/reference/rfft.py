"""RFFT2D: the two-dimensional Fourier transform of real numbers."""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType

__all__ = ["Rfft2d"]


@builtin(BuiltinOperator.RFFT2D)
class Rfft2d(Kernel):
    """The discrete Fourier transform over the last two dimensions, computed in float64; the redundant half is left out.

    input: [..., height, width] FLOAT32; fft_length: [2] INT32, powers of two: the input is cropped or padded with zeros
    -> [..., fft_length[0], fft_length[1] // 2 + 1] COMPLEX64
    Semantics: LiteRT tflite/kernels/rfft2d.cc.
    """

    types = (TensorType.FLOAT32,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Reads fft_length, which the output's shape depends on."""
        input = node.input("input")
        node.require(input.rank >= 2, "input ({}) has shape {}, expected at least 2 dimensions", input, input.dims)
        node.input("fft_length", types=TensorType.INT32, shape=(2,))
        self.fft_length = tuple(int(length) for length in node.value("fft_length"))
        node.require(
            all(length > 0 and length & (length - 1) == 0 for length in self.fft_length),
            "fft_length is {}, expected powers of two",
            self.fft_length,
        )
        height, width = self.fft_length
        node.output((*input.dims[:-2], height, width // 2 + 1), type=TensorType.COMPLEX64)

    def __call__(self, input: np.ndarray, fft_length: np.ndarray) -> np.ndarray:
        """The output."""
        height, width = self.fft_length
        cropped = input[..., :height, :width].astype(np.float64)
        with np.errstate(all="ignore"):
            return np.fft.rfft2(cropped, s=self.fft_length).astype(np.complex64)
