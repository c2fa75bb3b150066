"""litejit: the TensorFlow Lite interpreter you can read, trust and step into."""

from litejit.interpreter import Delegate, Interpreter, OpResolverType, SignatureRunner, load_delegate
from litejit.schema import ModelBuilder, read_model, write_model
from litejit.schema.errors import InvalidInputError, InvalidModelError, LitejitError, UnsupportedError

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
