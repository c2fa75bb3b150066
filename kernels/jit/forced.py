"""The algorithm that is taken wherever it is legal, for measuring and for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["forced", "forcing"]

_forced: ContextVar[str | None] = ContextVar("forced", default=None)


@contextmanager
def forcing(name: str) -> Iterator[None]:
    """Takes an algorithm wherever it is legal."""
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def forced() -> str | None:
    """The algorithm asked for, by `forcing` or by LITEJIT_CONVOLUTION."""
    return _forced.get() or os.environ.get("LITEJIT_CONVOLUTION")
