"""Functions that kernels share: compiled into each kernel that calls them."""

from __future__ import annotations

from numba import njit

__all__ = ["inline"]

inline = njit(error_model="numpy", nogil=True, no_cpython_wrapper=True)
"""Decorator of a function for kernels; it is compiled with each of them."""
