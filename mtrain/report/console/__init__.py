"""Output for a terminal or a log."""
