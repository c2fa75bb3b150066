"""Argument block of LSTM cells of integers. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["LSTM"]

LSTM = Layout(
    # steps; gates of a cell; elements of c and of h; packed recurrent weights; zeros for tables of offsets
    "time gates cells outputs panels panel_bytes weights stage zeros "
    # tables of 2^16 int16: logistic, tanh of a gate, tanh of the state; how the hidden state is rescaled
    "sigmoid squash state_squash mantissa exponent zero_point cell_shift clip "
    # int16 [batch, gates, cells], and int64 [gates]: multipliers; if the flag is 1
    "has_peephole peephole peephole_mantissas peephole_exponents "
    # int32 [gates, cells], and int64 [gates]: what stands for variances below 1, multipliers; if the flag is 1
    "has_norm coefficients bias guards norm_mantissas norm_exponents "
    # packed weights, if there are panels of them; what is added to the output, its clip
    "projection projection_panels projection_panel_bytes projection_stage output_zero_point proj_clip "
    # states; products of the inputs, and outputs: bytes from step to step, from batch to batch
    "h c sums sums_time sums_batch out out_time out_batch "
    # scratch memory of a thread: rows that are multiplied, their products, int32 [gates, cells]
    "scratch scratch_bytes products totals"
)
"""LSTM cells over sequences. Clips of 0 are none."""
