"""What holds for every test and docstring example: one torch thread, no windows."""

import os

# Set before torch and matplotlib are imported, and passed on to the processes that
# tests start. With more threads small networks are slower, by a factor of ten.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"
