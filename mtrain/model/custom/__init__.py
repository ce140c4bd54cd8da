"""The user's custom code: imported, tried, and made what Keras calls it by."""
