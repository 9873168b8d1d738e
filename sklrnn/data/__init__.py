"""Tables, time grids, gaps and windows, in numpy and pandas and without torch."""
