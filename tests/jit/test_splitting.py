"""Products of bytes in 16 bits: the weights made for them, and convolutions against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.jit import splitting
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.splitting import HEAD_BYTES, QUAD, QUADS
from litejit.kernels.jit.packing import PERMUTED
from litejit.kernels.jit.splitting import LIMIT, pack_split, share_of_extra_steps
from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.equal import check_compiled
from tests.jit.test_convolution import convolution

POINT: dict[str, Any] = {"kernel": (1, 1), "strides": (1, 1), "dilations": (1, 1)}
KERNEL = "split_products.uint8"


@pytest.fixture(autouse=True)
def split(monkeypatch: pytest.MonkeyPatch) -> None:
    """The algorithm is taken wherever it is legal."""
    monkeypatch.setenv("LITEJIT_CONVOLUTION", "split")


@pytest.mark.parametrize("seed", range(40))
def test_random(seed: int) -> None:
    check_compiled(convolution(seed, np.uint8, False), KERNEL, threads=1 + seed % 2)


@pytest.mark.parametrize("columns", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("pixels", [(1, 1), (1, 3), (2, 2), (1, 5), (7, 7), (13, 1)])
def test_edges_of_tiles(pixels: tuple[int, int], columns: int) -> None:
    for channels in (1, 5, 8, 20):
        fixed = {"batch": 1, "height": pixels[0], "width": pixels[1], "channels": channels, "columns": columns}
        check_compiled(convolution(1, np.uint8, False, **POINT, **fixed), KERNEL)


def largest(shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, 255)


def smallest(shape: tuple[int, ...]) -> np.ndarray:
    return np.zeros(shape, np.int64)


def alternating(shape: tuple[int, ...]) -> np.ndarray:
    return np.where(np.indices(shape).sum(0) % 2, 0, 255)


def in_pairs(shape: tuple[int, ...]) -> np.ndarray:
    return np.where(np.indices(shape)[-1] // 2 % 2, 0, 255)


def one_channel(shape: tuple[int, ...]) -> np.ndarray:
    return np.where(np.indices(shape)[-1] == 7, 255, 0)


def ramp(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape) * 37 % 256


EXTREMES = [largest, smallest, alternating, in_pairs, one_channel, ramp]


def problem(image: np.ndarray, filter: np.ndarray, zero_point: int, scale: float = 1e-4) -> Problem:
    """A convolution that sees all of the image."""
    x = Input(image.astype(np.uint8), np.uint8, scale=0.1, zero_point=0)
    weights = Const(filter.astype(np.uint8), np.uint8, scale=scale, zero_point=zero_point)
    bias = Const(np.zeros(len(filter)), np.int32, scale=0.1 * scale, zero_point=0)
    output = out(np.uint8, scale=0.7, zero_point=130)
    return single_op("CONV_2D", [x, weights, bias], outputs=[output], padding="VALID", stride_h=1, stride_w=1)


@pytest.mark.parametrize("zero_point", [0, 1, 127, 128, 255])
@pytest.mark.parametrize("filter", EXTREMES)
@pytest.mark.parametrize("image", EXTREMES)
def test_extremes(image: Any, filter: Any, zero_point: int) -> None:
    check_compiled(problem(image((1, 2, 3, 45)), filter((18, 1, 1, 45)), zero_point, 3e-4), KERNEL)


def weights_of(panel: np.ndarray, steps: int, depth: int) -> np.ndarray:
    """[depth, 16]: what a packed panel multiplies elements of a row with, all steps together."""
    total = np.zeros((steps * QUADS * QUAD, COLUMNS), np.int64)
    count, table = panel[:8].view(np.int32)
    size = COLUMNS * QUAD
    quads = panel[HEAD_BYTES:].view(np.int8)
    offsets = np.concatenate([QUAD * np.arange(steps * QUADS), panel[table : table + 4 * count].view(np.int32)])
    for place, offset in enumerate(offsets):
        total[offset : offset + QUAD, PERMUTED] += quads[place * size :][:size].reshape(COLUMNS, QUAD).T
    return total[:depth]


def lane_sums(panel: np.ndarray, steps: int) -> np.ndarray:
    """Sums of the positive and of the negative weights of each sum in 16 bits, of steps and then of extra steps."""
    count = int(panel[:4].view(np.int32)[0])
    size = COLUMNS * QUAD
    quads = panel[HEAD_BYTES:][: (steps * QUADS + count) * size].view(np.int8).astype(np.int64)
    pairs = quads.reshape(-1, COLUMNS, 2, 2)
    parts = []
    for sign in (1, -1):
        sums = np.maximum(sign * pairs, 0).sum(3)
        parts += [sums[: steps * QUADS].reshape(steps, QUADS, COLUMNS, 2).sum(1).ravel(), sums[steps * QUADS :].ravel()]
    return np.concatenate(parts)


@pytest.mark.parametrize("spread", [0, 3, 30, 64, 128, 255])
@pytest.mark.parametrize("seed", range(5))
def test_split_weights_add_up_and_no_sum_leaves_16_bits(seed: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    depth, columns = int(rng.integers(1, 60)), int(rng.integers(1, 40))
    matrix = rng.integers(-spread, spread + 1, (1, depth, columns))
    if seed % 2:  # few are large
        matrix[rng.random(matrix.shape) < 0.95] //= 16
    packed, steps = pack_split(matrix, np.zeros(1, np.int64)), -(-depth // (QUADS * QUAD))
    for number, panel in enumerate(packed):
        expected = matrix[0, :, number * COLUMNS :][:, :COLUMNS]
        ours = weights_of(panel, steps, depth)
        np.testing.assert_array_equal(ours[:, : expected.shape[1]], expected)
        assert not ours[:, expected.shape[1] :].any()
        assert 255 * lane_sums(panel, steps).max() < 1 << 15


def reaching(most: int) -> Problem:
    """The four weights of each sum in 16 bits add up to `most`, and elements are 255."""
    filter = np.zeros((16, 1, 1, 8), np.int64)
    filter[..., [0, 1, 4, 5]] = [most // 4, most // 4, most // 4, most - most // 4 * 3]
    filter[..., [2, 3, 6, 7]] = -filter[..., [0, 1, 4, 5]] // 2
    return problem(np.full((1, 1, 4, 8), 255), filter + 128, 128, scale=2e-3)


def extra_steps(most: int) -> int:
    filter = np.zeros((1, 8, 16), np.int64)
    filter[0, [0, 1, 4, 5]] = np.array([most // 4, most // 4, most // 4, most - most // 4 * 3])[:, None]
    return int(pack_split(filter, np.zeros(1, np.int64))[0, :4].view(np.int32)[0])


def test_the_proof_lets_through_what_fits_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (extra_steps(LIMIT), extra_steps(LIMIT + 1)) == (0, 1)
    for most in (LIMIT, LIMIT + 1):
        check_compiled(reaching(most), KERNEL)
    # One more, and the result is another one: the limit is what 16 bits need.
    monkeypatch.setattr(splitting, "LIMIT", LIMIT + 1)
    check_compiled(reaching(LIMIT), KERNEL)
    with pytest.raises(AssertionError):
        check_compiled(reaching(LIMIT + 1), KERNEL)


def test_what_an_estimate_sees() -> None:
    filter = np.zeros((40, 1, 1, 32), np.int64)
    assert share_of_extra_steps(filter) == 0
    filter[3, 0, 0, 8:12] = 100  # one step of four, of one panel of three
    assert share_of_extra_steps(filter) == pytest.approx(1 / 12, rel=0.1)


def test_other_convolutions_are_left_to_others() -> None:
    check_compiled(convolution(0, np.int8, False, **POINT), "convolution.int8")
    check_compiled(convolution(0, np.uint8, False, **POINT, spread=1e6, columns=20), "convolution.int8_wide")
