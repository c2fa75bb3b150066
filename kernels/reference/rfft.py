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

    The official library has no rows of length 1. What its steps make of them is no transform, and is followed.
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
            transform = _of_single_columns(cropped, height) if width == 1 else np.fft.rfft2(cropped, s=(height, width))
            return transform.astype(np.complex64)


def _of_single_columns(x: np.ndarray, height: int) -> np.ndarray:
    """x: [..., up to height, up to 1] -> [..., height, 1]: what is made of fft_length [height, 1].

    Nothing is transformed, only the last step is done, which takes halves of a transform apart: rows i and height - i
    become m - mj and m + mj of their mean m, rows 0 and height / 2 stay, the first one with itself as imaginary part.
    """
    rows = np.zeros((*x.shape[:-2], height))
    rows[..., : x.shape[-2]] = x[..., 0] if x.shape[-1] > 0 else 0
    lower, upper = slice(1, height // 2), slice(height - 1, height // 2, -1)
    means = 0.5 * (rows[..., lower] + rows[..., upper])
    result = np.zeros(rows.shape, np.complex128)
    result.real[...] = rows
    result.imag[..., 0] = -rows[..., 0]
    for part, sign in ((lower, -1), (upper, 1)):
        result.real[..., part] = means
        result.imag[..., part] = sign * means
    result.imag[..., height // 2] = -0.0 if height > 1 else -rows[..., 0]
    return result[..., None]
