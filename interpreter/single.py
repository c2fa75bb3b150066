"""Runs one operation of a plan by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from litejit.schema.errors import InvalidInputError, LitejitError
from litejit.step import prepared

if TYPE_CHECKING:
    from litejit.plan import Plan

__all__ = ["run_operator"]


def run_operator(
    plan: Plan, index: int, operands: Sequence[np.ndarray | None] | None, numerics: str
) -> tuple[np.ndarray, ...]:
    """The outputs of one operation on these operands (None: the plan's data) under a flavour; the plan stays."""
    plan.prepare_in_full()
    operation = plan.graph.operations[index]
    held = [plan.array(at) if at >= 0 and plan.has_data(at) else None for at in operation.inputs if operands is None]
    given = held if operands is None else operands
    if len(given) != len(operation.inputs):
        raise InvalidInputError(f"{operation.where}: there are {len(given)} operands, expected {len(operation.inputs)}")
    specs = [None if at < 0 else plan.specs[at] for at in operation.inputs]
    values: list[np.ndarray | None] = []
    for position, (spec, value) in enumerate(zip(specs, given, strict=True)):
        if spec is not None and value is None:
            raise InvalidInputError(f"{operation.where}: operand {position} ({spec}) has no data")
        if spec is not None and value is not None and value.dtype != spec.dtype:
            raise InvalidInputError(
                f"{operation.where}: operand {position} ({spec}) is {value.dtype}, expected {spec.dtype}"
            )
        # Kernels write new states of variables in place.
        copied = spec is not None and value is not None and spec.is_variable
        values.append(np.array(value) if copied else None if spec is None else value)
    specs = [
        spec
        if spec is None or value is None
        else replace(spec, shape=value.shape, value=None if spec.value is None else value)
        for spec, value in zip(specs, values, strict=True)
    ]
    kernel, _ = prepared(plan, operation, specs, values, numerics)
    try:
        result = kernel(*values)
    except LitejitError as error:
        raise type(error)(f"{operation.where}: {error}") from None
    return result if isinstance(result, tuple) else (result,)
