# ruff: noqa: F403
"""What a .tflite file is: read, verify, write, build.

`read_model` gives a `Model`, plain tables with the names of the TFLite schema; `write_model` is its inverse;
`ModelBuilder` makes models by hand. Every table and enumeration of the schema is available from here. What running a
model does not take is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from . import (
    enums,
    errors,
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
from .declare import Table, UnknownTable
from .enums import *
from .errors import *
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

if TYPE_CHECKING:
    from .builder import *
    from .flexbuffer import *
    from .metadata import *
    from .writer import write_model as write_model

_LATER = {
    "ModelBuilder": "builder",
    "SubgraphBuilder": "builder",
    "decode_flexbuffer": "flexbuffer",
    "encode_flexbuffer": "flexbuffer",
    "AssociatedFileType": "metadata",
    "ModelMetadata": "metadata",
    "TensorMetadata": "metadata",
    "encode_metadata": "metadata",
    "read_metadata": "metadata",
    "write_model": "writer",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return found


__all__ = ["Table", "UnknownTable", "open_source", "read_model"]
__all__ += _LATER
__all__ += enums.__all__
__all__ += errors.__all__
__all__ += model.__all__
__all__ += options.__all__
__all__ += options_arrays.__all__
__all__ += options_control.__all__
__all__ += options_layers.__all__
__all__ += options_math.__all__
__all__ += options_recurrent.__all__
__all__ += options_stablehlo.__all__
__all__ += types.__all__
