"""What was learned, out of the process: files."""
