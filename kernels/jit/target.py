"""The processor that kernels are compiled for: this machine's, or the one that LITEJIT_CPU names ("generic", …).

LITEJIT_TRIPLE names another machine altogether ("aarch64-linux-gnu"), whose code can be looked at, but not run.
"""

from __future__ import annotations

import os
from functools import cache

__all__ = ["cpu", "has_feature", "is_checked", "triple"]

_FEATURES = {
    "haswell": "avx avx2 fma",
    "znver3": "avx avx2 fma",
    "cascadelake": "avx avx2 fma avx512f avx512bw avx512vl avx512vnni",
    "znver4": "avx avx2 fma avx512f avx512bw avx512vl avx512vnni",
    "cortex-a76": "neon dotprod",
    "neoverse-v1": "neon dotprod i8mm",
}
"""What processors have that are asked for by name; of this one, LLVM tells."""


@cache
def triple() -> str:
    """LLVM's name for the kind of machine: architecture, maker, system."""
    import llvmlite.binding as llvm

    return os.environ.get("LITEJIT_TRIPLE") or str(llvm.get_process_triple())


@cache
def cpu() -> tuple[str, str]:
    """Name and feature string ("+avx2,-avx512f,…") of the processor, in LLVM's terms."""
    import llvmlite.binding as llvm

    name = os.environ.get("LITEJIT_CPU")
    if name:
        return name, ""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def is_checked() -> bool:
    """Whether kernels check their memory accesses, see `guard`."""
    return os.environ.get("LITEJIT_CHECKED") == "1"


@cache
def has_feature(name: str) -> bool:
    """Whether the processor has a feature, by LLVM's name for it ("avx2", "fma", …)."""
    processor, features = cpu()
    if features:
        return f"+{name}" in features.split(",")
    return name in _FEATURES.get(processor, "").split()
