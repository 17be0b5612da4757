"""How retrieval and reranking tasks are scored: mteb's numbers by a faster path, and fixed candidates."""
