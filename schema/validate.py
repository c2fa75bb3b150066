"""Whether a decoded model makes sense: every index in range, every tensor produced once and before it is used.

Checks that need to know what an operator does belong to its kernel; checks of single tensors are in
`validate_tensors`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .declare import UnknownTable
from .enums import BuiltinOperator
from .errors import InvalidModelError, UnsupportedError
from .limits import MAX_CALL_DEPTH
from .model import Model, SignatureDef, SubGraph, TensorMap
from .operators import Operator
from .options import OPTIONS_OF
from .options_control import CallOnceOptions, CallOptions, IfOptions, WhileOptions
from .options_stablehlo import (
    StablehloCaseOptions,
    StableHLOCompositeOptions,
    StablehloCustomCallOptions,
    StablehloReduceOptions,
    StablehloReduceWindowOptions,
    StablehloScatterOptions,
    StablehloSortOptions,
    StablehloWhileOptions,
)
from .types import HANDLE_TYPES, tensor_data
from .validate_tensors import check_tensor

__all__ = ["MAX_CALLS", "SCHEMA_VERSION", "called_subgraphs", "check_model"]

SCHEMA_VERSION = 3
MAX_CALLS = 10_000
"""Most subgraphs that one inference may enter when each operator that calls one does so once."""

_CALLS: dict[type, tuple[str, ...]] = {
    CallOptions: ("subgraph",),
    CallOnceOptions: ("init_subgraph_index",),
    IfOptions: ("then_subgraph_index", "else_subgraph_index"),
    WhileOptions: ("cond_subgraph_index", "body_subgraph_index"),
    StablehloCaseOptions: ("branch_subgraph_indices",),
    StableHLOCompositeOptions: ("decomposition_subgraph_index",),
    StablehloCustomCallOptions: ("called_computations",),
    StablehloReduceOptions: ("body_subgraph_index",),
    StablehloReduceWindowOptions: ("body_subgraph_index",),
    StablehloScatterOptions: ("update_computation_subgraph_index",),
    StablehloSortOptions: ("comparator_subgraph_index",),
    StablehloWhileOptions: ("cond_subgraph_index", "body_subgraph_index"),
}
"""The option fields that refer to subgraphs."""


def check_model(model: Model, max_call_depth: int = MAX_CALL_DEPTH) -> None:
    """Raise InvalidModelError, naming subgraph, operator, tensor and field, unless the model makes sense.

    Raises UnsupportedError for what only a newer schema or another runtime can make sense of.
    """
    if model.version != SCHEMA_VERSION:
        raise InvalidModelError(f"the schema version of the model is {model.version}, expected {SCHEMA_VERSION}")
    if not model.subgraphs:
        raise InvalidModelError("the model has no subgraphs")
    if not model.buffers:
        raise InvalidModelError("the model has no buffers; buffer 0, at least, must exist")
    _check_operator_codes(model)
    for index, subgraph in enumerate(model.subgraphs):
        for i, tensor in enumerate(subgraph.tensors):
            check_tensor(model, tensor, f"subgraph {index}, tensor {i}", len(subgraph.tensors))
        _check_subgraph(model, subgraph, f"subgraph {index}")
    _check_calls(model, max_call_depth)
    keys = [signature.signature_key for signature in model.signature_defs]
    _check_unique(keys, "signature keys")
    for signature in model.signature_defs:
        _check_signature(model, signature)
    for i, metadata in enumerate(model.metadata):
        _check_index(
            metadata.buffer, len(model.buffers), f"metadata {i} ({metadata.name!r}): buffer", "model", "buffers"
        )


def called_subgraphs(op: Operator) -> list[tuple[str, int]]:
    """The subgraphs that an operator calls: names of its option fields, and the indices they hold."""
    options: Any = op.options
    calls: list[tuple[str, int]] = []
    for name in _CALLS.get(type(options), ()):
        value = getattr(options, name)
        many = not isinstance(value, int)
        calls += [(f"{name}[{i}]", int(v)) for i, v in enumerate(value)] if many else [(name, value)]
    return calls


def _check_index(index: int, count: int, what: str, owner: str, items: str, lowest: int = 0) -> None:
    if not lowest <= index < count:
        raise InvalidModelError(f"{what} is {index}, the {owner} has {count} {items}")


def _check_unique(names: Sequence[str], what: str) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise InvalidModelError(f"{what}: {name!r} occurs {times} times")


def _check_operator_codes(model: Model) -> None:
    for i, code in enumerate(model.operator_codes):
        if code.operator < 0:
            raise InvalidModelError(f"operator code {i}: builtin_code is {code.operator}, which is no operator")
        if code.operator not in BuiltinOperator._value2member_map_:
            raise UnsupportedError(f"operator code {i}: builtin operator {code.operator} is newer than this schema")
        if code.operator is BuiltinOperator.CUSTOM and not code.custom_code:
            raise InvalidModelError(f"operator code {i}: a CUSTOM operator has an empty custom_code")


def _check_subgraph(model: Model, subgraph: SubGraph, where: str) -> None:
    tensors = subgraph.tensors
    graph_inputs, graph_outputs = subgraph.inputs.tolist(), subgraph.outputs.tolist()
    for name, indices in (("inputs", graph_inputs), ("outputs", graph_outputs)):
        for i, index in enumerate(indices):
            _check_index(index, len(tensors), f"{where}: {name}[{i}]", "subgraph", "tensors")
    # What each tensor holds before the operators run, for those that hold anything; operators add what they produce.
    constants = [tensor_data(model, tensor) is not None and tensor.type not in HANDLE_TYPES for tensor in tensors]
    producer = {i: "a constant" for i, constant in enumerate(constants) if constant}
    producer |= {i: "a variable" for i, tensor in enumerate(tensors) if tensor.is_variable}
    producer |= dict.fromkeys(graph_inputs, "an input of the subgraph")
    for i, op in enumerate(subgraph.operators):
        _check_index(
            op.opcode_index,
            len(model.operator_codes),
            f"{where}, operator {i}: opcode_index",
            "model",
            "operator codes",
        )
        _check_operator(model, subgraph, op, i, where, producer)
    for i, index in enumerate(graph_outputs):
        if index not in producer:
            raise InvalidModelError(
                f"{where}: outputs[{i}] is tensor {index} ({tensors[index].name!r}), which no operator produces"
            )


def _check_operator(
    model: Model, subgraph: SubGraph, op: Operator, index: int, graph: str, producer: dict[int, str]
) -> None:
    code = model.operator_codes[op.opcode_index]
    name = code.custom_code if code.operator is BuiltinOperator.CUSTOM else code.operator.name
    where = f"{graph}, operator {index} ({name})"
    count = len(subgraph.tensors)
    inputs, outputs = op.inputs.tolist(), op.outputs.tolist()
    for i, tensor in enumerate(inputs):
        _check_index(tensor, count, f"{where}: inputs[{i}]", "subgraph", "tensors", lowest=-1)
        if tensor not in producer and tensor != -1:
            what = "which is also an output of this operator" if tensor in outputs else "which nothing produces before"
            raise InvalidModelError(
                f"{where}: inputs[{i}] is tensor {tensor} ({subgraph.tensors[tensor].name!r}), {what}"
            )
    for i, tensor in enumerate(outputs):
        _check_index(tensor, count, f"{where}: outputs[{i}]", "subgraph", "tensors")
        if tensor in producer:
            raise InvalidModelError(
                f"{where}: outputs[{i}] is tensor {tensor} "
                f"({subgraph.tensors[tensor].name!r}), which is {producer[tensor]}"
            )
        producer[tensor] = f"already the output of operator {index}"
    for i, tensor in enumerate(op.intermediates.tolist()):
        _check_index(tensor, count, f"{where}: intermediates[{i}]", "subgraph", "tensors")
    mutating = len(op.mutating_variable_inputs)
    if mutating not in (0, len(inputs)):
        raise InvalidModelError(f"{where}: mutating_variable_inputs has {mutating} elements for {len(inputs)} inputs")
    expected = OPTIONS_OF.get(code.operator)
    options = op.options
    if expected in _CALLS and not isinstance(options, expected):
        raise InvalidModelError(f"{where}: its options are absent, expected {expected.__name__}")
    if options is not None and expected is not None and not isinstance(options, (expected, UnknownTable)):
        raise InvalidModelError(f"{where}: its options are {type(options).__name__}, expected {expected.__name__}")
    for field, target in called_subgraphs(op):
        _check_index(target, len(model.subgraphs), f"{where}: {field}", "model", "subgraphs")


def _check_calls(model: Model, max_depth: int) -> None:
    """Subgraphs must not call themselves, directly or through others, nor nest without bound."""
    graph = [
        [target for op in subgraph.operators for _, target in called_subgraphs(op)] for subgraph in model.subgraphs
    ]
    calls: dict[int, tuple[int, int]] = {}
    for start in range(len(graph)):
        _follow_calls(graph, [start], calls, max_depth)


def _follow_calls(
    graph: Sequence[Sequence[int]], path: list[int], calls: dict[int, tuple[int, int]], max_depth: int
) -> tuple[int, int]:
    """How many subgraphs are entered when the last one of `path`, a chain of calls, is run, and how deep they nest."""
    subgraph = path[-1]
    if subgraph in path[:-1]:
        raise InvalidModelError(f"subgraph {subgraph} calls itself: {' -> '.join(map(str, path))}")
    if len(path) > max_depth:
        raise InvalidModelError(f"subgraph {path[0]}: calls of subgraphs nest deeper than {max_depth}")
    if subgraph not in calls:
        below = [_follow_calls(graph, [*path, target], calls, max_depth) for target in set(graph[subgraph])]
        depth = 1 + max((depth for _, depth in below), default=0)
        if depth > max_depth:
            raise InvalidModelError(f"subgraph {subgraph}: calls of subgraphs nest deeper than {max_depth}")
        count = 1 + sum(calls[target][0] for target in graph[subgraph])
        if count > MAX_CALLS:
            raise InvalidModelError(f"subgraph {subgraph} calls more than {MAX_CALLS} subgraphs, counting each call")
        calls[subgraph] = count, depth
    return calls[subgraph]


def _check_signature(model: Model, signature: SignatureDef) -> None:
    where = f"signature {signature.signature_key!r}"
    _check_index(signature.subgraph_index, len(model.subgraphs), f"{where}: subgraph_index", "model", "subgraphs")
    count = len(model.subgraphs[signature.subgraph_index].tensors)
    maps: tuple[tuple[str, list[TensorMap]], ...] = (("inputs", signature.inputs), ("outputs", signature.outputs))
    for name, tensors in maps:
        for i, tensor in enumerate(tensors):
            if not tensor.name:
                raise InvalidModelError(f"{where}: {name}[{i}] has no name")
            _check_index(tensor.tensor_index, count, f"{where}: {name}[{i}] ({tensor.name!r})", "subgraph", "tensors")
        _check_unique([tensor.name for tensor in tensors], f"{where}: names of {name}")
