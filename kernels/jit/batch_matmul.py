"""BATCH_MATMUL on the fast tier: floats, 8-bit integers, and dynamic range with constant weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor
from litejit.kernels.jit.convolution import Geometry
from litejit.kernels.jit.layouts.products import PACK
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.packing import panels_of
from litejit.kernels.jit.products import FLOAT, Left, Out, Right, matrix_rows, pitch_of, product, quantize_rows, rounded
from litejit.kernels.jit.stages import float_stage, integer_stage, scaled_stage
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.batch_matmul import BatchMatMul
from litejit.kernels.reference.products import FloatProducts, HybridProducts, QuantizedProducts
from litejit.schema import ActivationFunctionType, TensorType

__all__: list[str] = []


@lowers(BatchMatMul)
def batch_matmul(lowering: Lowering) -> Sequence[Call] | None:
    """The right matrices are packed when they arrive, unless they are constant."""
    kernel, lhs, rhs, output = lowering.kernel, lowering.input(0), lowering.input(1), lowering.outputs[0]
    if kernel.options.adj_x or output.size == 0 or lhs.size == 0:
        return None
    if isinstance(kernel.products, HybridProducts):
        return _hybrid(lowering)
    if isinstance(kernel.products, FloatProducts):
        return _floats(lowering, lhs, rhs, output)
    return _bytes(lowering, lhs, rhs, output) if lhs.type == rhs.type == TensorType.INT8 else None


def _offsets(dims: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """Which of an operand's matrices each matrix of the output is computed from; dims, shape: leading dimensions."""
    return np.broadcast_to(np.arange(prod(dims)).reshape(dims), shape).ravel()


def _geometry(lhs: TensorSpec, rhs: TensorSpec, output: TensorSpec, pitch: int, element_bytes: int) -> Geometry:
    """Images are the matrices; with a single right matrix, all rows are one image."""
    if prod(rhs.dims[:-2]) == 1:
        return matrix_rows(prod(lhs.dims[:-1]), pitch, element_bytes)
    rows, images = lhs.dims[-2], prod(output.dims[:-2])
    one = (1, 1)
    return Geometry(
        images, (rows, 1), (rows, 1), (0, 0), 1, one, one, one, pitch // element_bytes, element_bytes, False
    )


def _target(output: TensorSpec, geometry: Geometry) -> Out:
    row_bytes = output.dims[-1] * output.dtype.itemsize
    return Out(Tensor(output.index), geometry.out_size[0] * row_bytes, row_bytes, 0)


def _floats(lowering: Lowering, lhs: TensorSpec, rhs: TensorSpec, output: TensorSpec) -> Sequence[Call]:
    depth, columns, threads = lhs.dims[-1], output.dims[-1], lowering.threads
    geometry = _geometry(lhs, rhs, output, depth * 4, 4)
    sources = _offsets(lhs.dims[:-2], output.dims[:-2]) if geometry.images > 1 else np.zeros(1, np.int64)
    offsets = sources * lhs.dims[-2] * depth * 4
    stage, out = float_stage(None, None, columns), _target(output, geometry)
    transposed = lowering.kernel.options.adj_y
    if rhs.value is not None and prod(rhs.dims[:-2]) == 1:
        matrix = rhs.value.reshape(rhs.dims[-2:])
        right = Right(columns, depth, (matrix.T if transposed else matrix)[None])
        return [product(Left(Tensor(lhs.index), geometry, offsets, FLOAT), right, out, stage, threads)]
    pack, right, shared = _packed(rhs, output, depth, "floats", 64 * depth, transposed, 0, 1)
    left = Left(Tensor(lhs.index), geometry, offsets, FLOAT, shared_bytes=shared)
    return [pack, product(left, right, out, stage, threads)]


def _packed(
    rhs: TensorSpec, output: TensorSpec, depth: int, kernel: str, panel_bytes: int, transposed: bool, zero_point: int,
    factor: int,
) -> tuple[Call, Right, int]:  # fmt: skip
    """The call that packs the right matrices at the start of the scratch memory; its bytes."""
    columns, matrices = output.dims[-1], prod(rhs.dims[:-2])
    panels = panels_of(columns)
    shared = rounded(matrices * panels * panel_bytes + SLACK)
    values = {
        "source": Tensor(rhs.index),
        "target": Scratch(0),
        "depth": depth,
        "columns": columns,
        "panels": panels,
        "transposed": int(transposed),
        "zero_point": zero_point,
        "factor": factor,
    }
    call = Call(
        f"panels.{kernel}",
        PACK,
        values,
        matrices * panels,
        scratch_bytes=shared,
        work=matrices * panels * panel_bytes // 8,
    )
    of_image = _offsets(rhs.dims[:-2], output.dims[:-2]) if matrices > 1 else np.zeros(prod(output.dims[:-2]), np.int64)
    return call, Right(columns, depth, None, Scratch(0), panel_bytes, of_image * panels * panel_bytes), shared


def _bytes(lowering: Lowering, lhs: TensorSpec, rhs: TensorSpec, output: TensorSpec) -> Sequence[Call] | None:
    products, depth, columns = lowering.kernel.products, lhs.dims[-1], output.dims[-1]
    assert isinstance(products, QuantizedProducts)
    # Nothing is known of the right matrix but its range.
    most = max(127 - products.filter_zero_point, 128 + products.filter_zero_point)
    stage = integer_stage(products, np.broadcast_to(np.int32(most), (1, depth, columns)), 0, centred=True)
    if stage is None:
        return None
    pack, right, packed = _packed(
        rhs, output, depth, "pairs", 64 * -(-depth // 2), lowering.kernel.options.adj_y, products.filter_zero_point,
        stage.factor,
    )  # fmt: skip
    rows, pitch = prod(lhs.dims[:-1]), pitch_of(depth)
    shared = rounded(packed + rows * pitch + SLACK)
    values = {
        "source": Tensor(lhs.index),
        "target": Scratch(packed),
        "depth": depth,
        "columns": 0,
        "panels": 0,
        "transposed": 0,
        "zero_point": products.zero_point,
        "factor": 1,
    }
    centre = Call(
        "panels.centred", PACK, values, rows, max(1, 2048 // depth), scratch_bytes=shared, work=rows * depth // 8
    )
    geometry = _geometry(lhs, rhs, output, pitch, 2)
    sources = _offsets(lhs.dims[:-2], output.dims[:-2]) if geometry.images > 1 else np.zeros(1, np.int64)
    left = Left(Scratch(packed), geometry, sources * lhs.dims[-2] * pitch, shared_bytes=shared)
    return [pack, centre, product(left, right, _target(output, geometry), stage, lowering.threads)]


def _hybrid(lowering: Lowering) -> Sequence[Call] | None:
    """Dynamic range with a single constant right matrix."""
    kernel, lhs, rhs, output = lowering.kernel, lowering.input(0), lowering.input(1), lowering.outputs[0]
    if rhs.value is None or prod(rhs.dims[:-2]) != 1:
        return None
    products, columns = kernel.products, output.dims[-1]
    weights = products.weights(rhs.value).reshape(rhs.dims[-2:])
    matrix = (weights.T if kernel.options.adj_y else weights)[None]
    stage = scaled_stage(products, ActivationFunctionType.NONE, None, columns, infinite=True)
    if stage is None or (np.abs(matrix).sum(1, dtype=np.int64) * products.arithmetic.span >= 1 << 31).any():
        return None
    rows, depth = prod(lhs.dims[:-1]), lhs.dims[-1]
    symmetric = products.arithmetic.span == 127
    calls, shared, scales = quantize_rows(Tensor(lhs.index), rows, depth, symmetric)
    geometry = matrix_rows(rows, pitch_of(depth))
    start = np.zeros(1, np.int64)
    left = Left(Scratch(0), geometry, start, shared_bytes=shared, scales=scales, scale_pixel_bytes=4)
    return [*calls, product(left, Right(columns, depth, matrix), _target(output, geometry), stage, lowering.threads)]
