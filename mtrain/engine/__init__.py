"""Training and predicting with TensorFlow: records go in and come out, without other effects."""
