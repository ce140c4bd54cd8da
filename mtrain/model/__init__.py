"""From a config to a Keras model, its loss, its optimizer and its counters; no file is read."""
