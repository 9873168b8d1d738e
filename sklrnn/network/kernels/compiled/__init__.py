"""Whole sequences in machine code, compiled by numba; imported when first needed."""
