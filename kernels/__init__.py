"""What each operator computes.

`registry` finds the kernel of an operator, `node` describes one operator of one graph to its kernel, `reference`
holds the kernels in NumPy. Nothing here imports the interpreter above, and nothing under `reference` imports numba.
"""
