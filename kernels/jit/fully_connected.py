"""FULLY_CONNECTED on the fast tier: floats, integers, and dynamic range. Weights of run time are floats or INT8."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.few_rows import beats_packing, beats_panels, few_rows
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.matrices import Rows, packed_right, stage_of_matrix
from litejit.kernels.jit.products import Out, Right, matrix_rows, product
from litejit.kernels.jit.stages import PackedStage, float_stage, integer_stage
from litejit.kernels.reference.fully_connected import FullyConnected
from litejit.kernels.reference.hybrid_products import BlockwiseProducts, FourBitProducts, SparseProducts
from litejit.kernels.reference.products import FloatProducts, HybridProducts, QuantizedProducts
from litejit.schema import TensorType

__all__: list[str] = []


@lowers(FullyConnected)
def few_units(lowering: Lowering) -> Sequence[Call] | None:
    """Few rows times constant weights that are read as they lie; None where panels of them are quicker."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    products, bias, features, units = kernel.products, lowering.given(2), kernel.in_features, output.dims[-1]
    is_float, empty = isinstance(products, FloatProducts), 0 in (output.size, input.size, features)
    if empty or kernel.shuffled or kernel.constant is None or (bias is not None and bias.value is None):
        return None
    if type(products) not in (FloatProducts, QuantizedProducts) or input.type not in _RUN_TIME:
        return None
    rows = Rows(Tensor(input.index), input.size // features, features, input.type)
    weights = products.weights(kernel.constant)
    narrow = is_float or (weights.min() >= -128 and weights.max() <= 127)
    if not narrow or not beats_panels(rows.rows, features, units, is_float):
        return None
    biases = None if bias is None or bias.value is None else bias.value.ravel()
    stage: PackedStage | None
    if is_float:
        stage = float_stage(products.activation, biases, units)
    else:
        stage = integer_stage(products, weights.T[None], 0 if biases is None else biases, centred=True)
        rows.centre(products.zero_point)
    if stage is None or stage.wide:
        return None
    matrix = weights.astype(np.float32 if is_float else np.int8)
    item_bytes, start = output.dtype.itemsize, np.zeros(1, np.int64)
    out = Out(Tensor(output.index), output.size * item_bytes, units * item_bytes, 0)
    left = rows.left(matrix_rows(rows.rows, rows.pitch, rows.element_bytes), start)
    few = few_rows(left, matrix, start, True, 0, out, stage, lowering.threads)
    return None if few is None else [*rows.calls, few]


@lowers(FullyConnected)
def fully_connected(lowering: Lowering) -> Sequence[Call] | None:
    """Rows of the input times the weights."""
    kernel, input, weights, output = lowering.kernel, lowering.input(0), lowering.input(1), lowering.outputs[0]
    products, bias = kernel.products, lowering.given(2)
    empty = 0 in (output.size, input.size, kernel.in_features)
    if kernel.shuffled or empty or (bias is not None and bias.value is None):
        return None
    if isinstance(products, BlockwiseProducts | FourBitProducts | SparseProducts):
        return None
    biases = None if bias is None or bias.value is None else bias.value.ravel()
    features, units = kernel.in_features, output.dims[-1]
    matrix = None if kernel.constant is None else products.weights(kernel.constant).T[None]
    activation = kernel.options.fused_activation_function
    stage = stage_of_matrix(products, activation, matrix, biases, features, units)
    if stage is None or (matrix is None and (input.type == TensorType.UINT8 or weights.type not in _RUN_TIME)):
        return None
    rows = Rows(Tensor(input.index), input.size // features, features, input.type)
    if isinstance(products, HybridProducts):
        rows.quantize(products.arithmetic.span == 127, zeros_left_out=True)
    elif matrix is None and input.type == TensorType.INT8:
        rows.centre(products.zero_point)
    start = np.zeros(1, np.int64)
    item_bytes = output.dtype.itemsize
    out = Out(Tensor(output.index), output.size * item_bytes, units * item_bytes, 0)
    geometry = matrix_rows(rows.rows, rows.pitch, rows.element_bytes)
    if matrix is None:
        zero_point = 0 if weights.type == TensorType.FLOAT32 else products.filter_zero_point
        if beats_packing(rows.rows, features, units, True, stage.kind == "float"):
            left = rows.left(geometry, start)
            few = few_rows(left, weights, start, True, zero_point, out, stage, lowering.threads)
            if few is not None:
                return [*rows.calls, few]
        right = packed_right(rows, weights, units, True, zero_point, stage.factor, start)
    else:
        right = Right(units, features, matrix)
    return [*rows.calls, product(rows.left(geometry, start), right, out, stage, lowering.threads)]


_RUN_TIME = (TensorType.FLOAT32, TensorType.INT8)
"""Types of weights that may be known at run time only."""
