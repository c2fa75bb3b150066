"""Cross-checks: where two runtimes part, and why."""
