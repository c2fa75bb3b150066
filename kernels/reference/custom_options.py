"""Reading the FlexBuffers options of custom operators."""

from __future__ import annotations

from typing import Any

from litejit.kernels.node import Node

__all__ = ["number"]


def number(node: Node, options: Any, name: str, default: float | None = None) -> float:
    """A number of a FlexBuffers map; InvalidModelError where it is missing without a default, or not a number."""
    node.require(isinstance(options, dict), "the custom options are not a map")
    value = options.get(name, default)
    node.require(value is not None, "custom option '{}' is missing", name)
    node.require(isinstance(value, (int, float)), "custom option '{}' is {!r}, expected a number", name, value)
    node.require(abs(value) < 1 << 63, "custom option '{}' is {}, far too large", name, value)
    return value
