"""The processor that kernels are compiled for: this machine's, or the one that LITEJIT_CPU names ("generic", …)."""

from __future__ import annotations

import os
from functools import cache

__all__ = ["cpu", "has_feature", "is_checked"]


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
    return processor != "generic" and name in _features_of(processor)


@cache
def _features_of(processor: str) -> frozenset[str]:
    known = {"haswell": "avx avx2 fma", "znver3": "avx avx2 fma"}
    return frozenset(known.get(processor, "").split())
