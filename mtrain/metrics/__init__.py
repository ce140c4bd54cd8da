"""From counts and scores to figures: exact, in float64, equal to scikit-learn's."""
