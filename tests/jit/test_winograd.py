"""Winograd's algorithm against the reference tier, integers to the bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litejit.interpreter import OpResolverType
from litejit.kernels.jit import winograd
from litejit.schema import TensorType
from litejit.testing import Const, Input, Problem, out, run, single_op
from tests.jit.equal import check_compiled, native_calls, prepared
from tests.jit.test_convolution import convolution

PLAIN: dict[str, Any] = {"kernel": (3, 3), "strides": (1, 1), "dilations": (1, 1)}


@pytest.fixture(autouse=True, params=[2, 4], ids=["F(2x2)", "F(4x4)"])
def outputs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The size of the tiles of outputs; the algorithm is taken wherever it applies."""
    size = int(request.param)
    monkeypatch.setenv("LITEJIT_CONVOLUTION", f"winograd{size}")
    return size


FLOAT_ATOL = {2: 2e-5, 4: 4e-5}
"""Sums of some hundred products of numbers below 1, transformed and added in another order."""


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8])
def test_random(dtype: Any, seed: int, outputs: int) -> None:
    problem = convolution(seed, dtype, False, **PLAIN)
    check_compiled(problem, "winograd.", atol=FLOAT_ATOL[outputs], threads=1 + seed % 2)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 4), (28, 30), (5, 61), (6, 7)])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_sizes(padding: str, size: tuple[int, int], outputs: int) -> None:
    for dtype in (np.float32, np.int8):
        fixed = {"height": size[0], "width": size[1], "padding": padding, "channels": 33, "columns": 19}
        check_compiled(convolution(2, dtype, False, **PLAIN, **fixed), "winograd.", atol=FLOAT_ATOL[outputs])


def extreme(dtype: Any, image: Any, filter: Any, weights_zero_point: int = 128) -> Problem:
    """All inputs and all weights given by functions of their shape."""
    info, columns, channels = np.iinfo(dtype), 17, 40
    unsigned = dtype == np.uint8
    x = Input(image((1, 6, 5, channels), info).astype(dtype), dtype, scale=0.1, zero_point=128 if unsigned else 3)
    values = filter((columns, 3, 3, channels), info).astype(dtype)
    weights = Const(values, dtype, scale=1e-4, zero_point=weights_zero_point if unsigned else 0)
    bias = Const(np.full(columns, 1 << 20), np.int32, scale=1e-5, zero_point=0)
    output = out(dtype, scale=0.7, zero_point=130 if unsigned else -5)
    return single_op("CONV_2D", [x, weights, bias], outputs=[output], padding="SAME", stride_h=1, stride_w=1)


def largest(shape: tuple[int, ...], info: Any) -> np.ndarray:
    return np.full(shape, info.max)


def smallest(shape: tuple[int, ...], info: Any) -> np.ndarray:
    return np.full(shape, info.min)


def alternating(shape: tuple[int, ...], info: Any) -> np.ndarray:
    return np.where(np.indices(shape).sum(0) % 2, info.min, info.max)


def one_channel(shape: tuple[int, ...], info: Any) -> np.ndarray:
    return np.where(np.indices(shape)[3] == 7, info.max, info.min)


EXTREMES = [largest, smallest, alternating, one_channel]


@pytest.mark.parametrize("filter", EXTREMES)
@pytest.mark.parametrize("image", EXTREMES)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_extremes(dtype: Any, image: Any, filter: Any) -> None:
    check_compiled(extreme(dtype, image, filter), "winograd.int8")


SPARE = {2: 1, 4: 5}
"""Bits that decoding needs: twice a sum times 2 ** SPARE has to fit 32 bits."""


def reaching(most: int) -> Problem:
    """Sums of the last channel reach `most` exactly, for inputs of -128; those of the others are small."""
    channels = most // (9 * 127 * 128) + 1
    total, filter = most // 128, np.zeros((17, 3, 3, channels), np.int64)
    assert total * 128 == most
    taps = filter[16].reshape(-1)
    taps[: total // 127], taps[total // 127] = -127, -(total % 127)
    x = Input(np.full((1, 9, 7, channels), -128, np.int8), np.int8, scale=0.1, zero_point=0)
    weights = Const(filter.astype(np.int8), np.int8, scale=1e-4, zero_point=0)
    bias = Const(np.zeros(17, np.int32), np.int32, scale=1e-5, zero_point=0)
    output = out(np.int8, scale=most / 1e7, zero_point=0)
    return single_op("CONV_2D", [x, weights, bias], outputs=[output], padding="VALID", stride_h=1, stride_w=1)


def test_the_proof_lets_through_what_fits_and_no_more(outputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 1 << (30 - SPARE[outputs])
    check_compiled(reaching(limit - 128), f"winograd.int8_{outputs}")
    check_compiled(reaching(limit), ("convolution.", "winograd.int8_2"))
    # One bit less of proof, and the result is another one: the limit is what decoding needs.
    scheme = {2: winograd.WINOGRAD_2, 4: winograd.WINOGRAD_4}[outputs]
    monkeypatch.setattr(winograd, f"WINOGRAD_{outputs}", replace(scheme, spare=scheme.spare - 1))
    with pytest.raises(AssertionError):
        check_compiled(reaching(limit), f"winograd.int8_{outputs}")


def test_the_proof_knows_weights_of_both_signs(outputs: int) -> None:
    """Sums are largest where inputs are 127 at weights above 0 and -128 at those below."""
    limit = 1 << (30 - SPARE[outputs])
    for most, fits in ((limit // 255, True), (limit // 255 + 1, False)):
        filter = np.zeros((1, 3, 3, 2 * (most // (9 * 127) + 1)), np.int64)
        for side in filter.reshape(2, -1):
            side[: most // 127], side[most // 127] = 127, most % 127
        filter.reshape(2, -1)[1] *= -1
        assert (abs(filter.sum()), abs(filter).sum()) == (0, 2 * most)
        operands = [
            Input(np.zeros((1, 9, 7, filter.shape[3]), np.int8), np.int8, scale=0.1, zero_point=0),
            Const(filter, np.int8, scale=1e-4, zero_point=0),
            Const(np.zeros(1, np.int32), np.int32, scale=1e-5, zero_point=0),
        ]
        output = out(np.int8, scale=most / 1e7, zero_point=0)
        problem = single_op("CONV_2D", operands, outputs=[output], padding="VALID", stride_h=1, stride_w=1)
        assert (native_calls(prepared(problem))[0] == f"winograd.int8_{outputs}") == fits


def test_weights_that_do_not_fit_16_bits_are_left_to_another_algorithm(outputs: int) -> None:
    problem = extreme(np.uint8, largest, smallest, weights_zero_point=255)
    check_compiled(problem, "winograd.int8_2" if outputs == 2 else ("convolution.", "winograd.int8_2"))


@pytest.mark.parametrize("depth", [16, 96, 500])
@pytest.mark.parametrize("kind", ["any sign", "one sign", "magnitudes", "constant", "signs"])
def test_error_of_floats(kind: str, depth: int, outputs: int) -> None:
    """Holds outputs against float64."""
    rng = np.random.default_rng(depth)
    image, filter = rng.standard_normal((1, 16, 17, depth)), rng.standard_normal((32, 3, 3, depth))
    if kind == "one sign":
        image, filter = np.abs(image), np.abs(filter)
    elif kind == "magnitudes":
        image *= np.exp(3 * rng.standard_normal(image.shape))
    elif kind == "constant":
        image, filter = np.ones_like(image), np.abs(filter)
    elif kind == "signs":
        image, filter = np.sign(image), np.ones_like(filter)
    x = Input(image.astype(np.float32), np.float32)
    weights = Const(filter.astype(np.float32), np.float32)
    bias = Const(np.zeros(32, np.float32), np.float32)
    problem = single_op(
        "CONV_2D", [x, weights, bias], outputs=[out(np.float32)], padding="VALID", stride_h=1, stride_w=1
    )
    (ours,) = run(problem, experimental_op_resolver_type=OpResolverType.AUTO)
    patches = np.lib.stride_tricks.sliding_window_view(x.value[0].astype(np.float64), (3, 3), axis=(0, 1))
    exact = np.tensordot(patches, weights.value.astype(np.float64), axes=([2, 3, 4], [3, 1, 2]))
    bound = winograd.ERROR[outputs] * np.sqrt(depth) * np.abs(x.value).max() * np.abs(weights.value).sum((1, 2, 3))
    assert (np.abs(ours[0] - exact) / bound).max() <= 1


def test_four_bit_weights() -> None:
    check_compiled(convolution(1, np.int8, False, **PLAIN, type=TensorType.INT4), "winograd.int8")


@pytest.mark.parametrize(
    "fixed", [{"kernel": (3, 1)}, {"strides": (1, 2)}, {"dilations": (2, 1)}, {"kernel": (1, 1)}], ids=str
)
def test_other_convolutions_are_direct(fixed: dict[str, Any]) -> None:
    check_compiled(convolution(0, np.int8, False, **{**PLAIN, **fixed}), "convolution.int8")
