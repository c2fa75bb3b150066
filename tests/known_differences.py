"""Where litejit differs from the official reference kernels on a whole model, and why: reasons, not tolerances."""

FREE_RUNNING = {"RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL"}
"""Operators whose results are not meant to repeat."""

KNOWN_DIFFERENCES: dict[str, dict[int, str]] = {}
"""Model -> tensor index -> reason."""
