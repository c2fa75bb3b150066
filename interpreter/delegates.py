"""What the official interface has for choosing kernels: resolvers, and delegates, of which litejit has none."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, NoReturn

from litejit.schema.errors import UnsupportedError

__all__ = ["Delegate", "OpResolverType", "load_delegate"]


@enum.unique
class OpResolverType(enum.Enum):
    """Which kernels run. BUILTIN_REF is the reference tier; the others allow faster kernels with the same results."""

    AUTO = 0
    BUILTIN = 1
    BUILTIN_REF = 2
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3


class Delegate:
    """Delegates are native plug-ins of the official runtime; litejit has none. Raises UnsupportedError."""

    def __init__(self, library: str, options: Mapping[str, Any] | None = None) -> None:
        raise UnsupportedError(f"cannot load '{library}': litejit runs its own kernels and takes no native delegates")


def load_delegate(library: str, options: Mapping[str, Any] | None = None) -> NoReturn:
    """Raises UnsupportedError: litejit takes no native delegates."""
    Delegate(library, options)
    raise AssertionError
