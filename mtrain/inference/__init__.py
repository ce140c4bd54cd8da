"""A trained network, loaded from a checkpoint, and what it says of rows."""
