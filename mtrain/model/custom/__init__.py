"""Custom code: imported, tried, and wrapped for Keras."""
