"""A run as one page: HTML without scripts, or Markdown as a model card."""
