"""The branches of STABLEHLO_CASE compute with the scales of the call: those of the file do not count.

Source: LiteRT tflite/kernels/stablehlo_case.cc (Prepare). IF, WHILE and STABLEHLO_COMPOSITE give only shapes and types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from litejit.graph import Graph
from litejit.operations import Operation
from litejit.schema import BuiltinOperator, Model, TensorType

__all__ = ["scale_branches"]


def scale_branches(model: Model, graphs: Sequence[Graph]) -> None:
    """Gives the inputs and outputs of all branches the quantization that they are called with."""
    if all(code.operator != BuiltinOperator.STABLEHLO_CASE for code in model.operator_codes):
        return
    for graph in graphs:
        for operation in graph.operations:
            if operation.name == BuiltinOperator.STABLEHLO_CASE.name:
                for branch in operation.options.branch_subgraph_indices:
                    _scale(graph, operation, graphs[branch])


def _scale(caller: Graph, operation: Operation, branch: Graph) -> None:
    """Of one branch. XNNPACK takes operators with scales of their own before they are given others.

    Operators of INT16 go by the file as to whether their numbers are scaled at all.
    """
    inputs = zip(branch.inputs, operation.inputs[1:], strict=False)
    outputs = zip(branch.outputs, operation.outputs, strict=False)
    for inner, outer in chain(inputs, outputs):
        if inner < 0 or outer < 0:
            continue
        own, given = branch.tensors[inner].quantization, caller.tensors[outer]
        kept = operation.numerics == "xnnpack" if own is not None else given.type == TensorType.INT16
        if not kept:
            branch.tensors[inner] = replace(branch.tensors[inner], quantization=given.quantization)
