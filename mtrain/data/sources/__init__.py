"""A module for each kind of data that can be read."""
