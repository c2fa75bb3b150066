# ruff: noqa: F403
"""What a .tflite file is: read, verify, write, build.

`read_model` gives a `Model`, plain tables with the names of the TFLite schema; `write_model` is its inverse;
`ModelBuilder` makes models by hand. Every table and enumeration of the schema is available from here. Modules are
imported when something of theirs is first asked for: running a model that is known takes few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .builder import *
    from .declare import Table as Table
    from .declare import UnknownTable as UnknownTable
    from .enums import *
    from .errors import *
    from .flexbuffer import *
    from .metadata import *
    from .model import *
    from .operators import *
    from .options import *
    from .options_arrays import *
    from .options_control import *
    from .options_layers import *
    from .options_math import *
    from .options_recurrent import *
    from .options_stablehlo import *
    from .reader import *
    from .sparsity import *
    from .types import *
    from .writer import write_model as write_model

_MODULES = {
    "errors": None,
    "tensor_types": None,
    "reader": ("open_source", "read_model"),
    "model": None,
    "types": None,
    "declare": ("Table", "UnknownTable"),
    "builtin_operator": None,
    "enums": None,
    "sparsity": None,
    "operators": None,
    "options": None,
    "options_arrays": None,
    "options_control": None,
    "options_layers": None,
    "options_math": None,
    "options_recurrent": None,
    "options_stablehlo": None,
    "writer": ("write_model",),
    "builder": None,
    "flexbuffer": None,
    "metadata": None,
}
"""Where names are looked for, and which of a module's names are given here (None: all)."""


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return [name for module in _MODULES for name in _names(module)]
    if name.startswith("_") or name in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for module in _MODULES:
        if name in _names(module):
            found = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _names(module: str) -> tuple[str, ...]:
    names = _MODULES[module]
    return tuple(import_module(f"{__name__}.{module}").__all__) if names is None else names
