"""The run directory: the only room that writes what a run leaves behind."""
