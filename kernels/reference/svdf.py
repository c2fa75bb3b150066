"""SVDF: a layer whose weights over features and time are a product of low rank, with a memory of past activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, multiply_by_quantized_multiplier, wrap32
from litejit.kernels.kernel import Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.exact_product import IntegerMatrix
from litejit.kernels.reference.first_elements import at_least_rank, first_elements, first_elements_of
from litejit.kernels.reference.hybrid import vector_activation
from litejit.kernels.reference.hybrid_matrix import HybridMatrix
from litejit.kernels.reference.lstm import OFFICIAL_FLAVOURS
from litejit.kernels.reference.lstm_integer import saturate
from litejit.kernels.reference.lstm_operands import check_variable
from litejit.kernels.registry import builtin
from litejit.kernels.sparse import dense_value
from litejit.schema import ActivationFunctionType, BuiltinOperator, SVDFOptions, TensorType

__all__ = ["Svdf"]

_FLOAT, _UINT8, _INT8 = TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8
_INT16, _INT32 = TensorType.INT16, TensorType.INT32

_TYPES = {
    (_FLOAT, _FLOAT): (_FLOAT, _FLOAT, _FLOAT),
    (_FLOAT, _INT8): (_INT8, _FLOAT, _FLOAT),
    (_FLOAT, _UINT8): (_UINT8, _FLOAT, _FLOAT),
    (_INT8, _INT8): (_INT16, _INT32, _INT16),
}
"""Types of input and weights_feature -> types of weights_time, bias and state."""


@builtin(BuiltinOperator.SVDF, versions=(1, 4))
class Svdf(Kernel, operands=("input", "weights_feature", "weights_time", "bias", "state")):
    """Each filter remembers its last activations; a unit is activate(the sum of rank filters + bias).

    state = (state shifted by one, weights_feature @ input); filters = (state * weights_time) summed over memory

    input: [batch, features]; weights_feature: [filters, features]; weights_time: [filters, memory]; bias: [units];
    state: [batch, filters * memory], a variable; filters = units * rank -> [batch, units]

    FLOAT32; FLOAT32 with INT8 or UINT8 weights (UINT8 is taken for INT8); INT8 with INT16 time weights and state, where
    the activation has to be RELU, which clamps nothing.

    All but the state may have further dimensions, of which the first elements count.
    Raises InvalidModelError for a rank that does not divide the filters, other shapes, a state that is no variable.
    Semantics: LiteRT tflite/kernels/svdf.cc, internal/reference/svdf.h.
    """

    types = (_FLOAT, _INT8)
    stateful = True
    flavours = OFFICIAL_FLAVOURS
    options: SVDFOptions

    features: Any

    def prepare(self, node: Node) -> None:
        """Validates the operands, packs constant weights."""
        node.require(len(node.inputs) == 5, "the operator has {} operands, SVDF has 5", len(node.inputs))
        input, weights_feature, _ = (
            first_elements(node, name, at_least_rank(node, name, 2).dims[:2])
            for name in ("input", "weights_feature", "weights_time")
        )
        types = _TYPES.get((input.type, weights_feature.type))
        if types is None:
            node.unsupported("there is no {} input with {} weights", input.type.name, weights_feature.type.name)
        rank, (filters, depth) = self.options.rank, weights_feature.dims
        node.require(
            rank > 0 and filters % rank == 0, "rank {} does not divide the {} filters of weights_feature", rank, filters
        )
        memory = node.input("weights_time", types=types[0]).dims[1]
        weights_time = first_elements(node, "weights_time", (filters, memory))
        self.batch, self.units = input.dims[0], filters // rank
        batch = self.batch
        node.require(memory > 0, "weights_time have shape {}, they remember nothing", weights_time.dims)
        specs = {"weights_feature": weights_feature, "weights_time": weights_time}
        specs["input"] = first_elements(node, "input", (batch, depth))
        if node.has("bias"):
            specs["bias"] = first_elements(node, "bias", (self.units,), types=types[1])
        self.shapes = {name: spec.dims for name, spec in specs.items()}
        self.is_compilable = all(node.input(name).dims == shape for name, shape in self.shapes.items())
        state = node.input("state", shape=(batch, filters * memory), types=types[2])
        check_variable(node, "state", batch * filters * memory)
        output = node.output((batch, self.units), types=input.type)
        self.weights_feature = weights_feature
        self.time_scale = np.float32(1)
        if input.type == _INT8:
            self.prepare_integer(node, input, weights_time, state, output)
        elif weights_feature.type != _FLOAT:
            self.time_scale = weights_time.scale
        self.run = self.integer if input.type == _INT8 else self.floating
        constant = dense_value(weights_feature)
        self.features = None if constant is None else self.pack(constant)

    def prepare_integer(
        self, node: Node, input: TensorSpec, weights_time: TensorSpec, state: TensorSpec, output: TensorSpec
    ) -> None:
        """Derives the multipliers, in float32 as the official kernel does."""
        activation = self.options.fused_activation_function
        node.require(
            activation == ActivationFunctionType.RELU, "the activation is {!r}, an INT8 input takes RELU", activation
        )
        self.input_zero_point, self.output_zero_point = input.zero_point, output.zero_point
        self.state_multiplier = Multiplier.from_real(input.scale * self.weights_feature.scale / state.scale)
        self.output_multiplier = Multiplier.from_real(state.scale * weights_time.scale / output.scale)

    def pack(self, weights: np.ndarray) -> Any:
        """A function from rows of the input to the newest activations [batch, filters]."""
        if self.run == self.integer:
            matrix = IntegerMatrix(weights.T.astype(np.int64), -255, 255)
            return lambda x: matrix(x.astype(matrix.dtype) - self.input_zero_point).astype(np.int64)
        if weights.dtype == np.float32:
            return lambda x: x @ weights.T
        scale, asymmetric = np.array([self.weights_feature.scale]), self.options.asymmetric_quantize_inputs
        return HybridMatrix(weights, scale, asymmetric, self.batch)

    def __call__(self, *operands: Any) -> np.ndarray:
        """Shifts the state, appends the newest activations, weighs what is remembered."""
        arrays = dict(zip(self.operands, operands, strict=True))
        arrays |= {name: first_elements_of(arrays[name], shape) for name, shape in self.shapes.items()}
        input, weights_feature, weights_time, bias, state = arrays.values()
        features = self.pack(weights_feature) if self.features is None else self.features
        memory = state.reshape(len(input), *weights_time.shape)
        memory[:, :, :-1] = memory[:, :, 1:].copy()
        with np.errstate(all="ignore"):
            return self.run(features(input), memory, weights_time, bias)

    def floating(
        self, newest: np.ndarray, memory: np.ndarray, weights_time: np.ndarray, bias: np.ndarray | None
    ) -> np.ndarray:
        """[batch, units] float32. memory: [batch, filters, memory]."""
        memory[:, :, -1] = newest
        if weights_time.dtype != np.float32:
            weights_time = weights_time.view(np.int8) * self.time_scale
        sums = np.einsum("bfm,fm->bf", memory, weights_time).reshape(len(memory), self.units, -1).sum(axis=2)
        if bias is not None:
            sums += bias
        return vector_activation(self.options.fused_activation_function, sums)

    def integer(
        self, newest: np.ndarray, memory: np.ndarray, weights_time: np.ndarray, bias: np.ndarray | None
    ) -> np.ndarray:
        """[batch, units] int8. memory: [batch, filters, memory]."""
        memory[:, :, -1] = saturate(multiply_by_quantized_multiplier(wrap32(newest), self.state_multiplier), 16)
        # Products of 16 bits in float64, exact as long as fewer than 2**23 of them are added up.
        sums = np.einsum("bfm,fm->bf", memory.astype(np.float64), weights_time.astype(np.float64)).astype(np.int64)
        sums = sums.reshape(len(memory), self.units, -1).sum(axis=2)
        if bias is not None:
            sums += bias
        result = multiply_by_quantized_multiplier(wrap32(sums), self.output_multiplier) + self.output_zero_point
        return saturate(result, 8).astype(np.int8)
