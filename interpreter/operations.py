"""`Operation`: one operator of a subgraph, resolved to what makes its kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litejit.kernels.flavours import DEFAULT_FLAVOUR
from litejit.kernels.registry import builtin_kernel, custom_kernel
from litejit.schema import OPTIONS_OF, BuiltinOperator, Model, Operator, UnknownTable
from litejit.schema.errors import InvalidModelError, UnsupportedError

if TYPE_CHECKING:
    from litejit.kernels.kernel import Kernel
    from litejit.numerics import Numerics
    from litejit.overrides import Overrides

__all__ = ["KernelFactory", "Operation", "decoded_operation"]

KernelFactory = Callable[[], "Kernel"]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operator of a subgraph. factory makes its kernel; it is None where no kernel is known.

    inputs: tensor indices, -1 for an optional operand left out. numerics: name of the flavour that its kernel follows.
    """

    where: str
    name: str
    custom: bool
    version: int
    factory: KernelFactory | None
    options: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    numerics: str = DEFAULT_FLAVOUR

    def make_kernel(self) -> Kernel:
        """A fresh kernel; UnsupportedError when there is none for this operator."""
        if self.factory is None:
            hint = f'; give one as Interpreter(custom_ops={{"{self.name}": …}})' if self.custom else ""
            raise UnsupportedError(f"{self.where}: there is no kernel for this operator{hint}")
        return self.factory()


def decoded_operation(
    model: Model,
    subgraph_index: int,
    custom_ops: Mapping[str, KernelFactory],
    overrides: Overrides | None,
    numerics: Numerics,
    index: int,
    operator: Operator,
) -> Operation:
    """One operator of a subgraph; InvalidModelError where its options are those of another operator."""
    code = model.operator_codes[operator.opcode_index]
    if code.operator == BuiltinOperator.CUSTOM:
        name = code.custom_code or ""
        factory: KernelFactory | None = custom_ops.get(name) or custom_kernel(name)
        raw = operator.custom_options
        options: Any = b"" if raw is None else bytes(raw)
    else:
        known = isinstance(code.operator, BuiltinOperator)
        name = code.operator.name if known else f"builtin operator {int(code.operator)}"
        factory = builtin_kernel(code.operator) if known else None
        options = _builtin_options(f"subgraph {subgraph_index}, operator {index} ({name})", code.operator, operator)
    return Operation(
        where=f"subgraph {subgraph_index}, operator {index} ({name})",
        name=name,
        custom=code.operator == BuiltinOperator.CUSTOM,
        version=code.version,
        factory=factory if overrides is None else overrides.apply(subgraph_index, index, name, factory),
        options=options,
        inputs=tuple(map(int, operator.inputs)),
        outputs=tuple(map(int, operator.outputs)),
        intermediates=() if operator.intermediates is None else tuple(map(int, operator.intermediates)),
        numerics=numerics.of(subgraph_index, index, name),
    )


def _builtin_options(where: str, code: BuiltinOperator, operator: Operator) -> Any:
    expected = OPTIONS_OF.get(code)
    if expected is None:
        return None
    options = operator.options
    if options is None or isinstance(options, UnknownTable):
        return expected()
    if not isinstance(options, expected):
        raise InvalidModelError(f"{where}: builtin_options is {type(options).__name__}, expected {expected.__name__}")
    return options
