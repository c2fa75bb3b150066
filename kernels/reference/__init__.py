"""The reference tier: every operator in plain NumPy, one file for a family, bit for bit the official reference kernels."""
