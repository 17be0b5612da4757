"""Cures of vectors: closed forms and trainings on arrays, and the vectors of a model's training data."""
