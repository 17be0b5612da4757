"""Measuring one model on one task: a score, checked and stored with its items."""
