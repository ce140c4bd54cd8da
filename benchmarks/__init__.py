"""Measurements of mtrain; `python -m benchmarks --help` lists them.

Each is a module with a function `main`. It prints a table and writes a results file into
docs/results; `page` writes docs/benchmarks.md from these files.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The checkout, in which child processes are started, so that they find this package."""
