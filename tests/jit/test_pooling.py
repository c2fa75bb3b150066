"""Compiled pooling against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Input, out, single_op
from tests.jit.equal import check_compiled


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("op", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
def test_random(op: str, dtype: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(rng.integers(3, 12)) for _ in range(2))
    shape = (int(rng.integers(1, 3)), height, width, int(rng.choice([1, 3, 8, 17, 31, 32, 33, 70])))
    size = (height, width) if seed % 4 == 0 else (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    options = {
        "filter_height": size[0],
        "filter_width": size[1],
        "stride_h": int(rng.integers(1, 4)),
        "stride_w": int(rng.integers(1, 4)),
        "padding": str(rng.choice(["SAME", "VALID"])),
        "fused_activation_function": str(rng.choice(["NONE", "RELU", "RELU6"])),
    }
    if dtype == np.float32:
        operands, outputs = [Input(rng.normal(0, 3, shape).astype(dtype))], {}
    else:
        info = np.iinfo(dtype)
        quantized = {"scale": np.float32(0.1), "zero_point": {np.int8: 3, np.uint8: 120, np.int16: 0}[dtype]}
        operands = [Input(rng.integers(info.min, info.max + 1, shape), dtype, **quantized)]
        outputs = {"outputs": [out(dtype, **quantized)]}
    exact = op == "MAX_POOL_2D" or dtype != np.float32
    check_compiled(
        single_op(op, operands, **outputs, **options), "pooling.", atol=0 if exact else 3e-6, threads=1 + seed % 2
    )


def test_not_a_number_is_never_the_largest() -> None:
    x = np.full((1, 2, 3, 5), np.nan, np.float32)
    x[0, 0, 0], x[0, 1, 2] = 3, -np.inf
    options = {"filter_height": 2, "filter_width": 1, "stride_h": 1, "stride_w": 1}
    check_compiled(single_op("MAX_POOL_2D", [Input(x)], **options), "pooling.max_f32")
