"""Operators of tflite-micro's audio front ends.

The official runtime does not have them. GOLDEN are CRC-32 checksums of what tflite-micro's own C++ sources (signal/src,
with KISS FFT; compiled with gcc for x86-64) compute from the same seeds; streams are checked against plain NumPy.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter
from litejit.schema import encode_flexbuffer
from litejit.testing import Input, Problem, out, refused, run, single_op


def signal(name: str, operands: list[Input], outputs: list[Any], **options: Any) -> Problem:
    return single_op(name, operands, outputs, custom=True, custom_options=encode_flexbuffer(options))


def checksum(*arrays: np.ndarray) -> int:
    return zlib.crc32(b"".join(array.tobytes() for array in arrays))


def stream(problem: Problem, inputs: list[np.ndarray]) -> list[list[np.ndarray]]:
    """The outputs of one interpreter for one input after the other."""
    interpreter = Interpreter(model_content=problem.model)
    interpreter.allocate_tensors()
    results = []
    for value in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value)
        interpreter.invoke()
        results.append([interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()])
    return results


def noise(dtype: Any, n: int, seed: int) -> np.ndarray:
    """Full-scale numbers; floats on a coarse grid, so that no library function is part of them."""
    rng = np.random.default_rng(seed)
    if dtype == np.float32:
        return rng.integers(-1000, 1000, n).astype(np.float32) / np.float32(256)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, n, dtype=dtype, endpoint=True)


def magnitudes(dtype: Any, n: int, seed: int) -> np.ndarray:
    """Unsigned numbers of every number of bits."""
    rng, bits = np.random.default_rng(seed), np.iinfo(dtype).bits
    values = rng.integers(0, np.iinfo(dtype).max, n, dtype=dtype, endpoint=True)
    return values >> rng.integers(0, bits, n).astype(dtype)


GOLDEN = {
    # dtype, fft_length: SignalRfft of noise(.., fft_length), SignalIrfft of noise(.., fft_length + 1)
    ("int16", 2): (0x620E4C28, 0xA4CBE091),
    ("int16", 6): (0x9150BEA6, 0x9510A5BB),
    ("int16", 10): (0xCA827205, 0x25CD776C),
    ("int16", 14): (0xE8429AF1, 0x19735181),
    ("int16", 22): (0x0567EC71, 0x8C09C03B),
    ("int16", 64): (0x4EC26514, 0x8EA9C08B),
    ("int16", 98): (0xBC4029CA, 0xAF72E5CC),
    ("int16", 480): (0x9F589662, 0xAFD0C57E),
    ("int16", 512): (0xB329079A, 0x0C40B851),
    ("int32", 2): (0x7BC3DBEA, 0xFC861352),
    ("int32", 6): (0x2A642853, 0x903E6BDA),
    ("int32", 10): (0x85D0F83F, 0x6B3D9B74),
    ("int32", 14): (0x8A8128BB, 0x8A50DE59),
    ("int32", 22): (0x6E1E993A, 0x1034B936),
    ("int32", 64): (0xB3BDC9D8, 0xE7DACF8E),
    ("int32", 98): (0xA24AE856, 0x5C206F32),
    ("int32", 480): (0x8359FE7A, 0xA92BA99C),
    ("int32", 512): (0x278BDF33, 0xD607292F),
    ("float32", 2): (0x305C8102, 0xF820AB95),
    ("float32", 6): (0xA6244ED8, 0xA57FB70E),
    ("float32", 10): (0x04BBE627, 0x39E29D94),
    ("float32", 14): (0x8FDFCD15, 0x3D37CEAF),
    ("float32", 22): (0x69B6B015, 0xA7BD9C6B),
    ("float32", 64): (0xAFE99991, 0x69AB16B2),
    ("float32", 98): (0x43345760, 0x3208D91A),
    ("float32", 480): (0x1C4D1F27, 0x88EB365A),
    ("float32", 512): (0xCAC5D3B8, 0x8C5470D4),
}


@pytest.mark.parametrize(("dtype", "length"), GOLDEN)
def test_transforms_as_tflite_micro_computes_them(dtype: str, length: int) -> None:
    kind = np.dtype(dtype).type
    forward = Input(noise(kind, length, length))
    (spectrum,) = run(signal("SignalRfft", [forward], [out(dtype, shape=(length + 2,))], fft_length=length))
    backward = Input(noise(kind, length + 2, length + 1))
    (samples,) = run(signal("SignalIrfft", [backward], [out(dtype, shape=(length,))], fft_length=length))
    assert (checksum(spectrum), checksum(samples)) == GOLDEN[dtype, length]


@pytest.mark.parametrize("length", [2, 4, 12, 34, 50, 60, 128, 1000])
def test_transforms_are_fourier_transforms(length: int) -> None:
    x = np.random.default_rng(length).uniform(-1, 1, (2, 3, length)).astype(np.float32)
    (spectrum,) = run(signal("SignalRfft", [Input(x)], [out(shape=(2, 3, length + 2))], fft_length=length, T=0))
    np.testing.assert_allclose(spectrum.view(np.complex64), np.fft.rfft(x), atol=1e-6 * length)
    (samples,) = run(signal("SignalIrfft", [Input(spectrum)], [out(shape=x.shape)], fft_length=length))
    np.testing.assert_allclose(samples, x, atol=1e-5)
    q = (x * 32000).astype(np.int16)
    (spectrum,) = run(signal("SignalRfft", [Input(q)], [out(np.int16, shape=(2, 3, length + 2))], fft_length=length))
    exact = np.fft.rfft(q) / length
    assert np.abs(spectrum[..., ::2] - exact.real).max() < 12
    assert np.abs(spectrum[..., 1::2] - exact.imag).max() < 12


def test_a_short_input_is_filled_up_with_zeros() -> None:
    x = noise(np.int16, 400, 0)
    whole = np.concatenate([x, np.zeros(112, np.int16)])
    results = [run(signal("SignalRfft", [Input(v)], [out(np.int16, shape=(514,))], fft_length=512)) for v in (x, whole)]
    np.testing.assert_array_equal(*(result[0] for result in results))


@pytest.mark.parametrize(
    ("x", "bits"), [([0, 0], 0), ([1, -3], 13), ([32767, 1], 0), ([-32768, 5], 12), ([5, -32768], 0), ([-256, 3], 6)]
)
def test_fft_auto_scale(x: list[int], bits: int) -> None:
    outputs = [out(np.int16, shape=(2,)), out(np.int32, shape=())]
    scaled, shift = run(signal("SignalFftAutoScale", [Input(x, np.int16)], outputs))
    assert shift == bits
    np.testing.assert_array_equal(scaled, (np.array(x) << bits).astype(np.int16))


def test_window_and_energy() -> None:
    x, weights = noise(np.int16, 30, 0).reshape(2, 15), noise(np.int16, 15, 1)
    (y,) = run(signal("SignalWindow", [Input(x), Input(weights)], [out(np.int16, shape=x.shape)], shift=12))
    np.testing.assert_array_equal(y, np.clip(x.astype(np.int64) * weights >> 12, -32768, 32767))
    (y,) = run(signal("SignalEnergy", [Input(x.ravel())], [out(np.uint32, shape=(15,))], start_index=2, end_index=9))
    pairs = x.astype(np.int64).reshape(15, 2)
    np.testing.assert_array_equal(y, np.where((np.arange(15) >= 2) & (np.arange(15) < 9), (pairs**2).sum(axis=1), 0))


def test_filter_bank_as_tflite_micro_computes_it() -> None:
    rng = np.random.default_rng(5)
    weights, unweights = rng.integers(-4096, 4096, (2, 110)).astype(np.int16)
    frequencies, starts, widths = (rng.integers(0, most, 13).astype(np.int16) for most in (58, 100, 7))
    operands = [Input(v) for v in (magnitudes(np.uint32, 64, 6), weights, unweights, frequencies, starts, widths)]
    (y,) = run(signal("SignalFilterBank", operands, [out(np.uint64, shape=(12,))], num_channels=12))
    assert checksum(y) == 0x6488CEE0
    operands[3] = Input(frequencies + np.int16(60))
    refused(signal("SignalFilterBank", operands, [out(np.uint64, shape=(12,))], num_channels=12), "there are 64 bins")


def test_square_root_logarithm_and_gain_as_tflite_micro_computes_them() -> None:
    x, n = magnitudes(np.uint64, 1000, 1), out(np.uint32, shape=(1000,))
    (y,) = run(signal("SignalFilterBankSquareRoot", [Input(x), Input(3, np.int32)], [n]))
    assert checksum(y) == 0x04422357
    x = magnitudes(np.uint32, 1000, 2)
    options = {"output_scale": 1600, "input_correction_bits": 3}
    (y,) = run(signal("SignalFilterBankLog", [Input(x)], [out(np.int16, shape=(1000,))], **options))
    assert checksum(y) == 0xF8A2A650
    lut = np.random.default_rng(4).integers(-32768, 32768, 125).astype(np.int16)
    operands = [Input(x), Input(magnitudes(np.uint32, 1000, 3)), Input(lut)]
    (y,) = run(signal("SignalPCAN", operands, [n], snr_shift=6))
    assert checksum(y) == 0xB7BB5233
    refused(signal("SignalPCAN", [*operands[:2], Input(lut[:50])], [n], snr_shift=6), "gain_lut has 50 values")


@pytest.mark.parametrize(("clamping", "expected"), [(False, 0xA7DC4E5E), (True, 0x7B6E7932)])
def test_spectral_subtraction_as_tflite_micro_computes_it(clamping: bool, expected: int) -> None:
    options = {"alternate_one_minus_smoothing": 16000, "alternate_smoothing": 300, "clamping": clamping,
               "min_signal_remaining": 819, "num_channels": 7, "one_minus_smoothing": 15973, "smoothing": 411,
               "smoothing_bits": 10, "spectral_subtraction_bits": 14}  # fmt: skip
    inputs = [magnitudes(np.uint32, 7, 10 + at) for at in range(5)]
    outputs = [out(np.uint32, shape=(7,))] * 2
    results = stream(signal("SignalFilterBankSpectralSubtraction", [Input(inputs[0])], outputs, **options), inputs)
    assert checksum(*(array for result in results for array in result)) == expected


@pytest.mark.parametrize("prefill", [False, True])
@pytest.mark.parametrize(("size", "step", "samples"), [(5, 2, 4), (6, 3, 3), (4, 4, 8), (7, 1, 2), (1, 1, 3)])
def test_framer(size: int, step: int, samples: int, prefill: bool) -> None:
    x = noise(np.int16, 2 * samples * 6, 0).reshape(6, 2, samples)
    outputs = [out(np.int16, shape=(2, samples // step, size)), out(np.bool_, shape=())]
    options = {"frame_size": size, "frame_step": step, "prefill": prefill}
    results = stream(signal("SignalFramer", [Input(x[0])], outputs, **options), list(x))
    whole = np.concatenate([np.zeros((2, size - step if prefill else 0), np.int16), *x], axis=1)
    start = 0
    for frames, valid in results:
        complete = []
        for at in range(samples // step):
            complete.append(bool(frames[:, at].any()))
            if complete[-1]:
                np.testing.assert_array_equal(frames[:, at], whole[:, start : start + size])
                start += step
        assert valid == all(complete)
    assert start > 0


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize(("size", "step"), [(4, 2), (5, 3), (3, 3), (6, 1)])
def test_overlap_add(size: int, step: int, dtype: Any) -> None:
    x = noise(dtype, 3 * 2 * 4 * size, 0).reshape(3, 2, 4, size)
    x = x // 8 if dtype == np.int16 else x
    results = stream(
        signal("SignalOverlapAdd", [Input(x[0])], [out(dtype, shape=(2, 4 * step))], frame_step=step), list(x)
    )
    expected = np.zeros((2, 12 * step + size), dtype)
    for at, frame in enumerate(np.moveaxis(x, 1, 2).reshape(12, 2, size)):
        expected[:, at * step : at * step + size] += frame
    np.testing.assert_array_equal(np.concatenate([result[0] for result in results], axis=1), expected[:, : 12 * step])


def test_overlap_add_saturates() -> None:
    x = np.full((1, 2, 2), 30000, np.int16)
    (y,) = run(signal("SignalOverlapAdd", [Input(x)], [out(np.int16, shape=(1, 2))], frame_step=1))
    np.testing.assert_array_equal(y, [[30000, 32767]])


@pytest.mark.parametrize("delay", [0, 2, 4, 7])
def test_delay(delay: int) -> None:
    x = noise(np.int16, 40, 0).reshape(5, 2, 4)
    results = stream(signal("SignalDelay", [Input(x[0])], [out(np.int16, shape=(2, 4))], delay_length=delay), list(x))
    whole = np.concatenate([np.zeros((2, delay), np.int16), *x], axis=1)
    np.testing.assert_array_equal(np.concatenate([result[0] for result in results], axis=1), whole[:, :20])


@pytest.mark.parametrize(("left", "right", "step"), [(1, 2, 2), (0, 0, 1), (2, 0, 1), (0, 2, 3), (3, 1, 5)])
def test_stacker(left: int, right: int, step: int) -> None:
    x = noise(np.int16, 60, 0).reshape(20, 3)
    count = left + right + 1
    options = {"num_channels": 3, "stacker_left_context": left, "stacker_right_context": right, "stacker_step": step}
    outputs = [out(np.int16, shape=(3 * count,)), out(np.bool_, shape=())]
    results = stream(signal("SignalStacker", [Input(x[0])], outputs, **options), list(x))
    whole = np.concatenate([np.tile(x[0], (left, 1)), x])
    for at, (stack, valid) in enumerate(results):
        center = at - right
        assert valid == (center >= 0 and center % step == 0)
        expected = whole[center : center + count].ravel() if valid else np.zeros(3 * count)
        np.testing.assert_array_equal(stack, expected)


ERRORS: dict[str, tuple[str, list[Input], list[Any], dict[str, Any], str]] = {
    "odd length": ("SignalRfft", [Input(np.zeros(3), np.float32)], [out()], {"fft_length": 3}, "fft_length is 3"),
    "no length": ("SignalRfft", [Input(np.zeros(4), np.float32)], [out()], {"T": 0}, "'fft_length' is missing"),
    "too many samples": ("SignalRfft", [Input(np.zeros(6), np.float32)], [out()], {"fft_length": 4}, "6 samples"),
    "no samples": ("SignalRfft", [Input(np.zeros((2, 0)), np.float32)], [out()], {"fft_length": 4}, "expected samples"),
    "nothing to delay": ("SignalDelay", [Input(np.zeros(0), np.int16)], [out(np.int16)], {"delay_length": 2},
                         "expected samples"),
    "other type": ("SignalRfft", [Input(np.zeros(4), np.float32)], [out()], {"fft_length": 4, "T": 7}, "is 7"),
    "half a spectrum": ("SignalIrfft", [Input(np.zeros(4), np.float32)], [out()], {"fft_length": 4}, "expected 6"),
    "shift": ("SignalWindow", [Input([1], np.int16), Input([1], np.int16)], [out(np.int16)], {"shift": 32}, "is 32"),
    "lengths": ("SignalWindow", [Input([1], np.int16), Input([1, 2], np.int16)], [out(np.int16)], {"shift": 1}, "len"),
    "beyond the end": ("SignalEnergy", [Input([1, 2], np.int16)], [out(np.uint32)], {"start_index": 0, "end_index": 2},
                       "'end_index' is 2"),
    "step": ("SignalDelay", [Input([1, 2], np.int16)], [out(np.int16)], {"delay_length": -1}, "'delay_length' is -1"),
    "step over frames": ("SignalFramer", [Input([1, 2], np.int16)], [out(np.int16), out(np.bool_)],
                         {"frame_size": 1, "frame_step": 2, "prefill": 0}, "'frame_step' is 2"),
    "channels": ("SignalStacker", [Input([1, 2], np.int16)], [out(np.int16), out(np.bool_)], {"num_channels": 3},
                 "expected (3,)"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    name, operands, outputs, options, fragment = ERRORS[case]
    refused(signal(name, operands, outputs, **options), fragment)
