"""`Kernel`, the base class of every operator: one instance is one prepared operator of one graph."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from typing import Any, ClassVar, NoReturn

import numpy as np

from litejit.kernels.established import ALL_FLAVOURS, DEFAULT_FLAVOUR, established, signature
from litejit.kernels.node import Node
from litejit.schema import Table, TensorType
from litejit.schema.errors import InvalidModelError, UnsupportedError

__all__ = ["ALL_FLAVOURS", "DEFAULT_FLAVOUR", "Kernel"]


class Kernel:
    """An operator: `prepare` validates and infers once, `__call__` computes, arrays in and arrays out.

    The parameters of `__call__` are the operator's operands in file order, under the names `Node.input` knows them by.
    A parameter with the default None is an optional operand; `*values` takes any number. Arrays of operands are
    read-only by agreement, except those of variable tensors, whose new state a kernel writes in place.
    Return one array of the declared dtype and shape, or a tuple of them.

    Class attributes that a family sets:
        types: TensorTypes accepted for the operand named by `typed_by` (default: the first one); empty: any.
        n_outputs: how many outputs the operator has (None: any number).
        stateful: results depend on more than the inputs (variables, randomness), so never folded into a constant.
        flavours: numerics flavours that this kernel knows; all of them for pure data movement. For which types of
            scaled integers it reproduces them is in `established.py`.
        is_compilable: False leaves a prepared operator to the reference tier, whatever compiled code there is.
    """

    types: ClassVar[Collection[TensorType]] = ()
    typed_by: ClassVar[str | None] = None
    n_outputs: ClassVar[int | None] = 1
    stateful: ClassVar[bool] = False
    flavours: ClassVar[frozenset[str]] = frozenset({DEFAULT_FLAVOUR})

    versions: ClassVar[tuple[int, int]] = (1, 1)
    operands: ClassVar[dict[str, int]] = {}
    required: ClassVar[int] = 0
    variadic: ClassVar[bool] = False

    options: Any
    flavour: str
    is_compilable: bool = True

    def __init_subclass__(cls, operands: Sequence[str] = (), **keywords: Any) -> None:
        """operands: names for a `__call__(self, *operands)` of many operands, all but the first of them optional."""
        super().__init_subclass__(**keywords)
        if operands:
            cls.operands = {name: position for position, name in enumerate(operands)}
            cls.required, cls.variadic = 1, False
            return
        parameters = list(inspect.signature(cls.__call__).parameters.values())[1:]
        positional = [p for p in parameters if p.kind is not p.VAR_POSITIONAL]
        cls.operands = {p.name: position for position, p in enumerate(positional)}
        cls.required = sum(p.default is p.empty for p in positional)
        cls.variadic = len(positional) != len(parameters)

    def bind(self, node: Node) -> None:
        """Checks what every operator has in common, then calls `prepare`."""
        self.options = node.options
        self.flavour = node.numerics
        node.names = self.operands
        self._check_version(node)
        self._check_arity(node)
        self._check_types(node)
        self._check_enums(node)
        if self.flavour not in self.flavours:
            self._refuse_flavour(node.op, self.flavours)
        self._check_flavour(node)
        # Quotients of extreme scales may overflow; `require_finite` refuses them where it matters.
        with np.errstate(over="ignore", divide="ignore"):
            self.prepare(node)
        missing = [at for at, spec in enumerate(node.outputs) if spec is None]
        if missing:
            raise InvalidModelError(f"the operator declares {len(node.outputs)} outputs, {node.op} has {missing[0]}")
        self._check_flavour(node)

    def prepare(self, node: Node) -> None:
        """Validates, declares the outputs with `node.output`, and derives constants."""
        raise TypeError(f"{type(self).__name__} must define prepare")

    def restart(self) -> None:
        """Forgets what it has of earlier runs, as if it had just been prepared."""

    def __call__(self, *operands: Any) -> Any:
        """Computes the outputs from the operands' arrays."""
        raise TypeError(f"{type(self).__name__} must define __call__")

    def _check_flavour(self, node: Node) -> None:
        """Refuses what no sweep stands behind; the default flavour is what all operators are tested under."""
        known = None if self.flavour == DEFAULT_FLAVOUR else established(node)
        if known is not None and self.flavour not in known:
            self._refuse_flavour(f"{node.op} of {signature(node)}", known)

    def _refuse_flavour(self, what: str, known: Collection[str]) -> NoReturn:
        has = ", ".join(sorted(known)) or f"only {DEFAULT_FLAVOUR}"
        raise UnsupportedError(f"numerics '{self.flavour}' is not established for {what}, it has {has}")

    def _check_version(self, node: Node) -> None:
        low, high = self.versions
        if not low <= node.version <= high:
            raise UnsupportedError(f"{node.op} version {node.version} is not known, versions {low} to {high} are")

    def _check_arity(self, node: Node) -> None:
        given, most = len(node.inputs), len(self.operands)
        names = list(self.operands)
        if given < self.required:
            raise InvalidModelError(
                f"the operator has {given} operands, "
                f"{node.op} needs {self.required}: {', '.join(names[: self.required])}"
            )
        if given > most and not self.variadic:
            raise InvalidModelError(
                f"the operator has {given} operands, {node.op} takes at most {most}: {', '.join(names)}"
            )
        for position, spec in enumerate(node.inputs):
            if spec is None and (position < self.required or position >= most):
                label = f"'{names[position]}'" if position < most else str(position)
                raise InvalidModelError(f"operand {label} is missing (tensor index -1), it is not optional")
        if self.n_outputs is not None and len(node.declared) != self.n_outputs:
            raise InvalidModelError(f"the operator has {len(node.declared)} outputs, {node.op} has {self.n_outputs}")

    def _check_enums(self, node: Node) -> None:
        for field in () if not isinstance(node.options, Table) else node.options.fields_:
            value = getattr(node.options, field.name)
            if field.enum is not None and not isinstance(value, field.enum):
                raise InvalidModelError(f"option {field.name} is {value}, which is no {field.enum.__name__}")

    def _check_types(self, node: Node) -> None:
        if self.types and node.inputs:
            node.input(self.typed_by if self.typed_by is not None else 0, types=self.types)
