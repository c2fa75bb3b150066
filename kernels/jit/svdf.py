"""SVDF on the fast tier: integers, and floats with weights of floats or of integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litejit.kernels.fixedpoint import Multiplier
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.cells import Weights, sums_of_rows
from litejit.kernels.jit.layouts.svdf import SVDF
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.packing import pack_stage
from litejit.kernels.jit.products import ELEMENTS, Left, Out, Right, matrix_rows, product, rounded
from litejit.kernels.jit.stages import PackedStage, sums_within
from litejit.kernels.reference.svdf import Svdf
from litejit.kernels.sparse import dense_value
from litejit.schema import TensorType

__all__: list[str] = []


@lowers(Svdf)
def svdf(lowering: Lowering) -> Sequence[Call] | None:
    """Of integers: the newest activations, then the memories."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    weights, weights_time = lowering.input(1).value, lowering.input(2).value
    bias = lowering.constant_bias(3, kernel.units)
    if input.type != TensorType.INT8 or weights is None or weights_time is None or bias is None or output.size == 0:
        return None
    (batch, depth), (filters, memory) = input.dims, weights_time.shape
    matrix = weights.T.astype(np.int32)[None]
    offset = -kernel.input_zero_point * matrix.sum((0, 1), dtype=np.int64)
    into_state, into_output = kernel.state_multiplier, kernel.output_multiplier
    multiplier = Multiplier(np.full(filters, into_state.mantissa), np.full(filters, into_state.exponent))
    left = int(max(into_state.exponent, 0))
    if left > 8 or not (sums_within(matrix, -128, 127, offset) < 1 << (30 - left)).all() or into_output.exponent > 31:
        return None
    stage = PackedStage("fixed16", pack_stage(offset, multiplier, filters)[0], 0, -(1 << 15), (1 << 15) - 1, 2, 2)
    shared = rounded(batch * filters * 2 + SLACK)
    rows = Left(
        Tensor(input.index),
        matrix_rows(batch, depth * 2),
        np.zeros(1, np.int64),
        ELEMENTS[input.type],
        shared_bytes=shared,
    )
    out = Out(Scratch(0), 0, filters * 2, 0)
    values = {
        "newest": Scratch(0),
        "units": kernel.units,
        "ranks": filters // kernel.units,
        "memory": memory,
        "weights": padded(weights_time),
        "bias": padded(bias.astype(np.int32)),
        "zero_point": kernel.output_zero_point,
        "mantissa": int(into_output.mantissa),
        "exponent": int(into_output.exponent),
        "activation": 0,
        "state": Tensor(lowering.input(4).index),
        "out": Tensor(output.index),
    }
    weigh = Call("svdf.integer", SVDF, values, batch, scratch_bytes=shared, work=4 * batch * filters * memory)
    return [product(rows, Right(filters, depth, matrix), out, stage, lowering.threads), weigh]


@lowers(Svdf)
def svdf_of_floats(lowering: Lowering) -> Sequence[Call] | None:
    """The same of floats."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    features, weights_time = dense_value(lowering.input(1)), lowering.input(2).value
    bias = lowering.constant_bias(3, kernel.units)
    if input.type != TensorType.FLOAT32 or features is None or weights_time is None or bias is None:
        return None
    scale = None if features.dtype == np.float32 else lowering.input(1).scale
    weights, asymmetric = Weights.of(features, scale), kernel.options.asymmetric_quantize_inputs
    if not weights.fit(asymmetric) or output.size == 0 or input.size == 0:
        return None
    if weights_time.dtype != np.float32:
        weights_time = weights_time.view(np.int8) * kernel.time_scale
    (batch, _), (filters, memory) = input.dims, weights_time.shape
    calls, newest = sums_of_rows(lowering, input, weights, asymmetric, 0)
    values = {
        **dict.fromkeys(SVDF.names, 0),
        "newest": Scratch(newest),
        "units": kernel.units,
        "ranks": filters // kernel.units,
        "memory": memory,
        "weights": padded(weights_time.astype(np.float32)),
        "bias": padded(bias.astype(np.float32)),
        "activation": int(kernel.options.fused_activation_function),
        "state": Tensor(lowering.input(4).index),
        "out": Tensor(output.index),
    }
    shared = calls[-1].scratch_bytes
    return [*calls, Call("svdf.floats", SVDF, values, batch, scratch_bytes=shared, work=batch * filters * memory)]
