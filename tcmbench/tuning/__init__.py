"""From a variant to tuned models: its training set, its leaks, its trainer, one model a seed, kept by content."""
