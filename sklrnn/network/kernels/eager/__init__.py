"""Whole sequences in torch's operations, on every device and for every dtype."""
