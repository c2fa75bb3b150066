"""Rescaling in floats: the proof that it steps where the fixed-point formula does, and kernels that rely on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litejit.kernels.fixedpoint import Multiplier, multiply_by_quantized_multiplier
from litejit.kernels.jit import convolution, float_rescaling
from litejit.kernels.jit.float_rescaling import FloatRescaling, agreeing, prove, steps
from litejit.kernels.jit.forced import forcing
from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.blocks import Shape, quantized_block
from tests.jit.equal import check_compiled

CHANNELS = 200
ROOMS = np.full(CHANNELS, 256)


def drawn(seed: int, least: float = -11, most: float = 2) -> tuple[Multiplier, np.ndarray]:
    """Multipliers, and sums that reach beyond the bounds of 8 bits on either side."""
    rng = np.random.default_rng(seed)
    real = 2.0 ** rng.uniform(least, most, CHANNELS)
    reach = (rng.uniform(100, 900, CHANNELS) / real).astype(np.int64)
    return Multiplier.from_real(real), np.stack([-reach, reach])


def fixed(sums: np.ndarray, multiplier: Multiplier, high: int) -> np.ndarray:
    """[channels, sums], clamped at 0 and above."""
    columns = Multiplier(multiplier.mantissa[:, None], multiplier.exponent[:, None])
    return np.clip(multiply_by_quantized_multiplier(sums, columns), 0, high)


def floats(sums: np.ndarray, found: FloatRescaling, high: int) -> np.ndarray:
    x = (sums * found.factors[:, None] + found.starts[:, None]).astype(np.float32)
    scaled = float_rescaling._scaled(x, found.scales[:, None])
    return np.clip(np.rint(scaled).astype(np.int64) + found.middle, 0, high)


def around(multiplier: Multiplier, ends: np.ndarray, high: int) -> np.ndarray:
    """[channels, sums] those at all steps and beside them, within reach."""
    at = steps(multiplier, np.arange(1, high + 1))
    return np.clip(np.concatenate([at - 1, at, at + 1, ends.T], axis=1), *ends[:, :, None])


@pytest.mark.parametrize("seed", range(4))
def test_steps_are_those_of_the_formula(seed: int) -> None:
    multiplier, _ = drawn(seed)
    results = np.arange(1, 256)
    at = steps(multiplier, results)
    columns = Multiplier(multiplier.mantissa[:, None], multiplier.exponent[:, None])
    assert (multiply_by_quantized_multiplier(at, columns) >= results).all()
    assert (multiply_by_quantized_multiplier(at - 1, columns) < results).all()


@pytest.mark.parametrize("high", [255, 127, 6, 1])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_proved_is_equal(seed: int, high: int) -> None:
    multiplier, ends = drawn(seed, least=-7)
    found = prove(multiplier, ends, 0, high, ROOMS)
    assert found is not None
    assert found.holds.all()
    assert agreeing(found, multiplier, ends, 0, high).all()
    sums = around(multiplier, ends, high)
    rng = np.random.default_rng(seed)
    sums = np.concatenate([sums, rng.integers(ends[0][:, None], ends[1][:, None] + 1, (CHANNELS, 3000))], axis=1)
    np.testing.assert_array_equal(floats(sums, found, high), fixed(sums, multiplier, high))


def test_every_part_of_the_proof_is_needed() -> None:
    """One unit in what sums start with, or a few in the last place of a scale: whatever is not proved is not equal."""
    multiplier, ends = drawn(7, least=-7)
    found = prove(multiplier, ends, 0, 255, ROOMS)
    assert found is not None
    sums = around(multiplier, ends, 255)
    wanted = fixed(sums, multiplier, 255)
    for change in (1, -1, 20, -20):
        for other in (
            replace(found, starts=found.starts + change),
            replace(found, scales=(found.scales.view(np.int32) + np.int32(change)).view(np.float32)),
        ):
            proved = agreeing(other, multiplier, ends, 0, 255)
            assert not proved.all()
            np.testing.assert_array_equal((floats(sums, other, 255) == wanted).all(1), proved)


def test_what_cannot_be_proved_is_refused() -> None:
    multiplier, ends = drawn(3)
    assert prove(multiplier, ends * (1 << 20), 0, 255, ROOMS) is None
    # Scales that are to be used as they are seldom meet hundreds of steps.
    multiplier, ends = drawn(3, most=-7)
    found = prove(multiplier, ends, 0, 255, np.ones(CHANNELS, np.int64))
    assert found is not None
    assert 0 < found.holds.sum() < CHANNELS
    sums, held = around(multiplier, ends, 255), found.holds
    np.testing.assert_array_equal(floats(sums, found, 255)[held], fixed(sums, multiplier, 255)[held])


def test_limits_of_what_is_proved() -> None:
    """Factors, sums, and results before the clamp: one step more, and nothing is proved."""

    def holds(real: float, least: int, most: int, high: int = 255) -> bool:
        found = prove(Multiplier.from_real(np.array([real])), np.array([[least], [most]]), 0, high, ROOMS[:1])
        return found is not None and bool(found.holds[0])

    assert (holds(255.9, 0, 100), holds(256.1, 0, 100)) == (True, False)
    assert (holds(1.01 * 2.0**-24, 0, 1 << 29, 3), holds(0.99 * 2.0**-24, 0, 1 << 29, 3)) == (True, False)
    assert (holds(0.001, -(1 << 30) + 1, 5), holds(0.001, -(1 << 30), 5)) == (True, False)
    for real in (1.7, 33.0):
        assert holds(real, 0, int(0.999 * (1 << 21) / real))
        assert not holds(real, 0, int(1.001 * (1 << 21) / real))


def test_sums_that_do_not_vary() -> None:
    multiplier = Multiplier.from_real(np.array([0.3, 1e-30, 0.01]))
    ends = np.array([[50, 12345, -70_000], [50, 12345, -60_000]])
    found = prove(multiplier, ends, 0, 255, ROOMS[:3])
    assert found is not None
    np.testing.assert_array_equal(floats(ends.T, found, 255), [[15, 15], [0, 0], [0, 0]])


@pytest.mark.parametrize("result", [1, 40, 90])
def test_sums_that_begin_or_end_at_a_step(result: int) -> None:
    """The first sum of all must be reached, and the last one must not be reached by the next result."""
    multiplier, ends = drawn(5, least=-7)
    at = steps(multiplier, np.array([result, result + 1]))
    for bounds in ((at[:, 0], ends[1]), (ends[0], at[:, 1] - 1)):
        part = np.stack(bounds)
        found = prove(multiplier, part, 0, 255, ROOMS)
        assert found is not None
        assert found.holds.all()
        sums = around(multiplier, part, 255)
        np.testing.assert_array_equal(floats(sums, found, 255), fixed(sums, multiplier, 255))


def depthwise(x: np.ndarray, weights: np.ndarray, scale: Any, **options: Any) -> Problem:
    """Rectified, of uint8."""
    bias = np.random.default_rng(0).integers(-500, 500, weights.shape[3])
    operands = [
        Input(x, np.uint8, scale=0.02, zero_point=3),
        Const(weights, np.uint8, scale=scale, zero_point=128),
        Const(bias, np.int32, scale=0.02 * scale),
    ]
    return single_op(
        "DEPTHWISE_CONV_2D", operands, outputs=[out(np.uint8, scale=0.0235, zero_point=0)], depth_multiplier=1,
        stride_h=1, stride_w=1, padding="SAME", fused_activation_function="RELU6", **options,
    )  # fmt: skip


@pytest.mark.parametrize("taps", [1, 3])
@pytest.mark.parametrize("scale", [1e-5, 0.001, 0.02, 0.9])
def test_every_byte_through_kernels(taps: int, scale: float) -> None:
    rng = np.random.default_rng(taps)
    x = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(40, 3)
    weights = rng.integers(0, 256, (1, taps, taps, 40)).astype(np.uint8)
    check_compiled(depthwise(x, weights, np.float32(scale)), "depthwise.int8_proved")


@pytest.mark.parametrize("weight", [0, 1, 127, 128, 129, 255, (0, 255)])
@pytest.mark.parametrize("value", [0, 255, (0, 255)])
def test_extremes(weight: Any, value: Any) -> None:
    x = np.resize(np.array(value, np.uint8), (1, 9, 9, 24))
    weights = np.resize(np.array(weight, np.uint8), (1, 3, 3, 24))
    weights[..., 5] = 255 - weights[..., 5]
    check_compiled(depthwise(x, weights, np.float32(0.05)), "depthwise.int8_proved", threads=2)


@pytest.fixture(params=[(0, 1, 39), (17,)], ids=["two panels", "one panel"])
def some_channels_do_not_hold(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has been found for them is of no use."""

    def prove_others(*arguments: Any) -> FloatRescaling | None:
        found = prove(*arguments)
        assert found is not None
        for row, value in ((found.holds, False), (found.factors, 77), (found.starts, -5)):
            row[list(request.param)] = value
        return found

    monkeypatch.setattr(convolution, "prove", prove_others)
    monkeypatch.setattr(convolution, "MOST_APART", 1.0)


@pytest.mark.usefixtures("some_channels_do_not_hold")
@pytest.mark.parametrize(("size", "taps"), [(8, 3), (14, 3), (15, 5), (5, 2), (3, 3)])
def test_panels_that_do_not_hold_keep_the_formula(size: int, taps: int) -> None:
    rng = np.random.default_rng(size)
    x = rng.integers(0, 256, (1, size, size, 40)).astype(np.uint8)
    weights = rng.integers(0, 256, (1, taps, taps, 40)).astype(np.uint8)
    for scale in (0.03, 1.5):  # a factor of more than 1
        check_compiled(depthwise(x, weights, np.float32(scale)), "depthwise.int8_proved", threads=2)


@pytest.mark.usefixtures("some_channels_do_not_hold")
@pytest.mark.parametrize("size", [14, 28])
def test_panels_of_blocks_that_do_not_hold_keep_the_formula(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITEJIT_FUSION", "always")
    shape = Shape((size, size), 16, 48, 24, activations=("RELU6", "RELU6", "NONE"))
    check_compiled(quantized_block(shape, np.int8), "fused.", threads=2)


@pytest.mark.parametrize("name", ["proved", "fixed"])
def test_either_way_of_rescaling_can_be_forced(name: str) -> None:
    rng = np.random.default_rng(1)
    x, weights = (rng.integers(0, 256, shape).astype(np.uint8) for shape in ((1, 9, 9, 40), (1, 3, 3, 40)))
    with forcing(name):
        check_compiled(
            depthwise(x, weights, np.float32(0.05)),
            {"proved": "depthwise.int8_proved", "fixed": "depthwise.int8_4"}[name],
        )
        check_compiled(quantized_block(Shape((14, 14), 16, 48, 24), np.int8), "fused.")
