"""FlexBuffers, the schema-less encoding of custom operators' options."""

from __future__ import annotations

import struct
from typing import Any

from flatbuffers import flexbuffers

from .errors import InvalidModelError

__all__ = ["decode_flexbuffer", "encode_flexbuffer"]


def decode_flexbuffer(data: bytes) -> Any:
    """The value (usually a dict of options) that FlexBuffers data hold; {} for no data at all.

    Raises InvalidModelError when the data are malformed.
    """
    if len(data) == 0:
        return {}
    try:
        return flexbuffers.Loads(bytes(data))
    except (
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        struct.error,
        OverflowError,
        RecursionError,
        UnicodeError,
    ) as error:
        raise InvalidModelError(
            f"custom options of {len(data)} bytes are not valid FlexBuffers data: {error}"
        ) from None


def encode_flexbuffer(value: Any) -> bytes:
    """FlexBuffers data that hold a dict, list or scalar."""
    return bytes(flexbuffers.Dumps(value))
