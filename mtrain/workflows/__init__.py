"""One verb a file: what a command does, and what programs call."""
