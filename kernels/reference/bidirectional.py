"""BIDIRECTIONAL_SEQUENCE_LSTM and BIDIRECTIONAL_SEQUENCE_RNN: a cell over a sequence, another one over its reverse.

With an auxiliary input and weights for it, both cells see it beside the input (a stack with cross links). Without such
weights it is the input of the backward cell (a stack without cross links).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.kernel import Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.lstm import OFFICIAL_FLAVOURS
from litejit.kernels.reference.lstm_float import FloatCell, run_sequence
from litejit.kernels.reference.lstm_hybrid import HybridCell
from litejit.kernels.reference.lstm_operands import GATES, LSTM_OPERANDS, LstmOperands, LstmSettings
from litejit.kernels.reference.rnn import RnnCell
from litejit.kernels.registry import builtin
from litejit.schema import (
    BidirectionalSequenceLSTMOptions,
    BidirectionalSequenceRNNOptions,
    BuiltinOperator,
    TensorType,
)

__all__ = ["BidirectionalSequenceLstm", "BidirectionalSequenceRnn"]

_FLOAT = TensorType.FLOAT32
_DIRECTIONS = ("fw_", "bw_")
_CELL = LSTM_OPERANDS[1:18]
_AUX_WEIGHTS = tuple(f"aux_input_to_{gate}_weights" for gate in GATES)

BIDIRECTIONAL_LSTM_OPERANDS = (
    "input",
    *("fw_" + name for name in _CELL),
    *("bw_" + name for name in _CELL),
    "fw_output_state",
    "fw_cell_state",
    "bw_output_state",
    "bw_cell_state",
    "aux_input",
    *("fw_" + name for name in _AUX_WEIGHTS),
    *("bw_" + name for name in _AUX_WEIGHTS),
)
"""The operands of BIDIRECTIONAL_SEQUENCE_LSTM in file order."""

_RNN_CELL = ("weights", "recurrent_weights", "bias", "hidden_state")
BIDIRECTIONAL_RNN_OPERANDS = (
    "input",
    *("fw_" + name for name in _RNN_CELL),
    *("bw_" + name for name in _RNN_CELL),
    "aux_input",
    "fw_aux_weights",
    "bw_aux_weights",
)
"""The operands of BIDIRECTIONAL_SEQUENCE_RNN in file order."""


class BidirectionalKernel(Kernel):
    """What both operators have in common: sequences in and out, the roles of the auxiliary input."""

    types = (_FLOAT,)
    n_outputs = None
    stateful = True
    flavours = OFFICIAL_FLAVOURS

    def prepare_sequences(self, node: Node, aux_weights: tuple[str, ...]) -> tuple[TensorSpec, int]:
        """Validates inputs and outputs. The input, and the features of an auxiliary input for both cells (or 0)."""
        given, expected = len(node.inputs), len(self.operands)
        node.require(given == expected, "the operator has {} operands, {} has {}", given, node.op, expected)
        merge = self.options.merge_outputs
        node.require(
            len(node.declared) == (1 if merge else 2),
            "the operator has {} outputs, expected {} with merge_outputs {}",
            len(node.declared),
            1 if merge else 2,
            merge,
        )
        input = node.input("input", rank=3)
        aux = node.optional("aux_input", rank=3, types=_FLOAT)
        has_weights = [node.has(direction + name) for direction in _DIRECTIONS for name in aux_weights]
        node.require(
            all(has_weights) or not any(has_weights), "only some of the weights for the auxiliary input are there"
        )
        node.require(
            aux is not None or not any(has_weights), "operand 'aux_input' is missing, there are weights for it"
        )
        self.aux_for_backward = aux is not None and not any(has_weights)
        if aux is not None:
            features = input.dims[2] if self.aux_for_backward else aux.dims[2]
            node.input("aux_input", shape=(*input.dims[:2], features))
        return input, aux.dims[2] if aux is not None and any(has_weights) else 0

    def declare_outputs(self, node: Node, input: TensorSpec, units: tuple[int, int]) -> None:
        """units: outputs of the forward and of the backward cell."""
        if self.options.merge_outputs:
            node.output((*input.dims[:2], sum(units)), types=_FLOAT)
            return
        for at, size in enumerate(units):
            node.output((*input.dims[:2], size), at=at, types=_FLOAT)

    def sequence(self, x: np.ndarray | None) -> np.ndarray | None:
        """Between the layout of the operator and [time, batch, features], in either direction."""
        return x if x is None or self.options.time_major else np.ascontiguousarray(x.swapaxes(0, 1))

    def outputs(self, forward: np.ndarray, backward: np.ndarray) -> Any:
        """The operator's outputs from [time, batch, units] of both cells."""
        if self.options.merge_outputs:
            return self.sequence(np.concatenate([forward, backward], axis=2))
        return self.sequence(forward), self.sequence(backward)


@builtin(BuiltinOperator.BIDIRECTIONAL_SEQUENCE_LSTM, versions=(1, 3))
class BidirectionalSequenceLstm(BidirectionalKernel, operands=BIDIRECTIONAL_LSTM_OPERANDS):
    """Two LSTMs over a sequence.

    input, aux_input: [batch, time, features], or [time, batch, features] if time_major; the operands of each cell are
    those of LSTM, without layer normalization, FLOAT32 or with INT8 or UINT8 weights; both cells have the same sizes
    -> the outputs of both, [.., .., n_output] each, joined in the last dimension if merge_outputs

    Raises InvalidModelError for operands of other shapes or types and for states that are not variables.
    Semantics: LiteRT tflite/kernels/bidirectional_sequence_lstm.cc.
    """

    options: BidirectionalSequenceLSTMOptions

    def prepare(self, node: Node) -> None:
        """Validates the operands, packs constant weights."""
        options = self.options
        input, n_aux_input = self.prepare_sequences(node, _AUX_WEIGHTS[1:])
        node.require(options.cell_clip >= 0 and options.proj_clip >= 0, "cell_clip and proj_clip must not be negative")
        self.settings = LstmSettings(
            options.fused_activation_function, options.cell_clip, options.proj_clip, options.asymmetric_quantize_inputs
        )
        batch = input.dims[1 if options.time_major else 0]
        roles = (*_CELL, "output_state", "cell_state", *_AUX_WEIGHTS)
        self.names = {direction: {role: direction + role for role in roles} for direction in _DIRECTIONS}
        self.cells = {
            direction: LstmOperands.of(node, names, batch, input.dims[2], n_aux_input)
            for direction, names in self.names.items()
        }
        forward, backward = self.cells.values()
        sizes = [
            (cell.n_cell, cell.n_output, cell.spec("input_to_output_weights").type.name) for cell in (forward, backward)
        ]
        node.require(sizes[0] == sizes[1], "cells, outputs and types of the two directions differ: {} and {}", *sizes)
        self.constants = {
            direction: None if (values := cell.constants()) is None else self.pack(cell, values)
            for direction, cell in self.cells.items()
        }
        self.declare_outputs(node, input, (forward.n_output, backward.n_output))

    def pack(self, cell: LstmOperands, arrays: Any) -> FloatCell:
        """The cell with its weights."""
        if cell.spec("input_to_output_weights").type == _FLOAT:
            return FloatCell(cell, arrays, self.settings, self.options.time_major)
        return HybridCell(cell, arrays, self.settings, self.options.time_major)

    def __call__(self, *operands: Any) -> Any:
        """The outputs of all steps."""
        arrays = dict(zip(BIDIRECTIONAL_LSTM_OPERANDS, operands, strict=True))
        x, aux = self.sequence(arrays["input"]), self.sequence(arrays["aux_input"])
        results = []
        for direction, names in self.names.items():
            specs = self.cells[direction]
            own = {role: arrays[name] for role, name in names.items()}
            cell = self.constants[direction] or self.pack(specs, own)
            backward = direction == "bw_"
            source = aux if backward and self.aux_for_backward else x
            assert source is not None
            seen = None if self.aux_for_backward else aux
            states = own["output_state"], own["cell_state"]
            results.append(run_sequence(cell, source, *states, specs.n_output, seen, backward))
        return self.outputs(*results)


@builtin(BuiltinOperator.BIDIRECTIONAL_SEQUENCE_RNN, versions=(1, 3))
class BidirectionalSequenceRnn(BidirectionalKernel, operands=BIDIRECTIONAL_RNN_OPERANDS):
    """Two recurrent cells over a sequence.

    input, aux_input: [batch, time, features], or [time, batch, features] if time_major; the operands of each cell: see
    RnnCell -> the outputs of both, [.., .., units] each, joined in the last dimension if merge_outputs

    Two peculiarities of the official kernel: unless time_major, an auxiliary input without weights is not used; with
    integer weights and time_major, the whole sequence is run as many times as it has steps, the state going on.

    Weights and biases may have further dimensions, of which the first elements count; of the recurrent weights only the
    number of rows (forward) or of columns (backward) is looked at.
    Raises InvalidModelError for operands of other shapes or types and for states that are not variables.
    Semantics: LiteRT tflite/kernels/bidirectional_sequence_rnn.cc.
    """

    options: BidirectionalSequenceRNNOptions

    def prepare(self, node: Node) -> None:
        """Validates the operands, packs constant weights."""
        input, n_aux_input = self.prepare_sequences(node, ("aux_weights",))
        time, batch = input.dims[:2] if self.options.time_major else input.dims[1::-1]
        self.cells = [
            RnnCell(
                node,
                {role: direction + role for role in (*_RNN_CELL, "aux_weights")},
                batch,
                input.dims[2],
                n_aux_input,
                recurrent_axes=(axis,),
            )
            for axis, direction in enumerate(_DIRECTIONS)
        ]
        self.is_compilable = all(cell.is_exact for cell in self.cells)
        types = [cell.specs["weights"].type for cell in self.cells]
        names = (type.name for type in types)
        node.require(types[0] == types[1], "the weights of the two directions are {} and {}", *names)
        self.rounds = time if self.options.time_major and types[0] != _FLOAT else 1
        self.declare_outputs(node, input, (self.cells[0].units, self.cells[1].units))

    def __call__(self, *operands: Any) -> Any:
        """The outputs of all steps."""
        arrays = dict(zip(BIDIRECTIONAL_RNN_OPERANDS, operands, strict=True))
        x, aux = self.sequence(arrays["input"]), self.sequence(arrays["aux_input"])
        assert x is not None
        source, seen = x, aux
        if self.aux_for_backward:
            assert aux is not None
            source, seen = (aux if self.options.time_major else x), None
        forward, backward = self.cells
        results = (
            np.zeros((*x.shape[:2], forward.units), np.float32),
            np.zeros((*x.shape[:2], backward.units), np.float32),
        )
        for _ in range(self.rounds):
            results = forward.run(x, arrays, seen), backward.run(source, arrays, seen, backward=True)
        return self.outputs(*results)
