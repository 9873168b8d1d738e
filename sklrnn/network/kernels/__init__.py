"""Whole sequences, forward and backward, where a loop of steps would be slow."""
