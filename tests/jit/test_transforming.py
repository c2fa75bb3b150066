"""Compiled Fourier transforms against the reference tier."""

from __future__ import annotations

import numpy as np

from litejit.testing import Const, Input, out, single_op
from tests.jit.equal import check_compiled


def test_rows() -> None:
    rng = np.random.default_rng(0)
    shapes = (((1, 5), 2), ((3, 1, 4), 4), ((5, 2, 7), 8), ((9, 1, 400), 512), ((1, 64), 32), ((2, 3, 1, 1000), 1024))
    for at, (shape, length) in enumerate(shapes):
        x = rng.uniform(-1, 1, shape).astype(np.float32)
        problem = single_op("RFFT2D", [Input(x), Const(np.array([1, length], np.int32))], [out(np.complex64)])
        check_compiled(problem, "transforming.rows", ulp=2, atol=1e-6, threads=1 + at % 2)


def test_planes_are_left_to_the_reference_tier() -> None:
    x = np.ones((2, 4, 4), np.float32)
    for lengths in ((4, 4), (1, 1)):
        problem = single_op("RFFT2D", [Input(x), Const(np.array(lengths, np.int32))], [out(np.complex64)])
        check_compiled(problem, ulp=2, atol=1e-6)
