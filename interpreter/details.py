"""The dictionaries in which the official Python interpreter describes tensors and operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.kernels.tensor_spec import Quantization, TensorSpec
from litejit.schema.tensor_types import TensorType

if TYPE_CHECKING:
    from litejit.operations import Operation

__all__ = ["details_dtype", "operator_details", "tensor_details"]

_SCALAR_TYPES = {TensorType.STRING: np.bytes_, TensorType.RESOURCE: np.object_, TensorType.VARIANT: np.object_}


def details_dtype(spec: TensorSpec) -> type:
    """The `dtype` of a tensor's details: a NumPy scalar type; np.bytes_ for strings, np.object_ for handles."""
    return _SCALAR_TYPES.get(spec.type) or spec.dtype.type


def tensor_details(
    spec: TensorSpec, declared_shape: tuple[int, ...], shape_signature: tuple[int, ...] | None
) -> dict[str, Any]:
    """Details of one tensor, keys and types as in LiteRT tflite/python/interpreter.py.

    declared_shape stands in for a shape that is not known before the data.
    """
    shape = declared_shape if spec.shape is None else spec.shape
    signature = shape_signature or shape
    quantization = spec.quantization
    per_tensor = quantization is not None and quantization.scale.size == 1 and quantization.block_size == 0
    return {
        "name": spec.name,
        "index": spec.index,
        "shape": np.array(shape, np.int32),
        "shape_signature": np.array(signature, np.int32),
        "dtype": details_dtype(spec),
        "quantization": (float(quantization.scale[0]), int(quantization.zero_point[0]))
        if per_tensor and quantization is not None
        else (0.0, 0),
        "quantization_parameters": {
            "scales": np.zeros(0, np.float32) if quantization is None else _scales(quantization),
            "zero_points": np.zeros(0, np.int32) if quantization is None else _zero_points(quantization),
            "quantized_dimension": 0 if quantization is None else quantization.axis,
            "block_size": 0 if quantization is None else quantization.block_size,
        },
        "sparsity_parameters": _sparsity(spec.sparsity),
    }


def _scales(quantization: Quantization) -> np.ndarray:
    return (quantization.scale if quantization.block_scale is None else quantization.block_scale).ravel().copy()


def _zero_points(quantization: Quantization) -> np.ndarray:
    """Blocks without zero points have none here either."""
    blocks_alone = quantization.block_size > 0 and not quantization.zero_point.any()
    return np.zeros(0, np.int32) if blocks_alone else quantization.zero_point.astype(np.int32)


def _sparsity(table: Any) -> dict[str, Any]:
    if table is None:
        return {}
    result: dict[str, Any] = {"traversal_order": np.array(table.traversal_order, np.int32)}
    if table.block_map is not None and len(table.block_map):
        result["block_map"] = np.array(table.block_map, np.int32)
    result["dim_metadata"] = [_dimension(metadata) for metadata in table.dim_metadata]
    return result


def _dimension(metadata: Any) -> dict[str, Any]:
    if int(metadata.format) == 0:
        return {"format": 0, "dense_size": int(metadata.dense_size)}
    return {
        "format": 1,
        "array_segments": np.array(metadata.array_segments.values, np.int32),
        "array_indices": np.array(metadata.array_indices.values, np.int32),
    }


def operator_details(index: int, operation: Operation, specs: Sequence[TensorSpec]) -> dict[str, Any]:
    """Details of one operator: `index`, `op_name`, tensor indices and types of operands and results."""
    return {
        "index": index,
        "op_name": operation.name,
        "inputs": np.array(operation.inputs, np.int32),
        "outputs": np.array(operation.outputs, np.int32),
        "operand_types": [details_dtype(specs[i]) for i in operation.inputs if i != -1],
        "result_types": [details_dtype(specs[i]) for i in operation.outputs if i != -1],
    }
