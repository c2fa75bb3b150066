"""ADD, SUB, MUL, DIV, SQUARED_DIFFERENCE and ADD_N on plain and on quantized numbers; plain integers wrap around.

The quantized formulas are in quantized_arithmetic.py and arithmetic_flavours.py, further operators on plain numbers in
binary.py. Where the official builtin kernels have no FLOAT16, the XNNPACK delegate does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from litejit.kernels.fixedpoint import float_activation
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.arithmetic_flavours import InBlocks, quantized_product, quantized_sum
from litejit.kernels.reference.elementwise import Broadcast, Quantized, check_zero_points, rescale_of
from litejit.kernels.reference.quantized_arithmetic import (
    DifferenceSquare,
    PotSum,
    Product,
    Q15Product,
    Quotient,
    Sum,
)
from litejit.kernels.registry import builtin
from litejit.schema import (
    ActivationFunctionType,
    AddOptions,
    BuiltinOperator,
    DivOptions,
    MulOptions,
    SubOptions,
    TensorType,
)
from litejit.schema.errors import InvalidInputError

__all__ = ["Add", "AddN", "Div", "Mul", "SquaredDifference", "Sub"]


class Arithmetic(Broadcast):
    """Base: plain numbers or a quantized formula, then the fused activation.

    plain_int16: the tensor without whose quantization int16 tensors are plain numbers. needs_scales: quantized tensors
    without a scale are refused.
    """

    plain_int16: ClassVar[Literal["input1", "output"] | None] = None
    needs_scales: ClassVar[bool] = True
    options: AddOptions | SubOptions | MulOptions | DivOptions

    def prepare(self, node: Node) -> None:
        """Infers the shape, chooses between plain numbers and a formula."""
        self.choose(node, *self.operands_of(node))

    def choose(self, node: Node, input1: TensorSpec, input2: TensorSpec, output: TensorSpec) -> None:
        """Decides how the node is computed: sets `quantized`, or leaves it None."""
        decides = {"input1": input1, "output": output, None: None}[self.plain_int16]
        plain_int16 = decides is not None and decides.quantization is None
        if input1.type in (TensorType.INT8, TensorType.UINT8) or (input1.type == TensorType.INT16 and not plain_int16):
            specs = (input1, input2, output)
            strict = self.needs_scales or self.flavour not in ("litert-ref", "litert-opt")
            scaled = [spec for spec in specs if strict or spec.unchecked_scale > 0]
            check_zero_points(node, *scaled)
            self.is_compilable = len(scaled) == len(specs)
            self.quantized = self.quantize(node, input1, input2, output)

    def quantize(self, node: Node, input1: TensorSpec, input2: TensorSpec, output: TensorSpec) -> Quantized | InBlocks:
        """How quantized numbers are computed."""
        raise TypeError(f"{type(self).__name__} must define quantize")

    def activate(self, result: np.ndarray) -> np.ndarray:
        """The fused activation of plain numbers."""
        return float_activation(self.options.fused_activation_function, result)


class SumOrDifference(Arithmetic):
    """Base of ADD and SUB.

    sign: 1 or -1, what input2 counts as. below_one: whether the official kernel aborts where its multiplier exceeds 1.
    """

    sign: ClassVar[int]
    below_one: ClassVar[bool]
    options: AddOptions | SubOptions

    def quantize(self, node: Node, input1: TensorSpec, input2: TensorSpec, output: TensorSpec) -> Quantized | InBlocks:
        """PotSum where the model asks for it and the scales allow it, else Sum."""
        activation = self.options.fused_activation_function
        if output.type == TensorType.INT16 and self.options.pot_scale_int16 and self.flavour != "tflm":
            pot = PotSum.of(input1, input2, output, activation, self.sign)
            if pot is not None:
                return Quantized(pot, input1.dtype, output.dtype)
        formula = Sum.of(input1, input2, output, activation, self.sign)
        node.require(
            formula.multiplier.exponent <= 0 or not self.below_one,
            "output scale {} is too small for input scales {} and {}",
            output.scale,
            input1.scale,
            input2.scale,
        )
        return quantized_sum(self.flavour, formula, input1, input2, output, activation)


@builtin(BuiltinOperator.ADD, versions=(1, 6))
class Add(SumOrDifference):
    """input1 + input2, broadcast; then the fused activation.

    FLOAT32, FLOAT16, INT32, INT64 and INT16 without quantization: plain. INT8, UINT8, INT16: quantized per tensor,
    rescaled to the output's scale; INT16 has zero points 0.
    Semantics: LiteRT tflite/kernels/add.cc, internal/reference/add.h, integer_ops/add.h.
    """

    types = (
        TensorType.FLOAT32,
        TensorType.FLOAT16,
        TensorType.INT32,
        TensorType.INT64,
        TensorType.INT16,
        TensorType.INT8,
        TensorType.UINT8,
    )
    plain_int16 = "input1"
    sign = 1
    below_one = True

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The sum."""
        return self.activate(np.add(input1, input2))


@builtin(BuiltinOperator.SUB, versions=(1, 5))
class Sub(SumOrDifference):
    """input1 - input2, broadcast; then the fused activation.

    FLOAT32, FLOAT16, INT32, INT64: plain. INT8, UINT8, INT16: quantized per tensor, INT16 with zero points 0.
    Semantics: LiteRT tflite/kernels/sub.cc, internal/reference/sub.h.
    """

    types = (
        TensorType.FLOAT32,
        TensorType.FLOAT16,
        TensorType.INT32,
        TensorType.INT64,
        TensorType.INT16,
        TensorType.INT8,
        TensorType.UINT8,
    )
    sign = -1
    below_one = False

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The difference."""
        return self.activate(np.subtract(input1, input2))


@builtin(BuiltinOperator.MUL, versions=(1, 8))
class Mul(Arithmetic):
    """input1 * input2, broadcast; then the fused activation.

    FLOAT32, FLOAT16, INT32, INT64, UINT32, COMPLEX64 (without activation) and INT16 without quantization: plain.
    INT8, UINT8, INT16: quantized per tensor. INT16 inputs with an 8-bit output are fixed-point numbers in [-1, 1).
    Semantics: LiteRT tflite/kernels/mul.cc, internal/reference/mul.h, integer_ops/mul.h.
    """

    types = (
        TensorType.FLOAT32,
        TensorType.FLOAT16,
        TensorType.INT32,
        TensorType.INT64,
        TensorType.UINT32,
        TensorType.COMPLEX64,
        TensorType.INT16,
        TensorType.INT8,
        TensorType.UINT8,
    )
    plain_int16 = "output"
    needs_scales = False

    def prepare(self, node: Node) -> None:
        """As the base, but the output has the type that the file declares."""
        activation = self.options.fused_activation_function
        input1, input2, output = self.operands_of(node, declares=self.output_types(node.input("input1").type))
        if input1.type != output.type:
            check_zero_points(node, output)
            self.quantized = Quantized(Q15Product.of(output, activation), input1.dtype, output.dtype)
            return
        node.require(
            input1.type != TensorType.COMPLEX64 or not activation, "activation {} of COMPLEX64 numbers", activation.name
        )
        self.choose(node, input1, input2, output)

    def output_types(self, input_type: TensorType) -> tuple[TensorType, ...]:
        """The input's type; of INT16 also the 8-bit ones."""
        eight_bits = (TensorType.INT8, TensorType.UINT8) if input_type == TensorType.INT16 else ()
        return (input_type, *eight_bits)

    def quantize(self, node: Node, input1: TensorSpec, input2: TensorSpec, output: TensorSpec) -> Quantized | InBlocks:
        """Product."""
        activation = self.options.fused_activation_function
        formula = Product.of(input1, input2, output, activation)
        return quantized_product(self.flavour, formula, input1, input2, output, activation)

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The product."""
        return self.activate(np.multiply(input1, input2))


@builtin(BuiltinOperator.DIV, versions=(1, 2))
class Div(Arithmetic):
    """input1 / input2, broadcast; then the fused activation.

    FLOAT32, FLOAT16: plain. INT32: truncated towards zero. INT8, UINT8, INT16: quantized per tensor.
    Raises InvalidInputError when an integer divisor is 0 (its zero point, if quantized), and for INT32_MIN / -1.
    Semantics: LiteRT tflite/kernels/div.cc, internal/reference/div.h.
    """

    types = (
        TensorType.FLOAT32,
        TensorType.FLOAT16,
        TensorType.INT32,
        TensorType.INT16,
        TensorType.INT8,
        TensorType.UINT8,
    )

    needs_scales = False

    def prepare(self, node: Node) -> None:
        """As the base, and notes which integer divisor is 0."""
        super().prepare(node)
        input2 = node.input("input2")
        plain_zero = 0 if input2.type == TensorType.INT32 else None
        self.zero = plain_zero if self.quantized is None else input2.unchecked_zero_point

    def quantize(self, node: Node, input1: TensorSpec, input2: TensorSpec, output: TensorSpec) -> Quantized | InBlocks:
        """Quotient."""
        formula = Quotient.of(input1, input2, output, self.options.fused_activation_function)
        return Quantized(formula, input1.dtype, output.dtype)

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The quotient."""
        if input1.dtype.kind == "f":
            return self.activate(np.divide(input1, input2))
        if np.any((input1 == np.iinfo(input1.dtype).min) & (input2 == -1)):
            raise InvalidInputError(f"{np.iinfo(input1.dtype).min} / -1 does not fit {input1.dtype}")
        floor = np.floor_divide(input1, input2)
        return self.activate(floor + ((floor < 0) & (floor * input2 != input1)))

    def __call__(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The output."""
        if self.zero is not None and np.any(input2 == self.zero):
            what = "0" if self.quantized is None else f"the zero point {self.zero}"
            raise InvalidInputError(f"division by zero: {np.sum(input2 == self.zero)} elements of input2 are {what}")
        return super().__call__(input1, input2)


@builtin(BuiltinOperator.SQUARED_DIFFERENCE, versions=(1, 2))
class SquaredDifference(Arithmetic):
    """(input1 - input2) ** 2, broadcast, for FLOAT32, FLOAT16, INT32 and quantized INT8.

    Semantics: LiteRT tflite/kernels/squared_difference.cc.
    """

    types = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT32, TensorType.INT8)

    def quantize(self, node: Node, input1: TensorSpec, input2: TensorSpec, output: TensorSpec) -> Quantized | InBlocks:
        """DifferenceSquare."""
        formula = DifferenceSquare.of(input1, input2, output)
        node.require(formula.multiplier.exponent <= 0, "output scale {} is too small", output.scale)
        return Quantized(replace(formula, rescale=rescale_of(self.flavour)), input1.dtype, output.dtype)

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The square of the difference."""
        return np.square(np.subtract(input1, input2))


@builtin(BuiltinOperator.ADD_N)
class AddN(Kernel):
    """The sum of two or more tensors of the same type (FLOAT32 or INT32) and shape, added in order; floats stay finite.

    Semantics: LiteRT tflite/kernels/add_n.cc.
    """

    types = (TensorType.FLOAT32, TensorType.INT32)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Checks that all operands agree."""
        node.require(len(node.inputs) >= 2, "ADD_N takes at least 2 operands, it has {}", len(node.inputs))
        first = node.input(0)
        for position in range(1, len(node.inputs)):
            node.input(position, types=first.type, shape=first.dims)
        node.output(first.dims, type=first.type)

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        """The output."""
        total = inputs[0]
        with np.errstate(all="ignore"):
            for value in inputs[1:]:
                total = float_activation(ActivationFunctionType.NONE, total + value)
        return total
