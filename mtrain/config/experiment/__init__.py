"""What a config says: every setting, its type, its range and its default."""
