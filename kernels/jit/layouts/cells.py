"""Argument block of recurrent cells on floats. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["CELLS"]

CELLS = Layout(
    # steps; gates of a cell, 0 of an RNN; elements of c and of h; activation as the schema numbers it
    "time gates cells outputs activation symmetric "
    # packed matrices, panels by four, and the stages of their products; no panels: there is no projection
    "weights panels panel_bytes stage projection projection_panels projection_panel_bytes projection_stage zeros "
    # float32 [gates, cells] each, if their flag is 1; diagonal_gates: bytes [gates], which have diagonal weights;
    # singles: bytes [batch, gates, cells], see `logistic_exact`
    "has_diagonal diagonal diagonal_gates has_peephole peephole has_norm coefficients bias has_singles singles powers "
    "cell_clip proj_clip low high limit "
    # states; products of the inputs (and of auxiliary ones), and outputs: bytes from step to step, from batch to batch
    "h c sums has_aux aux sums_time sums_batch out out_time out_batch "
    # scratch memory of a thread: rows that are multiplied, their products, [gates] rows of row_bytes and as many again
    "scratch scratch_bytes recurrent gate_rows squashed hidden projected row_bytes"
)
"""LSTM and RNN cells over sequences. Clips are float64; a clip of 0 is none.

low, high: clamp of products; -limit, limit: of sums that they are added to.
"""
