"""The reference tier: operators in plain NumPy, a file for a family, bit for bit the official reference kernels."""
