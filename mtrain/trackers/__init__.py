"""Other programs that are told of a training."""
