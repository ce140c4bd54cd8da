"""The user's own code: imported, tried, and made what Keras calls it by."""
