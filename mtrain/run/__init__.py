"""The run directory: the only room that writes the files of a run."""
