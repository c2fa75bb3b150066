"""The official runtime as an oracle, in a process of its own: see `litejit.crosscheck.official`."""

from litejit.crosscheck.official import RESOLVERS, Answer, OfficialRuntime, official

__all__ = ["RESOLVERS", "Answer", "Oracle", "oracle"]

Oracle = OfficialRuntime
oracle = official
"""Shared by all tests of a process."""
