"""The sizes that packed weights and the kernels that read them agree on."""

from __future__ import annotations

__all__ = ["COLUMNS", "STAGE_BYTES"]

COLUMNS = 16
"""Output channels of a panel of weights."""

STAGE_BYTES = 512
"""Output stage of a panel of integer weights."""
