"""The sizes that packed weights and the kernels that read them agree on."""

from __future__ import annotations

__all__ = ["COLUMNS", "PROVED_AT", "STAGE_BYTES"]

COLUMNS = 16
"""Output channels of a panel of weights."""

STAGE_BYTES = 576
"""Output stage of a panel of integer weights."""

PROVED_AT = 512
"""Where in it an int32 tells whether floats have been proved for all of its columns, for kernels that use them."""
