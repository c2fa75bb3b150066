"""The processor that kernels are compiled for: this machine's, or the one that LITEJIT_CPU names ("generic", …).

LITEJIT_TRIPLE names another machine altogether ("aarch64-linux-gnu"), whose code can be looked at, but not run.
"""

from __future__ import annotations

import os
import platform
import sys
from functools import cache

from litejit.kernels.jit.cache import digest, folder, load, store

__all__ = ["cpu", "fuses", "has_feature", "is_checked", "triple", "version"]

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
    return os.environ.get("LITEJIT_TRIPLE") or _host()[0]


@cache
def cpu() -> tuple[str, str]:
    """Name and feature string ("+avx2,-avx512f,…") of the processor, in LLVM's terms."""
    name = os.environ.get("LITEJIT_CPU")
    if name:
        return name, ""
    _, name, features = _host()
    return name, features


@cache
def _host() -> tuple[str, str, str]:
    """What LLVM calls this machine: triple, processor, features. Kept for as long as the system says the same of it."""
    known_by, base = _description(), folder()
    path = None if base is None or not known_by else os.path.join(base, f"machine-{known_by}")
    known = load(path)
    if known is not None:
        machine, name, features = known.decode().split("\n")
        return machine, name, features
    import llvmlite.binding as llvm

    found = llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    store(path, "\n".join(found).encode())
    return found


def _description() -> str:
    """A digest of what Linux says of its first processor, of the interpreter and of LLVM's version; "" elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = list(iter(lambda: file.readline().strip(), ""))
    except OSError:
        return ""
    changing = ("processor", "cpu MHz", "bogomips", "BogoMIPS", "apicid", "initial apicid", "core id", "physical id")
    lasting = [line for line in lines if not line.startswith(changing)]
    return digest(*lasting, platform.machine(), version("llvmlite"))


@cache
def version(package: str) -> str:
    """What a package says of its version, without importing it or searching the metadata of packages, which is slow."""
    # As `importlib.util.find_spec` finds it, which takes longer to import than to run.
    found = next((spec for finder in sys.meta_path if (spec := finder.find_spec(package, None)) is not None), None)
    if found is None:
        return ""
    with open(os.path.join(os.path.dirname(str(found.origin)), "_version.py"), encoding="utf-8") as file:
        return file.read()


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


@cache
def fuses() -> bool:
    """Whether x * y + z can be computed with one rounding."""
    return has_feature("fma") or triple().startswith(("aarch64", "arm64"))
