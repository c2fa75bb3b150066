"""Fourier transforms of tflite-micro's audio front ends: SignalRfft, SignalIrfft, SignalFftAutoScale.

The official kernels run KISS FFT on real numbers: a mixed-radix transform of half the length on pairs of samples, then
one pass that separates the two halves. In fixed point every stage divides by its radix, so that the result is the
spectrum divided by fft_length, rounded at every step; the steps are followed bit for bit.
A complex array has a leading axis of two: real and imaginary parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.custom_options import number
from litejit.kernels.registry import custom
from litejit.schema import TensorType, decode_flexbuffer

__all__ = ["SignalFftAutoScale", "SignalIrfft", "SignalRfft"]


@dataclass(frozen=True)
class Arithmetic:
    """Numbers of a transform: float32 (bits 0), or fixed point with that many fraction bits, products in `wide`."""

    dtype: type[np.generic]
    wide: type[np.generic]
    bits: int

    def rounded(self, product: np.ndarray) -> np.ndarray:
        """A product brought back to dtype, ties up."""
        if self.bits == 0:
            return product
        return ((product + self.wide(1 << (self.bits - 1))) >> self.bits).astype(self.dtype)

    def scaled(self, z: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """z times a real number."""
        return self.rounded(z.astype(self.wide) * self.wide(factor))

    def times(self, z: np.ndarray, w: np.ndarray) -> np.ndarray:
        """The product of complex numbers."""
        (a, b), (c, d) = z.astype(self.wide), w.astype(self.wide)
        return self.rounded(np.stack([a * c - b * d, a * d + b * c]))

    def divided(self, z: np.ndarray, radix: int) -> np.ndarray:
        """z / radix in fixed point, where sums of that many numbers must not overflow; floats are left as they are."""
        return z if self.bits == 0 else self.scaled(z, self.wide((1 << self.bits) - 1) // self.wide(radix))

    def half(self, z: np.ndarray) -> np.ndarray:
        """z / 2, rounded down in fixed point."""
        return z * np.float32(0.5) if self.bits == 0 else (z >> 1).astype(self.dtype)

    def unit(self, phases: np.ndarray) -> np.ndarray:
        """exp(i * phase)."""
        z = np.array([[math.cos(p) for p in phases], [math.sin(p) for p in phases]])
        return (z if self.bits == 0 else np.floor(0.5 + ((1 << self.bits) - 1) * z)).astype(self.dtype)


_ARITHMETIC = {
    TensorType.INT16: Arithmetic(np.int16, np.int32, 15),
    TensorType.INT32: Arithmetic(np.int32, np.int64, 31),
    TensorType.FLOAT32: Arithmetic(np.float32, np.float32, 0),
}


def _radices(n: int) -> list[int]:
    """Fours, twos, then odd primes in rising order."""
    result, radix = [], 4
    limit = math.isqrt(n)
    while not result or n > 1:
        while n % radix:
            radix = {4: 2, 2: 3}.get(radix, radix + 2)
            if radix > limit:
                radix = n
        n //= radix
        result.append(radix)
    return result


class Transform:
    """Complex transforms of n numbers along the last axis: forward (without a factor) or inverse."""

    def __init__(self, n: int, arithmetic: Arithmetic, inverse: bool) -> None:
        self.n, self.math, self.inverse = n, arithmetic, inverse
        self.radices = _radices(n)
        phases = -2 * math.pi * np.arange(n) / n
        self.twiddles = arithmetic.unit(-phases if inverse else phases)
        self.butterflies = {2: self._radix_2, 3: self._radix_3, 4: self._radix_4, 5: self._radix_5}

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """z: [2, batch, n]."""
        return self._stage(z, self.radices, 1)

    def _stage(self, z: np.ndarray, radices: list[int], stride: int) -> np.ndarray:
        """One transform from `radix` interleaved ones; stride: how far its twiddles lie apart."""
        radix, batch = radices[0], z.shape[1]
        length = z.shape[2] // radix
        parts = z.reshape(2, batch, length, radix).swapaxes(2, 3)
        if length > 1:
            inner = self._stage(parts.reshape(2, batch * radix, length), radices[1:], stride * radix)
            parts = inner.reshape(2, batch, radix, length)
        parts = self.math.divided(parts, radix)
        if radix not in self.butterflies:
            return self._any_radix(parts, stride).reshape(z.shape)
        turns = np.outer(np.arange(1, radix), np.arange(length)) * stride
        turned = self.math.times(parts[:, :, 1:], self.twiddles[:, None, turns])
        terms = [parts[:, :, 0], *(turned[:, :, at] for at in range(radix - 1))]
        return np.stack(self.butterflies[radix](terms, stride * length), axis=2).reshape(z.shape)

    def _radix_2(self, terms: list[np.ndarray], step: int) -> list[np.ndarray]:
        a, b = terms
        return [a + b, a - b]

    def _radix_3(self, terms: list[np.ndarray], step: int) -> list[np.ndarray]:
        a, b, c = terms
        total = b + c
        middle = a - self.math.half(total)
        quarter = _quarter_turn_back(self.math.scaled(b - c, self.twiddles[1, step]))
        return [a + total, middle - quarter, middle + quarter]

    def _radix_4(self, terms: list[np.ndarray], step: int) -> list[np.ndarray]:
        a, b, c, d = terms
        even, odd, total = a + c, a - c, b + d
        quarter = _quarter_turn_back(b - d)
        return [even + total, odd - quarter, even - total, odd + quarter] if self.inverse else [
            even + total, odd + quarter, even - total, odd - quarter
        ]  # fmt: skip

    def _radix_5(self, terms: list[np.ndarray], step: int) -> list[np.ndarray]:
        a, b, c, d, e = terms
        scaled, near, far = self.math.scaled, self.twiddles[:, step], self.twiddles[:, 2 * step]
        outer, inner, outer_gap, inner_gap = b + e, c + d, b - e, c - d
        first = a + scaled(outer, near[0]) + scaled(inner, far[0])
        second = a + scaled(outer, far[0]) + scaled(inner, near[0])
        first_turn = _quarter_turn_back(scaled(outer_gap, near[1]) + scaled(inner_gap, far[1]))
        second_turn = _quarter_turn_back(scaled(inner_gap, near[1]) - scaled(outer_gap, far[1]))
        return [
            a + (outer + inner), first - first_turn, second + second_turn, second - second_turn, first + first_turn
        ]  # fmt: skip

    def _any_radix(self, parts: np.ndarray, stride: int) -> np.ndarray:
        radix, length = parts.shape[2:]
        at = np.arange(radix * length)
        result = np.tile(parts[:, :, 0], radix)
        for part in range(1, radix):
            turned = self.math.times(
                np.tile(parts[:, :, part], radix), self.twiddles[:, None, part * stride * at % self.n]
            )
            result = result + turned
        return result


def _quarter_turn_back(z: np.ndarray) -> np.ndarray:
    """z * -i."""
    return np.stack([z[1], -z[0]])


class _RealTransform(Kernel):
    """What both directions share: options and twiddles.

    Derived: fft_length; math; transform; twiddles, of the pass between the pairs and the spectrum.
    """

    types = tuple(_ARITHMETIC)
    flavours = ALL_FLAVOURS
    inverse: bool

    def prepare(self, node: Node) -> None:
        """Reads the options, makes twiddles."""
        x = node.input("input")
        node.require(x.rank >= 1 and x.dims[-1] >= 1, "the input has shape {}, expected samples", x.dims)
        options = decode_flexbuffer(node.options)
        self.fft_length = length = int(number(node, options, "fft_length"))
        node.require(length >= 2 and length % 2 == 0, "fft_length is {}, expected an even number above 0", length)
        type_option = int(number(node, options, "T", x.type))
        node.require(type_option == x.type, "option 'T' is {}, the input is {} ({})", type_option, x.type.name, x.type)
        spectrum, samples = length + 2, x.dims[-1]
        if self.inverse:
            node.require(samples == spectrum, "the spectrum has {} numbers, expected {}", samples, spectrum)
        else:
            node.require(samples <= length, "the input has {} samples, more than fft_length {}", samples, length)
        self.shape = node.output((*x.dims[:-1], length if self.inverse else spectrum), types=x.type).dims
        self.math = _ARITHMETIC[x.type]
        half = length // 2
        self.transform = Transform(half, self.math, self.inverse)
        phases = -math.pi * (np.arange(1, half // 2 + 1) / half + 0.5)
        self.twiddles = self.math.unit(-phases if self.inverse else phases)[:, None]

    def _pairs(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of [2, batch, n (+ 1)]: elements k = 1 .. n / 2, and the conjugates of elements n - k; both divided by 2."""
        half = self.fft_length // 2
        k = np.arange(1, half // 2 + 1)
        mirrored = z[:, :, half - k]
        mirrored = np.stack([mirrored[0], -mirrored[1]])
        return self.math.divided(z[:, :, k], 2), self.math.divided(mirrored, 2)


@custom("SignalRfft")
class SignalRfft(_RealTransform):
    """input: [..., samples] int16, int32 or float32
    -> [..., fft_length + 2]: re, im of the frequencies up to fft_length / 2.

    Samples up to fft_length are filled up with zeros. Options (FlexBuffers): fft_length; T, the type.
    Raises InvalidModelError when fft_length is odd or less than the number of samples.
    Semantics: tflite-micro signal/micro/kernels/rfft.cc; KISS FFT kiss_fftr.c.
    """

    inverse = False

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """Transforms pairs of samples, then takes them apart."""
        half, math_ = self.fft_length // 2, self.math
        rows = input.reshape(-1, input.shape[-1])
        padded = np.zeros((rows.shape[0], self.fft_length), input.dtype)
        padded[:, : rows.shape[1]] = rows
        with np.errstate(all="ignore"):
            z = self.transform(np.stack([padded[:, ::2], padded[:, 1::2]]))
            result = np.zeros((2, rows.shape[0], half + 1), input.dtype)
            real, imaginary = math_.divided(z[:, :, 0], 2)
            result[0, :, 0], result[0, :, half] = real + imaginary, real - imaginary
            near, far = self._pairs(z)
            total, turned = (near + far).astype(_sum_type(math_)), math_.times(near - far, self.twiddles)
            turned = turned.astype(total.dtype)
            k = np.arange(1, half // 2 + 1)
            # The middle element is written twice, as k and as half - k; the second one stays.
            result[:, :, k] = math_.half(total + turned)
            result[:, :, half - k] = math_.half(np.stack([total[0] - turned[0], turned[1] - total[1]]))
        return np.moveaxis(result, 0, -1).reshape(self.shape)


@custom("SignalIrfft")
class SignalIrfft(_RealTransform):
    """input: [..., fft_length + 2] int16, int32 or float32: re, im of the frequencies up to fft_length / 2
    -> [..., fft_length] samples, the transform divided by fft_length.

    Options (FlexBuffers): fft_length; T, the type.
    Semantics: tflite-micro signal/micro/kernels/irfft.cc; KISS FFT kiss_fftr.c.
    """

    inverse = True

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """Joins both halves of the spectrum, then transforms."""
        half, math_ = self.fft_length // 2, self.math
        spectrum = np.moveaxis(input.reshape(-1, half + 1, 2), -1, 0)
        with np.errstate(all="ignore"):
            z = np.empty((2, spectrum.shape[1], half), input.dtype)
            first, last = spectrum[0, :, 0], spectrum[0, :, half]
            z[:, :, 0] = math_.divided(np.stack([first + last, first - last]), 2)
            near, far = self._pairs(spectrum)
            total, turned = near + far, math_.times(near - far, self.twiddles)
            k = np.arange(1, half // 2 + 1)
            z[:, :, k] = total + turned
            difference = total - turned
            z[:, :, half - k] = np.stack([difference[0], -difference[1]])
            samples = self.transform(z)
            if input.dtype == np.float32:
                samples = samples / np.float32(self.fft_length)
        return np.moveaxis(samples, 0, -1).reshape(self.shape)


def _sum_type(arithmetic: Arithmetic) -> type[np.generic]:
    """In what sums are taken before they are halved: C promotes int16 to int."""
    return np.int32 if arithmetic.bits else np.float32


@custom("SignalFftAutoScale")
class SignalFftAutoScale(Kernel):
    """input: [samples] int16 -> input << scale_bits, scale_bits (one int32): as large as int16 allows.

    Semantics: tflite-micro signal/micro/kernels/fft_auto_scale_kernel.cc, signal/src/{fft_auto_scale,max_abs}.cc.
    """

    types = (TensorType.INT16,)
    flavours = ALL_FLAVOURS
    n_outputs = 2

    def prepare(self, node: Node) -> None:
        """Shapes only."""
        x = node.input("input", rank=1)
        node.output(x.dims, types=TensorType.INT16)
        node.output((), at=1, types=TensorType.INT32)

    def __call__(self, input: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The scaled samples, and by how many bits."""
        largest = _largest_magnitude(input)
        bits = 15 - largest.bit_length() if largest > 0 else 0
        return (input.astype(np.int32) << bits).astype(np.int16), np.array(bits, np.int32)


def _largest_magnitude(x: np.ndarray) -> int:
    """The maximum of |x|, in an int16: after -32768, whose magnitude has no place there, the search starts anew."""
    if not (x == -32768).any():
        return int(np.abs(x).max(initial=0))
    largest = 0
    for value in x.tolist():
        if value > largest:
            largest = value
        elif -value > largest:
            largest = -value if value > -32768 else -32768
    return largest
