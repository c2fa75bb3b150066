"""How each numerics flavour computes quantized ADD, SUB and MUL.

litert-ref has one formula for all elements, and so have tflm (with multipliers of its own) and single-rounding.
litert-opt has one for whole blocks of vector lanes of each contiguous run, and that of litert-ref for what is left.
xnnpack has formulas of its own where the XNNPACK delegate takes the node, elsewhere those of litert-opt.
Sources: LiteRT tflite/kernels/internal/optimized/{integer_ops/add.h,integer_ops/mul.h,optimized_ops.h} (through
NEON_2_SSE), XNNPACK src/microparams-init.c, tflite-micro
kernels/{add,sub,mul}_common.cc.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    activation_range,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_single,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    wrap32,
)
from litejit.kernels.node import Shape, TensorSpec
from litejit.kernels.reference.delegation import takes_pair
from litejit.kernels.reference.elementwise import Quantized
from litejit.kernels.reference.quantized_arithmetic import Product, Rescaled, Sum
from litejit.schema import ActivationFunctionType, TensorType

__all__ = ["EmptiedDifference", "InBlocks", "Run", "inner_run", "quantized_product", "quantized_sum"]

_8_BIT = (TensorType.INT8, TensorType.UINT8)
_OPTIMIZED = ("litert-opt", "xnnpack")


@dataclass(frozen=True)
class Run:
    """A contiguous run of elements that the optimized kernels handle in one go.

    size: how many; scalar: whether one operand is a single element during the run.
    """

    size: int
    scalar: bool


def inner_run(shape1: Shape, shape2: Shape) -> Run | None:
    """The innermost loop of BinaryBroadcastFiveFold, None where shapes are too entangled for it."""
    rank = max(len(shape1), len(shape2))
    dims = [(1,) * (rank - len(shape)) + shape for shape in (shape1, shape2)]
    pairs = list(zip(*dims, strict=True))[::-1]
    kinds = "".join("1" if a == b == 1 else "=" if a == b else "a" if a == 1 else "b" for a, b in pairs)
    if "b" in kinds and (kinds.find("b") < kinds.find("a") or "a" not in kinds):
        kinds = kinds.translate(str.maketrans("ab", "ba"))
    # From the inside out: shared, broadcast from one operand, shared, broadcast from the other one, shared.
    match = re.fullmatch("([=1]*)([a1]*)[=1]*[b1]*[=1]*", kinds)
    if match is None:
        return None
    shared, broadcast = (int(np.prod([max(pair) for pair in pairs[slice(*match.span(i))]])) for i in (1, 2))
    return Run(broadcast, True) if shared == 1 and "a" in kinds else Run(shared, False)


@dataclass
class InBlocks:
    """One formula for whole blocks of so many lanes of each run, another one for the elements left over."""

    body: Quantized
    tail: Quantized
    lanes: int
    run: int

    def __call__(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The result, in the broadcast shape."""
        result = np.asarray(self.body(input1, input2), order="C")
        rest = self.run % self.lanes
        if rest and result.size:
            left_over = [x.reshape(-1, self.run)[:, -rest:] for x in np.broadcast_arrays(input1, input2)]
            result.reshape(-1, self.run)[:, -rest:] = self.tail(*left_over)
        return result


def _wrap16(x: np.ndarray) -> np.ndarray:
    return x.astype(np.int16).astype(np.int64)


@dataclass
class BlockSum(Sum):
    """ADD in blocks. Each operand is rounded once: its right shift is taken out of the left shift, or, if shifts_late,
    it comes after the multiplication and truncates. 8-bit sums lose all but 16 bits on the way.
    """

    shifts_late: bool = False

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw sums."""
        scaled = self._shifted_late if self.shifts_late else self._shifted_early
        total = scaled(a - self.offsets[0], self.multiplier1) + scaled(b - self.offsets[1], self.multiplier2)
        high_half = saturating_rounding_doubling_high_mul(total, self.multiplier.mantissa)
        steps = rounding_divide_by_pot(high_half, -self.multiplier.exponent)
        if self.left_shift == 15:
            return self.finish(steps)
        return np.clip(_wrap16(_wrap16(steps) + self.zero_point), self.low, self.high)

    def _shifted_early(self, x: np.ndarray, multiplier: Multiplier) -> np.ndarray:
        shift = self.left_shift + int(multiplier.exponent)
        x = wrap32(x << shift) if shift >= 0 else x >> -shift
        return saturating_rounding_doubling_high_mul(x, multiplier.mantissa)

    def _shifted_late(self, x: np.ndarray, multiplier: Multiplier) -> np.ndarray:
        return saturating_rounding_doubling_high_mul(x << self.left_shift, multiplier.mantissa) >> -multiplier.exponent


@dataclass
class EmptiedDifference(Sum):
    """SUB whose multiplier exceeds 1, in the vectors that compilers make of the reference kernel's loop.

    The last shift is then by a negative count, which leaves no bit in vectors (and is taken modulo 32 elsewhere): what
    remains is the rounding, 1 or -1.
    """

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw differences."""
        a = self.rescale((a - self.offsets[0]) << self.left_shift, self.multiplier1)
        b = self.rescale((b - self.offsets[1]) << self.left_shift, self.multiplier2)
        high_half = saturating_rounding_doubling_high_mul(a - b, self.multiplier.mantissa)
        return self.finish(np.where(high_half < 0, -1, 1))


@dataclass
class BlockProduct(Product):
    """MUL in blocks: products saturate (or wrap around) at 16 bits, and wrap around when the zero point is added."""

    saturates: bool = True

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw products."""
        product = (a - self.offsets[0]) * (b - self.offsets[1])
        steps = multiply_by_quantized_multiplier(product, self.multiplier)
        steps = np.clip(steps, -(1 << 15), (1 << 15) - 1) if self.saturates else _wrap16(steps)
        return np.clip(_wrap16(steps + self.zero_point), self.low, self.high)


@dataclass
class XnnpackSum(Rescaled):
    """ADD and SUB of the delegate: integer multipliers with 20 or 21 bits, one rounding, ties up.

    ((a - z1) * factor1 + (b - z2) * factor2 + half) >> shift
    """

    offsets: tuple[int, int]
    factors: tuple[int, int]
    shift: int

    @classmethod
    def of(
        cls, input1: TensorSpec, input2: TensorSpec, output: TensorSpec, activation: ActivationFunctionType, sign: int
    ) -> XnnpackSum | None:
        """The formula for three tensors, None where the delegate leaves the node alone."""
        if not takes_pair("ADD" if sign > 0 else "SUB", input1, input2, output, activation):
            return None
        ratios = [spec.scale / output.scale for spec in (input1, input2)]
        shift = 20 - (int(np.frexp(max(ratios))[1]) - 1)
        factor1, factor2 = (int(np.rint(np.ldexp(ratio, shift))) for ratio in ratios)
        return cls(
            output.zero_point,
            *activation_range(activation, output),
            (input1.zero_point, input2.zero_point),
            (factor1, sign * factor2),
            shift,
        )

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw sums or differences."""
        total = (a - self.offsets[0]) * self.factors[0] + (b - self.offsets[1]) * self.factors[1]
        return self.finish((total + (1 << (self.shift - 1))) >> self.shift)


@dataclass
class XnnpackProduct(Rescaled):
    """MUL of the delegate: rint(float32((a - z1) * (b - z2)) * scale), ties to even."""

    offsets: tuple[int, int]
    scale: np.float32

    @classmethod
    def of(
        cls, input1: TensorSpec, input2: TensorSpec, output: TensorSpec, activation: ActivationFunctionType
    ) -> XnnpackProduct | None:
        """The formula for three tensors, None where the delegate leaves the node alone."""
        if not takes_pair("MUL", input1, input2, output, activation):
            return None
        scale = input1.scale * input2.scale / output.scale
        return cls(
            output.zero_point, *activation_range(activation, output), (input1.zero_point, input2.zero_point), scale
        )

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw products."""
        product = ((a - self.offsets[0]) * (b - self.offsets[1])).astype(np.float32)
        return self.finish(np.rint(product * self.scale).astype(np.int64))


def quantized_sum(
    flavour: str,
    formula: Sum,
    input1: TensorSpec,
    input2: TensorSpec,
    output: TensorSpec,
    activation: ActivationFunctionType,
) -> Quantized | InBlocks:
    """ADD or SUB under a flavour; formula is that of litert-ref."""
    dtypes = input1.dtype, output.dtype
    if flavour == "single-rounding":
        single = multiply_by_quantized_multiplier_single
        return Quantized(replace(formula, rescale=single, rescale_sum=single), *dtypes)
    if flavour == "tflm":
        precision = np.float64 if formula.sign > 0 else np.float32
        return Quantized(Sum.of(input1, input2, output, activation, formula.sign, precision), *dtypes)
    if flavour == "xnnpack":
        delegate = XnnpackSum.of(input1, input2, output, activation, formula.sign)
        if delegate is not None:
            return Quantized(delegate, *dtypes)
    reference = Quantized(formula, *dtypes)
    if formula.sign < 0 and formula.multiplier.exponent > 0 and input1.dims == input2.dims:
        return InBlocks(Quantized(EmptiedDifference(**_fields(formula)), *dtypes), reference, 4, output.size)
    run = inner_run(input1.dims, input2.dims)
    if flavour not in _OPTIMIZED or formula.sign < 0 or run is None:
        return reference
    if input1.type == TensorType.INT16 and (run.scalar or run.size != output.size):
        return reference
    shifts_late = input1.type == TensorType.UINT8 or run.scalar
    body = BlockSum(**_fields(formula), shifts_late=shifts_late)
    return InBlocks(Quantized(body, *dtypes), reference, 8 if shifts_late else 16, run.size)


def quantized_product(
    flavour: str,
    formula: Product,
    input1: TensorSpec,
    input2: TensorSpec,
    output: TensorSpec,
    activation: ActivationFunctionType,
) -> Quantized | InBlocks:
    """MUL under a flavour; formula is that of litert-ref."""
    dtypes = input1.dtype, output.dtype
    if flavour == "single-rounding":
        return Quantized(replace(formula, rescale=multiply_by_quantized_multiplier_single), *dtypes)
    if flavour == "tflm":
        return Quantized(Product.of(input1, input2, output, activation, np.float64), *dtypes)
    if flavour == "xnnpack":
        delegate = XnnpackProduct.of(input1, input2, output, activation)
        if delegate is not None:
            return Quantized(delegate, *dtypes)
    reference = Quantized(formula, *dtypes)
    run = inner_run(input1.dims, input2.dims)
    if flavour not in _OPTIMIZED or input1.type not in _8_BIT or run is None:
        return reference
    is_int8 = input1.type == TensorType.INT8
    body = BlockProduct(**_fields(formula), saturates=is_int8 or not run.scalar)
    return InBlocks(Quantized(body, *dtypes), reference, 16 if is_int8 else 8, run.size)


def _fields(formula: Sum | Product) -> dict[str, object]:
    return {field.name: getattr(formula, field.name) for field in fields(formula)}
