"""Rows to predict: no labels, columns by name, everything else as in training."""
