"""The fast tier: operators lowered to calls of compiled kernels.

This package packs weights and describes calls; it needs NumPy alone. `native` holds what numba compiles, once for each
machine: a process that finds the compiled objects in the cache (see `library`) never imports numba.
"""
