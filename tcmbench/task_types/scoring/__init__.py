"""Scoring of retrieval and reranking tasks: mteb's numbers on a faster path, and fixed candidates."""
