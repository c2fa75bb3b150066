"""Argument block of SVDF. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["SVDF"]

SVDF = Layout("newest units ranks memory weights bias zero_point mantissa exponent state out")
"""Weighing of remembered activations."""
