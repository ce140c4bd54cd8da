"""From a config to a Keras model, its loss, its optimizer and what it counts; nothing is read from a file."""
