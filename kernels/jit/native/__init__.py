"""Kernels in numba, compiled ahead to native code by `litejit.kernels.jit.compiler`. Not imported by warm processes.

Every kernel has the signature (args, first, last, rank): the address of its argument block (see
`litejit.kernels.jit.call.Layout`), a range of its work items, and the number of the thread that runs it. Nothing is
validated here; what lies in the argument block has been validated when the operator was prepared and lowered.
"""
