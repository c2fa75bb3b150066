"""The operands of an LSTM cell: their names, what they have to look like, and the sizes that follow from them.

What the operators compute with them is in lstm_float.py, lstm_hybrid.py and lstm_integer.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litejit.kernels.node import Node, Shape, TensorSpec
from litejit.kernels.sparse import dense_value
from litejit.schema import ActivationFunctionType, TensorType

__all__ = ["GATES", "LSTM_OPERANDS", "LstmArrays", "LstmOperands", "LstmSettings", "check_variable"]

GATES = ("input", "forget", "cell", "output")

_FLOAT, _INT8, _INT16, _INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32

LSTM_OPERANDS = (
    "input",
    *(f"input_to_{gate}_weights" for gate in GATES),
    *(f"recurrent_to_{gate}_weights" for gate in GATES),
    "cell_to_input_weights",
    "cell_to_forget_weights",
    "cell_to_output_weights",
    *(f"{gate}_gate_bias" for gate in GATES),
    "projection_weights",
    "projection_bias",
    "output_state",
    "cell_state",
    *(f"{gate}_layer_norm_coefficients" for gate in GATES),
)
"""The operands of LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM in file order."""

LstmArrays = Mapping[str, Any]
"""Arrays, or None, by name of the operand (without the prefix of a direction)."""


@dataclass(frozen=True)
class LstmSettings:
    """The options of an LSTM; a clip of 0 is none."""

    activation: ActivationFunctionType
    cell_clip: float
    proj_clip: float
    asymmetric: bool


@dataclass(frozen=True, eq=False)
class LstmOperands:
    """One cell's operands, checked.

    specs: by name. gates: those there are; with a coupled input and forget gate (CIFG) there is no input gate.
    """

    specs: Mapping[str, TensorSpec | None]
    gates: tuple[str, ...]
    batch: int
    n_input: int
    n_cell: int
    n_output: int
    n_aux_input: int = 0

    @classmethod
    def of(
        cls,
        node: Node,
        names: Mapping[str, str],
        batch: int,
        n_input: int,
        n_aux_input: int = 0,
        diagonal: bool = False,
        norm_by_gate: bool = False,
    ) -> LstmOperands:
        """The operands of a node. names: the name in the operator of each operand of the cell.

        diagonal: recurrent weights may be vectors, which stand for diagonal matrices. norm_by_gate: without layer norm
        coefficients of the forget gate, gates of floats that have some are normalized all the same, else none are.
        """
        specs = {role: node.optional(name) for role, name in names.items()}
        if specs.get("forget_layer_norm_coefficients") is None and not norm_by_gate:
            specs |= dict.fromkeys((f"{gate}_layer_norm_coefficients" for gate in GATES), None)
        weights = node.input(names["input_to_output_weights"], rank=2)
        recurrent = node.input(names["recurrent_to_output_weights"], rank=(1, 2) if diagonal else 2)
        gates = GATES if specs["input_to_input_weights"] is not None else GATES[1:]
        operands = cls(specs, gates, batch, n_input, weights.dims[0], recurrent.dims[-1], n_aux_input)
        node.require(operands.n_cell > 0 and operands.n_output > 0, "the weights have no rows or columns")
        for role, (shapes, types) in operands._expected(node, weights.type, diagonal).items():
            spec = node.input(names[role], types=types, rank=tuple({len(shape) for shape in shapes}))
            node.require(
                spec.dims in shapes,
                "operand '{}' ({}) has shape {}, expected {}",
                names[role],
                spec,
                spec.dims,
                " or ".join(map(str, shapes)),
            )
        for role in operands._forbidden():
            node.require(specs.get(role) is None, "operand '{}' belongs to an input gate, there is none", role)
        for role, size in (("output_state", operands.n_output), ("cell_state", operands.n_cell)):
            check_variable(node, names[role], batch * size, () if node.input(0).type == _INT8 else (_FLOAT,))
        return operands

    def _expected(
        self, node: Node, type: TensorType, diagonal: bool
    ) -> dict[str, tuple[Sequence[Shape], tuple[TensorType, ...]]]:
        """Shapes and types of all operands that have to be there, by name."""
        node.require(
            type in (_FLOAT, _INT8, TensorType.UINT8), "the weights are {}, expected FLOAT32, INT8 or UINT8", type.name
        )
        integer = node.input(0).type == _INT8
        node.require(not integer or type == _INT8, "the weights are {}, an INT8 input takes INT8", type.name)
        cell = [(self.n_cell,)]
        bias = _INT32 if integer else _FLOAT
        matrix = [(self.n_cell, self.n_output)]
        result: dict[str, tuple[Sequence[Shape], tuple[TensorType, ...]]] = {}
        for gate in self.gates:
            result[f"input_to_{gate}_weights"] = [(self.n_cell, self.n_input)], (type,)
            is_diagonal = diagonal and getattr(self.specs[f"recurrent_to_{gate}_weights"], "shape", None) == cell[0]
            result[f"recurrent_to_{gate}_weights"] = (cell, (_FLOAT,)) if is_diagonal else (matrix, (type,))
            node.require(not is_diagonal or self.n_cell == self.n_output, "diagonal recurrent weights are not square")
            result[f"{gate}_gate_bias"] = cell, (bias,)
            if self.layer_norm and self._is_normalized(gate):
                result[f"{gate}_layer_norm_coefficients"] = cell, (_INT16 if integer else _FLOAT,)
            if self.peephole and gate != "cell":
                result[f"cell_to_{gate}_weights"] = cell, (_INT16 if integer else type,)
            if self.n_aux_input:
                result[f"aux_input_to_{gate}_weights"] = [(self.n_cell, self.n_aux_input)], (type,)
        if self.projection:
            result["projection_weights"] = [(self.n_output, self.n_cell)], (type,)
        else:
            is_part = self.n_output <= self.n_cell and not integer
            node.require(
                is_part or self.n_cell == self.n_output, "there are no projection weights, yet output and cell differ"
            )
        if self.specs["projection_bias"] is not None:
            node.require(self.projection, "there is a projection bias without projection weights")
            result["projection_bias"] = [(self.n_output,)], (bias,)
        return result

    def _is_normalized(self, gate: str) -> bool:
        """Whether coefficients of a gate have to be there: all of them do if the forget gate has some."""
        name = "{}_layer_norm_coefficients".format
        integer = self.spec("input").type == _INT8
        return integer or self.specs[name("forget")] is not None or self.specs[name(gate)] is not None

    def _forbidden(self) -> list[str]:
        """Operands that must not be there: those of a missing input gate."""
        cifg = "input" not in self.gates
        return ["recurrent_to_input_weights", "input_gate_bias", "input_layer_norm_coefficients"] if cifg else []

    @property
    def peephole(self) -> bool:
        """Whether gates see the cell state."""
        return any(self.specs[f"cell_to_{gate}_weights"] is not None for gate in ("forget", "output"))

    @property
    def layer_norm(self) -> bool:
        """Whether sums of gates are normalized."""
        return any(self.specs.get(f"{gate}_layer_norm_coefficients") is not None for gate in self.gates)

    @property
    def projection(self) -> bool:
        """Whether the output is a product with the projection weights."""
        return self.specs["projection_weights"] is not None

    def spec(self, role: str) -> TensorSpec:
        """An operand that is there."""
        spec = self.specs[role]
        assert spec is not None
        return spec

    def constants(self) -> LstmArrays | None:
        """The arrays of all weights, if all of them are constant."""
        variable = ("input", "aux_input", "output_state", "cell_state")
        weights = {role: spec for role, spec in self.specs.items() if spec is not None and role not in variable}
        values = {role: dense_value(spec) for role, spec in weights.items()}
        return None if any(value is None for value in values.values()) else values


def check_variable(node: Node, operand: str, size: int, types: tuple[TensorType, ...] = ()) -> None:
    """Requires an operand to be a variable of so many elements, of one of these types if there are any."""
    state = node.input(operand, types=types or None)
    node.require(state.is_variable, "operand '{}' ({}) is not a variable, a state has to be one", operand, state)
    node.require(state.size == size, "operand '{}' ({}) has {} elements, expected {}", operand, state, state.size, size)
