"""`Interpreter`: the official Python interface of TensorFlow Lite, on litejit's own kernels.

Names, arguments, return types and error classes are those of LiteRT tflite/python/interpreter.py; what goes beyond it
(custom operators in Python, calling a model like a function, context manager, pickling) is marked in the docstrings.
"""

from __future__ import annotations

import operator
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from litejit.delegates import Delegate, OpResolverType, load_delegate
from litejit.details import operator_details, tensor_details
from litejit.kernels.flavours import DEFAULT_FLAVOUR
from litejit.kernels.tensor_spec import Limits, TensorSpec
from litejit.numerics import checked_flavour
from litejit.plan import Plan
from litejit.schema.errors import InvalidInputError, UnsupportedError
from litejit.schema.model import Model, TensorMap
from litejit.schema.reader import map_file, open_source
from litejit.schema.tensor_types import TensorType
from litejit.session import Session
from litejit.signature_runner import SignatureRunner
from litejit.values import as_tensor_value

__all__ = ["Delegate", "Interpreter", "OpResolverType", "SignatureRunner", "load_delegate"]


class _Guard:
    """What a view handed out by `Interpreter.tensor` keeps alive: as long as it lives, memory must not move."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self.array.__array_interface__


class Interpreter:
    """Runs a TensorFlow Lite model.

    Args:
        model_path: path of a .tflite file, mapped into memory. Exactly one of model_path and model_content is given.
        model_content: the bytes of such a file.
        experimental_delegates: must be empty, litejit takes no native delegates.
        num_threads: of the compiled kernels, at least 1; None: 1. The reference tier uses what NumPy uses.
        experimental_op_resolver_type: see `OpResolverType`.
        experimental_preserve_all_tensors: changes no result. Without it the fast tier shares memory among tensors, and
            get_tensor computes an intermediate again; once inputs have been set anew it raises InvalidInputError.
        experimental_disable_delegate_clustering, experimental_default_delegate_latest_features,
        experimental_compress_quantization_zero_points, experimental_disable_delegate_node_fusion,
        experimental_force_delegate_node_profiling: accepted for compatibility, they concern native delegates.
        custom_ops: beyond the official interface, custom operators in Python by name. See `litejit.custom`.
        kernels: beyond the official interface, kernels of one's own for builtin operators. See `litejit.overrides`.
        numerics: beyond the official interface, whose rounding to follow (see docs/numerics.md): a flavour, or a
            mapping from operators to flavours, see `litejit.numerics`.
        limits: beyond the official interface, how much a model may ask for, see `litejit.kernels.node.Limits`.

    Raises:
        InvalidModelError: the model is malformed (a ValueError).
        ValueError: an argument is illegal.

    Two interpreters may run in two threads; one interpreter must not be used from two threads at once. Compiled code
    that meets itself raises RuntimeError.
    """

    def __init__(
        self,
        model_path: str | os.PathLike[str] | None = None,
        model_content: bytes | bytearray | memoryview | None = None,
        experimental_delegates: list[Any] | None = None,
        num_threads: int | None = None,
        experimental_op_resolver_type: OpResolverType = OpResolverType.AUTO,
        experimental_preserve_all_tensors: bool = False,
        experimental_disable_delegate_clustering: bool = False,
        experimental_default_delegate_latest_features: bool = False,
        experimental_compress_quantization_zero_points: bool = False,
        experimental_disable_delegate_node_fusion: bool = False,
        experimental_force_delegate_node_profiling: bool = False,
        *,
        custom_ops: Mapping[str, Any] | None = None,
        kernels: Mapping[Any, Any] | None = None,
        numerics: str | Mapping[Any, str] = DEFAULT_FLAVOUR,
        limits: Limits | None = None,
    ) -> None:
        self._arguments = {name: value for name, value in locals().items() if name != "self"}
        if not isinstance(experimental_op_resolver_type, OpResolverType):
            raise ValueError(f"Unrecognized passed in op resolver type: {experimental_op_resolver_type}")
        if num_threads is not None:
            if not isinstance(num_threads, int):
                raise ValueError("type of num_threads should be int")
            if num_threads < 1:
                raise ValueError("num_threads should >= 1")
        if experimental_delegates:
            raise UnsupportedError("experimental_delegates: litejit runs its own kernels and takes no native delegates")
        if model_path and model_content:
            raise InvalidInputError("Can't both provide `model_path` and `model_content`")
        if not model_path and not model_content:
            raise InvalidInputError("`model_path` or `model_content` must be specified.")
        self._experimental_compress_quantization_zero_points = experimental_compress_quantization_zero_points
        limits = limits or Limits()
        if model_path:
            source, file = map_file(_existing(model_path))
        else:
            source, file = open_source(model_content), None  # type: ignore[arg-type]
        self._session = Session(
            source,
            file,
            custom_ops or {},
            numerics,
            limits,
            kernels or {},
            compiled=experimental_op_resolver_type != OpResolverType.BUILTIN_REF,
            threads=num_threads or 1,
            keep_all=experimental_preserve_all_tensors,
        )
        self._views: list[weakref.ref[_Guard]] = []

    # ------------------------------------------------------------------ running

    def allocate_tensors(self) -> None:
        """Infers shapes, prepares kernels and zeroes inputs and variables. Needed before `invoke`, and after a resize.

        Raises InvalidModelError or UnsupportedError (RuntimeErrors) naming the operator that cannot be prepared. The
        interpreter may then be resized to other shapes and allocated again, as if nothing had happened.
        """
        self._ensure_safe()
        self._session.plans[0].allocate()

    def invoke(self) -> None:
        """Computes all tensors from the inputs.

        Raises RuntimeError before `allocate_tensors`, InvalidInputError (a RuntimeError) when the data are illegal.
        """
        if self._views:
            self._ensure_safe()
        self._session.plans[0].invoke()

    def __call__(self, **inputs: Any) -> dict[str, np.ndarray]:
        """Beyond the official interface: runs the model on inputs by tensor name, returns outputs by tensor name.

        Inputs are reshaped to and allocated as needed. Names are the signature's where the model has exactly one.
        """
        signatures = self._get_full_signature_list()
        if len(signatures) == 1:
            return self.get_signature_runner()(**{name: np.asarray(value) for name, value in inputs.items()})
        plan = self._session.plans[0]
        indices = {plan.specs[i].name: i for i in plan.graph.inputs if i >= 0}
        if set(inputs) != set(indices):
            raise ValueError(f"inputs are {sorted(inputs)}, the model's are {sorted(indices)}")
        arrays = {indices[name]: np.asarray(value) for name, value in inputs.items()}
        for index, value in arrays.items():
            self.resize_tensor_input(index, value.shape)
        self.allocate_tensors()
        for index, value in arrays.items():
            self.set_tensor(index, value)
        self.invoke()
        return {plan.specs[i].name: self.get_tensor(i) for i in plan.graph.outputs}

    def run_operator(
        self,
        op_index: int,
        operands: Sequence[np.ndarray | None] | None = None,
        *,
        numerics: str | None = None,
        subgraph_index: int = 0,
    ) -> tuple[np.ndarray, ...]:
        """Beyond the official interface: runs one operator alone, and changes nothing of the interpreter.

        operands: an array for each, None where one is left out; by default what the tensors hold now. numerics: the
        flavour to follow, by default the operator's own. UnsupportedError where that flavour is not established for it.
        """
        plan = self._plan(subgraph_index)
        if not 0 <= op_index < len(plan.graph.operations):
            raise InvalidInputError(f"op_index is {op_index}, the subgraph has {len(plan.graph.operations)} operators")
        from litejit.single import run_operator

        own = plan.graph.operations[op_index].numerics
        return run_operator(plan, op_index, operands, own if numerics is None else checked_flavour(numerics))

    def reset_all_variables(self) -> None:
        """Sets the variable tensors of all subgraphs to their initial value."""
        for plan in self._session.plans:
            if plan.allocated:
                plan.reset_variables()

    # ------------------------------------------------------------------ tensors

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        """Copies a value into an input tensor. Raises ValueError when dtype or shape differ from the tensor's."""
        self._set_tensor(tensor_index, value, 0)

    def _set_tensor(self, tensor_index: int, value: Any, subgraph_index: int) -> None:
        plan = self._plan(subgraph_index)
        spec = self._spec(tensor_index, plan)
        array = as_tensor_value(value, spec)
        if spec.value is not None:
            raise InvalidInputError(f"{spec} is a constant of the model, it cannot be set")
        if not plan.allocated and plan.arrays[tensor_index] is None and spec.type != TensorType.STRING and array.size:
            raise ValueError("Cannot set tensor: Tensor is unallocated. Try calling allocate_tensors() first")
        plan.assign(tensor_index, array, own=False)

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> np.ndarray:
        """A copy of a tensor's data: an output, and beyond the official interface any intermediate.

        A sparse constant is the vector of its stored elements; its dense values are what its DENSIFY operator returns.
        """
        plan = self._plan(subgraph_index)
        self._spec(tensor_index, plan)
        if not plan.has_data(tensor_index):
            raise ValueError("Tensor data is null. Run allocate_tensors() first")
        return plan.array(tensor_index).copy()

    def tensor(self, tensor_index: int) -> Callable[[], np.ndarray]:
        """A function that returns a view of a tensor's memory, for reading and for writing inputs without a copy.

        Hold on to the function, not to the views: while one lives, `invoke` and `allocate_tensors` raise RuntimeError.
        """
        return lambda: self._view(tensor_index)

    def _view(self, tensor_index: int) -> np.ndarray:
        plan = self._session.plans[0]
        self._spec(tensor_index, plan)
        array = plan.view(tensor_index)
        if array.dtype == object:
            return array
        guard = _Guard(array)
        self._views.append(weakref.ref(guard))
        return np.asarray(guard)

    def _safe_to_run(self) -> bool:
        if self._views:
            self._views = [view for view in self._views if view() is not None]
        return not self._views

    def _ensure_safe(self) -> None:
        if not self._safe_to_run():
            raise RuntimeError(
                "There is at least 1 reference to internal data in the interpreter in the form of a numpy array or "
                "slice. Be sure to only hold the function returned from tensor() if you are using raw data access."
            )

    def resize_tensor_input(self, input_index: int, tensor_size: Any, strict: bool = False) -> None:
        """Changes the shape of an input; `allocate_tensors` must follow. strict: only those that are -1 may change.

        Raises ValueError for an index that is not an input, a shape that is not 1-D or negative, or a strict violation.
        """
        self._ensure_safe()
        self._resize(input_index, tensor_size, strict, 0)

    def _resize(self, input_index: int, tensor_size: Any, strict: bool, subgraph_index: int) -> None:
        plan = self._plan(subgraph_index)
        spec = self._spec(input_index, plan)
        try:
            size = np.asarray(tensor_size, np.int32)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidInputError(f"{spec}: cannot resize to {tensor_size!r}: {error}") from None
        if size.ndim != 1:
            raise ValueError(f"Shape should be 1D instead of {size.ndim}.")
        shape = tuple(int(dim) for dim in size)
        if min(shape, default=0) < 0:
            raise InvalidInputError(f"{spec}: cannot resize to {shape}, dimensions must not be negative")
        if input_index not in plan.graph.inputs:
            raise InvalidInputError(f"{spec} is not an input, only inputs can be resized")
        if strict:
            self._check_strict(spec, self._shape_signature(input_index, subgraph_index), shape)
        plan.resize_input(input_index, shape)

    @staticmethod
    def _check_strict(spec: TensorSpec, signature: tuple[int, ...], shape: tuple[int, ...]) -> None:
        ranks = {len(signature), len(shape), spec.rank}
        if len(ranks) > 1 or any(s not in (-1, d) for s, d in zip(signature, shape, strict=False)):
            raise InvalidInputError(
                f"{spec}: cannot resize {spec.dims} of signature {signature} to {shape}; "
                "with strict=True only dimensions that are -1 may change"
            )

    # ------------------------------------------------------------------ describing

    def get_input_details(self) -> list[dict[str, Any]]:
        """Details of the inputs; see `get_tensor_details`."""
        return [self._get_tensor_details(i, 0) for i in self._session.plans[0].graph.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """Details of the outputs; see `get_tensor_details`."""
        return [self._get_tensor_details(i, 0) for i in self._session.plans[0].graph.outputs]

    def get_tensor_details(self, subgraph_index: int = 0) -> list[dict[str, Any]]:
        """One dictionary for each tensor of a subgraph.

        Keys: name, index, shape, shape_signature (-1 where a dimension is open), dtype (a NumPy scalar type),
        quantization ((scale, zero_point), or (0.0, 0)), quantization_parameters (scales, zero_points,
        quantized_dimension, block_size), sparsity_parameters.
        """
        if not 0 <= subgraph_index < self.num_subgraphs():
            raise ValueError(
                f"subgraph_index is out of range: {subgraph_index} for the model, "
                f"which has {self.num_subgraphs()} subgraphs."
            )
        return [self._get_tensor_details(i, subgraph_index) for i in range(len(self._plan(subgraph_index).specs))]

    def _get_tensor_details(self, tensor_index: int, subgraph_index: int) -> dict[str, Any]:
        plan = self._plan(subgraph_index)
        spec, array = self._spec(tensor_index, plan), plan.arrays[tensor_index]
        if spec.shape is None and array is not None:
            spec = replace(spec, shape=array.shape)
        tensor = self._session.model.subgraphs[subgraph_index].tensors[tensor_index]
        return tensor_details(spec, tuple(tensor.shape), tensor.shape_signature)

    def _get_ops_details(self, subgraph_index: int = 0) -> list[dict[str, Any]]:
        """One dictionary for each operator: index, op_name, inputs, outputs, operand_types, result_types."""
        return [
            self._get_op_details(i, subgraph_index) for i in range(len(self._plan(subgraph_index).graph.operations))
        ]

    def _get_op_details(self, op_index: int, subgraph_index: int = 0) -> dict[str, Any]:
        plan = self._plan(subgraph_index)
        if not 0 <= op_index < len(plan.graph.operations):
            raise ValueError(f"Invalid node index {op_index}, the subgraph has {len(plan.graph.operations)} operators")
        return operator_details(op_index, plan.graph.operations[op_index], plan.specs)

    def num_subgraphs(self) -> int:
        """How many subgraphs the model has."""
        return len(self._session.plans)

    # ------------------------------------------------------------------ signatures

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """Names of inputs and outputs of every signature, by signature key."""
        return {
            key: {"inputs": list(names["inputs"]), "outputs": list(names["outputs"])}
            for key, names in self._get_full_signature_list().items()
        }

    def _get_full_signature_list(self) -> dict[str, dict[str, dict[str, int]]]:
        return {
            signature.signature_key: {
                "inputs": {entry.name: entry.tensor_index for entry in sorted(signature.inputs, key=_name)},
                "outputs": {entry.name: entry.tensor_index for entry in sorted(signature.outputs, key=_name)},
            }
            for signature in self._session.model.signature_defs
        }

    def get_signature_runner(self, signature_key: str | None = None) -> SignatureRunner:
        """A callable that runs a signature; the key may be left out when the model has exactly one.

        Raises ValueError for a key that the model does not have.
        """
        if signature_key is None:
            signatures = self._get_full_signature_list()
            if len(signatures) != 1:
                raise ValueError(
                    f"SignatureDef signature_key is None and model has {len(signatures)} Signatures. "
                    "None is only allowed when the model has 1 SignatureDef"
                )
            signature_key = next(iter(signatures))
        return SignatureRunner(self, signature_key)

    # ------------------------------------------------------------------ life

    @property
    def experimental_compress_quantization_zero_points(self) -> bool:
        """The constructor argument of that name."""
        return self._experimental_compress_quantization_zero_points

    def __enter__(self) -> Interpreter:
        """Beyond the official interface: `with Interpreter(…) as interpreter`, allocated and ready."""
        self.allocate_tensors()
        return self

    def __exit__(self, *exception: object) -> None:
        """Frees the tensors; `allocate_tensors` makes the interpreter usable again."""
        for plan in self._session.plans:
            plan.release()

    def __getstate__(self) -> dict[str, Any]:
        arguments = dict(self._arguments)
        if arguments["model_path"]:
            arguments["model_path"] = os.path.abspath(os.fspath(arguments["model_path"]))
        elif not isinstance(arguments["model_content"], bytes):
            arguments["model_content"] = bytes(arguments["model_content"])
        return {"arguments": arguments, "state": self._session.state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).__init__(self, **state["arguments"])
        self._session.restore(state["state"])

    # ------------------------------------------------------------------ checks

    @property
    def _model(self) -> Model:
        """All tables of the file."""
        return self._session.whole_model

    def _plan(self, subgraph_index: int) -> Plan:
        plans = self._session.plans
        if not 0 <= subgraph_index < len(plans):
            raise ValueError(f"Invalid subgraph index {subgraph_index} exceeds max subgraph index {len(plans)}")
        return plans[subgraph_index]

    @staticmethod
    def _spec(tensor_index: int, plan: Plan) -> TensorSpec:
        specs = plan.specs
        if not 0 <= operator.index(tensor_index) < len(specs):
            raise InvalidInputError(f"Invalid tensor index {tensor_index} exceeds max tensor index {len(specs)}")
        return specs[tensor_index]

    def _shape_signature(self, tensor_index: int, subgraph_index: int) -> tuple[int, ...]:
        tensor = self._session.model.subgraphs[subgraph_index].tensors[tensor_index]
        return tuple(tensor.shape_signature or self._spec(tensor_index, self._plan(subgraph_index)).dims)


def _existing(path: str | os.PathLike[str]) -> str:
    if not os.path.isfile(path):
        raise ValueError(f"Could not open '{os.fspath(path)}'.")
    return os.fspath(path)


def _name(entry: TensorMap) -> str:
    return entry.name or ""
