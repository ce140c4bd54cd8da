"""Functions called on other machines; knows no training."""
