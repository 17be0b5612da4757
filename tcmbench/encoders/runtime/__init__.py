"""What all encoders share: batches by tokens, the embedding cache, and the wrapper that mteb calls."""
