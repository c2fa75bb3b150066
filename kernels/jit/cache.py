"""The folder where what is expensive to make is kept between processes.

It lies in the user's cache directory, or where LITEJIT_CACHE_DIR says; LITEJIT_CACHE_DIR="" does without. Files carry a
digest of what they hold, and are written aside and renamed: processes may share the folder, a damaged file counts as
missing, and a folder that cannot be written is done without.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

__all__ = ["HEADER_BYTES", "digest", "folder", "load", "load_mapped", "package_stamp", "store"]

_MAGIC = b"litejit 2 "
HEADER_BYTES = len(_MAGIC) + 65
"""Before what is stored."""

_Content = TypeVar("_Content", bytes, memoryview)


def folder() -> Path | None:
    """The folder; None: nothing is kept."""
    chosen = os.environ.get("LITEJIT_CACHE_DIR")
    if chosen == "":
        return None
    return Path(chosen) if chosen else _user_cache() / "litejit"


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def digest(*parts: str | bytes) -> str:
    """A name for what depends on these."""
    return hashlib.sha256(b"\0".join(p if isinstance(p, bytes) else p.encode() for p in parts)).hexdigest()[:24]


@cache
def package_stamp() -> str:
    """A digest of names, sizes and times of litejit's sources: whether any has changed, without reading them."""
    import litejit
    import litejit.kernels
    import litejit.schema

    folders = [*litejit.__path__, *litejit.kernels.__path__, *litejit.schema.__path__]
    known = []
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    known.append(f"{entry.path} {status.st_size} {status.st_mtime_ns}")
                elif entry.is_dir() and not entry.name.startswith("_"):
                    folders.append(entry.path)
    return digest(*sorted(known))


def load(path: Path | None) -> bytes | None:
    """What was stored; None if nothing was, or if it is not whole."""
    try:
        return None if path is None else _whole(path.read_bytes())
    except OSError:
        return None


def load_mapped(path: Path) -> memoryview | None:
    """The same, mapped into memory: it begins HEADER_BYTES after the beginning of a page. Notes that it was used."""
    try:
        with path.open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        os.utime(path)
    except (OSError, ValueError):
        return None
    return _whole(content)


def store(path: Path | None, *parts: bytes) -> None:
    """Keeps the parts, one after the other, if possible."""
    if path is None:
        return
    aside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.writelines([_header(*parts), *parts])
        aside.replace(path)
    with suppress(OSError):
        aside.unlink()  # where it could not be written


def _whole(content: _Content) -> _Content | None:
    """What stands behind the header, if the header is its."""
    rest = content[HEADER_BYTES:]
    return rest if content[:HEADER_BYTES] == _header(rest) else None


def _header(*parts: bytes | memoryview) -> bytes:
    hash = hashlib.sha256()
    for part in parts:
        hash.update(part)
    return _MAGIC + hash.hexdigest().encode() + b"\n"
