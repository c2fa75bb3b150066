"""Argument block of Fourier transforms. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["TRANSFORM"]

TRANSFORM = Layout("source out rows row_step used points turns scratch scratch_bytes")
"""Four rows an item: `used` floats of each are transformed, `row_step` bytes apart, as half as many complex `points`.

turns: [2 * points, 2] float64, e ** (-2 pi i k / (2 * points)).
"""
