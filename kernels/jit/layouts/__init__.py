"""Layouts of argument blocks, a file a family: a change compiles again only the kernels that read it."""
