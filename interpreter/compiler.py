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
        self._sought: tuple[Plan, str, float] | None = None

    def find(self, plan: Plan) -> StoredPlan | None:
        """The native form, if it has been kept."""
        began = time.perf_counter()
        path = None if self._store is None else self._store.path(plan)
        found = None if path is None or self._store is None else self._store.find(path, plan, self._workers)
        self._sought = None if path is None or found is not None else (plan, path, began)
        return found

    def supposing(self, plan: Plan) -> Supposing | None:
        """What chooses among forms of a plan whose steps have been prepared; None if one serves all data well."""
        if self._keep_all or not any(map(plan.is_open, plan.steps)):
            return None
        from litejit.supposing import Supposing

        return Supposing(plan, self.make)

    def make(self, plan: Plan, plan_of: Callable[[int], Plan] | None = None) -> NativePlan:
        """The native form of a plan whose steps have been prepared; kept, if it has been looked for before in vain.

        It is kept where it has been looked for, and only if no setting has changed since: it was made by these.
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
        # Plans that operators call, in ever new shapes perhaps, have not been looked for.
        if self._store is not None and self._sought is not None and self._sought[0] is plan:
            (_, path, began), self._sought = self._sought, None
            if time.perf_counter() - began > WORTH_KEEPING and self._store.path(plan) == path:
                self._store.keep(path, plan, native)
        return native
