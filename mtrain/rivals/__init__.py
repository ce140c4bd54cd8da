"""Simpler models, trained on a network's rows in a process beside it."""
