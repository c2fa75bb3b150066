"""FULLY_CONNECTED: rows of the input times a matrix of weights, in every format that weights come in."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from litejit.kernels.fixedpoint import integer_range
from litejit.kernels.kernel import ALL_FLAVOURS
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.delegation import (
    FULLY_CONNECTED_VERSION,
    fully_connected_types,
    has_clamp,
    is_float_delegable,
    is_integer_delegable,
)
from litejit.kernels.reference.exact_product import FloatMatrix, IntegerMatrix
from litejit.kernels.reference.first_elements import first_elements_of
from litejit.kernels.reference.hybrid import vector_activation
from litejit.kernels.reference.hybrid_flavours import four_bit, rows_as_asked, zeros_left_out
from litejit.kernels.reference.hybrid_products import (
    BlockwiseProducts,
    DelegatedBlockwise,
    FourBitProducts,
    SparseProducts,
)
from litejit.kernels.reference.output_stage import channel_scales, check_bias_scale
from litejit.kernels.reference.product_flavours import fully_connected_rounding, output_stage
from litejit.kernels.reference.products import (
    BIAS_TYPES,
    FloatProducts,
    HybridProducts,
    Products,
    QuantizedProducts,
    Weighted,
    adds_in_int64,
    check_bias,
    check_zero_points,
    may_exceed_int32,
)
from litejit.kernels.registry import builtin
from litejit.kernels.sparse import block_of_rows, dense_value
from litejit.schema import (
    ActivationFunctionType,
    BuiltinOperator,
    FullyConnectedOptions,
    FullyConnectedOptionsWeightsFormat,
    TensorType,
)

__all__ = ["FullyConnected"]

_FLOAT, _UINT8, _INT8, _INT16 = TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT16
_NARROW = (_INT8, TensorType.INT4, TensorType.INT2)

WEIGHT_TYPES = {_FLOAT: (_FLOAT, _UINT8, *_NARROW), _UINT8: (_UINT8,), _INT8: _NARROW, _INT16: (*_NARROW, _INT16)}
"""Types of the weights by type of the input."""

OUTPUT_TYPES = {_FLOAT: (_FLOAT,), _UINT8: (_UINT8, _INT16), _INT8: (_INT8,), _INT16: (_INT16,)}
"""Types of the output by type of the input."""

_CLAMPS = (
    ActivationFunctionType.NONE,
    ActivationFunctionType.RELU,
    ActivationFunctionType.RELU_N1_TO_1,
    ActivationFunctionType.RELU6,
)


@builtin(BuiltinOperator.FULLY_CONNECTED, versions=(1, 14))
class FullyConnected(Weighted):
    """input @ transpose(weights) + bias.

    input: any shape of batch * in_features elements, what is left over counts for nothing; weights: [units,
    in_features]; bias: [units]
    -> [batch, units], or with keep_num_dims the input's shape with units as its last dimension

    FLOAT32, UINT8, INT8 (weights of 8, 4 or 2 bits), INT16 (weights of 16, 8, 4 or 2 bits); a UINT8 input may have an
    INT16 output. FLOAT32 with integer weights quantizes each row of the input, symmetrically unless
    asymmetric_quantize_inputs is set. Weights may be sparse, or in the shuffled 4x16 format (which has the shuffled
    input as a second output), or INT4 with a scale for each block of a row.

    Raises InvalidModelError for an input of other rows than in_features with keep_num_dims, a bias or scales of another
    number than units, an activation that is no clamp (those are for float inputs with integer weights only).
    Semantics: LiteRT tflite/kernels/fully_connected.cc, internal/reference/fully_connected.h,
    internal/reference/integer_ops/fully_connected.h.
    """

    types = (_FLOAT, _UINT8, _INT8, _INT16)
    n_outputs = None
    flavours = ALL_FLAVOURS
    options: FullyConnectedOptions

    products: Products
    shuffled: bool

    def prepare(self, node: Node) -> None:
        """Validates the operands, keeps constant weights."""
        input = node.input("input")
        weights = node.input("weights", rank=2, types=WEIGHT_TYPES[input.type])
        units, self.in_features = weights.dims
        bias = node.optional("bias", types=BIAS_TYPES[input.type])
        check_bias(node, bias, units)
        self.output = node.output(self.output_shape(node, input, units), types=OUTPUT_TYPES[input.type])
        self.shuffled = self.options.weights_format == FullyConnectedOptionsWeightsFormat.SHUFFLED4x16INT8
        if self.shuffled:
            self.prepare_shuffled(node, input, weights)
        node.require(
            len(node.declared) == 1 + self.shuffled,
            "the operator has {} outputs, expected {}",
            len(node.declared),
            1 + self.shuffled,
        )
        hybrid = input.type == _FLOAT and weights.type != _FLOAT
        node.require(
            hybrid or self.options.fused_activation_function in _CLAMPS,
            "the activation {!r} is for float inputs with integer weights only",
            self.options.fused_activation_function,
        )
        delegated = node.numerics == "xnnpack" and _is_delegable(node, input, weights, bias, self.output)
        if weights.sparsity is not None:
            weights = _as_read(node, input, weights, delegated)
        self.products = _products(node, input, weights, bias, self.output, delegated)
        self.constant = dense_value(weights)

    def output_shape(self, node: Node, input: TensorSpec, units: int) -> tuple[int, ...]:
        """The output's shape; weights without any features give zeros for each of the input's leading dimensions."""
        rows, features = prod(input.dims[:-1]), self.in_features
        if features == 0:
            return (*input.dims[:-1], units) if self.options.keep_num_dims else (rows, units)
        if self.options.keep_num_dims:
            node.require(
                input.rank > 0 and input.dims[-1] == features,
                "the input of shape {} has rows of another length than the weights' {}",
                input.dims,
                features,
            )
            return (*input.dims[:-1], units)
        node.require(
            input.size % features == 0 or (node.numerics in ("litert-ref", "litert-opt") and len(node.declared) == 1),
            "the input of shape {} does not divide into rows of {}",
            input.dims,
            features,
        )
        self.is_compilable = input.size % features == 0
        return input.size // features, units

    def prepare_shuffled(self, node: Node, input: TensorSpec, weights: TensorSpec) -> None:
        """Validates what the shuffled format takes; declares the second output, the shuffled input."""
        node.require(
            weights.type == _UINT8 and self.output.type == _INT16 and node.has("bias"),
            "shuffled weights take UINT8 weights, INT16 output and a bias",
        )
        rows = self.output.size // weights.dims[0]
        node.require(
            rows in (1, 4) and weights.dims[0] % 4 == 0 and self.in_features % 16 == 0,
            "shuffled weights take 1 or 4 rows, units by 4 and features by 16; there are {} rows, weights {}",
            rows,
            weights.dims,
        )
        node.output(node.declared[-1].dims, at=1, types=_UINT8)
        node.require(
            node.declared[1].size == input.size,
            "the second output has shape {}, expected the input's size",
            node.declared[1].dims,
        )
        self.workspace_shape = node.declared[1].dims

    def arranged(self, weights: np.ndarray) -> np.ndarray:
        """The weights as [units, in_features], whatever format they come in."""
        weights = weights if self.constant is None else self.constant
        return _unshuffled(weights) if self.shuffled else weights

    def pack(self, weights: np.ndarray) -> FloatMatrix | IntegerMatrix:
        """The weights as a matrix [in_features, units]."""
        return self.products.matrix(self.products.weights(self.arranged(weights)).T)

    def __call__(self, input: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> object:
        """The output; with shuffled weights the shuffled input, too."""
        if self.in_features == 0:
            return np.zeros(self.output.dims, self.output.dtype)
        rows = first_elements_of(input, (input.size // self.in_features, self.in_features))
        matrix = self.packed(weights)
        values, scale = self.products.inputs(rows, matrix.dtype)
        result = self.products.finish(matrix(values), bias, scale).reshape(self.output.dims)
        if not self.shuffled:
            return result
        shuffled = (rows ^ 0x80).reshape(len(rows), -1, 16).swapaxes(0, 1)
        return result, shuffled.reshape(self.workspace_shape)


def _is_delegable(
    node: Node, input: TensorSpec, weights: TensorSpec, bias: TensorSpec | None, output: TensorSpec
) -> bool:
    """Whether XNNPACK takes the node. Of float weights, constants are all that matters: only those can be sparse."""
    if node.version == FULLY_CONNECTED_VERSION or not has_clamp(node.options.fused_activation_function):
        return False
    if weights.type == _FLOAT:
        return weights.value is not None
    if weights.quantized.block_size:
        return DelegatedBlockwise.takes(weights)
    types = fully_connected_types(weights)
    if input.type == _FLOAT:
        return is_float_delegable(weights, None, 0, types)
    symmetric = weights.type == _UINT8 or not weights.quantized.zero_point.any()
    return symmetric and is_integer_delegable(input, weights, bias, output, 0, types)


def _as_read(node: Node, input: TensorSpec, weights: TensorSpec, delegated: bool) -> TensorSpec:
    """Sparse weights as the kernels read them. XNNPACK takes the elements that are stored for a dense matrix."""
    if delegated:
        stored = weights.value if weights.value is not None else np.empty(0)
        if stored.size < weights.size:
            node.unsupported(
                "numerics 'xnnpack' reads sparse weights as dense ones in version {}, beyond the {} stored elements",
                node.version,
                stored.size,
            )
        return replace(weights, sparsity=None, value=stored.ravel()[: weights.size].reshape(weights.dims))
    block = block_of_rows(weights.sparsity)
    if input.type != _FLOAT and (block != 16 or weights.type != _INT8):
        node.unsupported("{} is sparse, of blocks of {}; only INT8 weights may be, of blocks of 16", weights, block)
    if weights.type == _FLOAT and node.numerics in ("litert-opt", "xnnpack") and block not in (1, 4):
        node.unsupported("numerics {!r} has no sparse FLOAT32 weights in blocks of {}", node.numerics, block)
    return weights


def _products(
    node: Node, input: TensorSpec, weights: TensorSpec, bias: TensorSpec | None, output: TensorSpec, delegated: bool
) -> Products:
    """The arithmetic for these operands. delegated: XNNPACK's."""
    options = node.options
    activation = options.fused_activation_function
    if weights.type == _FLOAT:
        return FloatProducts(activation)
    if input.type == _FLOAT and weights.quantized.block_size:
        return (DelegatedBlockwise if delegated else BlockwiseProducts).of_weights(node, weights)
    scales = channel_scales(node, weights, weights.dims[0])
    narrow = weights.type in (TensorType.INT4, TensorType.INT2)
    node.require(not (narrow and weights.quantized.zero_point.any()), "{} has zero points other than 0", weights)
    if input.type != _FLOAT:
        return _quantized_products(node, input, weights, bias, output, scales, delegated)
    if node.numerics in ("litert-opt", "xnnpack") and not delegated and _has_four_bit_kernel(input, weights):
        return FourBitProducts.of(four_bit(), scales, lambda x: vector_activation(activation, x))
    arithmetic = rows_as_asked(options, delegated)
    if weights.sparsity is not None and options.asymmetric_quantize_inputs:
        return SparseProducts.of_weights(node, weights, scales)
    arithmetic = arithmetic if delegated else zeros_left_out(arithmetic)
    return HybridProducts.of(arithmetic, scales, lambda x: vector_activation(activation, x))


def _has_four_bit_kernel(input: TensorSpec, weights: TensorSpec) -> bool:
    """Whether litert-opt has a kernel of its own for INT4 weights like these."""
    units, features = weights.dims
    constant = weights.value is not None and weights.type == TensorType.INT4
    return constant and features % 2 == 0 and features >= 32 and units >= 4 and input.size > 0


def _quantized_products(
    node: Node,
    input: TensorSpec,
    weights: TensorSpec,
    bias: TensorSpec | None,
    output: TensorSpec,
    scales: np.ndarray,
    delegated: bool,
) -> QuantizedProducts:
    """The arithmetic for integer inputs."""
    activation = node.options.fused_activation_function
    shuffled = node.options.weights_format == FullyConnectedOptionsWeightsFormat.SHUFFLED4x16INT8
    if weights.quantized.per_channel:
        node.require(weights.quantized.axis == 0 and weights.type != _UINT8, "{} cannot have several scales", weights)
    else:
        check_bias_scale(node, input, weights, bias, output)
    if input.type == _INT16:
        check_zero_points(node, input, output)
    # The shuffled kernel takes 128 for the zero point of both, whatever the tensors say.
    zero_point = 128 if shuffled else input.zero_point
    weights_zero_point = 0 if weights.quantized.per_channel or shuffled else weights.zero_point
    wide = weights.type == _INT16 or adds_in_int64(node, input, bias)
    double = shuffled or weights.sparsity is not None
    rounding = fully_connected_rounding(node.numerics, weights, wide, delegated, double)
    wraps = not wide and may_exceed_int32(input, weights.dims[1], bias)
    stage = output_stage(rounding, input, scales, output, activation, wraps)
    low, high = integer_range(input.type)
    return QuantizedProducts(low - zero_point, high - zero_point, weights_zero_point, zero_point, stage)


def _unshuffled(weights: np.ndarray) -> np.ndarray:
    """[units, features] int8 from the shuffled format: tiles of 4 units x 16 features, sign bits flipped."""
    units, features = weights.shape
    tiles = weights.view(np.int8).reshape(units // 4, features // 16, 4, 16)
    return tiles.swapaxes(1, 2).reshape(units, features)
