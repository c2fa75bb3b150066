"""What the packing of split weights and the kernels that read them agree on."""

from __future__ import annotations

__all__ = ["HEAD_BYTES", "QUAD", "QUADS"]

QUAD = 4
"""Elements of a row that one instruction multiplies."""

QUADS = 2
"""Of a step, whose products are added up in 16 bits."""

HEAD_BYTES = 64
"""Before the weights of a panel: the number of its extra steps and where in it their offsets are, int32."""
