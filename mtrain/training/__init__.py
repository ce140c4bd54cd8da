"""A training under way: what it holds, how it continues, when it stops."""
