# ruff: noqa: F403
"""What a .tflite file is: read, verify, write, build.

`read_model` gives a `Model`, plain tables with the names of the TFLite schema; `write_model` is its inverse;
`ModelBuilder` makes models by hand. Every table and enumeration of the schema is available from here.
"""

from . import (
    builder,
    enums,
    errors,
    flexbuffer,
    metadata,
    model,
    options,
    options_arrays,
    options_control,
    options_layers,
    options_math,
    options_recurrent,
    options_stablehlo,
    types,
)
from .builder import *
from .declare import Table, UnknownTable
from .enums import *
from .errors import *
from .flexbuffer import *
from .metadata import *
from .model import *
from .options import *
from .options_arrays import *
from .options_control import *
from .options_layers import *
from .options_math import *
from .options_recurrent import *
from .options_stablehlo import *
from .reader import open_source, read_model
from .types import *
from .writer import write_model

__all__ = ["Table", "UnknownTable", "open_source", "read_model", "write_model"]
__all__ += builder.__all__
__all__ += enums.__all__
__all__ += errors.__all__
__all__ += flexbuffer.__all__
__all__ += metadata.__all__
__all__ += model.__all__
__all__ += options.__all__
__all__ += options_arrays.__all__
__all__ += options_control.__all__
__all__ += options_layers.__all__
__all__ += options_math.__all__
__all__ += options_recurrent.__all__
__all__ += options_stablehlo.__all__
__all__ += types.__all__
