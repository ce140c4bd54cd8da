"""Showing what happened: console and charts; TensorFlow is unknown here."""
