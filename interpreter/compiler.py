"""`Compiler`: gives plans their native form, from the programs that have been kept or by lowering their steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from litejit.workers import Workers

if TYPE_CHECKING:
    from litejit.native import NativePlan
    from litejit.plan import Plan
    from litejit.stored import Store, StoredPlan
    from litejit.supposing import Supposing

__all__ = ["Compiler"]

WORTH_KEEPING = 0.02
"""Seconds of preparing above which a program is kept."""


class Compiler:
    """For the plans of one model. keep_all, plan_of: see `NativePlan`. store: None if programs are not kept."""

    def __init__(self, threads: int, keep_all: bool, store: Store | None, plan_of: Callable[[int], Plan]) -> None:
        self._workers = Workers(threads)
        self._keep_all, self._store, self._plan_of = keep_all, store, plan_of
        self._began: float | None = None

    def find(self, plan: Plan) -> StoredPlan | None:
        """The native form, if it has been kept."""
        began = time.perf_counter()
        found = None if self._store is None else self._store.find(plan, self._workers)
        self._began = began if found is None else None
        return found

    def supposing(self, plan: Plan) -> Supposing | None:
        """What chooses among forms of a plan whose steps have been prepared; None if one serves all data well."""
        if self._keep_all or not any(map(plan.is_open, plan.steps)):
            return None
        from litejit.supposing import Supposing

        return Supposing(plan, self.make)

    def make(self, plan: Plan, plan_of: Callable[[int], Plan] | None = None) -> NativePlan:
        """The native form of a plan whose steps have been prepared; kept, if it has been looked for before in vain.

        plan_of: see `NativePlan`, if it is another one than that of the compiler.
        """
        from litejit.kernels.jit.variables import Variables
        from litejit.native import NativePlan

        resources = plan.context.resources
        if not isinstance(resources.get("variables"), Variables):
            known = resources.get("variables", {})
            resources["variables"] = Variables()
            resources["variables"].update(known)
        native = NativePlan(plan, self._workers, self._keep_all, plan_of or self._plan_of)
        began, self._began = self._began, None
        # Plans that operators call, in ever new shapes perhaps, have not been looked for.
        if self._store is not None and began is not None and time.perf_counter() - began > WORTH_KEEPING:
            self._store.keep(plan, native)
        return native
