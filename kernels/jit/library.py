"""Compiled kernels by name, kept as object files: compiled once for a machine, loaded by llvmlite alone afterwards.

The cache lies in the user's cache directory, or where LITEJIT_CACHE_DIR says; LITEJIT_CACHE_DIR="" does without. Its
folders and files are named by what the objects depend on (versions, processor, sources), so that nothing stale is
found. Files are written aside and renamed, so that processes may share the cache; a file that is damaged is compiled
again; a cache that cannot be written is done without.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from litejit.kernels.jit.guard import define
from litejit.kernels.jit.target import cpu, is_checked, triple

__all__ = ["address", "cache_directory", "is_compiled"]

_MAGIC = b"litejit object 1\n"
_lock = threading.RLock()
_addresses: dict[str, int] = {}
_engines: list[Any] = []


def address(name: str) -> int:
    """The entry point of a kernel ("module.function" below `native`); compiled now if it never was on this machine."""
    with _lock:
        found = _addresses.get(name)
        if found is None:
            code, symbol = _read(name) or _compile(name)
            found = _addresses[name] = _load(code, symbol)
    return found


def is_compiled(name: str) -> bool:
    """Whether a kernel is at hand without compiling it."""
    return name in _addresses or _read(name) is not None


@cache
def cache_directory() -> Path | None:
    """Where this build of the kernels is kept; None: nowhere."""
    chosen = os.environ.get("LITEJIT_CACHE_DIR")
    if chosen == "":
        return None
    base = Path(chosen) if chosen else _user_cache() / "litejit"
    return base / _fingerprint()


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _fingerprint() -> str:
    import llvmlite

    return _digest(_numba_version(), llvmlite.__version__, *cpu(), triple(), sys.platform, str(is_checked()))


def _numba_version() -> str:
    """Without importing numba, nor what asks for the metadata of packages, which takes long."""
    numba = find_spec("numba")
    return (Path(str(numba.origin)).parent / "_version.py").read_text() if numba is not None else ""


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _file(name: str) -> Path | None:
    directory = cache_directory()
    return None if directory is None else directory / f"{name}-{_sources(name.partition('.')[0])}.o"


@cache
def _sources(module: str) -> str:
    """Digest of the sources that kernels of a module are compiled from: the module's and those it imports from here."""
    here = Path(__file__).parent
    texts: dict[str, str] = {}
    waiting = ["compiler", f"native.{module}"]
    while waiting:
        at = waiting.pop()
        if at not in texts:
            texts[at] = (here / f"{at.replace('.', '/')}.py").read_text()
            waiting += re.findall(r"^from litejit\.kernels\.jit\.([\w.]+) import", texts[at], re.MULTILINE)
    return _digest(*(text for _, text in sorted(texts.items())))


def _read(name: str) -> tuple[bytes, str] | None:
    path = _file(name)
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    header, _, code = content.partition(b"\n\n")
    if not header.startswith(_MAGIC):
        return None
    digest, _, symbol = header[len(_MAGIC) :].decode("ascii", "replace").partition("\n")
    return (code, symbol) if hashlib.sha256(code).hexdigest() == digest else None


def _compile(name: str) -> tuple[bytes, str]:
    from litejit.kernels.jit.compiler import compile_kernel

    _target()  # numba, too, resolves the symbols that it defines
    code, symbol = compile_kernel(name)
    path = _file(name)
    if path is not None:
        aside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        header = _MAGIC + hashlib.sha256(code).hexdigest().encode() + b"\n" + symbol.encode() + b"\n\n"
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(header + code)
            aside.replace(path)
    return code, symbol


@cache
def _target() -> Any:
    """LLVM made ready for this processor, with the symbols that kernels take from outside."""
    import llvmlite.binding as llvm

    with suppress(RuntimeError):  # needed before LLVM 20, refused after it
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    library = ctypes.CDLL("kernel32" if sys.platform == "win32" else None)
    give_way = library.SwitchToThread if sys.platform == "win32" else library.sched_yield
    llvm.add_symbol("litejit_give_way", ctypes.cast(give_way, ctypes.c_void_p).value)
    if is_checked():
        define()
    return llvm.Target.from_default_triple()


def _load(code: bytes, symbol: str) -> int:
    """The address of a symbol of an object. Objects are kept apart: numba numbers its symbols in each process anew."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target().create_target_machine())
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address(symbol))
