"""LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM: the operators around the cells of lstm_float, lstm_hybrid and lstm_integer."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.kernel import Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.lstm_basic import BasicLstm
from litejit.kernels.reference.lstm_float import FloatCell, LstmCell, run_sequence
from litejit.kernels.reference.lstm_hybrid import HybridCell, SparseHybridCell
from litejit.kernels.reference.lstm_integer import Integer16Cell
from litejit.kernels.reference.lstm_integer8 import Integer8Cell
from litejit.kernels.reference.lstm_operands import LSTM_OPERANDS, LstmArrays, LstmOperands, LstmSettings
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, LSTMKernelType, TensorType

__all__ = ["OFFICIAL_FLAVOURS", "Lstm", "UnidirectionalSequenceLstm"]

OFFICIAL_FLAVOURS = frozenset({"litert-ref", "litert-opt", "xnnpack"})
"""All official kernel sets share the recurrent kernels, and no delegate takes them."""


class LstmKernel(Kernel):
    """What both operators have in common."""

    types = (TensorType.FLOAT32, TensorType.INT8)
    n_outputs = None
    stateful = True
    flavours = OFFICIAL_FLAVOURS

    operand_specs: LstmOperands
    settings: LstmSettings
    time_major: bool
    cell: LstmCell | None

    def prepare_cell(self, node: Node, batch: int, n_input: int, diagonal: bool) -> None:
        """Validates the operands, packs constant weights."""
        given = len(node.inputs)
        node.require(given in (20, 24), "the operator has {} operands, {} takes 20 or 24", given, node.op)
        node.require(len(node.declared) == 1, "the operator has {} outputs, expected 1", len(node.declared))
        options = self.options
        node.require(
            options.cell_clip >= 0 and options.proj_clip >= 0,
            "cell_clip {} and proj_clip {} must not be negative",
            options.cell_clip,
            options.proj_clip,
        )
        self.settings = LstmSettings(
            options.fused_activation_function,
            options.cell_clip,
            options.proj_clip,
            options.asymmetric_quantize_inputs,
        )
        names = {name: name for name in LSTM_OPERANDS}
        self.operand_specs = LstmOperands.of(
            node, names, batch, n_input, diagonal=diagonal, norm_by_gate=isinstance(self, Lstm)
        )
        self.make_cell = self.choose_cell(node)
        constants = self.operand_specs.constants()
        self.cell = None if constants is None else self.make_cell(constants)

    def choose_cell(self, node: Node) -> Any:
        """The arithmetic: a function from the arrays of the weights to a cell."""
        operands, settings = self.operand_specs, self.settings
        weights = operands.spec("input_to_output_weights")
        if node.input("input").type == TensorType.INT8:
            cell = self.integer_cell(node)
            parameters = cell.parameters(node, operands, settings)
            return lambda arrays: cell(operands, arrays, parameters, self.time_major)
        if weights.type == TensorType.FLOAT32:
            return lambda arrays: FloatCell(operands, arrays, settings, self.time_major)
        hybrid = HybridCell if weights.sparsity is None else SparseHybridCell
        return lambda arrays: hybrid(operands, arrays, settings, self.time_major)

    def integer_cell(self, node: Node) -> Any:
        """The class of cells with integer inputs; `intermediates` tell how it quantizes what is in between."""
        count = len(node.intermediates)
        node.require(count == 5, "the operator has {} intermediate tensors, an INT8 input takes 5", count)
        return Integer16Cell

    def run(self, x: np.ndarray, arrays: LstmArrays) -> np.ndarray:
        """[time, batch, n_input] -> [time, batch, n_output]."""
        cell = self.make_cell(arrays) if self.cell is None else self.cell
        return run_sequence(cell, x, arrays["output_state"], arrays["cell_state"], self.operand_specs.n_output)


@builtin(BuiltinOperator.LSTM, versions=(1, 4))
class Lstm(LstmKernel, operands=LSTM_OPERANDS):
    """One step of an LSTM (kernel_type FULL), or of the cell of lstm_basic.py (kernel_type BASIC).

    input: [batch, n_input]; weights of gates: [n_cell, n_input], [n_cell, n_output], peephole, bias and layer norm
    [n_cell]; projection: [n_output, n_cell]; output_state: [batch, n_output] and cell_state: [batch, n_cell] variables
    -> [batch, n_output], also the new output_state

    FLOAT32; FLOAT32 with INT8 or UINT8 weights, dense or sparse; INT8 with an INT16 cell_state and 5 (gates in 16 bits)
    or 12 (gates in 8 bits) intermediate tensors that carry scales.

    Raises InvalidModelError for operands of other shapes or types and for states that are not variables.
    Semantics: LiteRT tflite/kernels/lstm.cc.
    """

    time_major = True
    types = ()
    basic: BasicLstm | None

    def prepare(self, node: Node) -> None:
        """Validates the operands, packs constant weights."""
        self.basic = None
        if self.options.kernel_type == LSTMKernelType.BASIC:
            self.basic = BasicLstm(node)
            return
        input = node.input("input", rank=2, types=LstmKernel.types)
        batch, n_input = input.dims
        self.prepare_cell(node, batch, n_input, diagonal=False)
        node.output((batch, self.operand_specs.n_output), types=input.type)

    def integer_cell(self, node: Node) -> Any:
        """The class of cells with integer inputs."""
        return Integer8Cell if len(node.intermediates) == 12 else super().integer_cell(node)

    def __call__(self, *operands: Any) -> Any:
        """One step."""
        if self.basic is not None:
            return self.basic(*operands)
        arrays = dict(zip(LSTM_OPERANDS, operands, strict=False))
        return self.run(arrays["input"][None], arrays)[0]


@builtin(BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM, versions=(1, 4))
class UnidirectionalSequenceLstm(LstmKernel, operands=LSTM_OPERANDS):
    """An LSTM over a sequence.

    input: [batch, time, n_input], or [time, batch, n_input] if time_major -> the same with n_output as the last
    dimension. The other operands, and the types, are those of LSTM; weights are dense, integer gates have 16 bits.
    Recurrent weights of float inputs may be FLOAT32 vectors, which stand for diagonal matrices.

    Raises InvalidModelError for operands of other shapes or types and for states that are not variables.
    Semantics: LiteRT tflite/kernels/unidirectional_sequence_lstm.cc.
    """

    def prepare(self, node: Node) -> None:
        """Validates the operands, packs constant weights."""
        self.time_major = self.options.time_major
        input = node.input("input", rank=3)
        batch = input.dims[1 if self.time_major else 0]
        self.prepare_cell(node, batch, input.dims[2], diagonal=input.type == TensorType.FLOAT32)
        node.output((*input.dims[:2], self.operand_specs.n_output), types=input.type)

    def __call__(self, *operands: Any) -> np.ndarray:
        """The outputs of all steps."""
        arrays = dict(zip(LSTM_OPERANDS, operands, strict=False))
        x = arrays["input"]
        if self.time_major:
            return self.run(x, arrays)
        return np.ascontiguousarray(self.run(x.swapaxes(0, 1), arrays).swapaxes(0, 1))
