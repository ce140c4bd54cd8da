"""Records that rooms pass to each other: plain arrays, numbers and names, without computations."""
