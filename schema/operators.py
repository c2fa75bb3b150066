"""The operators of a subgraph, and which ones a model uses."""

from .declare import Array, Table, bools, enum8, enum32, int8, int32, int32s, string, uint8s, uint32, uint64, union
from .enums import BuiltinOperator, CustomOptionsFormat
from .options import BUILTIN_OPTIONS, BUILTIN_OPTIONS_2

__all__ = ["Operator", "OperatorCode"]


class OperatorCode(Table):
    """An operator that the model uses: a builtin one, or a custom one by name. `operator` is which."""

    deprecated_builtin_code: int = int8()
    custom_code: str = string()
    version: int = int32(1)
    builtin_code: BuiltinOperator = enum32(BuiltinOperator)

    @property
    def operator(self) -> BuiltinOperator:
        """The builtin code, whichever of the two fields holds it; a plain int if this schema does not have it."""
        # Codes below 127 fit the deprecated int8 field; older writers fill only that one.
        code = max(self.deprecated_builtin_code, self.builtin_code)
        return BuiltinOperator(code) if code in _OPERATOR_CODES else code  # type: ignore[return-value]


_OPERATOR_CODES = frozenset(BuiltinOperator)


class Operator(Table):
    """A node of a subgraph. Inputs of -1 are optional inputs left out."""

    opcode_index: int = uint32()
    inputs: Array = int32s()
    outputs: Array = int32s()
    builtin_options: Table | None = union(*BUILTIN_OPTIONS)
    custom_options: Array | None = uint8s(optional=True)
    custom_options_format: CustomOptionsFormat = enum8(CustomOptionsFormat)
    mutating_variable_inputs: Array = bools()
    intermediates: Array = int32s()
    large_custom_options_offset: int = uint64()
    large_custom_options_size: int = uint64()
    builtin_options_2: Table | None = union(*BUILTIN_OPTIONS_2)
    debug_metadata_index: int = int32(-1)

    @property
    def options(self) -> Table | None:
        """The option table, whichever of the two unions holds it."""
        return self.builtin_options if self.builtin_options is not None else self.builtin_options_2
