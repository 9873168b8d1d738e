"""An example plug-in for sklrnn: one cell and one fusion."""
