"""Models of one LSTM operator with random operands, for every combination of what its cell may have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litejit import ModelBuilder
from litejit.kernels.reference.lstm_operands import LSTM_OPERANDS
from litejit.testing import Problem
from tests.ops.test_fully_connected import sparse_rows

__all__ = ["GATES", "CellCase", "add_cell", "lstm", "sequence"]

GATES = ("input", "forget", "cell", "output")


@dataclass(frozen=True)
class CellCase:
    """One LSTM cell. weights: dtype of the weights; input: of input and output.

    intermediates: 5 for gates in 16 bits, 12 for gates in 8 bits (integer inputs only).
    sparse: matrices are stored in blocks of 16 (integer weights only).
    drop: operands left out; wrong: keywords for the tensors of operands, by name, that replace the right ones.
    """

    weights: Any = np.float32
    input: Any = np.float32
    batch: int = 2
    time: int = 3
    n_input: int = 5
    n_cell: int = 6
    n_output: int = 6
    cifg: bool = False
    peephole: bool = False
    projection: bool = False
    projection_bias: bool = True
    layer_norm: bool = False
    diagonal: tuple[str, ...] = ()
    cell_exponent: int = -11
    intermediates: int = 5
    scale: float = 1.0
    sparse: bool = False
    drop: tuple[str, ...] = ()
    wrong: dict[str, Any] = field(default_factory=dict)

    @property
    def integer(self) -> bool:
        return self.input is np.int8

    @property
    def gates(self) -> tuple[str, ...]:
        return GATES[1:] if self.cifg else GATES


def weights_of(b: ModelBuilder, case: CellCase, rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> int:
    """A constant of weights, of the type of the case's weights."""
    if case.weights is np.float32:
        return b.constant((rng.normal(size=shape) * case.scale).astype(np.float32), name)
    # The official x86 code for dot products gets weights of -128, which converters never write, wrong.
    values = rng.integers(-127, 128, shape).astype(np.int8)
    scale = np.float32(rng.uniform(0.005, 0.02) * case.scale)
    fields: dict[str, Any] = {"scale": scale, "zero_point": 0}
    if case.sparse and len(shape) == 2:
        kept = rng.random((shape[0], shape[1] // 16)) < 0.5
        values = values.reshape(*kept.shape, 16)[kept].ravel()
        fields |= {"shape": shape, "sparsity": sparse_rows(kept, 16)}
    return b.constant(values.view(case.weights), name, **fields)


def add_cell(
    b: ModelBuilder, case: CellCase, rng: np.random.Generator, prefix: str = "", aux: int = 0
) -> dict[str, int | None]:
    """Tensors for the operands of one cell, by name. aux: features of an auxiliary input."""
    c = case
    tensors: dict[str, int | None] = {}

    def vector(name: str, integer: Any, spread: float, scale: float | None) -> int:
        """Biases, peephole weights, coefficients: floats, or integers of that dtype with that spread and scale."""
        if not case.integer:
            return b.constant(rng.normal(size=c.n_cell).astype(np.float32), prefix + name)
        values = (rng.normal(size=c.n_cell) * spread).astype(integer)
        return b.constant(values, prefix + name, scale=scale, zero_point=0)

    for gate in GATES:
        present = gate in c.gates
        recurrent = (c.n_cell, c.n_output)

        def matrix(name: str, shape: tuple[int, ...], present: bool = present) -> None:
            tensors[name] = weights_of(b, case, rng, prefix + name, shape) if present else None

        matrix(f"input_to_{gate}_weights", (c.n_cell, c.n_input))
        if gate in c.diagonal:
            tensors[f"recurrent_to_{gate}_weights"] = b.constant(rng.normal(size=c.n_cell).astype(np.float32))
        else:
            matrix(f"recurrent_to_{gate}_weights", recurrent)
        if aux:
            matrix(f"aux_input_to_{gate}_weights", (c.n_cell, aux))
        if not present:
            continue
        if c.peephole and gate != "cell":
            if case.integer:
                scale = 2.0**-13 * rng.uniform(0.5, 2)
                tensors[f"cell_to_{gate}_weights"] = vector(f"cell_to_{gate}_weights", np.int16, 9000, scale)
            else:
                matrix(f"cell_to_{gate}_weights", (c.n_cell,))
        tensors[f"{gate}_gate_bias"] = vector(f"{gate}_gate_bias", np.int32, 3000, 0.001)
        if c.layer_norm:
            name = f"{gate}_layer_norm_coefficients"
            tensors[name] = vector(name, np.int16, 9000, 2.0**-14 * rng.uniform(0.5, 2))
    if c.projection:
        tensors["projection_weights"] = weights_of(b, case, rng, prefix + "projection_weights", (c.n_output, c.n_cell))
        if c.projection_bias:
            bias = rng.normal(size=c.n_output) * (2000 if case.integer else 1)
            tensors["projection_bias"] = b.constant(bias.astype(np.int32 if case.integer else np.float32))
    states = {"output_state": (c.n_output, c.input, OUTPUT), "cell_state": (c.n_cell, np.int16, {})}
    for name, (size, dtype, quantization) in states.items():
        keywords = {"shape": (c.batch, size), "dtype": dtype if case.integer else np.float32}
        if case.integer:
            keywords |= quantization or {"scale": 2.0**c.cell_exponent}
        keywords |= c.wrong.get(name, {})
        tensors[name] = b.variable(**keywords) if keywords.pop("is_variable", True) else b.input(None, **keywords)
    return {name: None if name in c.drop else tensor for name, tensor in tensors.items()}


OUTPUT = {"scale": 0.009, "zero_point": -11}


def sequence(case: CellCase, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """An input, with a time step of zeros for one batch."""
    if case.integer:
        return rng.integers(-128, 128, shape).astype(np.int8)
    x = rng.normal(size=shape).astype(np.float32)
    x.reshape(-1, shape[-1])[1:2] = 0
    return x


def lstm(op: str, case: CellCase, seed: int = 0, time_major: bool = False, **options: Any) -> Problem:
    """A model of LSTM or UNIDIRECTIONAL_SEQUENCE_LSTM."""
    rng = np.random.default_rng(seed)
    b = ModelBuilder()
    c = case
    shape = {
        ("LSTM", False): (c.batch, c.n_input),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", False): (c.batch, c.time, c.n_input),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", True): (c.time, c.batch, c.n_input),
    }[op, time_major]
    if op != "LSTM":
        options["time_major"] = time_major
    x = sequence(case, rng, shape)
    quantization = {"scale": 0.03, "zero_point": 7} if case.integer else {}
    tensors = {"input": b.input("x", **{"shape": shape, "dtype": c.input} | quantization | c.wrong.get("input", {}))}
    tensors |= add_cell(b, case, rng)
    if case.integer:
        scales = rng.uniform(0.0002, 0.0006, 5) if c.intermediates == 5 else rng.uniform(0.01, 0.04, 12)
        if c.intermediates == 5:
            scales[4] = 0.007
        dtype = np.int16 if c.intermediates == 5 else np.int8
        options["intermediates"] = [
            b.tensor(None, (), dtype, scale=scale, zero_point=int(zero_point))
            for scale, zero_point in zip(scales, rng.integers(-9, 9, len(scales)), strict=True)
        ]
    names = LSTM_OPERANDS if c.layer_norm else LSTM_OPERANDS[: 20 if seed % 2 else 24]
    output = {"shape": (*shape[:-1], c.n_output), "dtype": c.input} | (OUTPUT if case.integer else {})
    b.output(b.op(op, [tensors.get(name) for name in names], [output], **options))
    return Problem(b.to_bytes(), [x], op)
