"""Options of control flow, resource and random operators."""

from .declare import Table, enum8, int32, int64, string, uint32
from .enums import TensorType

__all__ = [
    "AssignVariableOptions",
    "CallOnceOptions",
    "CallOptions",
    "HashtableFindOptions",
    "HashtableImportOptions",
    "HashtableOptions",
    "HashtableSizeOptions",
    "IfOptions",
    "RandomOptions",
    "ReadVariableOptions",
    "VarHandleOptions",
    "WhileOptions",
]


class CallOptions(Table):
    """Options of CALL."""

    subgraph: int = uint32()


class CallOnceOptions(Table):
    """Options of CALL_ONCE."""

    init_subgraph_index: int = int32()


class IfOptions(Table):
    """Options of IF."""

    then_subgraph_index: int = int32()
    else_subgraph_index: int = int32()


class WhileOptions(Table):
    """Options of WHILE."""

    cond_subgraph_index: int = int32()
    body_subgraph_index: int = int32()


class VarHandleOptions(Table):
    """Options of VAR_HANDLE."""

    container: str = string()
    shared_name: str = string()


class ReadVariableOptions(Table):
    """Options of READ_VARIABLE."""


class AssignVariableOptions(Table):
    """Options of ASSIGN_VARIABLE."""


class HashtableOptions(Table):
    """Options of HASHTABLE."""

    table_id: int = int32()
    key_dtype: TensorType = enum8(TensorType)
    value_dtype: TensorType = enum8(TensorType)


class HashtableFindOptions(Table):
    """Options of HASHTABLE_FIND."""


class HashtableImportOptions(Table):
    """Options of HASHTABLE_IMPORT."""


class HashtableSizeOptions(Table):
    """Options of HASHTABLE_SIZE."""


class RandomOptions(Table):
    """Options of RANDOM_STANDARD_NORMAL, RANDOM_UNIFORM and MULTINOMIAL."""

    seed: int = int64()
    seed2: int = int64()
