"""Sums of products: convolutions of all kinds, FULLY_CONNECTED, BATCH_MATMUL; float, quantized, hybrid."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from litejit.crosscheck.explain.arithmetic import activation_clamp
from litejit.crosscheck.explain.explanation import Explanation, Tap, Term, run_steps
from litejit.crosscheck.explain.operations import Plan
from litejit.crosscheck.explain.registry import Case, broadcast_index, explains
from litejit.kernels.reference.batch_matmul import BatchMatMul
from litejit.kernels.reference.convolution import Conv2D, DepthwiseConv2D, _bytes_if_int16
from litejit.kernels.reference.fully_connected import FullyConnected
from litejit.kernels.reference.hybrid import vector_activation
from litejit.kernels.reference.hybrid_products import BlockwiseProducts
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
    weights, kernel = _bytes_if_int16(case.operand(1)), case.kernel
    batch, y, x, channel = index
    depth = weights.shape[3]
    first = channel // (weights.shape[0] // kernel.groups) * depth
    places: Places = [
        ((batch, *at, first + k), (channel, *tap, k))
        for at, tap in _window(kernel.windows, (y, x))
        for k in range(depth)
    ]
    return _explain(case, index, 0, weights, 2, places)


@explains(DepthwiseConv2D)
def explain_depthwise(case: Case, index: tuple[int, ...]) -> Explanation:
    """DEPTHWISE_CONV_2D."""
    batch, y, x, channel = index
    of = channel // case.kernel.depth_multiplier
    places: Places = [((batch, *at, of), (0, *tap, channel)) for at, tap in _window(case.kernel.windows, (y, x))]
    return _explain(case, index, 0, _bytes_if_int16(case.operand(1)), 2, places)


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
    return _explain(case, index, 2, weights, 3, places)


@explains(FullyConnected)
def explain_fully_connected(case: Case, index: tuple[int, ...]) -> Explanation:
    """FULLY_CONNECTED, with weights in any format: sparse ones are shown dense, shuffled ones in their order."""
    x, features = case.operand(0), case.kernel.in_features
    row = int(np.ravel_multi_index(index[:-1], case.result.shape[:-1])) if len(index) > 1 else 0
    places: Places = [
        (tuple(map(int, np.unravel_index(row * features + k, x.shape))), (index[-1], k)) for k in range(features)
    ]
    return _explain(case, index, 0, case.kernel.arranged(case.operand(1)), 2, places)


@explains(BatchMatMul)
def explain_batch_matmul(case: Case, index: tuple[int, ...]) -> Explanation:
    """BATCH_MATMUL."""
    options = case.kernel.options
    *lead, row, column = index
    lhs, rhs = case.operand(0), case.operand(1)
    depth = lhs.shape[-2 if options.adj_x else -1]
    left, right = broadcast_index(lead, lhs.shape[:-2]), broadcast_index(lead, rhs.shape[:-2])
    places: Places = [
        (
            (*left, *((k, row) if options.adj_x else (row, k))),
            (*right, *((column, k) if options.adj_y else (k, column))),
        )
        for k in range(depth)
    ]
    return _explain(case, index, 0, rhs, None, places)


def _window(windows: Any, at: tuple[int, int]) -> Places:
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
    case: Case, index: tuple[int, ...], input_at: int, weights: np.ndarray, bias_at: int | None, places: Places
) -> Explanation:
    """places: what is multiplied with what. weights: as the places count them."""
    x = case.operand(input_at)
    has_bias = bias_at is not None and bias_at < len(case.operands) and case.operands[bias_at] is not None
    bias = case.operand(bias_at).ravel()[index[-1]].item() if has_bias and bias_at is not None else None
    products = case.kernel.products
    if isinstance(products, QuantizedProducts):
        zeros = products.zero_point, products.filter_zero_point
        taps = [Tap(at, int(x[at]), int(x[at]) - zeros[0], int(weights[to]) - zeros[1], to) for at, to in places]
        plan = _stage_plan(products.stage, case, index, bias)
        return case.explanation(index, [Term(taps)], run_steps(Term(taps).total, plan))
    if isinstance(products, HybridProducts):
        return _explain_hybrid(case, index, x, weights, places, bias)
    if not isinstance(products, FloatProducts):
        raise UnsupportedError(f"{case.where}: this arithmetic of '{case.kernel.flavour}' cannot be explained")
    taps = [Tap(at, x[at].item(), x[at].item(), weights[to].item(), to) for at, to in places]
    plan = [] if bias is None else [("add_bias", {"bias": bias})]
    if products.activation is not None:
        plan += activation_clamp(products.activation, case.result.dtype)
    total = Term(taps).total
    steps = run_steps(total, plan)
    note = "products are listed in memory order; float32 sums are taken in blocks, in the order of the matrix product"
    return case.explanation(index, [Term(taps)], steps, notes=[note], exact=float(steps[-1].value if steps else total))


def _explain_hybrid(
    case: Case, index: tuple[int, ...], x: np.ndarray, weights: np.ndarray, places: Places, bias: float | None
) -> Explanation:
    """Float inputs, which are quantized when they arrive, and integer weights."""
    products = case.kernel.products
    quantized, row_scale = _arrived(case.kernel, x)
    if isinstance(products, BlockwiseProducts):
        terms = _blocks(products, x, quantized, weights, places)
        plan: Plan = []
    else:
        numbers = weights.view(np.int8)
        terms = [Term([Tap(at, x[at].item(), int(quantized[at]), int(numbers[to]), to) for at, to in places])]
        scales = products.filter_scales
        plan = [("multiply", {"factor": float(scales[index[-1] % scales.size])})]
    plan.insert(0, ("multiply", {"factor": float(row_scale[places[0][0]]) if places else 1.0}))
    plan += [] if bias is None else [("add_bias", {"bias": bias})]
    total = sum(term.steps[-1].value if term.steps else term.total for term in terms)
    steps = run_steps(total, plan)
    steps += _activation(case, float(steps[-1].value))
    notes = ["the input is quantized to 8 bits when it arrives: the first factor is the scale of its row"]
    if products.arithmetic.scaled_products:
        notes.append("the kernel multiplies every product by both factors, and adds these up in float32")
    return case.explanation(index, terms, steps, notes=notes, exact=float(steps[-1].value))


def _activation(case: Case, value: float) -> list[Any]:
    """The fused activation, which is a function here: of FULLY_CONNECTED it may be no clamp."""
    activation = getattr(case.kernel.options, "fused_activation_function", ActivationFunctionType.NONE)
    if activation in (ActivationFunctionType.TANH, ActivationFunctionType.SIGN_BIT):
        if not isinstance(case.kernel, FullyConnected):
            return []
        result = float(vector_activation(activation, np.array([value]))[0])
        return run_steps(value, [("function", {"name": activation.name.lower(), "result": result})])
    if activation == ActivationFunctionType.NONE:
        return []
    return run_steps(value, activation_clamp(activation, case.result.dtype))


def _arrived(kernel: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A float input as it is quantized, less the zero points, and the scale of each element's row."""
    swapped = isinstance(kernel, BatchMatMul) and bool(kernel.options.adj_x)
    ordered = x.swapaxes(-1, -2) if swapped else x
    rows = ordered
    if isinstance(kernel, (BatchMatMul, FullyConnected)):
        depth = kernel.in_features if isinstance(kernel, FullyConnected) else ordered.shape[-1]
        rows = ordered.reshape(-1, depth)
    values, scale = kernel.products.inputs(rows, np.float64)
    values = values[..., : rows.shape[-1]]
    scale = scale.reshape(*scale.shape, *(1,) * (rows.ndim - scale.ndim))
    both = [part.reshape(ordered.shape) for part in (values, np.broadcast_to(scale, rows.shape))]
    first, second = (part.swapaxes(-1, -2) if swapped else part for part in both)
    return first, second


def _blocks(
    products: BlockwiseProducts, x: np.ndarray, quantized: np.ndarray, weights: np.ndarray, places: Places
) -> list[Term]:
    """A term for each block of a row of weights, which has a scale of its own."""
    size, terms = products.block_size, []
    for block, start in enumerate(range(0, len(places), size)):
        part = places[start : start + size]
        taps = [Tap(at, x[at].item(), int(quantized[at]), int(weights[to]), to) for at, to in part]
        scale = float(products.filter_scales[part[0][1][0], block])
        steps = run_steps(Term(taps).total, [("multiply", {"factor": scale})])
        terms.append(Term(taps, steps, label=f"block {block}: {len(taps)} taps"))
    return terms


def _stage_plan(stage: Any, case: Case, index: tuple[int, ...], bias: int | None) -> Plan:
    """The steps of an output stage for one element."""
    if isinstance(stage, BlockStage):
        count = case.result.size if stage.whole else case.result.shape[-1]
        at = int(np.ravel_multi_index(index, case.result.shape)) if stage.whole else index[-1]
        stage = stage.block if at < count - count % stage.size else stage.tail
    plan: Plan = [] if bias is None else [("add_bias", {"bias": int(bias)})]
    if stage.wraps or not isinstance(stage.rescale, Rescaling):
        plan.append(("wrap", {"bits": 32}))
    if isinstance(stage.rescale, Rescaling):
        plan.append(("rescale", _rescale_parameters(stage.rescale, index[-1])))
    plan.append(("add_zero_point", {"zero_point": int(stage.zero_point)}))
    plan.append(("clamp", {"low": int(stage.low), "high": int(stage.high)}))
    return plan


def _rescale_parameters(rescale: Rescaling, channel: int) -> dict[str, Any]:
    """Rounding, quantized multiplier, shift and real multiplier of a channel."""
    parts = (rescale.multiplier.mantissa, rescale.multiplier.exponent, rescale.real)
    mantissa, exponent, real = (np.ravel(part)[channel % np.size(part)].item() for part in parts)
    return {"rounding": rescale.rounding, "mantissa": mantissa, "exponent": exponent, "real": real}
