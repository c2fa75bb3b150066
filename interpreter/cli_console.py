"""What the commands print with: tables on stdout, signs of life on stderr. rich is imported at first use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from litejit.schema.errors import UnsupportedError

__all__ = ["console", "working"]

PIPE_WIDTH = 160
"""Columns of tables that no terminal shows."""


def console() -> Any:
    """A rich console that takes text as it is. UnsupportedError where rich is not installed."""
    try:
        from rich.console import Console
    except ImportError:
        raise UnsupportedError("tables need rich: pip install 'litejit[cli]' (or use --json)") from None
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Shows on stderr that something is going on and for how long: on a terminal, where rich is installed."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        yield
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        progress.add_task(what, total=None)
        yield
