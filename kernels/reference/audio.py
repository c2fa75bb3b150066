"""Custom operators of audio models: AudioSpectrogram and Mfcc.

Semantics: LiteRT tflite/kernels/{audio_spectrogram,mfcc}.cc,
internal/{spectrogram,mfcc,mfcc_mel_filterbank,mfcc_dct}.cc.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.custom_options import number
from litejit.kernels.registry import custom
from litejit.schema import TensorType, decode_flexbuffer

__all__ = ["AudioSpectrogram", "Mfcc"]


@custom("AudioSpectrogram")
class AudioSpectrogram(Kernel):
    """input: [samples, channels] float32 -> [channels, frames, 1 + fft_length / 2], squared magnitudes of spectra.

    A frame is window_size samples under a periodic Hann window, padded with zeros to a power of two (fft_length);
    frames start stride samples apart. Without magnitude_squared: magnitudes. Options (FlexBuffers): these three.
    Derived: window, fft_length.
    """

    types = (TensorType.FLOAT32,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Reads the options."""
        samples, channels = node.input("input", rank=2).dims
        options = decode_flexbuffer(node.options)
        self.size = int(number(node, options, "window_size", 0))
        self.stride = int(number(node, options, "stride", 0))
        self.squared = bool(number(node, options, "magnitude_squared", 0))
        node.require(2 <= self.size <= 1 << 30, "window_size is {}, it must be at least 2", self.size)
        node.require(1 <= self.stride < 1 << 31, "stride is {}, it must be at least 1", self.stride)
        self.fft_length = 1 << (self.size - 1).bit_length()
        frames = 0 if samples < self.size else 1 + (samples - self.size) // self.stride
        output = node.output((channels, frames, 1 + self.fft_length // 2), types=TensorType.FLOAT32)
        self.shape = output.dims
        self.window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.size if output.size else 0) / self.size)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """Transforms one channel at a time."""
        result = np.empty(self.shape, np.float32)
        if result.size == 0:
            return result
        for channel in range(self.shape[0]):
            samples = np.ascontiguousarray(input[:, channel])
            frames = sliding_window_view(samples, self.size)[:: self.stride]
            with np.errstate(all="ignore"):
                spectrum = np.fft.rfft(frames * self.window, self.fft_length)
                result[channel] = spectrum.real**2 + spectrum.imag**2
        return result if self.squared else np.sqrt(result)


@custom("Mfcc")
class Mfcc(Kernel):
    """spectrogram: [channels, frames, bins] float32 (squared magnitudes), sample_rate: one int32 ->
    [channels, frames, dct_coefficient_count] mel-frequency cepstral coefficients.

    The magnitudes are summed into filterbank_channel_count triangular bands, equally wide on the mel scale from
    lower_frequency_limit to upper_frequency_limit; then log(max(band, 1e-12)); then a cosine transform.
    Where the limit is above the highest bin, every coefficient is 0. Options (FlexBuffers): these four, integers.
    Derived: first, band, weight (of each used bin: the band whose upper side it lies on, its weight there), cosines.
    """

    types = (TensorType.FLOAT32,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Designs the bands for the sample rate."""
        channels, frames, bins = node.input("spectrogram", rank=3).dims
        options = decode_flexbuffer(node.options)
        names = ("lower_frequency_limit", "upper_frequency_limit", "filterbank_channel_count", "dct_coefficient_count")
        low, high, self.bands, coefficients = (int(number(node, options, name, 0)) for name in names)
        rate = node.input("sample_rate", types=TensorType.INT32)
        node.require(rate.size == 1, "operand 'sample_rate' has shape {}, expected one number", rate.dims)
        sample_rate = int(node.value("sample_rate").reshape(-1)[0])
        node.require(sample_rate > 0, "sample_rate is {}, it must be positive", sample_rate)
        node.require(bins >= 2, "the spectrogram has {} bins, expected at least 2", bins)
        node.require(0 <= low < high, "frequency limits are {} and {}, expected 0 <= lower < upper", low, high)
        node.require(
            0 <= coefficients <= self.bands and 1 <= self.bands <= 1 << 16,
            "dct_coefficient_count is {}, filterbank_channel_count {}, expected 0 <= coefficients <= channels and "
            "1 <= channels <= 65536",
            coefficients,
            self.bands,
        )
        self.shape = node.output((channels, frames, coefficients), types=TensorType.FLOAT32).dims
        self.design(bins, sample_rate, low, high)
        angles = np.pi / self.bands * np.outer(np.arange(coefficients), np.arange(self.bands) + 0.5)
        self.cosines = np.sqrt(2.0 / self.bands) * np.cos(angles)

    def design(self, bins: int, sample_rate: int, low: int, high: int) -> None:
        """Places the bands; the zero frequency is never used."""
        hertz_per_bin = 0.5 * sample_rate / (bins - 1)
        self.first, last = int(1.5 + low / hertz_per_bin), int(high / hertz_per_bin)
        self.beyond = last >= bins
        used = np.arange(self.first, 0 if self.beyond else last + 1)
        mel, mel_low = _mel(used * hertz_per_bin), _mel(np.float64(low))
        edges = mel_low + (_mel(np.float64(high)) - mel_low) / (self.bands + 1) * np.arange(self.bands + 2)
        self.band = np.searchsorted(edges[1 : self.bands + 1], mel, side="left") - 1
        self.weight = (edges[self.band + 2] - mel) / (edges[self.band + 2] - edges[self.band + 1])

    def __call__(self, spectrogram: np.ndarray, sample_rate: np.ndarray) -> np.ndarray:
        """Sums bands, takes logarithms, transforms."""
        if self.beyond:
            return np.zeros(self.shape, np.float32)
        frames = spectrogram.reshape(-1, spectrogram.shape[2])[:, self.first : self.first + self.band.size]
        with np.errstate(all="ignore"):
            magnitude = np.sqrt(frames.T.astype(np.float64))
            falling = magnitude * self.weight[:, None]
            # One more band on either side takes what falls outside.
            bands = np.zeros((self.bands + 2, frames.shape[0]))
            np.add.at(bands, self.band + 2, magnitude - falling)
            np.add.at(bands, self.band + 1, falling)
            bands = bands[1:-1]
            logarithms = np.log(np.where(bands < 1e-12, 1e-12, bands))
        return (self.cosines @ logarithms).T.astype(np.float32).reshape(self.shape)


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log1p(hertz / 700.0)
