"""Other programs that follow a training."""
