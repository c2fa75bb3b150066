"""RNN and UNIDIRECTIONAL_SEQUENCE_RNN: h = activate(W x + A aux + R h + bias)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from litejit.kernels.kernel import Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.first_elements import at_least_rank, first_elements, first_elements_of
from litejit.kernels.reference.hybrid import as_rows, vector_activation
from litejit.kernels.reference.hybrid_matrix import HybridMatrix
from litejit.kernels.reference.lstm import OFFICIAL_FLAVOURS
from litejit.kernels.reference.lstm_operands import check_variable
from litejit.kernels.registry import builtin
from litejit.kernels.sparse import dense_value
from litejit.schema import BuiltinOperator, RNNOptions, SequenceRNNOptions, TensorType

__all__ = ["Rnn", "RnnCell", "UnidirectionalSequenceRnn"]

_FLOAT = TensorType.FLOAT32
_WEIGHT_TYPES = (_FLOAT, TensorType.INT8, TensorType.UINT8)


class RnnCell:
    """The cell of one direction, its operands checked.

    names: operands in the operator of the cell's weights, recurrent_weights, bias, hidden_state (and aux_weights).
    Weights [units, features], recurrent_weights [units, units], bias [units]; hidden_state [batch, units], a variable.
    Integer weights (UINT8 is taken for INT8) quantize inputs and state on the fly, row by row.
    recurrent_axes: dimensions of recurrent_weights that are looked at. is_exact: all operands have the right ranks.
    """

    def __init__(
        self,
        node: Node,
        names: Mapping[str, str],
        batch: int,
        features: int,
        aux_features: int = 0,
        recurrent_axes: tuple[int, ...] = (0, 1),
    ) -> None:
        weights = at_least_rank(node, names["weights"], 2, types=_WEIGHT_TYPES)
        self.units = units = weights.dims[0]
        self.names, self.batch = names, batch
        self.asymmetric = node.options.asymmetric_quantize_inputs
        self.activation = node.options.fused_activation_function
        self.specs: dict[str, TensorSpec] = {
            "weights": first_elements(node, names["weights"], (units, features)),
            "recurrent_weights": first_elements(
                node, names["recurrent_weights"], (units, units), recurrent_axes, types=weights.type
            ),
            "bias": first_elements(node, names["bias"], (units,), types=_FLOAT),
        }
        if aux_features:
            self.specs["aux_weights"] = first_elements(
                node, names["aux_weights"], (units, aux_features), types=weights.type
            )
        self.is_exact = all(spec.dims == node.input(names[role]).dims for role, spec in self.specs.items())
        node.input(names["hidden_state"], shape=(batch, units), types=_FLOAT)
        check_variable(node, names["hidden_state"], batch * units)
        constants = {role: dense_value(spec) for role, spec in self.specs.items()}
        self.packed = None if any(value is None for value in constants.values()) else self.pack(constants)

    def pack(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Functions for products with the matrices; the bias."""

        def product(role: str) -> Any:
            weights = arrays[role]
            if weights.dtype == np.float32:
                return lambda x: x @ weights.T
            return HybridMatrix(weights, np.array([self.specs[role].scale]), self.asymmetric, self.batch)

        return {role: arrays[role] if role == "bias" else product(role) for role in self.specs}

    def run(
        self, x: np.ndarray, arrays: Mapping[str, Any], aux: np.ndarray | None = None, backward: bool = False
    ) -> np.ndarray:
        """[time, batch, features] -> [time, batch, units]; updates the state. arrays: by names of the operator."""
        packed = self.packed or self.pack(
            {role: first_elements_of(arrays[self.names[role]], spec.dims) for role, spec in self.specs.items()}
        )
        state = arrays[self.names["hidden_state"]]
        with np.errstate(all="ignore"):
            sums = packed["bias"] + packed["weights"](as_rows(x))
            if aux is not None and "aux_weights" in packed:
                sums += packed["aux_weights"](as_rows(aux))
            result = sums.reshape(*x.shape[:2], self.units)
            for t in reversed(range(len(x))) if backward else range(len(x)):
                state[...] = vector_activation(self.activation, result[t] + packed["recurrent_weights"](state))
                result[t] = state
        return result


class RnnKernel(Kernel):
    """What the operators have in common."""

    types = (_FLOAT,)
    stateful = True
    flavours = OFFICIAL_FLAVOURS


_NAMES = {name: name for name in ("weights", "recurrent_weights", "bias", "hidden_state")}


@builtin(BuiltinOperator.RNN, versions=(1, 3))
class Rnn(RnnKernel):
    """One step of a recurrent cell.

    input: [batch, features]; the other operands: see RnnCell -> [batch, units], also the new hidden_state

    All but the state may have further dimensions, of which the first elements count.
    Raises InvalidModelError for operands of other shapes or types and for a state that is not a variable.
    Semantics: LiteRT tflite/kernels/basic_rnn.cc, internal/kernel_utils.cc (RnnBatchStep).
    """

    options: RNNOptions

    def prepare(self, node: Node) -> None:
        """Validates the operands, packs constant weights."""
        input = at_least_rank(node, "input", 2)
        self.shape = first_elements(node, "input", input.dims[:2]).dims
        self.cell = RnnCell(node, _NAMES, *self.shape)
        self.is_compilable = input.rank == 2 and self.cell.is_exact
        node.output((self.shape[0], self.cell.units), types=_FLOAT)

    def __call__(
        self,
        input: np.ndarray,
        weights: np.ndarray,
        recurrent_weights: np.ndarray,
        bias: np.ndarray,
        hidden_state: np.ndarray,
    ) -> np.ndarray:
        """One step."""
        arrays = {
            "weights": weights,
            "recurrent_weights": recurrent_weights,
            "bias": bias,
            "hidden_state": hidden_state,
        }
        return self.cell.run(first_elements_of(input, self.shape)[None], arrays)[0]


@builtin(BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_RNN, versions=(1, 3))
class UnidirectionalSequenceRnn(RnnKernel):
    """A recurrent cell over a sequence.

    input: [batch, time, features], or [time, batch, features] if time_major; the other operands: see RnnCell
    -> the same with units as the last dimension

    Raises InvalidModelError for operands of other shapes or types and for a state that is not a variable.
    Semantics: LiteRT tflite/kernels/unidirectional_sequence_rnn.cc.
    """

    options: SequenceRNNOptions

    def prepare(self, node: Node) -> None:
        """Validates the operands, packs constant weights."""
        input = node.input("input", rank=3)
        for name, rank in (("weights", 2), ("recurrent_weights", 2), ("bias", 1)):
            node.input(name, rank=rank)
        self.cell = RnnCell(node, _NAMES, input.dims[1 if self.options.time_major else 0], input.dims[2])
        node.output((*input.dims[:2], self.cell.units), types=_FLOAT)

    def __call__(
        self,
        input: np.ndarray,
        weights: np.ndarray,
        recurrent_weights: np.ndarray,
        bias: np.ndarray,
        hidden_state: np.ndarray,
    ) -> np.ndarray:
        """The outputs of all steps."""
        arrays = {
            "weights": weights,
            "recurrent_weights": recurrent_weights,
            "bias": bias,
            "hidden_state": hidden_state,
        }
        if self.options.time_major:
            return self.cell.run(input, arrays)
        return np.ascontiguousarray(self.cell.run(input.swapaxes(0, 1), arrays).swapaxes(0, 1))
