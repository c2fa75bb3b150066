"""Compiled kernels by name: compiled once for a machine and kept (see `cache`), loaded without numba afterwards.

The names of folders and files say what the code depends on (versions, processor, sources), so that nothing stale is
found. Where code can be flattened (see `images`), loading it takes no LLVM either.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import Any

from litejit.kernels.jit import images
from litejit.kernels.jit.cache import digest, folder, load, package_stamp, store
from litejit.kernels.jit.guard import define
from litejit.kernels.jit.target import cpu, is_checked, triple, version

__all__ = ["address", "cache_directory", "is_loaded", "keep_measured", "measured", "provide"]

_TUNED = "tuned"
"""Name of the file beside the kernels with what has been measured of algorithms, see `tuning`."""

_lock = threading.RLock()
_addresses: dict[str, int] = {}
_kept: list[Any] = []


def address(name: str) -> int:
    """The entry point of a kernel ("module.function" below `native`); compiled now if it never was on this machine."""
    with _lock:
        if not is_loaded(name):
            _addresses[name] = _load(*_compile(name))
        return _addresses[name]


def is_loaded(name: str) -> bool:
    """Whether a kernel is at hand without compiling it; it is loaded, then."""
    with _lock:
        if name not in _addresses:
            found = _read(name)
            if found is None:
                return False
            _addresses[name] = _load(*found)
    return True


def provide(names: Iterable[str]) -> None:
    """Makes kernels ready to be called; what has to be compiled is, in several processes if it is much."""
    missing = [name for name in dict.fromkeys(names) if not is_loaded(name)]
    if missing:
        from litejit.kernels.jit.ahead import compile_together

        compile_together(missing)


@cache
def cache_directory() -> str | None:
    """Where this build of the kernels is kept; None: nowhere."""
    base = folder()
    if base is None:
        return None
    versions = (version(package) for package in ("numba", "llvmlite"))
    return os.path.join(base, digest(*versions, *cpu(), triple(), sys.platform, str(is_checked())))


@cache
def measured() -> bytes | None:
    """What has been measured of algorithms: read once, so that all plans of a process are made by the same."""
    return load(_tuned())


def keep_measured(content: bytes) -> str | None:
    """Keeps it, and says where; None: it could not be kept."""
    path = _tuned()
    store(path, content)
    measured.cache_clear()
    return path if measured() == content else None


def _tuned() -> str | None:
    directory = cache_directory()
    return None if directory is None else os.path.join(directory, _TUNED)


def _file(name: str) -> str | None:
    directory = cache_directory()
    return None if directory is None else os.path.join(directory, f"{name}-{_sources().get(name.partition('.')[0])}")


@cache
def _sources() -> dict[str, str]:
    """By module below `native`, a digest of what its kernels are compiled from: its text and what it imports from here.

    They are kept under the stamp of all sources.
    """
    base = folder()
    path = None if base is None else os.path.join(base, f"sources-{package_stamp()}")
    known = load(path)
    if known is not None:
        return dict(line.split(" ") for line in known.decode().split("\n"))
    from pathlib import Path  # see `cache`

    here = Path(__file__).parent
    files = sorted(here.rglob("*.py"))
    texts = {".".join(file.relative_to(here).with_suffix("").parts): file.read_text() for file in files}
    needs = {at: re.findall(r"^from litejit\.kernels\.jit\.([\w.]+) import", texts[at], re.MULTILINE) for at in texts}
    found = {}
    for module in (at for at in texts if at.startswith("native.")):
        reached, waiting = set(), ["compiler", module]
        while waiting:
            at = waiting.pop()
            if at in texts and at not in reached:
                reached.add(at)
                waiting += needs[at]
        found[module.removeprefix("native.")] = digest(*(texts[at] for at in sorted(reached)))
    store(path, "\n".join(f"{module} {sources}" for module, sources in found.items()).encode())
    return found


def _read(name: str) -> tuple[bytes, str] | None:
    content = load(_file(name))
    if content is None:
        return None
    symbol, _, code = content.partition(b"\n")
    return code, symbol.decode()


def _compile(name: str) -> tuple[bytes, str]:
    from litejit.kernels.jit.compiler import compile_kernel

    _target()  # numba, too, resolves the symbols that it defines
    code, symbol = compile_kernel(name)
    store(_file(name), symbol.encode() + b"\n" + code)
    return code, symbol


def _load(code: bytes, symbol: str) -> int:
    """The address of the entry point of an object file."""
    image = images.flatten(code, symbol)
    loaded = None if image is None else images.load(image, _symbols())
    if loaded is None:
        return _load_by_llvm(code, symbol)
    _kept.append(loaded)
    return loaded[0]


_OF_PYTHON = (
    *("PyCapsule_GetPointer", "PyEval_SaveThread", "PyEval_RestoreThread", "PyLong_FromLong"),
    *("PyErr_SetString", "PyThread_acquire_lock", "PyThread_release_lock"),
)


@cache
def _symbols() -> dict[str, int]:
    """What kernels take from outside, by name."""
    library = ctypes.CDLL("kernel32" if sys.platform == "win32" else None)
    give_way = library.SwitchToThread if sys.platform == "win32" else library.sched_yield
    functions: dict[str, Any] = {"litejit_give_way": give_way}
    for name in _OF_PYTHON:
        functions[name] = getattr(ctypes.pythonapi, name, None)
    symbols = {name: ctypes.cast(function, ctypes.c_void_p).value or 0 for name, function in functions.items()}
    return {**symbols, "litejit_check": define()} if is_checked() else symbols


@cache
def _target() -> Any:
    """LLVM made ready for this processor, with the symbols that kernels take from outside."""
    import llvmlite.binding as llvm

    with suppress(RuntimeError):  # needed before LLVM 20, refused after it
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for name, place in _symbols().items():
        llvm.add_symbol(name, place)
    return llvm.Target.from_default_triple()


def _load_by_llvm(code: bytes, symbol: str) -> int:
    """The address of the entry point. Objects are kept apart: numba numbers its symbols in each process anew."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target().create_target_machine())
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _kept.append(engine)
    return int(engine.get_function_address(symbol))
