"""What a .tflite file is: read, verify, write, build."""

from . import enums, model, options
from .builder import ModelBuilder
from .declare import Table, UnknownTable
from .enums import *  # noqa: F403
from .errors import InvalidInputError, InvalidModelError, LitejitError, UnsupportedError
from .flexbuffer import decode_flexbuffer, encode_flexbuffer
from .model import *  # noqa: F403
from .options import *  # noqa: F403
from .reader import read_model
from .types import numpy_dtype, pack_strings, tensor_type, tensor_value, unpack_strings
from .writer import write_model

__all__ = [
    "InvalidInputError",
    "InvalidModelError",
    "LitejitError",
    "ModelBuilder",
    "Table",
    "UnknownTable",
    "UnsupportedError",
    "decode_flexbuffer",
    "encode_flexbuffer",
    "numpy_dtype",
    "pack_strings",
    "read_model",
    "tensor_type",
    "tensor_value",
    "unpack_strings",
    "write_model",
    *enums.__all__,
    *model.__all__,
    *options.__all__,
]
