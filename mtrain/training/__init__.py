"""A training under way: its resources, its continuation, its end."""
