"""Trains and evaluates classifiers, and shows precision and recall of every class."""

__version__ = "0.1.0"
