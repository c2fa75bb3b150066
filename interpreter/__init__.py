"""litejit: the TensorFlow Lite interpreter you can read, trust and step into."""

from typing import TYPE_CHECKING

from litejit.interpreter import Delegate, Interpreter, OpResolverType, SignatureRunner, load_delegate
from litejit.schema.errors import InvalidInputError, InvalidModelError, LitejitError, UnsupportedError
from litejit.schema.reader import read_model

if TYPE_CHECKING:
    from litejit.schema import ModelBuilder, write_model

__version__ = "0.1.0"

__all__ = [
    "Delegate",
    "Interpreter",
    "InvalidInputError",
    "InvalidModelError",
    "LitejitError",
    "ModelBuilder",
    "OpResolverType",
    "SignatureRunner",
    "UnsupportedError",
    "load_delegate",
    "read_model",
    "write_model",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from litejit import schema

    return getattr(schema, name)  # what running a model does not take is imported when it is first asked for
