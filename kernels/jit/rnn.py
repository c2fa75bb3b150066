"""RNN operators on the fast tier, with weights of floats or of integers, in one direction and in both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litejit.kernels.jit.call import Call
from litejit.kernels.jit.cells import Cell, Weights, both_ways, only_way, walk_calls
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.bidirectional import BIDIRECTIONAL_RNN_OPERANDS, BidirectionalSequenceRnn
from litejit.kernels.reference.rnn import Rnn, RnnCell, UnidirectionalSequenceRnn
from litejit.kernels.sparse import dense_value

__all__: list[str] = []


@lowers(Rnn, UnidirectionalSequenceRnn)
def rnn(lowering: Lowering) -> Sequence[Call] | None:
    """Cells with constant weights."""
    kernel = lowering.kernel
    time_major = isinstance(kernel, Rnn) or kernel.options.time_major
    names = ("input", "weights", "recurrent_weights", "bias", "hidden_state")
    return walk_calls(lowering, _cell_of(kernel.cell), only_way(lowering, names, time_major, ("hidden_state",)))


@lowers(BidirectionalSequenceRnn)
def bidirectional_rnn(lowering: Lowering) -> Sequence[Call] | None:
    """Cells with constant weights, where the official kernel does not go over the sequence again and again."""
    kernel, names = lowering.kernel, BIDIRECTIONAL_RNN_OPERANDS
    if kernel.rounds != 1:
        return None
    separate = kernel.aux_for_backward and kernel.options.time_major
    source = lowering.given(names.index("aux_input")) if separate else None
    return both_ways(lowering, [_cell_of(cell) for cell in kernel.cells], names, ("hidden_state",), source)


def _cell_of(cell: RnnCell) -> Cell | None:
    arrays = {role: dense_value(spec) for role, spec in cell.specs.items()}
    if any(array is None for array in arrays.values()):
        return None

    def weights(role: str, bias: np.ndarray | None = None) -> Weights | None:
        array = arrays.get(role)
        if array is None:
            return None
        scales = None if array.dtype == np.float32 else cell.specs[role].scale
        return Weights.of(array, scales, bias)

    inputs, recurrent = weights("weights", arrays["bias"]), weights("recurrent_weights")
    assert inputs is not None
    assert recurrent is not None
    fields = {"activation": int(cell.activation), "cell_clip": 0.0, "proj_clip": 0.0}
    return Cell(inputs, weights("aux_weights"), recurrent, None, 0, cell.units, cell.units, cell.asymmetric, fields)
