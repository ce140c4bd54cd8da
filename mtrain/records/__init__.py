"""What one room hands another: plain arrays, numbers and names; nothing here computes."""
