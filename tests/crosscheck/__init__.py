"""Tests of `litejit.crosscheck` and `litejit.testing`."""
