"""What `litejit tune` has measured on this machine: the quickest algorithm for operators of some type and shape.

The measurements are kept beside the compiled kernels, for this processor alone. Nothing is measured unless asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from litejit.kernels.jit import library
from litejit.kernels.jit.lowering import Lowering

__all__ = ["known", "remember", "signature"]


def signature(lowering: Lowering) -> str:
    """What operators have in common that take the same time: their kind, types, shapes, windows, threads."""
    specs = [spec for spec in (*lowering.inputs[:2], *lowering.outputs) if spec is not None]
    operands = " ".join(f"{spec.type.name}{list(spec.dims)}" for spec in specs)
    windows = lowering.windows if hasattr(lowering.kernel, "windows") else ()
    steps = " ".join(f"{window.stride}/{window.dilation}/{window.before}" for window in windows)
    return f"{type(lowering.kernel).__name__} {operands} {steps} threads={lowering.threads}"


@cache
def known() -> Mapping[str, str]:
    """Names of algorithms by signature."""
    content = library.measured()
    return {} if content is None else dict(json.loads(content))


def remember(measured: Mapping[str, str]) -> str | None:
    """Adds measurements to those known, and says where they are kept; None: nowhere beyond this process."""
    everything = {**known(), **measured}
    path = library.keep_measured(json.dumps(everything, indent=0, sort_keys=True).encode())
    known.cache_clear()
    return path
