"""Rewrites of a plan before it is compiled: operators that need not run at all, and what takes over their work.

Each is a function from tasks to tasks. Results stay the same to the bit; tensors between the rewritten operators are
not computed, see `NativePlan`.
"""

from __future__ import annotations

from litejit.rewrites.blocks import fuse_blocks
from litejit.rewrites.clamps import fold_clamps
from litejit.rewrites.elements import one_pass, one_table
from litejit.rewrites.interleaving import interleave
from litejit.rewrites.padding import fold_padding
from litejit.rewrites.repeated import compute_once
from litejit.rewrites.task import Rewrite, Task

__all__ = ["REWRITES", "REWRITES_OF_CALLS", "Task", "compute_once", "interleave"]

REWRITES: tuple[Rewrite, ...] = (fold_padding, one_table, one_pass, fuse_blocks)

REWRITES_OF_CALLS: tuple[Rewrite, ...] = (fold_clamps,)
"""Of tasks that have been lowered."""
