"""What recurrent operators on floats have in common on the fast tier, with weights of floats or of integers.

The products of the inputs of all steps come first, then the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.layouts.cells import CELLS
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.matrices import Rows
from litejit.kernels.jit.packing import pack_float_panels
from litejit.kernels.jit.products import Out, Right, matrix_rows, product, rounded
from litejit.kernels.jit.stages import PackedStage, float_stage, pack_pairs, scaled_columns
from litejit.kernels.node import TensorSpec
from litejit.schema import ActivationFunctionType

__all__ = ["Cell", "Walk", "Weights", "both_ways", "only_way", "sums_of_rows", "walk_calls"]


@dataclass(frozen=True, eq=False)
class Weights:
    """A matrix [depth, columns] with what belongs to its columns; scales: of integer weights, else None.

    clamped: products of floats are made finite.
    """

    matrix: np.ndarray
    scales: np.ndarray | None
    bias: np.ndarray | None = None
    clamped: bool = False

    @classmethod
    def of(cls, matrix: np.ndarray, scales: Any, bias: np.ndarray | None = None, clamped: bool = False) -> Weights:
        """matrix: [columns, depth]; scales: of parts of the columns."""
        if matrix.dtype == np.float32:
            return cls(matrix.T, None, bias, clamped)
        each = np.asarray(scales, np.float32).ravel()
        return cls(matrix.view(np.int8).T, np.repeat(each, len(matrix) // each.size), bias)

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return self.matrix.shape[1]

    def fit(self, asymmetric: bool) -> bool:
        """Whether sums with quantized rows fit 32 bits."""
        most = np.abs(self.matrix.astype(np.float64)).sum(0).max(initial=0) * (255 if asymmetric else 127)
        return self.scales is None or bool(most < 1 << 31)

    def stage(self) -> PackedStage:
        """The output stage of products."""
        if self.scales is None:
            return float_stage(ActivationFunctionType.NONE if self.clamped else None, self.bias, self.columns)
        return scaled_columns(self.scales, self.bias, self.columns)

    def packed(self) -> tuple[np.ndarray, np.ndarray]:
        """Panels, their number a multiple of 4, and their stages."""
        extra = -self.columns % (4 * COLUMNS)
        matrix = np.pad(self.matrix, [(0, 0), (0, extra)])
        scales, bias = (None if part is None else np.pad(part, (0, extra)) for part in (self.scales, self.bias))
        stage = Weights(matrix, scales, bias).stage().data
        panels = pack_float_panels(matrix) if scales is None else pack_pairs(matrix[None], 1, narrow=True)
        return panels, stage


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell of any kind. inputs, aux: weights of the input and of an auxiliary one; recurrent: of the state.

    fields: of CELLS, beside those that sizes and the recurrent weights decide; gates: 0 for an RNN.
    """

    inputs: Weights
    aux: Weights | None
    recurrent: Weights
    projection: Weights | None
    gates: int
    cells: int
    outputs: int
    asymmetric: bool
    fields: dict[str, Any]

    @property
    def fits(self) -> bool:
        """Whether all sums fit."""
        parts = (self.inputs, self.aux, self.recurrent, self.projection)
        return all(part is None or part.fit(self.asymmetric) for part in parts)


@dataclass(frozen=True, eq=False)
class Walk:
    """One cell's way over a sequence. states: h and c; out, width: where its first output is, elements of a row."""

    source: TensorSpec
    aux: TensorSpec | None
    states: Sequence[TensorSpec]
    out: Tensor
    width: int
    time: int
    batch: int
    time_major: bool
    backward: bool = False


def sums_of_rows(
    lowering: Lowering, input: TensorSpec, weights: Weights, asymmetric: bool, at: int
) -> tuple[list[Call], int]:
    """Calls that put the products of all rows of an input into scratch memory, and where they begin."""
    depth = weights.matrix.shape[0]
    rows = Rows(Tensor(input.index), input.size // depth, depth, input.type, at)
    if weights.scales is not None:
        rows.quantize(not asymmetric)
    at = rows.used
    rows.used = rounded(at + rows.rows * weights.columns * 4 + SLACK)
    left = rows.left(matrix_rows(rows.rows, rows.pitch, rows.element_bytes), np.zeros(1, np.int64))
    right = Right(weights.columns, depth, weights.matrix[None])
    out = Out(Scratch(at), 0, weights.columns * 4, 0)
    return [*rows.calls, product(left, right, out, weights.stage(), lowering.threads)], at


def walk_calls(lowering: Lowering, cell: Cell | None, walk: Walk) -> list[Call] | None:
    """The products of inputs, then the steps."""
    if cell is None or not cell.fits or walk.source.size == 0 or cell.inputs.matrix.size == 0:
        return None
    columns, rows = cell.inputs.columns, walk.time * walk.batch
    row_sums = rounded(rows * columns * 4 + SLACK)
    calls, sums = sums_of_rows(lowering, walk.source, cell.inputs, cell.asymmetric, 0)
    shared, aux = sums + row_sums, 0
    if walk.aux is not None and cell.aux is not None:
        more, aux = sums_of_rows(lowering, walk.aux, cell.aux, cell.asymmetric, shared)
        calls, shared = calls + more, aux + row_sums
    panels, stage = cell.recurrent.packed()
    projection: dict[str, Any] = dict.fromkeys(
        ("projection", "projection_panels", "projection_panel_bytes", "projection_stage"), 0
    )
    if cell.projection is not None:
        matrix, matrix_stage = cell.projection.packed()
        projection = {
            "projection": matrix,
            "projection_panels": len(matrix),
            "projection_panel_bytes": matrix.nbytes // len(matrix),
            "projection_stage": matrix_stage,
        }
    # In bytes from one step, and from one batch, to the next: of sums and of outputs.
    step, other = (walk.batch, 1) if walk.time_major else (1, walk.time)
    last = (walk.time - 1) * step if walk.backward else 0
    step = -step if walk.backward else step
    row_bytes = rounded(cell.cells * 4 + SLACK)
    offsets, own = _areas(
        rows=max(cell.outputs, cell.cells) * 4 + 2 * SLACK,
        recurrent=len(panels) * 64 + SLACK,
        gate_rows=cell.gates * row_bytes,
        squashed=cell.gates * row_bytes,
        hidden=row_bytes,
        projected=projection["projection_panels"] * 64 + SLACK,
        scale=64,
    )
    values = {
        **dict.fromkeys(CELLS.names, 0),
        "low": -np.inf,
        "high": np.inf,
        "limit": np.inf,
        **cell.fields,
        **projection,
        "time": walk.time,
        "gates": cell.gates,
        "cells": cell.cells,
        "outputs": cell.outputs,
        "symmetric": int(not cell.asymmetric),
        "weights": panels,
        "panels": len(panels),
        "panel_bytes": panels.nbytes // len(panels),
        "stage": stage,
        "zeros": padded(np.zeros(16, np.int32)),
        "h": Tensor(walk.states[0].index),
        "c": Tensor(walk.states[-1].index),
        "sums": Scratch(sums + last * columns * 4),
        "has_aux": int(aux > 0),
        "aux": Scratch(aux + last * columns * 4),
        "sums_time": step * columns * 4,
        "sums_batch": other * columns * 4,
        "out": Tensor(walk.out.index, walk.out.offset + last * walk.width * 4),
        "out_time": step * walk.width * 4,
        "out_batch": other * walk.width * 4,
        "scratch": Scratch(shared),
        "scratch_bytes": own,
        **{name: offset for name, offset in offsets.items() if name in CELLS.names},
        "row_bytes": row_bytes,
    }
    kind = f"{'lstm' if cell.gates else 'rnn'}_{'float' if cell.recurrent.scales is None else 'hybrid'}"
    work = rows * (cell.recurrent.matrix.size + 100 * cell.cells)
    return [*calls, Call(f"cells.{kind}", CELLS, values, walk.batch, scratch_bytes=shared + own, work=work)]


def _areas(**sizes: int) -> tuple[dict[str, int], int]:
    """Where areas of these sizes begin, one after another, and where the last one ends."""
    offsets, at = {}, 0
    for name, size in sizes.items():
        offsets[name], at = at, at + rounded(size)
    return offsets, at


def only_way(lowering: Lowering, names: Sequence[str], time_major: bool, states: Sequence[str]) -> Walk:
    """A cell's only way, over the operator's input."""
    input, output = lowering.input(0), lowering.outputs[0]
    time, batch = (1, *input.dims)[-3:-1] if time_major else input.dims[1::-1]
    found = [lowering.input(names.index(state)) for state in states]
    return Walk(input, None, found, Tensor(output.index), output.dims[-1], time, batch, time_major)


def both_ways(
    lowering: Lowering,
    cells: Sequence[Cell | None],
    names: Sequence[str],
    states: Sequence[str],
    backward_source: TensorSpec | None,
) -> Sequence[Call] | None:
    """The forward cell's calls, then those of the backward one."""
    kernel, input, aux = lowering.kernel, lowering.input(0), lowering.given(names.index("aux_input"))
    merged, time_major = kernel.options.merge_outputs, kernel.options.time_major
    time, batch = input.dims[:2] if time_major else input.dims[1::-1]
    calls: list[Call] = []
    for at, (cell, direction) in enumerate(zip(cells, ("fw_", "bw_"), strict=True)):
        if cell is None:
            return None
        output = lowering.outputs[0 if merged else at]
        walk = Walk(
            backward_source if at and backward_source is not None else input,
            None if kernel.aux_for_backward else aux,
            [lowering.input(names.index(direction + state)) for state in states],
            Tensor(output.index, at * 4 * (output.dims[2] - cell.outputs) if merged else 0),
            output.dims[2],
            time,
            batch,
            time_major,
            backward=bool(at),
        )
        own = walk_calls(lowering, cell, walk)
        if own is None:
            return None
        calls += own
    return calls
