"""The algorithms that are taken wherever they are legal, for measuring and for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["forced", "forcing"]

_forced: ContextVar[frozenset[str]] = ContextVar("forced", default=frozenset())

_FUSION = {"off": "apart", "always": "fused"}
"""What LITEJIT_FUSION asks for."""


@contextmanager
def forcing(*names: str) -> Iterator[None]:
    """Takes these algorithms wherever they are legal, each of the operators that have it."""
    token = _forced.set(frozenset(names))
    try:
        yield
    finally:
        _forced.reset(token)


def forced() -> frozenset[str]:
    """The algorithms asked for, by `forcing` or by the environment.

    LITEJIT_CONVOLUTION names one, or several with commas between them, unless `forcing` does; LITEJIT_FUSION=off asks
    for "apart", LITEJIT_FUSION=always for "fused".
    """
    names = _forced.get() or frozenset(filter(None, os.environ.get("LITEJIT_CONVOLUTION", "").split(",")))
    fusion = _FUSION.get(os.environ.get("LITEJIT_FUSION", ""))
    return names if fusion is None or names & {*_FUSION.values()} else names | {fusion}
