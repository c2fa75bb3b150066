"""Argument blocks of operators on variables. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["ASSIGN", "READ"]

READ = Layout("state source out number fault count piece")
"""count bytes, `piece` of them an item. state: of the variable, an int64, 0 before anything is assigned. number: what
the state should be; 0: anything else than 0."""

ASSIGN = Layout("state source out number count piece")
"""As READ. number: what the state becomes."""
