"""Argument blocks of operators on variables. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["ASSIGN", "READ"]

READ = Layout("state source out fault count piece")
"""count bytes, `piece` of them an item. state: of the variable, an int64, 0 before anything is assigned."""

ASSIGN = Layout("state source out number count piece")
"""As READ. number: what the state becomes."""
