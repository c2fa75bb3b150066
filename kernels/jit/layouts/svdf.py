"""Argument block of SVDF. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["SVDF"]

SVDF = Layout("newest units ranks memory weights bias zero_point mantissa exponent activation state out")
"""Weighing of remembered activations. Of integers a multiplier and a zero point, of floats an activation."""
