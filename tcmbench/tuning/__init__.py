"""From a variant to tuned models: its training set, its leaks, its trainer, one model per seed, kept by content."""
