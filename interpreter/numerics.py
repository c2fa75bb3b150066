"""Which numerics flavour each operator of a model follows: what `Interpreter(numerics=…)` accepts.

One flavour's name for the whole model, or a mapping from places to flavours. A place is an operator's name, its index
in the main subgraph, or (subgraph, index), and the most specific one counts; "default" is for all other operators:

    Interpreter("model.tflite", numerics={"default": "litert-opt", "SOFTMAX": "litert-ref", 3: "xnnpack"})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litejit.kernels.flavours import ALL_FLAVOURS, DEFAULT_FLAVOUR
from litejit.schema.errors import InvalidInputError

__all__ = ["Numerics", "Place", "checked_flavour"]

Place = str | int | tuple[int, int]


def checked_flavour(name: object) -> str:
    """The name of a flavour; InvalidInputError for any other object."""
    if not isinstance(name, str) or name not in ALL_FLAVOURS:
        raise InvalidInputError(f"numerics is {name!r}, expected one of {', '.join(sorted(ALL_FLAVOURS))}")
    return name


class Numerics:
    """The flavours of a model's operators; default: of those that no place names."""

    def __init__(self, given: str | Mapping[Place, str]) -> None:
        flavours: dict[Any, Any] = {"default": given} if isinstance(given, str) else dict(given)
        self.default = checked_flavour(flavours.pop("default", DEFAULT_FLAVOUR))
        self._flavours = {_checked_place(place): checked_flavour(flavour) for place, flavour in flavours.items()}
        self._used: set[Place] = set()

    @property
    def is_default(self) -> bool:
        """Whether every operator follows the default flavour, litert-ref."""
        return {self.default, *self._flavours.values()} == {DEFAULT_FLAVOUR}

    def of(self, subgraph: int, index: int, name: str) -> str:
        """The flavour of one operator."""
        for place in ((subgraph, index), name):
            if place in self._flavours:
                self._used.add(place)
                return self._flavours[place]
        return self.default

    def require_used(self) -> None:
        """Raises InvalidInputError for a place that the model does not have."""
        for place in self._flavours.keys() - self._used:
            raise InvalidInputError(f"numerics[{place!r}]: the model has no such operator")


def _checked_place(place: Any) -> Place:
    pair = isinstance(place, tuple) and len(place) == 2 and all(isinstance(part, int) for part in place)
    if isinstance(place, bool) or not (isinstance(place, (str, int)) or pair):
        raise InvalidInputError(f"numerics: {place!r} is no operator name, index, or (subgraph, index)")
    return (0, place) if isinstance(place, int) else place
