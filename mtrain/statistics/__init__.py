"""Exact tests, intervals, and comparisons of classifiers: functions of counts."""
