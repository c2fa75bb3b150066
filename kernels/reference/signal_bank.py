"""Filter banks of tflite-micro's audio front ends, one frame at a time, in unsigned fixed point.

SignalWindow, SignalEnergy, SignalFilterBank, its square root, spectral subtraction and logarithm, SignalPCAN.
Semantics: tflite-micro signal/micro/kernels and signal/src, files of the same names. Options are FlexBuffers maps.
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.fixedpoint import wrap32
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.custom_options import number
from litejit.kernels.registry import custom
from litejit.schema import TensorType, decode_flexbuffer
from litejit.schema.errors import InvalidInputError

__all__ = [
    "SignalEnergy",
    "SignalFilterBank",
    "SignalFilterBankLog",
    "SignalFilterBankSpectralSubtraction",
    "SignalFilterBankSquareRoot",
    "SignalPCAN",
    "SignalWindow",
]

_U32, _U64 = np.uint32, np.uint64
_WEIGHTS = (
    "smoothing",
    "alternate_smoothing",
    "one_minus_smoothing",
    "alternate_one_minus_smoothing",
    "min_signal_remaining",
)


def _integer(node: Node, name: str, low: int, high: int) -> int:
    """An option that must lie in low .. high."""
    value = int(number(node, decode_flexbuffer(node.options), name))
    node.require(low <= value <= high, "custom option '{}' is {}, expected {} to {}", name, value, low, high)
    return value


@custom("SignalWindow")
class SignalWindow(Kernel):
    """input: [..., samples] int16, weights: [samples] int16 -> clip(input * weights >> shift), int16. Option: shift."""

    types = (TensorType.INT16,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """shift: the option."""
        x, weights = node.input("input"), node.input("weights", rank=1, types=TensorType.INT16)
        node.require(x.rank >= 1 and x.dims[-1:] == weights.dims, "{} and {} differ in length", x, weights)
        self.shift = _integer(node, "shift", 0, 31)
        node.output(x.dims, types=TensorType.INT16)

    def __call__(self, input: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The output."""
        return np.clip(input.astype(np.int32) * weights >> self.shift, -32768, 32767).astype(np.int16)


@custom("SignalEnergy")
class SignalEnergy(Kernel):
    """input: [2 * bins] int16, re, im in turn -> [bins] uint32, re**2 + im**2 from start_index to before end_index.

    Options: start_index, end_index. What lies outside them is 0; tflite-micro leaves it as it was.
    """

    types = (TensorType.INT16,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """start, end: the options."""
        x = node.input("input", rank=1)
        node.require(x.size % 2 == 0, "the spectrum has {} numbers, expected pairs", x.size)
        self.end = _integer(node, "end_index", 0, x.size // 2)
        self.start = _integer(node, "start_index", 0, self.end)
        node.output((x.size // 2,), types=TensorType.UINT32)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        real, imaginary = input.astype(np.int64).reshape(-1, 2).T
        energy = (real * real + imaginary * imaginary).astype(_U32)
        energy[: self.start] = 0
        energy[self.end :] = 0
        return energy


@custom("SignalFilterBank")
class SignalFilterBank(Kernel):
    """input: [bins] uint32 -> [num_channels] uint64, sums under overlapping triangles.

    weights, unweights: int16, of the rising side of a channel and, falling, of the one before it;
    channel_frequency_starts, channel_weight_starts, channel_widths: [num_channels + 1] int16, where the rising side of
    a channel starts in the input and in the weights, and how many bins it has. Option: num_channels.
    Raises InvalidInputError when a side lies outside the input or the weights.
    """

    types = (TensorType.UINT32,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """channels: one more than the option, the first one only has a falling side to give."""
        node.input("input", rank=1)
        weights = node.input("weights", rank=1, types=TensorType.INT16)
        node.input("unweights", shape=weights.dims, types=TensorType.INT16)
        self.channels = _integer(node, "num_channels", 0, 32767) + 1
        for name in ("channel_frequency_starts", "channel_weight_starts", "channel_widths"):
            table = node.input(name, rank=1, types=TensorType.INT16)
            node.require(table.size >= self.channels, "{} has {} values, expected {}", name, table.size, self.channels)
        node.output((self.channels - 1,), types=TensorType.UINT64)

    def __call__(
        self,
        input: np.ndarray,
        weights: np.ndarray,
        unweights: np.ndarray,
        channel_frequency_starts: np.ndarray,
        channel_weight_starts: np.ndarray,
        channel_widths: np.ndarray,
    ) -> np.ndarray:
        """The output."""
        energy, sides = input.astype(_U64), np.stack([weights, unweights]).astype(_U64)
        tables = (channel_frequency_starts, channel_weight_starts, channel_widths)
        sums = np.zeros((2, self.channels), _U64)
        for at, (frequency, weight, width) in enumerate(
            zip(*(t[: self.channels].tolist() for t in tables), strict=True)
        ):
            if width <= 0:
                continue
            if min(frequency, weight) < 0 or frequency + width > energy.size or weight + width > weights.size:
                raise InvalidInputError(
                    f"channel {at} has {width} bins from {frequency} on, weights from {weight} on; "
                    f"there are {energy.size} bins and {weights.size} weights"
                )
            sums[:, at] = (sides[:, weight : weight + width] * energy[frequency : frequency + width]).sum(axis=1)
        return sums[0, 1:] + sums[1, :-1]


@custom("SignalFilterBankSquareRoot")
class SignalFilterBankSquareRoot(Kernel):
    """input: [channels] uint64, scale_bits: one int32 -> round(sqrt(input)) >> scale_bits, uint32.

    The root of a number below 2**32 is at most 65535, of any other at most 2**32 - 1.
    """

    types = (TensorType.UINT64,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Shapes only."""
        x = node.input("input", rank=1)
        node.input("scale_bits", shape=(), types=TensorType.INT32)
        node.output(x.dims, types=TensorType.UINT32)

    def __call__(self, input: np.ndarray, scale_bits: np.ndarray) -> np.ndarray:
        """The output."""
        shift = int(scale_bits)
        if not 0 <= shift <= 31:
            raise InvalidInputError(f"scale_bits is {shift}, expected 0 to 31")
        top = _U64(0xFFFFFFFF)
        root = np.minimum(np.sqrt(input.astype(np.float64)), float(top)).astype(_U64)
        root -= root * root > input
        root += (root < top) & ((root + _U64(1)) * (root + _U64(1)) <= input)
        cap = np.where(input > top, top, _U64(0xFFFF))
        root += (input - root * root > root) & (root != cap)
        return (root >> _U64(shift)).astype(_U32)


@custom("SignalFilterBankSpectralSubtraction")
class SignalFilterBankSpectralSubtraction(Kernel):
    """input: [num_channels] uint32 -> input without noise, the noise estimate; both uint32.

    The estimate is a moving average of the input, smoothing (alternate_smoothing for odd channels) the weight of the
    newest, one_minus_smoothing (alternate_one_minus_smoothing) that of the past; in 2**-spectral_subtraction_bits, as
    is min_signal_remaining, the part of the input that always remains. The average has smoothing_bits more bits than
    the input. clamping: whether the estimate is kept below the input. It starts at 0 at every allocation.
    """

    types = (TensorType.UINT32,)
    flavours = ALL_FLAVOURS
    n_outputs = 2
    stateful = True

    def prepare(self, node: Node) -> None:
        """newest, past: weights of each channel; floor; bits, smoothing_bits; clamping; estimate: the state."""
        x = node.input("input", rank=1)
        channels = _integer(node, "num_channels", 0, 1 << 30)
        node.require(x.size == channels, "the input has {} channels, num_channels is {}", x.size, channels)
        word, odd = (1 << 32) - 1, np.arange(channels) % 2
        read = [_integer(node, name, 0, word) for name in _WEIGHTS]
        self.newest, self.past = np.array(read[:2], _U64)[odd], np.array(read[2:4], _U64)[odd]
        self.floor = _U64(read[4])
        self.smoothing_bits = _U32(_integer(node, "smoothing_bits", 0, 31))
        self.bits = _U64(_integer(node, "spectral_subtraction_bits", 0, 63))
        self.clamping = bool(number(node, decode_flexbuffer(node.options), "clamping"))
        self.estimate = np.zeros(channels, _U32)
        for at in (0, 1):
            node.output(x.dims, at=at, types=TensorType.UINT32)

    def __call__(self, input: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The output, and the estimate."""
        signal = input << self.smoothing_bits
        estimate = ((signal * self.newest + self.estimate * self.past) >> self.bits).astype(_U32)
        noise = np.minimum(estimate, signal)
        self.estimate = noise if self.clamping else estimate
        floor = (input * self.floor >> self.bits).astype(_U32)
        return np.maximum((signal - noise) >> self.smoothing_bits, floor), self.estimate.copy()


@custom("SignalFilterBankLog")
class SignalFilterBankLog(Kernel):
    """input: [channels] uint32 -> [channels] int16, output_scale * ln(input << input_correction_bits), 0 below 2.

    The base-2 logarithm comes from its integer part, 16 bits of fraction, and a table of 128 corrections to them.
    Options: input_correction_bits, output_scale. Derived: correction.
    """

    types = (TensorType.UINT32,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Makes the table."""
        x = node.input("input", rank=1)
        self.shift = _U32(_integer(node, "input_correction_bits", 0, 31))
        self.scale = _integer(node, "output_scale", -(1 << 31), (1 << 31) - 1) & 0xFFFFFFFF
        steps = np.arange(129) / 128
        self.correction = np.floor((np.log2(1 + steps) - steps) * 65536 + 0.5).astype(np.int64)
        node.output(x.dims, types=TensorType.INT16)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        x = (input << self.shift).astype(np.int64)
        whole = np.frexp(np.maximum(x, 1))[1].astype(np.int64) - 1
        fraction = np.where(x > 0, x - (1 << whole), 0)
        fraction = np.where(whole < 16, fraction << np.maximum(16 - whole, 0), fraction >> np.maximum(whole - 16, 0))
        segment = fraction >> 9
        low = self.correction[segment]
        between = (self.correction[segment + 1] - low) * (fraction & 511) >> 16
        natural = (((whole << 16) + fraction + low + between) * 45426 + 32768) >> 16
        scaled = ((natural * self.scale + 32768) & 0xFFFFFFFF) >> 16
        return np.where(x > 1, np.minimum(scaled, 32767), 0).astype(np.int16)


@custom("SignalPCAN")
class SignalPCAN(Kernel):
    """Per-channel amplitude normalization: input, noise_estimate: [channels] uint32 -> [channels] uint32.

    shrink(input * gain(noise_estimate) >> snr_shift), where gain is a function of any uint32 from gain_lut (int16): its
    values at 0 and 1, then for each number of bits a parabola; and shrink(x) with 12 fraction bits is x**2 / 4 below 2
    and x - 1 above, with 6 fraction bits. Option: snr_shift.
    Raises InvalidInputError when gain_lut is too short for an estimate.
    """

    types = (TensorType.UINT32,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """snr_shift: the option."""
        x = node.input("input", rank=1)
        node.input("noise_estimate", shape=x.dims, types=TensorType.UINT32)
        node.input("gain_lut", rank=1, types=TensorType.INT16)
        self.snr_shift = _U64(_integer(node, "snr_shift", 0, 63))
        node.output(x.dims, types=TensorType.UINT32)

    def __call__(self, input: np.ndarray, noise_estimate: np.ndarray, gain_lut: np.ndarray) -> np.ndarray:
        """The output."""
        gain = self._gain(noise_estimate.astype(np.int64), gain_lut.astype(np.int64)).astype(_U32)
        snr = (input * gain.astype(_U64) >> self.snr_shift).astype(_U32)
        return np.where(snr < 2 << 12, snr * snr >> _U32(20), (snr >> _U32(6)) - _U32(1 << 6))

    @staticmethod
    def _gain(x: np.ndarray, lut: np.ndarray) -> np.ndarray:
        bits = np.frexp(x)[1].astype(np.int64)
        at = np.where(x <= 2, x, 4 * bits - 6)
        last = int((at + np.where(x <= 2, 0, 2)).max(initial=0))
        if x.size and last >= lut.size:
            raise InvalidInputError(f"gain_lut has {lut.size} values, the noise estimate {x.max()} needs {last + 1}")
        fraction = np.where(bits < 11, x << np.maximum(11 - bits, 0), x >> np.maximum(bits - 11, 0)) & 0x3FF
        slope, curve = (lut[np.minimum(at + more, lut.size - 1)] if x.size else x for more in (1, 2))
        parabola = wrap32(((curve * fraction >> 5) + (slope << 5)) * fraction)
        start = lut[at] if x.size else x
        return np.where(x <= 2, start, wrap32(parabola + (1 << 14) >> 15) + start).astype(np.int16)
