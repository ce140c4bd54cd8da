"""A trained network, loaded from a checkpoint, and its predictions."""
