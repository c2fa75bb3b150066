"""AudioSpectrogram and Mfcc."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.schema import encode_flexbuffer
from litejit.testing import Const, Input, Problem, check, out, refused, run, single_op


def custom(name: str, operands: list[Any], options: Any) -> Problem:
    data = options if isinstance(options, bytes) else encode_flexbuffer(options)
    return single_op(name, operands, outputs=[out(np.float32)], custom=True, custom_options=data)


def sound(samples: int, channels: int) -> Input:
    time = np.arange(samples)[:, None]
    rng = np.random.default_rng(0)
    return Input(np.sin(time * (0.1 + np.arange(channels))) + rng.normal(0, 0.3, (samples, channels)), np.float32)


def spectrogram(samples: int, channels: int, window_size: int, stride: int, magnitude_squared: bool) -> Problem:
    options = {"window_size": window_size, "stride": stride, "magnitude_squared": magnitude_squared}
    return custom("AudioSpectrogram", [sound(samples, channels)], options)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize(
    ("samples", "channels", "window_size", "stride"),
    [(800, 1, 400, 160), (512, 2, 256, 128), (300, 3, 100, 7), (50, 1, 3, 10), (7, 1, 2, 1), (640, 1, 640, 320)],
)
def test_spectrogram(samples: int, channels: int, window_size: int, stride: int, squared: bool) -> None:
    check(spectrogram(samples, channels, window_size, stride, squared), ulp=4, atol=1e-6)


def test_spectrogram_of_a_short_sound() -> None:
    check(spectrogram(39, 2, 40, 10, True))


def mfcc(shape: tuple[int, ...], rate: int, *, constant: bool = True, **changes: Any) -> Problem:
    options = {
        "lower_frequency_limit": 20,
        "upper_frequency_limit": 4000,
        "filterbank_channel_count": 40,
        "dct_coefficient_count": 13,
        **changes,
    }
    x = np.random.default_rng(1).gamma(1.0, 4.0, shape).astype(np.float32)
    sample_rate = (Const if constant else Input)(np.array([rate], np.int32))
    return custom("Mfcc", [Input(x), sample_rate], options)


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("shape", [(1, 5, 257), (2, 3, 129), (1, 1, 1025), (1, 0, 257)])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_mfcc(shape: tuple[int, ...], rate: int, constant: bool) -> None:
    check(mfcc(shape, rate, constant=constant), ulp=2, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"dct_coefficient_count": 40},
        {"dct_coefficient_count": 1, "filterbank_channel_count": 1},
        {"filterbank_channel_count": 100},
        {"lower_frequency_limit": 0},
        {"lower_frequency_limit": 3900},
        {"upper_frequency_limit": 21},
        {"upper_frequency_limit": 8000},
        {"upper_frequency_limit": 8032},
    ],
    ids=str,
)
def test_mfcc_options(changes: dict[str, Any]) -> None:
    check(mfcc((1, 4, 257), 16000, **changes), ulp=2, atol=1e-6)


def test_mfcc_edge_values() -> None:
    problem = mfcc((1, 4, 65), 16000)
    problem.inputs[0][0, 0] = 0
    problem.inputs[0][0, 1, 30] = np.inf
    problem.inputs[0][0, 2, 30] = -1
    problem.inputs[0][0, 3, 0] = np.nan
    check(problem, ulp=2, atol=1e-6)


WINDOW = {"window_size": 4, "stride": 2, "magnitude_squared": True}
SPECTROGRAM_ERRORS = {
    "no options": (b"", "window_size is 0"),
    "window of 1": ({**WINDOW, "window_size": 1}, "it must be at least 2"),
    "huge window": ({**WINDOW, "window_size": 1 << 40}, "window_size is 1099511627776"),
    "stride 0": ({**WINDOW, "stride": 0}, "stride is 0"),
    "string": ({**WINDOW, "stride": "2"}, "custom option 'stride' is '2', expected a number"),
    "list": ([1, 2], "not a map"),
    "malformed": (b"\x07\x99\x24", "FlexBuffers"),
}


@pytest.mark.parametrize("name", SPECTROGRAM_ERRORS)
def test_spectrogram_errors(name: str) -> None:
    options, fragment = SPECTROGRAM_ERRORS[name]
    refused(custom("AudioSpectrogram", [sound(20, 1)], options), fragment)


MFCC_ERRORS = {
    "rate": ({}, 0, "sample_rate is 0"),
    "limits": ({"upper_frequency_limit": 20}, 16000, "expected 0 <= lower < upper"),
    "negative limit": ({"lower_frequency_limit": -1}, 16000, "expected 0 <= lower < upper"),
    "coefficients": ({"dct_coefficient_count": 41}, 16000, "0 <= coefficients <= channels"),
    "few coefficients": ({"dct_coefficient_count": -1}, 16000, "0 <= coefficients <= channels"),
    "no channels": ({"filterbank_channel_count": 0, "dct_coefficient_count": 0}, 16000, "1 <= channels"),
    "channels": ({"filterbank_channel_count": 1 << 31}, 16000, "channels <= 65536"),
}


@pytest.mark.parametrize("name", MFCC_ERRORS)
def test_mfcc_errors(name: str) -> None:
    changes, rate, fragment = MFCC_ERRORS[name]
    refused(mfcc((1, 2, 65), rate, **changes), fragment)


def test_one_bin() -> None:
    refused(mfcc((1, 2, 1), 16000), "expected at least 2")


def test_a_pure_tone_is_one_peak() -> None:
    time = np.arange(1024)[:, None]
    options = {**WINDOW, "window_size": 1024, "stride": 1024}
    magnitudes = run(custom("AudioSpectrogram", [Input(np.sin(2 * np.pi * time * 37 / 1024), np.float32)], options))[0]
    assert magnitudes.argmax() == 37
