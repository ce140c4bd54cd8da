"""The experiment: what may be set, and how it is read."""
