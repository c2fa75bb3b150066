"""FULLY_CONNECTED on the fast tier: floats, integers, and dynamic range, with constant dense weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litejit.kernels.jit.call import Call, Scratch, Tensor
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.products import ELEMENTS, Left, Out, Right, matrix_rows, pitch_of, product, quantize_rows
from litejit.kernels.jit.stages import float_stage, integer_stage, scaled_stage
from litejit.kernels.reference.fully_connected import BlockwiseProducts, FourBitProducts, FullyConnected
from litejit.kernels.reference.products import FloatProducts, HybridProducts

__all__: list[str] = []


@lowers(FullyConnected)
def fully_connected(lowering: Lowering) -> Sequence[Call] | None:
    """Rows of the input times the weights."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    bias = lowering.given(2)
    if kernel.constant is None or kernel.shuffled or output.size == 0 or input.size == 0:
        return None
    products, threads = kernel.products, lowering.threads
    features, units = kernel.in_features, output.dims[-1]
    rows = input.size // features
    biases = None if bias is None or bias.value is None else bias.value.ravel()
    if bias is not None and biases is None:
        return None
    item_bytes = output.dtype.itemsize
    out = Out(Tensor(output.index), output.size * item_bytes, units * item_bytes, 0)
    start = np.zeros(1, np.int64)
    matrix = products.weights(kernel.constant).T[None]
    right = Right(units, features, matrix)
    if isinstance(products, BlockwiseProducts | FourBitProducts):
        return None
    activation = kernel.options.fused_activation_function
    if isinstance(products, HybridProducts):
        stage = scaled_stage(products, activation, biases, units, infinite=True)
        if stage is None or (np.abs(matrix).sum(1, dtype=np.int64) * products.arithmetic.span >= 1 << 31).any():
            return None
        symmetric = products.arithmetic.span == 127
        calls, shared, scales = quantize_rows(Tensor(input.index), rows, features, symmetric)
        geometry = matrix_rows(rows, pitch_of(features))
        left = Left(Scratch(0), geometry, start, shared_bytes=shared, scales=scales, scale_pixel_bytes=4)
        return [*calls, product(left, right, out, stage, threads)]
    is_float = isinstance(products, FloatProducts)
    if is_float:
        stage = float_stage(activation, biases, units)
    else:
        stage = integer_stage(products, matrix, 0 if biases is None else biases, centred=False)
    if stage is None:
        return None
    element_bytes = 4 if is_float else 2
    geometry = matrix_rows(rows, features * element_bytes, element_bytes)
    left = Left(Tensor(input.index), geometry, start, ELEMENTS[input.type])
    return [product(left, right, out, stage, threads)]
