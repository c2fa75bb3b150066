"""Argument block of what counts the rounds of a loop. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["ROUNDS"]

ROUNDS = Layout("rounds fault limit")
"""rounds: an int64. limit: so many are a fault."""
