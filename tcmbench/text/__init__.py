"""Text: Chinese cut into terms in one place, so that miners and baselines count the same things; numbers as text."""
