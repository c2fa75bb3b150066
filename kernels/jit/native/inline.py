"""Functions that kernels share: compiled into each kernel that calls them."""

from __future__ import annotations

from litejit.kernels.jit.native.backend import inline

__all__ = ["inline"]
