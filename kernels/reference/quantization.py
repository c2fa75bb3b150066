"""Between real numbers and quantized ones: QUANTIZE, DEQUANTIZE, FAKE_QUANT, NumericVerify; DENSIFY for sparse weights.

How the official kernel sets round differently is in quantization_flavours.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from litejit.kernels.fixedpoint import integer_range, round_half_away
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.first_elements import first_elements, first_elements_of
from litejit.kernels.reference.pointwise import in_blocks, require_zero_point
from litejit.kernels.reference.quantization_flavours import affine_quantize, dequantizer, quantizer, requantizer
from litejit.kernels.registry import builtin, custom
from litejit.kernels.sparse import dense_value
from litejit.schema import BuiltinOperator, FakeQuantOptions, TensorType, decode_flexbuffer
from litejit.schema.errors import InvalidInputError

__all__ = ["Densify", "Dequantize", "FakeQuant", "NumericVerify", "Quantize"]

_QUANTIZE_TO = {
    TensorType.FLOAT32: (TensorType.UINT8, TensorType.INT8, TensorType.INT16, TensorType.INT4, TensorType.UINT4),
    TensorType.INT8: (TensorType.UINT8, TensorType.INT8, TensorType.INT16),
    TensorType.UINT8: (TensorType.UINT8, TensorType.INT8, TensorType.INT16),
    TensorType.INT16: (TensorType.INT8, TensorType.INT16, TensorType.INT32),
    TensorType.INT32: (TensorType.INT8, TensorType.INT16),
}
_PER_CHANNEL_QUANTIZE = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
_PER_CHANNEL_DEQUANTIZE = (TensorType.INT8, TensorType.UINT8, TensorType.INT4, TensorType.UINT4, TensorType.INT2)


def _along_axis(spec: TensorSpec) -> tuple[np.ndarray, np.ndarray]:
    """Scales and zero points of a tensor that is quantized per channel, shaped to broadcast against it."""
    quantization = spec.quantized
    shape = [1] * spec.rank
    shape[quantization.axis] = -1
    return quantization.scale.reshape(shape), quantization.zero_point.reshape(shape)


@builtin(BuiltinOperator.QUANTIZE, versions=(1, 6))
class Quantize(Kernel):
    """Real or quantized numbers -> the output's scale and zero point.

    float32 -> int8, uint8, int16 (also per channel), int4, uint4: clip(round_away(x / scale) + zero_point); what does
    not fit into int32, and NaN, counts as -2**31.
    int8, uint8 -> int8, uint8, int16; int16 -> int8, int16, int32; int32 -> int8, int16: rescaled in fixed point. An
    input without quantization parameters has scale 0, so that the output is 0, which is its zero point.
    Semantics: LiteRT tflite/kernels/quantize.cc, internal/reference/{quantize,requantize}.h.
    """

    types = tuple(_QUANTIZE_TO)
    flavours = ALL_FLAVOURS
    run: Callable[[np.ndarray], np.ndarray]

    def prepare(self, node: Node) -> None:
        """Derives `run`, the function of the input array."""
        x = node.input("input")
        y = node.output(x.dims, types=_QUANTIZE_TO[x.type])
        if x.type != TensorType.FLOAT32:
            if x.quantization is None or x.quantization.scale.size == 0:
                self.run = partial(np.full_like, fill_value=y.zero_point, dtype=y.dtype)
                return
            if x.type == y.type == TensorType.INT16:
                require_zero_point(node, 0, x, y)
            self.run = requantizer(x, y, self.flavour)
        elif y.quantized.per_channel:
            node.require(
                y.type in _PER_CHANNEL_QUANTIZE, "{} is {}, which is not quantized per channel", y, y.type.name
            )
            self.run = partial(self._per_channel, *_along_axis(y), *integer_range(y.type), y.dtype)
        else:
            self.run = quantizer(y, self.flavour)

    @staticmethod
    def _per_channel(
        scale: np.ndarray, zero_point: np.ndarray, low: int, high: int, dtype: np.dtype, input: np.ndarray
    ) -> np.ndarray:
        return affine_quantize(input, scale, zero_point, low, high).astype(dtype)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        with np.errstate(all="ignore"):
            return self.run(input)


@builtin(BuiltinOperator.DEQUANTIZE, versions=(1, 9))
class Dequantize(Kernel):
    """scale * (q - zero_point) as float32; float16 is only widened.

    int8, uint8, int4, uint4, int2 per tensor or per channel; int16 per tensor with zero point 0; float16.
    Semantics: LiteRT tflite/kernels/dequantize.h, internal/reference/{,integer_ops/}dequantize.h.
    """

    types = (*_PER_CHANNEL_DEQUANTIZE, TensorType.INT16, TensorType.FLOAT16)
    flavours = ALL_FLAVOURS
    run: Callable[[np.ndarray], np.ndarray]

    def prepare(self, node: Node) -> None:
        """Derives `run`, the function of the input array."""
        x = node.input("input")
        node.output(x.dims, type=TensorType.FLOAT32)
        self.run = _dequantizer(node, x, self.flavour)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        with np.errstate(over="ignore"):
            return self.run(input)


def _dequantizer(node: Node, x: TensorSpec, flavour: str) -> Callable[[np.ndarray], np.ndarray]:
    if x.type == TensorType.FLOAT16:
        return partial(np.ndarray.astype, dtype=np.float32)
    if x.type == TensorType.INT16:
        require_zero_point(node, 0, x)
    elif x.quantized.per_channel:
        scale, zero_point = _along_axis(x)
        return lambda q: scale * (q.astype(np.int32) - zero_point).astype(np.float32)
    return dequantizer(x, flavour)


@builtin(BuiltinOperator.FAKE_QUANT, versions=(1, 2))
class FakeQuant(Kernel):
    """Rounds floats to the grid of a quantization: round_away((clamp(x) - min) / scale) * scale + min.

    min and max are nudged so that 0 lies on the grid of 2**num_bits values, at its end if they do not have it between.
    A range of one number, or one that is not finite, makes everything NaN, and so does a grid of one value. Zero points
    have 16 bits, which moves the grid where there are more values.
    Raises InvalidModelError when narrow_range is set or num_bits is outside 0 .. 31.
    Semantics: LiteRT tflite/kernels/fake_quant.cc, internal/quantization_util.cc (NudgeQuantizationRange).
    """

    types = (TensorType.FLOAT32,)
    flavours = ALL_FLAVOURS
    options: FakeQuantOptions

    def prepare(self, node: Node) -> None:
        """Derives scale and the nudged min and max, in float32."""
        x = node.input("input")
        node.output(x.dims, type=x.type)
        low, high = np.float32(self.options.min), np.float32(self.options.max)
        node.require(not self.options.narrow_range, "narrow_range is not supported on activations")
        node.require(0 <= self.options.num_bits <= 31, "num_bits is {}, expected 0 to 31", self.options.num_bits)
        with np.errstate(all="ignore"):
            extent = high - low
        if extent == 0 or not np.isfinite(extent):
            self.scale = self.min = self.max = np.float32(np.nan)
            return
        most = (1 << self.options.num_bits) - 1
        quant_max = np.float32(most)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.scale = extent / quant_max
            real = max(-low / self.scale, np.float32(0))
            zero_point = np.float32((most if real > quant_max else int(round_half_away(real))) & 0xFFFF)
            self.min, self.max = -zero_point * self.scale, (quant_max - zero_point) * self.scale

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        inverse = np.float32(1) / self.scale

        def fake_quant(x: np.ndarray) -> np.ndarray:
            clamped = np.fmin(self.max, np.fmax(self.min, x))
            return round_half_away((clamped - self.min) * inverse) * self.scale + self.min

        return in_blocks(fake_quant, input, input.dtype)


@custom("NumericVerify")
class NumericVerify(Kernel):
    """The error of a quantized tensor: dequantize(input) - ref, float32.

    Of a ref that is larger, the first elements count.
    Options: with log_if_failed and a tolerance of at least 0.1, an error of more than tolerance * scale raises
    InvalidInputError.
    Semantics: LiteRT tflite/kernels/numeric_verify.cc.
    """

    types = (TensorType.UINT8, TensorType.INT8, TensorType.INT16, TensorType.FLOAT16)
    flavours = ALL_FLAVOURS
    limit: np.float32 | None = None

    def prepare(self, node: Node) -> None:
        """Derives `dequantize` and `limit`, the largest error that passes (None: any)."""
        x = node.input("input")
        first_elements(node, "ref", x.dims, axes=(), types=TensorType.FLOAT32)
        node.output(x.dims, type=TensorType.FLOAT32)
        options = decode_flexbuffer(self.options)
        node.require(isinstance(options, dict), "options are {}, expected a map", options)
        tolerance = np.float32(options.get("tolerance", 0))
        # A custom operator is none that XNNPACK takes.
        self.dequantize = _dequantizer(node, x, "litert-opt" if self.flavour == "xnnpack" else self.flavour)
        if options.get("log_if_failed", False) and tolerance >= 0.1:
            self.limit = tolerance * (np.float32(0) if x.type == TensorType.FLOAT16 else x.scale)

    def __call__(self, input: np.ndarray, ref: np.ndarray) -> np.ndarray:
        """The output."""
        ref = first_elements_of(ref, input.shape)
        with np.errstate(all="ignore"):
            error = self.dequantize(input) - ref
        if self.limit is not None and (np.abs(error) > self.limit).any():
            at = int(np.argmax(np.abs(error) > self.limit))
            raise InvalidInputError(
                f"element {at}: {ref.ravel()[at]} is quantized to {input.ravel()[at]}, "
                f"an error of {abs(error.ravel()[at])}, more than {self.limit}"
            )
        return error


@builtin(BuiltinOperator.DENSIFY)
class Densify(Kernel):
    """A sparse constant -> the dense tensor. Float32, float16, int8.

    Semantics: LiteRT tflite/kernels/densify.cc, internal/utils/sparsity_format_converter.cc.
    """

    types = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT8)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Derives `dense`, the output."""
        x = node.input("input")
        node.require(x.value is not None and x.sparsity is not None, "input ({}) is not a sparse constant", x)
        node.output(x.dims, type=x.type)
        self.dense = dense_value(x)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        return self.dense
