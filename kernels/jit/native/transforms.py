"""The transforms of Winograd's algorithms F(m x m, 3 x 3) along one line: of inputs (B') and of sums (A').

Each is a polynomial product evaluated at some points and interpolated: at 0, 1, -1 and infinity for m = 2; for m = 4 at
0, 1, -1, 2, -2 and infinity for integers, where all factors are integers, and at 0, +-sqrt(1/2), +-sqrt(2) and infinity
for floats, where the factors are closest to 1 and rounding does least. The filters' transforms are in
`litejit.kernels.jit.winograd`, with the factors that make integers of them; sums of position 5 of integers lack a
factor of 4 there, which is made up for here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from litejit.kernels.jit.native.emission import emit_constant, emit_fma

__all__ = ["Lanes", "Transforms", "transforms"]

Values = list[ir.Value]


@dataclass(frozen=True)
class Lanes:
    """Arithmetic of vectors of integers or of floats."""

    b: ir.IRBuilder
    is_float: bool

    def add(self, *terms: ir.Value) -> ir.Value:
        """The sum."""
        total = terms[0]
        for term in terms[1:]:
            total = self.b.fadd(total, term) if self.is_float else self.b.add(total, term)
        return total

    def sub(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """x - y."""
        return self.b.fsub(x, y) if self.is_float else self.b.sub(x, y)

    def times(self, factor: float, x: ir.Value) -> ir.Value:
        """factor * x; of integers a power of 2."""
        if self.is_float:
            return self.b.fmul(x, emit_constant(x.type, factor))
        return self.b.shl(x, emit_constant(x.type, int(factor).bit_length() - 1))

    def more(self, y: ir.Value, factor: float, x: ir.Value) -> ir.Value:
        """y + factor * x."""
        if self.is_float:
            return emit_fma(self.b, x, emit_constant(x.type, factor), y)
        return self.sub(y, self.times(-factor, x)) if factor < 0 else self.add(y, self.times(factor, x))


Line = Callable[[Lanes, Values], Values]


@dataclass(frozen=True)
class Transforms:
    """size: of a tile of inputs and of sums; outputs: of a tile of outputs; both along one line."""

    size: int
    outputs: int
    inputs_line: Line
    outputs_line: Line

    def of_inputs(self, lanes: Lanes, tile: list[Values]) -> list[Values]:
        """[size][size] -> [size][size]"""
        return _both_ways(self.inputs_line, lanes, tile)

    def of_sums(self, lanes: Lanes, tile: list[Values]) -> list[Values]:
        """[size][size] -> [outputs][outputs]"""
        return _both_ways(self.outputs_line, lanes, tile)


def _both_ways(line: Line, lanes: Lanes, tile: list[Values]) -> list[Values]:
    columns = [line(lanes, list(column)) for column in zip(*tile, strict=True)]
    return [line(lanes, list(row)) for row in zip(*columns, strict=True)]


def _inputs_2(lanes: Lanes, d: Values) -> Values:
    return [lanes.sub(d[0], d[2]), lanes.add(d[1], d[2]), lanes.sub(d[2], d[1]), lanes.sub(d[1], d[3])]


def _sums_2(lanes: Lanes, m: Values) -> Values:
    return [lanes.add(m[0], m[1], m[2]), lanes.sub(lanes.sub(m[1], m[2]), m[3])]


def _inputs_4(lanes: Lanes, d: Values) -> Values:
    """4 d0 - 5 d2 + d4; d4 - 4 d2 +- (d3 - 4 d1); d4 - d2 +- 2 (d3 - d1); 4 d1 - 5 d3 + d5"""
    even, odd = lanes.more(d[4], -4, d[2]), lanes.more(d[3], -4, d[1])
    near_even, near_odd = lanes.sub(d[4], d[2]), lanes.sub(d[3], d[1])
    return [
        lanes.more(near_even, 4, lanes.sub(d[0], d[2])),
        lanes.add(even, odd),
        lanes.sub(even, odd),
        lanes.more(near_even, 2, near_odd),
        lanes.more(near_even, -2, near_odd),
        lanes.more(lanes.sub(d[5], d[3]), -4, near_odd),
    ]


def _sums_4(lanes: Lanes, m: Values) -> Values:
    both, difference = lanes.add(m[1], m[2]), lanes.sub(m[1], m[2])
    far, far_difference = lanes.add(m[3], m[4]), lanes.sub(m[3], m[4])
    return [
        lanes.add(m[0], both, far),
        lanes.more(difference, 2, far_difference),
        lanes.more(both, 4, far),
        lanes.more(lanes.more(difference, 8, far_difference), 4, m[5]),
    ]


ROOT, HALF_ROOT = 2**0.5, 0.5**0.5


def _float_inputs_4(lanes: Lanes, d: Values) -> Values:
    """d0 - 5/2 d2 + d4; d4 - 2 d2 +- sqrt(1/2) (d3 - 2 d1); d4 - d2 / 2 +- sqrt(2) (d3 - d1 / 2); d1 - 5/2 d3 + d5"""
    even, odd = lanes.more(d[4], -2.0, d[2]), lanes.more(d[3], -2.0, d[1])
    far_even, far_odd = lanes.more(d[4], -0.5, d[2]), lanes.more(d[3], -0.5, d[1])
    return [
        lanes.more(lanes.add(d[0], d[4]), -2.5, d[2]),
        lanes.more(even, HALF_ROOT, odd),
        lanes.more(even, -HALF_ROOT, odd),
        lanes.more(far_even, ROOT, far_odd),
        lanes.more(far_even, -ROOT, far_odd),
        lanes.more(lanes.add(d[1], d[5]), -2.5, d[3]),
    ]


def _float_sums_4(lanes: Lanes, m: Values) -> Values:
    both, difference = lanes.add(m[1], m[2]), lanes.sub(m[1], m[2])
    far, far_difference = lanes.add(m[3], m[4]), lanes.sub(m[3], m[4])
    return [
        lanes.add(m[0], both, far),
        lanes.more(lanes.times(HALF_ROOT, difference), ROOT, far_difference),
        lanes.more(lanes.times(0.5, both), 2.0, far),
        lanes.more(lanes.more(m[5], HALF_ROOT / 2, difference), 2 * ROOT, far_difference),
    ]


def transforms(outputs: int, is_float: bool) -> Transforms:
    """Those of F(outputs x outputs, 3 x 3)."""
    if outputs == 2:
        return Transforms(4, 2, _inputs_2, _sums_2)
    return Transforms(6, 4, *((_float_inputs_4, _float_sums_4) if is_float else (_inputs_4, _sums_4)))
