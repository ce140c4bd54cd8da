"""Names that a config may use, and suggestions for other names."""
