"""What the commands of ``sklrnn`` do, one module for each."""
