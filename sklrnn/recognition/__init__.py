"""Recognition: a label or a value for a sequence, or for every step of one."""
