"""The folder where what is expensive to make is kept between processes.

It lies in the user's cache directory, or where LITEJIT_CACHE_DIR says; LITEJIT_CACHE_DIR="" does without. Files say how
long they are and carry a checksum, and are written aside and renamed: processes may share the folder, a damaged file
counts as missing, and a folder that cannot be written is done without. Paths are plain text here and where programs are
found: pathlib takes longer to import than some models to load.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from contextlib import suppress
from functools import cache
from typing import TypeVar
from zlib import crc32

try:
    from _blake2 import blake2b  # like `random` of Python's library: hashlib loads OpenSSL, which takes milliseconds
except ImportError:
    from hashlib import blake2b

__all__ = ["HEADER_BYTES", "digest", "folder", "load", "load_mapped", "package_stamp", "store"]

_MAGIC = b"litejit 3 "
HEADER_BYTES = len(_MAGIC) + 26
"""Before what is stored."""

_Content = TypeVar("_Content", bytes, memoryview)


def folder() -> str | None:
    """The folder; None: nothing is kept."""
    chosen = os.environ.get("LITEJIT_CACHE_DIR")
    if chosen == "":
        return None
    return chosen or os.path.join(_user_cache(), "litejit")


def _user_cache() -> str:
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        return os.environ.get("LOCALAPPDATA", os.path.join(home, "AppData", "Local"))
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Caches")
    return os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")


def digest(*parts: str | bytes | memoryview) -> str:
    """A name for what depends on these."""
    hash = blake2b(digest_size=12)
    for part in parts:
        hash.update(part.encode() if isinstance(part, str) else part)
        hash.update(b"\0")
    return hash.hexdigest()


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


def load(path: str | None) -> bytes | None:
    """What was stored; None if nothing was, or if it is not whole."""
    try:
        if path is None:
            return None
        with open(path, "rb") as file:
            return _whole(file.read())
    except OSError:
        return None


def load_mapped(path: str) -> memoryview | None:
    """The same, mapped into memory: it begins HEADER_BYTES after the beginning of a page. Notes that it was used."""
    try:
        with open(path, "rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        os.utime(path)
    except (OSError, ValueError):
        return None
    return _whole(content)


def store(path: str | None, *parts: bytes) -> None:
    """Keeps the parts, one after the other, if possible."""
    if path is None:
        return
    aside = f"{path}.{os.getpid()}.{threading.get_ident()}"
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(aside, "wb") as file:
            file.writelines([_header(*parts), *parts])
        os.replace(aside, path)
    with suppress(OSError):
        os.unlink(aside)  # where it could not be written


def _whole(content: _Content) -> _Content | None:
    """What stands behind the header, if the header is its."""
    rest = content[HEADER_BYTES:]
    return rest if content[:HEADER_BYTES] == _header(rest) else None


def _header(*parts: bytes | memoryview) -> bytes:
    size = checksum = 0
    for part in parts:
        size += len(part)
        checksum = crc32(part, checksum)
    return _MAGIC + f"{size:016x} {checksum:08x}\n".encode()
