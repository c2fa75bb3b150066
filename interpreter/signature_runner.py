"""`SignatureRunner`: runs a signature of a model by name, as in the official interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from litejit.interpreter import Interpreter

__all__ = ["SignatureRunner"]


class SignatureRunner:
    """Runs a signature by the names of its inputs and outputs. Made by `Interpreter.get_signature_runner`."""

    def __init__(self, interpreter: Interpreter, signature_key: str) -> None:
        if not interpreter:
            raise ValueError("None interpreter provided.")
        if not signature_key:
            raise ValueError("None signature_key provided.")
        signatures = interpreter._get_full_signature_list()
        if signature_key not in signatures:
            raise ValueError(f'Invalid signature_key provided: "{signature_key}".')
        self._interpreter = interpreter
        self._inputs = signatures[signature_key]["inputs"]
        self._outputs = signatures[signature_key]["outputs"]
        self._subgraph_index = next(
            int(signature.subgraph_index)
            for signature in interpreter._session.model.signature_defs
            if signature.signature_key == signature_key
        )

    def __call__(self, **kwargs: Any) -> dict[str, np.ndarray]:
        """Runs the signature on arrays by input name; inputs are reshaped to. Returns arrays by output name."""
        if len(kwargs) != len(self._inputs):
            raise ValueError(
                "Invalid number of inputs provided for running a SignatureDef, "
                f"expected {len(self._inputs)} vs provided {len(kwargs)}"
            )
        interpreter, subgraph = self._interpreter, self._subgraph_index
        for name, value in kwargs.items():
            if name not in self._inputs:
                raise ValueError(f"Invalid Input name ({name}) for SignatureDef")
            interpreter._resize(self._inputs[name], np.shape(value), False, subgraph)
        interpreter._ensure_safe()
        interpreter._plan(subgraph).allocate()
        for name, value in kwargs.items():
            interpreter._set_tensor(self._inputs[name], value, subgraph)
        interpreter._plan(subgraph).invoke()
        return {name: interpreter.get_tensor(index, subgraph) for name, index in self._outputs.items()}

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        """Tensor details of the inputs by name."""
        return self._details(self._inputs)

    def get_output_details(self) -> dict[str, dict[str, Any]]:
        """Tensor details of the outputs by name."""
        return self._details(self._outputs)

    def _details(self, indices: dict[str, int]) -> dict[str, dict[str, Any]]:
        subgraph = self._subgraph_index
        return {name: self._interpreter._get_tensor_details(index, subgraph) for name, index in indices.items()}
