"""Scoring of retrieval and reranking tasks: mteb's numbers on a faster path, and fixed candidates."""

CORPUS_CHUNK = 50_000
"""Documents that mteb encodes and scores at once."""
