"""Matrices of run time, made ready for products: right ones packed to panels, left ones transposed or centred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from litejit.kernels.jit.bands import Geometry
from litejit.kernels.jit.broadcasting import contiguous
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor
from litejit.kernels.jit.layouts.products import PACK
from litejit.kernels.jit.moving import copy
from litejit.kernels.jit.packing import panels_of
from litejit.kernels.jit.products import FLOAT, INT16, Left, Right, pitch_of, quantize_rows, rounded
from litejit.kernels.jit.stages import PackedStage, float_stage, integer_stage, scaled_stage
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.products import FloatProducts, HybridProducts, QuantizedProducts
from litejit.schema import ActivationFunctionType, TensorType

__all__ = ["Rows", "pack_call", "packed_right", "spread", "stage_of_matrix"]


def stage_of_matrix(
    products: object,
    activation: ActivationFunctionType | None,
    matrix: np.ndarray | None,
    bias: np.ndarray | None,
    depth: int,
    columns: int,
) -> PackedStage | None:
    """The output stage of products with a matrix [1, depth, columns], of which nothing is known if it is None.

    None where the arithmetic is another one, or results are not provably the same.
    """
    if isinstance(products, FloatProducts):
        return float_stage(products.activation, bias, columns)
    if isinstance(products, HybridProducts):
        most = depth * 128 if matrix is None else np.abs(matrix).sum((0, 1), dtype=np.int64).max(initial=0)
        if most * products.arithmetic.span >= 1 << 31:
            return None
        return scaled_stage(products, activation, bias, columns, infinite=True)
    if not isinstance(products, QuantizedProducts):
        return None
    if matrix is not None:
        return integer_stage(products, matrix, 0 if bias is None else bias, centred=False)
    most = max(127 - products.filter_zero_point, 128 + products.filter_zero_point)
    unknown = np.broadcast_to(np.int32(most), (1, depth, columns))
    stage = integer_stage(products, unknown, 0 if bias is None else bias, centred=True)
    return None if stage is None or stage.wide else stage


@dataclass
class Rows:
    """The rows [rows, depth] of a left matrix on their way to products; `calls` make them ready.

    used: bytes of scratch memory. fields: of `Left`, beside the geometry.
    """

    source: Tensor | Scratch
    rows: int
    depth: int
    type: TensorType
    used: int = 0

    def __post_init__(self) -> None:
        self.calls: list[Call] = []
        self.pitch = self.depth * (4 if self.type == TensorType.FLOAT32 else 2)
        self.element = {TensorType.FLOAT32: FLOAT, TensorType.INT8: 1, TensorType.UINT8: 2}.get(self.type, INT16)
        self.scales: Scratch | None = None

    @property
    def element_bytes(self) -> int:
        """Of an element where products read it."""
        return 4 if self.element == FLOAT else 2

    @property
    def row_bytes(self) -> int:
        """From a row to the next where `source` is."""
        return self.depth if self.element in (1, 2) else self.pitch

    def transpose(self, dims: Sequence[int], item_bytes: int) -> None:
        """From matrices [..., depth, rows] in memory."""
        *lead, depth, rows = dims
        at = self.used
        self.used = rounded(at + prod(dims) * item_bytes + SLACK)
        steps = contiguous(dims)
        shape = (prod(lead), rows, depth)
        call = copy(
            self.source, Scratch(at), shape, (rows * depth, steps[-1], steps[-2]), contiguous(shape), item_bytes
        )
        assert call is not None
        self.calls.append(replace(call, scratch_bytes=self.used))
        self.source = Scratch(at)

    def quantize(self, symmetric: bool, zeros_left_out: bool = False) -> None:
        """Floats on the fly. zeros_left_out: all of them are zeros where they are counted as such."""
        at, together = self.used, self.rows if zeros_left_out else 0
        calls, self.used, self.scales = quantize_rows(self.source, self.rows, self.depth, symmetric, at, together)
        self.calls += calls
        self.source, self.element, self.pitch = Scratch(at), INT16, pitch_of(self.depth)

    def centre(self, zero_point: int) -> None:
        """INT8 less its zero point."""
        at, pitch = self.used, pitch_of(self.depth)
        self.used = rounded(at + self.rows * pitch + SLACK)
        self.calls.append(
            pack_call(
                "centred", self.source, Scratch(at), self.depth, 0, self.rows, zero_point=zero_point, used=self.used
            )
        )
        self.source, self.element, self.pitch = Scratch(at), INT16, pitch

    def left(self, geometry: Geometry, images: np.ndarray) -> Left:
        """The left matrix of a product. images: which of the matrices each image is."""
        rows = geometry.in_size[0]
        return Left(
            self.source,
            geometry,
            images * rows * self.row_bytes,
            self.element,
            shared_bytes=self.used,
            scales=self.scales,
            scale_image_bytes=0 if self.scales is None else 4 * rows,
            scale_pixel_bytes=0 if self.scales is None else 4,
        )


def spread(dims: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """Which of an operand's matrices each matrix of the output is computed from; dims, shape: leading dimensions."""
    return np.broadcast_to(np.arange(prod(dims)).reshape(dims), shape).ravel()


def packed_right(
    rows: Rows,
    rhs: TensorSpec,
    columns: int,
    transposed: bool,
    zero_point: int,
    factor: int,
    images: np.ndarray,
) -> Right:
    """A right matrix, or several, packed by one more call of `rows`. images: which of them each image takes."""
    depth, matrices, panels = rows.depth, prod(rhs.dims[:-2]), panels_of(columns)
    kernel, panel_bytes = ("floats", 64 * depth) if rows.element == FLOAT else ("pairs", 64 * -(-depth // 2))
    at = rows.used
    rows.used = rounded(at + matrices * panels * panel_bytes + SLACK)
    rows.calls.append(
        pack_call(
            kernel,
            Tensor(rhs.index),
            Scratch(at),
            depth,
            columns,
            matrices * panels,
            panels,
            transposed,
            zero_point,
            factor,
            rows.used,
        )
    )
    return Right(columns, depth, None, Scratch(at), panel_bytes, images * panels * panel_bytes)


def pack_call(
    kernel: str,
    source: Tensor | Scratch,
    target: Scratch,
    depth: int,
    columns: int,
    items: int,
    panels: int = 0,
    transposed: bool = False,
    zero_point: int = 0,
    factor: int = 1,
    used: int = 0,
) -> Call:
    """A call of `native.panels`; used: where scratch memory ends."""
    values = {
        "source": source,
        "target": target,
        "depth": depth,
        "columns": columns,
        "panels": panels,
        "transposed": int(transposed),
        "zero_point": zero_point,
        "factor": factor,
    }
    each = depth if panels == 0 else 16 * depth
    return Call(
        f"panels.{kernel}", PACK, values, items, max(1, 2048 // each), scratch_bytes=used, work=items * each // 8
    )
