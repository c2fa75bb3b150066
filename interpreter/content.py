"""A digest of a model's bytes, without reading them all where it is known already."""

from __future__ import annotations

import os
import time

from litejit.kernels.jit.cache import digest, load, store

__all__ = ["PREFIX", "SETTLED_NS", "content_digest"]

PREFIX = "model-"
"""Of the names of files with digests."""

SETTLED_NS = 3_000_000_000
"""Since its last change, before a file is known by its stamp: clocks of file systems tick slowly, and a further change
might not show."""


def content_digest(source: memoryview, file: os.stat_result | None, into: str) -> str:
    """The digest of `source`; that of a file is kept in a folder, and found as long as the file stays as it is."""
    stamp = None if file is None else _stamp(file)
    path = None if stamp is None else os.path.join(into, f"{PREFIX}{stamp}")
    known = load(path)
    if known is not None:
        return known.decode()
    found = digest(source)
    store(path, found.encode())
    return found


def _stamp(file: os.stat_result) -> str | None:
    """What a file no longer has once it has changed; None for one that has changed just now."""
    if time.time_ns() - max(file.st_mtime_ns, file.st_ctime_ns) < SETTLED_NS:
        return None
    return digest(str((file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns)))
