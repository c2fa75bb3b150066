"""How much a model may ask for by default, so that a small bad file cannot exhaust the machine."""

import numpy as np

__all__ = ["MAX_CALL_DEPTH", "MAX_RANK", "MAX_TABLES"]

MAX_TABLES = 500_000
"""Most tables that are decoded from one buffer."""
MAX_RANK = 64 if int(np.__version__.split(".")[0]) >= 2 else 32
"""Most dimensions that a shape may have: as many as NumPy's arrays."""
MAX_CALL_DEPTH = 64
"""How deep subgraphs may call each other."""
