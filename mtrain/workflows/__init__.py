"""One verb a file: the work of a command, also for programs."""
