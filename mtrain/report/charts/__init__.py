"""Figures of a history, an evaluation and a network."""
