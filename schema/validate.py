"""Semantic checks."""

from .model import Model


def check_model(model: Model) -> None:
    """."""
