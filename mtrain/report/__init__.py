"""Reports: console and charts, without TensorFlow."""
