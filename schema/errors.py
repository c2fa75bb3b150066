"""The errors litejit raises: one base class, and one class for each kind of thing that can be wrong.

They also derive from the built-in classes that the official interpreter raises in the same places, so that code
written for `ai_edge_litert.interpreter` keeps catching them.
"""

__all__ = ["InvalidInputError", "InvalidModelError", "LitejitError", "UnsupportedError"]


class LitejitError(Exception):
    """Base class of every error raised on purpose by litejit."""


class InvalidModelError(LitejitError, ValueError, RuntimeError):
    """The model itself is wrong: the file is malformed, or an operator's options, shapes or types are illegal."""


class UnsupportedError(LitejitError, RuntimeError, ValueError):
    """The model is well-formed, but asks for something litejit does not have: an operator, a version, a dtype."""


class InvalidInputError(LitejitError, ValueError, RuntimeError):
    """What the caller passed in, or what the data turned out to be at run time, is illegal (an index, a divisor)."""
