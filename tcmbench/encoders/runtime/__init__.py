"""Shared by all encoders: batches by tokens, the embedding cache, and the wrapper that mteb calls."""
