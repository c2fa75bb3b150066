"""Sums of products: convolutions of all kinds, FULLY_CONNECTED, BATCH_MATMUL; float, quantized, hybrid."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from litejit.crosscheck.explain.explanation import Explanation, Tap, Term, run_steps
from litejit.crosscheck.explain.registry import EVERYTHING, Case, explains
from litejit.kernels.fixedpoint import float_activation
from litejit.kernels.reference.batch_matmul import BatchMatMul
from litejit.kernels.reference.convolution import Conv2D, DepthwiseConv2D
from litejit.kernels.reference.fully_connected import FullyConnected
from litejit.kernels.reference.output_stage import BlockStage, Rescaling
from litejit.kernels.reference.products import FloatProducts, HybridProducts, QuantizedProducts
from litejit.kernels.reference.transpose_convolution import TransposeConv
from litejit.schema import ActivationFunctionType
from litejit.schema.errors import UnsupportedError

Places = list[tuple[tuple[int, ...], tuple[int, ...]]]
"""Coordinates of the input and of the weight of each product."""


@explains(Conv2D)
def explain_convolution(case: Case, index: tuple[int, ...]) -> Explanation:
    """CONV_2D."""
    weights, kernel = case.operand(1), case.kernel
    batch, y, x, channel = index
    depth = weights.shape[3]
    first = channel // (weights.shape[0] // kernel.groups) * depth
    places: Places = [
        ((batch, *at, first + k), (channel, *tap, k))
        for at, tap in _window(kernel.windows, (y, x))
        for k in range(depth)
    ]
    return _explain(case, index, 0, 1, 2, places)


@explains(DepthwiseConv2D)
def explain_depthwise(case: Case, index: tuple[int, ...]) -> Explanation:
    """DEPTHWISE_CONV_2D."""
    batch, y, x, channel = index
    of = channel // case.kernel.depth_multiplier
    places: Places = [((batch, *at, of), (0, *tap, channel)) for at, tap in _window(case.kernel.windows, (y, x))]
    return _explain(case, index, 0, 1, 2, places)


@explains(TransposeConv)
def explain_transposed(case: Case, index: tuple[int, ...]) -> Explanation:
    """TRANSPOSE_CONV: the windows lie on the output, an input pixel is where one of them lies."""
    weights = case.operand(1)
    batch, *at, channel = index
    choices = [
        [
            ((position + window.before - tap) // window.stride, tap)
            for tap in range(window.filter_size)
            if (position + window.before - tap) % window.stride == 0
            and 0 <= (position + window.before - tap) // window.stride < window.out_size
        ]
        for position, window in zip(at, case.kernel.windows, strict=True)
    ]
    places: Places = [
        ((batch, row, column, k), (channel, tap_y, tap_x, k))
        for (row, tap_y), (column, tap_x) in product(*choices)
        for k in range(weights.shape[3])
    ]
    return _explain(case, index, 2, 1, 3, places)


@explains(FullyConnected)
def explain_fully_connected(case: Case, index: tuple[int, ...]) -> Explanation:
    """FULLY_CONNECTED with ordinary weights."""
    if case.kernel.shuffled or case.spec(1).sparsity is not None or _blockwise(case.spec(1)):
        raise UnsupportedError(f"{case.where}: shuffled, sparse and blockwise weights cannot be explained")
    x, features = case.operand(0), case.kernel.in_features
    row = int(np.ravel_multi_index(index[:-1], case.result.shape[:-1])) if len(index) > 1 else 0
    places: Places = [
        (tuple(map(int, np.unravel_index(row * features + k, x.shape))), (index[-1], k)) for k in range(features)
    ]
    return _explain(case, index, 0, 1, 2, places)


@explains(BatchMatMul)
def explain_batch_matmul(case: Case, index: tuple[int, ...]) -> Explanation:
    """BATCH_MATMUL."""
    options = case.kernel.options
    *lead, row, column = index
    lhs, rhs = case.operand(0), case.operand(1)
    depth = lhs.shape[-2 if options.adj_x else -1]
    left, right = _broadcast(lead, lhs.shape[:-2]), _broadcast(lead, rhs.shape[:-2])
    places: Places = [
        (
            (*left, *((k, row) if options.adj_x else (row, k))),
            (*right, *((column, k) if options.adj_y else (k, column))),
        )
        for k in range(depth)
    ]
    return _explain(case, index, 0, 1, None, places)


def _broadcast(index: list[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    own = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else at for at, size in zip(own, shape, strict=True))


def _window(windows: Any, at: tuple[int, int]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The taps of a window that lie inside of the image: where they lie, and which ones they are."""
    choices = [
        [
            (place, tap)
            for tap in range(window.filter_size)
            if 0 <= (place := position * window.stride - window.before + tap * window.dilation) < window.in_size
        ]
        for position, window in zip(at, windows, strict=True)
    ]
    return [((y, x), (tap_y, tap_x)) for (y, tap_y), (x, tap_x) in product(*choices)]


def _explain(
    case: Case, index: tuple[int, ...], input_at: int, weights_at: int, bias_at: int | None, places: Places
) -> Explanation:
    x, weights = case.operand(input_at), case.operand(weights_at)
    has_bias = bias_at is not None and bias_at < len(case.operands) and case.operands[bias_at] is not None
    bias = case.operand(bias_at)[index[-1]].item() if has_bias and bias_at is not None else None
    products = case.kernel.products
    if isinstance(products, QuantizedProducts):
        taps = [
            Tap(at, int(x[at]), int(x[at]) - products.zero_point, int(weights[to]) - products.filter_zero_point, to)
            for at, to in places
        ]
        total = sum(tap.product for tap in taps)
        return case.explanation(index, [Term(taps)], run_steps(total, stage_plan(products.stage, case, index, bias)))
    if isinstance(products, HybridProducts):
        return _explain_hybrid(case, index, products, x, weights, places, bias)
    if not isinstance(products, FloatProducts):
        raise UnsupportedError(f"{case.where}: this arithmetic cannot be explained")
    taps = [Tap(at, x[at].item(), x[at].item(), weights[to].item(), to) for at, to in places]
    plan: list[tuple[str, dict[str, Any]]] = [] if bias is None else [("add_bias", {"bias": bias})]
    plan += _float_clamp(products.activation)
    total = sum(tap.product for tap in taps)
    steps = run_steps(total, plan)
    note = "products are listed in memory order; float32 sums are taken in blocks, in the order of the matrix product"
    return case.explanation(index, [Term(taps)], steps, notes=[note], exact=float(steps[-1].value if steps else total))


def _explain_hybrid(
    case: Case,
    index: tuple[int, ...],
    products: HybridProducts,
    x: np.ndarray,
    weights: np.ndarray,
    places: Places,
    bias: float | None,
) -> Explanation:
    rows = x.reshape(-1, case.kernel.in_features) if isinstance(case.kernel, FullyConnected) else x
    quantized, scale = products.inputs(rows, np.float64)
    quantized, scales = quantized.reshape(x.shape), np.asarray(scale)
    per_row = scales.reshape(*scales.shape, *(1,) * (rows.ndim - scales.ndim)) * np.ones(rows.shape)
    row_scale = per_row.reshape(x.shape)
    numbers = weights.view(np.int8)
    taps = [Tap(at, x[at].item(), int(quantized[at]), int(numbers[to]), to) for at, to in places]
    filter_scales = products.filter_scales
    factor = float(row_scale[places[0][0]]) if places else 1.0
    plan: list[tuple[str, dict[str, Any]]] = [
        ("multiply", {"factor": factor}),
        ("multiply", {"factor": float(filter_scales[index[-1] % filter_scales.size])}),
    ]
    plan += [] if bias is None else [("add_bias", {"bias": bias})]
    activation = getattr(case.kernel.options, "fused_activation_function", None)
    plan += _float_clamp(activation)
    steps = run_steps(sum(tap.product for tap in taps), plan)
    note = "the input is quantized to 8 bits when it arrives: the first factor is the scale of its row"
    return case.explanation(index, [Term(taps)], steps, notes=[note], exact=float(steps[-1].value))


def stage_plan(stage: Any, case: Case, index: tuple[int, ...], bias: int | None) -> list[tuple[str, dict[str, Any]]]:
    """The steps of an output stage for one element."""
    if isinstance(stage, BlockStage):
        count = case.result.size if stage.whole else case.result.shape[-1]
        at = int(np.ravel_multi_index(index, case.result.shape)) if stage.whole else index[-1]
        stage = stage.block if at < count - count % stage.size else stage.tail
    plan: list[tuple[str, dict[str, Any]]] = [] if bias is None else [("add_bias", {"bias": int(bias)})]
    if stage.wraps or not isinstance(stage.rescale, Rescaling):
        plan.append(("wrap_to_32_bits", {}))
    if isinstance(stage.rescale, Rescaling):
        plan.append(("rescale", rescale_parameters(stage.rescale, index[-1])))
    plan.append(("add_zero_point", {"zero_point": int(stage.zero_point)}))
    plan.append(("clamp", {"low": int(stage.low), "high": int(stage.high)}))
    return plan


def rescale_parameters(rescale: Rescaling, channel: int) -> dict[str, Any]:
    """Rounding, quantized multiplier, shift and real multiplier of a channel."""
    parts = (rescale.multiplier.mantissa, rescale.multiplier.exponent, rescale.real)
    mantissa, exponent, real = (np.ravel(part)[channel % np.size(part)].item() for part in parts)
    return {"rounding": rescale.rounding, "mantissa": mantissa, "exponent": exponent, "real": real}


def _float_clamp(activation: ActivationFunctionType | None) -> list[tuple[str, dict[str, Any]]]:
    if activation is None or activation == ActivationFunctionType.NONE:
        return []
    low, high = float_activation(activation, EVERYTHING)
    return [("clamp", {"low": float(low), "high": float(high)})]


def _blockwise(spec: Any) -> bool:
    return spec.quantization is not None and spec.quantization.block_size > 0
